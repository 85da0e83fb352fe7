// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot_roots.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "builder/uki/pe.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::uint64_t max_uki_size = std::uint64_t{1} << 30;
constexpr std::uint64_t max_entry_size = std::uint64_t{1} << 20;
constexpr int max_folder_depth = 8;
constexpr int max_readings = 256;

constexpr std::string_view white_space = " \t\n\r\v\f";

/// The next word of a kernel command line; `"` protects white space and is dropped, as in the kernel's next_arg().
std::string take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(white_space), rest.size()));
  std::string word;
  bool protect = false;
  while (!rest.empty() && (protect || white_space.find(rest.front()) == std::string_view::npos)) {
    if (rest.front() == '"') {
      protect = !protect;
    } else {
      word += rest.front();
    }
    rest.remove_prefix(1);
  }
  return word;
}

/// `v1-sha512-12:<hex>` or `<hex>`, either with a `?` in front, which makes verity optional for some.
Digest parse_value(std::string_view value) {
  if (value.starts_with('?')) value.remove_prefix(1);
  const std::size_t colon = value.find(':');
  const std::optional<Digest> digest = Digest::try_parse(value.substr(colon == std::string_view::npos ? 0 : colon + 1));
  if (!digest) throw Error(Fault::malformed, "not a digest");
  if (colon == std::string_view::npos) return *digest;
  std::string known = digest_token_value(*digest);  // of format V1
  if (value == known) return *digest;
  known[1] = '2';
  if (value != known) throw Error(Fault::malformed, "not a digest of a known form");
  return *digest;
}

bool ends_in_efi(std::string_view name) {
  if (name.size() < 4) return false;
  std::string end(name.substr(name.size() - 4));
  for (char& c : end) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return end == ".efi";
}

class EspReader {
 public:
  explicit EspReader(const Fd& esp) : esp_(esp) {}

  std::vector<Digest> read() {
    const std::optional<Fd> linux_folder = try_open_beneath(esp_, "EFI/Linux", O_RDONLY | O_DIRECTORY);
    const std::optional<Fd> entries = try_open_beneath(esp_, "loader/entries", O_RDONLY | O_DIRECTORY);
    if (!linux_folder && !entries) throw Error(Fault::missing, "there is neither EFI/Linux nor loader/entries in it");
    if (linux_folder) read_folder(*linux_folder, "EFI/Linux", 0);
    if (entries) read_entries(*entries);
    return {found_.begin(), found_.end()};
  }

 private:
  void add(std::string_view command_line) {
    for (const Digest& digest : digests_in_command_line(command_line)) found_.insert(digest);
  }

  void read_folder(const Fd& folder, const std::string& path, int depth) {
    if (depth > max_folder_depth) throw Error(Fault::malformed, quoted(path) + ": too many folders inside one another");
    read_at_rest(folder, [&](const std::vector<DirectoryEntry>& entries) {
      for (const DirectoryEntry& entry : entries) {
        const std::string entry_path = path + "/" + entry.name;
        if (entry.type == EntryType::directory) {
          read_folder(open_beneath(folder, entry.name, O_RDONLY | O_DIRECTORY), entry_path, depth + 1);
        } else if (ends_in_efi(entry.name)) {
          during(quoted(entry_path), [&] { read_uki(open_beneath(folder, entry.name, O_RDONLY | O_NONBLOCK)); });
        }
      }
    });
  }

  /// A UKI with several profiles has a command line for each of them.
  void read_uki(const Fd& file) {
    const Bytes bytes = read_all(file, max_uki_size);
    if (has_no_beginning(bytes)) return;
    const PeFile pe = PeFile::parse(bytes);
    for (const pe::SectionHeader& section : pe.sections()) {
      if (section.name() != ".cmdline") continue;
      std::string_view text = as_text(pe.content(section));
      add(text.substr(0, text.find('\0')));
    }
  }

  void read_entries(const Fd& entries) {
    for (const DirectoryEntry& entry : list_directory(entries)) {
      if (!entry.name.ends_with(".conf")) continue;
      during(quoted("loader/entries/" + entry.name), [&] {
        const Bytes text = read_all(open_beneath(entries, entry.name, O_RDONLY | O_NONBLOCK), max_entry_size);
        read_entry(as_text(text));
      });
    }
  }

  void read_entry(std::string_view text) {
    read_boot_lines(text, [&](std::string_view key, std::string_view value) {
      if (key == "options") add(value);
      if (key != "efi" && key != "uki") return;
      value.remove_prefix(std::min(value.find_first_not_of('/'), value.size()));
      during(quoted(value), [&] { read_uki(open_beneath(esp_, std::string(value), O_RDONLY | O_NONBLOCK)); });
    });
  }

  const Fd& esp_;
  std::set<Digest> found_;
};

}  // namespace

void read_at_rest(const Fd& folder, const std::function<void(const std::vector<DirectoryEntry>&)>& read) {
  std::vector<DirectoryEntry> entries = list_directory(folder);
  for (int reading = 0; reading < max_readings; ++reading) {
    std::exception_ptr failure;
    try {
      read(entries);
    } catch (const Error&) {
      failure = std::current_exception();
    }
    std::vector<DirectoryEntry> now = list_directory(folder);
    if (std::ranges::equal(now, entries, {}, &DirectoryEntry::name, &DirectoryEntry::name)) {
      if (failure) std::rethrow_exception(failure);
      return;
    }
    entries = std::move(now);
  }
  throw Error(Fault::busy, "somebody else changes the boot entries; try again");
}

bool has_no_beginning(ByteView content) {
  constexpr std::size_t sector_bytes = 512;
  return std::ranges::all_of(content.first(std::min(content.size(), sector_bytes)),
                             [](std::uint8_t byte) { return byte == 0; });
}

void read_boot_lines(std::string_view text,
                     const std::function<void(std::string_view key, std::string_view value)>& visit) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(white_space), line.size()));
    const std::string_view key = line.substr(0, line.find_first_of(white_space));
    std::string_view value = line.substr(key.size());
    value.remove_prefix(std::min(value.find_first_not_of(white_space), value.size()));
    value = value.substr(0, value.find_last_not_of(white_space) + 1);
    visit(key, value);
  }
}

std::vector<Digest> digests_in_command_line(std::string_view text) {
  std::vector<Digest> digests;
  text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
  while (!text.empty()) {
    const std::string word = take_word(text);
    for (const std::string_view name : {"composefs.digest=", "composefs="}) {
      if (!word.starts_with(name)) continue;
      digests.push_back(during(quoted(word), [&] { return parse_value(std::string_view(word).substr(name.size())); }));
    }
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
  }
  return digests;
}

std::vector<Digest> digests_on_esp(const Fd& esp) { return EspReader(esp).read(); }

std::vector<Digest> digests_of_deployments(const Fd& deploy) {
  std::vector<Digest> digests;
  for (const DirectoryEntry& entry : list_directory(deploy)) {
    if (entry.type != EntryType::directory) continue;
    const std::optional<Digest> digest = Digest::try_parse(entry.name);
    if (!digest) throw Error(Fault::malformed, quoted(entry.name) + ": not named by a digest");
    digests.push_back(*digest);
  }
  return digests;
}

}  // namespace sealroot
