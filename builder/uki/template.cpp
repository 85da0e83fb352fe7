// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/template.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_file_size = 1 << 20;
constexpr std::string_view blank = " \t\r\n\v\f";

// Where `cmake --install` puts the profiles, and where they are before that.

// Keys of ukify that would change the result and that nothing here serves.
constexpr std::array<std::string_view, 13> unserved_keys = {"DeviceTreeAuto",
                                                            "HWIDs",
                                                            "Profile",
                                                            "JoinProfiles",
                                                            "SignProfiles",
                                                            "PCRBanks",
                                                            "SigningEngine",
                                                            "SigningProvider",
                                                            "CertificateProvider",
                                                            "SecureBootSigningTool",
                                                            "SecureBootCertificateDir",
                                                            "SecureBootCertificateName",
                                                            "SecureBootCertificateValidity"};

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(blank);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const std::size_t end = std::min(text.find_first_of(blank), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out.append(out.empty() ? "" : " ").append(part);
  return out;
}

bool parse_switch(const std::string& text) {
  for (const std::string_view yes : {"yes", "true", "on", "1"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"no", "false", "off", "0"}) {
    if (text == no) return false;
  }
  throw Error(Fault::usage, quoted(text) + " is neither yes nor no");
}

using Setter = void (*)(UkiTemplate&, const std::string&);
template <auto Member>
void set_member(UkiTemplate& target, const std::string& value) {
  target.*Member = value;
}
template <auto Member>
void set_list(UkiTemplate& target, const std::string& value) {
  target.*Member = words(value);
}

constexpr std::array<std::pair<std::string_view, Setter>, 15> keys = {{
    {"Linux", set_member<&UkiTemplate::linux_path>},
    {"OSRelease", set_member<&UkiTemplate::os_release>},
    {"Cmdline", set_member<&UkiTemplate::cmdline>},
    {"Initrd", set_list<&UkiTemplate::initrd_paths>},
    {"Microcode", set_list<&UkiTemplate::microcode_paths>},
    {"Splash", set_member<&UkiTemplate::splash_path>},
    {"DeviceTree", set_member<&UkiTemplate::device_tree_path>},
    {"Uname", set_member<&UkiTemplate::uname>},
    {"SBAT", set_member<&UkiTemplate::sbat>},
    {"PCRPKey", set_member<&UkiTemplate::pcr_public_key_path>},
    {"EFIArch", set_member<&UkiTemplate::efi_arch>},
    {"Stub", set_member<&UkiTemplate::stub_path>},
    {"SecureBootPrivateKey", set_member<&UkiTemplate::key_path>},
    {"SecureBootCertificate", set_member<&UkiTemplate::certificate_path>},
    {"SignKernel", [](UkiTemplate& target, const std::string& value) { target.sign_kernel = parse_switch(value); }},
}};

/// Number of single-character edits between two short words, case ignored.
std::size_t distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

Error unknown_key(std::string_view key) {
  const auto* nearest = std::min_element(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    return distance(key.substr(0, 64), a.first) < distance(key.substr(0, 64), b.first);
  });
  return {Fault::usage, "unknown key " + quoted(key) + "; the nearest known one is " + std::string(nearest->first)};
}

void apply(UkiTemplate& target, const std::string& key, const std::string& value) {
  if (std::find(unserved_keys.begin(), unserved_keys.end(), key) != unserved_keys.end()) {
    throw Error(Fault::usage, "the key " + key + " of ukify is not supported");
  }
  const auto* found = std::find_if(keys.begin(), keys.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == keys.end()) throw unknown_key(key);
  if (value.empty()) throw Error(Fault::usage, key + ": has no value");
  found->second(target, value);
}

void check_section(std::string_view line) {
  if (line == "[UKI]") return;
  if (line.starts_with("[PCRSignature:") && line.ends_with("]")) {
    throw Error(Fault::usage, "the section " + quoted(line) + " of ukify is not supported");
  }
  throw Error(Fault::usage, "unknown section " + quoted(line) + "; known is [UKI]");
}

struct Assignment {
  std::size_t line = 0;
  std::string key;
  std::string value;
};

/// The assignments below [UKI]. An indented line continues the value before it, as in ukify's parser.
std::vector<Assignment> read_assignments(std::string_view text, const std::string& name) {
  std::vector<Assignment> found;
  bool in_section = false;
  bool continues = false;
  std::size_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string place = name + ": line " + std::to_string(++number);
    const std::string_view content = trimmed(line);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (blank.find(line.front()) != std::string_view::npos) {
      if (!continues) throw Error(Fault::usage, place + ": indented, but there is no value to continue");
      found.back().value.append(found.back().value.empty() ? "" : "\n").append(content);
      continue;
    }
    if (content.front() == '[') {
      during(place, [&] { check_section(content); });
      in_section = true;
      continues = false;
      continue;
    }
    const std::size_t separator = content.find('=');
    if (!in_section || separator == std::string_view::npos) {
      throw Error(Fault::usage,
                  place + ": expected " + (in_section ? "KEY=VALUE" : "[UKI]") + ", found " + quoted(content));
    }
    found.push_back({number, std::string(trimmed(content.substr(0, separator))),
                     std::string(trimmed(content.substr(separator + 1)))});
    continues = true;
  }
  return found;
}

}  // namespace

UkiTemplate parse_template(std::string_view text, const std::string& name) {
  const std::string label = "template " + quoted(name);
  if (text.find('\0') != std::string_view::npos) throw Error(Fault::usage, label + ": holds a NUL byte");
  UkiTemplate result;
  std::set<std::string> seen;
  for (const Assignment& assignment : read_assignments(text, label)) {
    during(label + ": line " + std::to_string(assignment.line), [&] {
      if (!seen.insert(assignment.key).second) throw Error(Fault::usage, assignment.key + " is given twice");
      apply(result, assignment.key, assignment.value);
    });
  }
  return result;
}

std::string resolve_text(const Fd& directory, const std::string& value) {
  if (!value.starts_with('@')) return value;
  return std::string(as_text(read_file(directory, value.substr(1), max_file_size)));
}

std::string resolve_cmdline(const Fd& directory, const std::string& value) {
  return joined(words(resolve_text(directory, value)));
}

}  // namespace sealroot
