// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Changing what boots, on a file system without a journal. Each step leaves every entry whole that was there before:
//
//   space checked -> file without content, all clusters allocated, synced -> all but the first sector written, fsync
//     -> read back, compare -> first sector written, fsync       only then is anything old removed
//
// Until its first sector is there, which is written at once or not at all, no firmware takes the file for a program.
// A rename could not do that: on FAT it makes a directory entry without content, removes the old one, and fills in
// where the content is later; what is between two of these when the power is cut has lost the file, or shares it with
// another name. For the same reason an entry that gets another counter is copied, if there is room.
#pragma once

#include <cstdint>
#include <string>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"
#include "upgrade/esp/entry_name.hpp"

namespace sealroot {

/// Bytes that a new entry of this size takes on the ESP, folders and rounding to clusters included.
std::uint64_t space_for_entry(const Fd& esp, std::uint64_t size_bytes);
std::uint64_t free_space(const Fd& esp);

/// Writes a UKI as boot entry; it appears complete and durable, or not at all.
///   throws   Error{os}: no room (said before anything is written), or a write that failed; Error{untrusted}: what was
///            read back is not what was written; Error{usage}: an entry with this base name is there
///   returns  its file name
std::string write_boot_entry(const Fd& esp, const EntryName& name, ByteView content);

/// Gives an entry another counter, durably. Only without room for a copy may a power cut lose it.
///   returns  false if it was gone: systemd-bless-boot has renamed it meanwhile
bool rename_boot_entry(const Fd& esp, const std::string& file_name, const EntryName& name);

/// Removes entries, or temporary files, durably. One that is gone already is no error.
void remove_boot_entry(const Fd& esp, const std::string& file_name);

}  // namespace sealroot
