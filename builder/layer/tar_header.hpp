// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The 512-byte header of a tar entry and the text of PAX records, read strictly. Sources: POSIX.1-2017 pax(1)
// "ustar Interchange Format" and the GNU tar manual, "Basic Tar Format".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "store/core/bytes.hpp"

namespace sealroot {

/// As it stands in the archive; names are POSIX's.
struct TarHeader {
  std::array<char, 100> name;
  std::array<char, 8> mode;
  std::array<char, 8> uid;
  std::array<char, 8> gid;
  std::array<char, 12> size;
  std::array<char, 12> mtime;
  std::array<char, 8> chksum;
  char typeflag;
  std::array<char, 100> linkname;
  std::array<char, 6> magic;
  std::array<char, 2> version;
  std::array<char, 32> uname;
  std::array<char, 32> gname;
  std::array<char, 8> devmajor;
  std::array<char, 8> devminor;
  std::array<char, 155> prefix;  // POSIX only; GNU keeps times and its sparse map here
  std::array<char, 12> unused;
};
static_assert(sizeof(TarHeader) == 512 && alignof(TarHeader) == 1);

enum class TarDialect { old, posix, gnu };

/// Checks checksum, magic and all number fields; Error{malformed} says which one is wrong.
TarDialect check_tar_header(const TarHeader& header);

/// Octal or GNU base-256; only zero or more. `field` names it in messages.
std::uint64_t tar_number(std::string_view text, std::string_view field);

/// `prefix/name`, as far as the dialect has a prefix.
std::string tar_name(const TarHeader& header, TarDialect dialect);

/// The bytes up to the first NUL.
std::string tar_text(std::string_view field);

/// Adds the records of a PAX header to `records`. Error{malformed}: bad length, no `=`, the same key twice, a bad
/// number where one must be, NUL in a name.
void parse_pax_records(std::string_view body, std::map<std::string, std::string, std::less<>>& records);

/// A decimal number without sign, at most 2^63-1.
std::uint64_t pax_number(std::string_view text, std::string_view key);

}  // namespace sealroot
