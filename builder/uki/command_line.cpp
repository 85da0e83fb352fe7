// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/command_line.hpp"

#include <algorithm>
#include <utility>

#include "builder/uki/assemble.hpp"
#include "store/core/digest_text.hpp"

namespace sealroot {
namespace {

constexpr unsigned first_stub_with_addons = 254;  // and with the line from SMBIOS

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The part before `=`, quotes left out, in lower case.
std::string name_of(std::string_view token) {
  std::string name;
  for (const char c : token.substr(0, token.find('='))) {
    if (c != '"') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

DigestToken parse_token(const std::string& text) {
  constexpr std::string_view current = "composefs.digest=";
  constexpr std::string_view legacy = "composefs=";
  DigestToken token{text, "unknown", false, std::nullopt};
  std::string_view value = text;
  const bool is_current = value.starts_with(current);
  if (!is_current && !value.starts_with(legacy)) return token;
  value.remove_prefix(is_current ? current.size() : legacy.size());
  token.verity_optional = value.starts_with('?');
  if (token.verity_optional) value.remove_prefix(1);
  token.form = !is_current ? "legacy" : value.starts_with("v2-") ? "v2" : value.starts_with("v1-") ? "v1" : "unknown";
  token.digest = is_current ? try_parse_digest_token_value(value) : Digest::try_parse(value);
  return token;
}

}  // namespace

std::vector<std::string> split_command_line(std::string_view line) {
  std::vector<std::string> tokens;
  std::string token;
  bool open = false;
  for (const char c : line) {
    if (c == '"') open = !open;
    if (open || !is_blank(c)) {
      token += c;
    } else if (!token.empty()) {
      tokens.push_back(std::exchange(token, {}));
    }
  }
  if (!token.empty()) tokens.push_back(std::move(token));
  return tokens;
}

std::vector<DigestToken> find_digest_tokens(std::string_view line) {
  std::vector<DigestToken> found;
  for (const std::string& token : split_command_line(line)) {
    if (name_of(token).find("composefs") != std::string::npos) found.push_back(parse_token(token));
  }
  return found;
}

std::optional<std::string> embedded_command_line(const PeFile& file) {
  const auto content = file.find_content(".cmdline");
  if (!content || content->empty()) return std::nullopt;
  std::string text(as_text(*content).substr(0, as_text(*content).find('\0')));
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

EffectiveCommandLine effective_command_line(const PeFile& uki, bool secure_boot,
                                            const std::vector<std::string>& addons) {
  const auto embedded = embedded_command_line(uki);
  EffectiveCommandLine line{embedded.value_or(""), {}};
  const unsigned stub = stub_major_version(uki).value_or(0);
  if (!embedded) {
    line.changes.emplace_back("it is what the boot menu or the firmware's boot option gives: there is no .cmdline");
  } else if (!secure_boot) {
    line.changes.emplace_back("options of the boot menu or of the firmware's boot option replace it");
  }
  if (stub < first_stub_with_addons) return line;
  for (const std::string& addon : addons) line.text.append(" ").append(addon);
  line.changes.emplace_back(secure_boot ? "addons are appended if a key in db or MOK signed them"
                                        : "addons are appended, signed or not");
  line.changes.emplace_back("io.systemd.stub.kernel-cmdline-extra of SMBIOS is appended, whoever set it");
  return line;
}

}  // namespace sealroot
