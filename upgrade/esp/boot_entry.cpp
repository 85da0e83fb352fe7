// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/boot_entry.hpp"

#include <sys/stat.h>

#include <array>

#include "builder/boot_roots.hpp"
#include "builder/inspect/inspect.hpp"
#include "builder/inspect/pe_facts.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/os_release.hpp"
#include "store/core/error.hpp"
#include "store/temporary_name.hpp"

namespace sealroot {
namespace {

/// Sort key and version as systemd-boot picks them.
void read_release(const PeFile& file, UkiFacts& facts) {
  const std::string_view text = as_text(file.find_content(".osrel").value_or(ByteView{}));
  const OsRelease release = OsRelease::parse(text.substr(0, text.find('\0')));
  const auto first_of = [&](std::initializer_list<const char*> names) -> std::string {
    for (const char* const name : names) {
      if (const auto value = release.find(name); value && !value->empty()) return *value;
    }
    return "";
  };
  facts.image_id = first_of({"IMAGE_ID", "ID"});
  facts.version = first_of({"IMAGE_VERSION", "VERSION", "VERSION_ID", "BUILD_ID"});
}

bool try_verify(ByteView file, const Certificate& certificate) {
  try {
    verify_pe(file, certificate);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void read_signer(ByteView file, const std::vector<Certificate>& trusted, UkiFacts& facts) {
  for (const Certificate& certificate : trusted) {
    if (!try_verify(file, certificate)) continue;
    facts.signature = SignatureState::trusted;
    facts.signer = certificate.subject();
    return;
  }
  for (const FoundSignature& found : read_signatures(file)) {
    facts.signature = found.defect ? SignatureState::broken : SignatureState::unknown;
    if (found.signer) facts.signer = found.signer->subject();
    if (!found.defect) return;
  }
}

BootEntry read_entry(const Fd& folder, const std::string& file_name, EntryName name,
                     const std::vector<Certificate>& trusted) {
  BootEntry entry{.file_name = file_name, .name = std::move(name)};
  try {
    const Fd file = open_beneath(folder, file_name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    struct stat info {};
    if (::fstat(file.get(), &info) < 0) throw os_error("reading its size");
    if (!S_ISREG(info.st_mode)) throw Error(Fault::malformed, "not a regular file");
    entry.size_bytes = static_cast<std::uint64_t>(info.st_size);
    const Bytes content = read_all(file, max_boot_file_bytes);
    entry.unfinished = has_no_beginning(content) && (entry.name.tries || is_own_base_name(entry.name.base));
    entry.uki = read_uki(content, trusted);
  } catch (const Error& error) {
    entry.defect = error.what();
  }
  return entry;
}

EspListing read_entries(const Fd& folder, const std::vector<DirectoryEntry>& entries,
                        const std::vector<Certificate>& trusted) {
  EspListing listing;
  for (const DirectoryEntry& found : entries) {
    if (is_temporary_name(found.name)) {
      listing.leftovers.push_back(found.name);
    } else if (auto name = try_parse_entry_name(found.name)) {
      BootEntry entry = read_entry(folder, found.name, std::move(*name), trusted);
      if (entry.unfinished) {
        listing.leftovers.push_back(found.name);
      } else {
        listing.entries.push_back(std::move(entry));
      }
    } else if (found.type == EntryType::directory && !found.name.ends_with(".extra.d")) {
      listing.others.push_back(std::string(entry_folder) + "/" + found.name);
    }
  }
  return listing;
}

}  // namespace

std::string_view signature_state_name(SignatureState state) {
  constexpr std::array<std::string_view, 4> names{"trusted", "unknown", "none", "broken"};
  return names[static_cast<std::size_t>(state)];
}

UkiFacts read_uki(ByteView file, const std::vector<Certificate>& trusted) {
  const PeFile pe = PeFile::parse(file);
  PeFacts found = read_pe_facts(pe);
  if (found.kind != PeKind::uki) {
    throw Error(Fault::malformed, "no UKI but: " + std::string(pe_kind_name(found.kind)));
  }
  UkiFacts facts;
  read_release(pe, facts);
  if (found.digests.size() == 1) facts.image = found.digests.front().digest;
  facts.config = std::move(found.initramfs.config);
  facts.not_sealed = std::move(found.defect);
  read_signer(file, trusted, facts);
  return facts;
}

EspListing list_boot_entries(const Fd& esp, const std::vector<Certificate>& trusted) {
  EspListing listing;
  if (const auto folder = try_open_beneath(esp, entry_folder, O_RDONLY | O_DIRECTORY)) {
    read_at_rest(*folder, [&](const auto& entries) { listing = read_entries(*folder, entries, trusted); });
  }
  if (const auto entries = try_open_beneath(esp, "loader/entries", O_RDONLY | O_DIRECTORY)) {
    for (const DirectoryEntry& found : list_directory(*entries)) {
      if (found.name.ends_with(".conf")) listing.others.push_back("loader/entries/" + found.name);
    }
  }
  return listing;
}

}  // namespace sealroot
