// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Changing what boots, on a file system without a journal. Each step leaves every entry whole that was there before:
//
//   space checked -> dot file, fallocate, write, fsync -> read back, compare -> rename to a name nobody has
//     -> fsync of the folder, syncfs         only then is anything old removed
//
// A rename on FAT writes two directory entries; a power cut between them may leave both names or none. So an entry is
// renamed only where losing it does no harm: one that is not complete yet, or one that is to boot no more.
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

/// Gives an entry another counter, durably.
///   returns  false if it was gone: systemd-bless-boot has renamed it meanwhile
bool rename_boot_entry(const Fd& esp, const std::string& file_name, const EntryName& name);

/// Removes entries, or temporary files, durably. One that is gone already is no error.
void remove_boot_entry(const Fd& esp, const std::string& file_name);

}  // namespace sealroot
