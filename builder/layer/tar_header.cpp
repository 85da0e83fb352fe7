// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/tar_header.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "builder/layer/limits.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

template <std::size_t size>
std::string_view text_of(const std::array<char, size>& field) {
  return {field.data(), size};
}

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

bool is_base256(std::string_view text) { return (static_cast<unsigned char>(text.front()) & 0x80) != 0; }

/// GNU's binary numbers: 0x80 and big-endian bytes, or the two's complement with 0xff in front.
std::uint64_t base256(std::string_view text, std::string_view field) {
  if (static_cast<unsigned char>(text.front()) != 0x80) throw bad(std::string(field) + " is negative");
  std::uint64_t value = 0;
  for (const char digit : text.substr(1)) {
    if (value >> 55 != 0) throw bad(std::string(field) + " is too large");
    value = value << 8 | static_cast<unsigned char>(digit);
  }
  return value;
}

/// Time stamps alone may lie before 1970.
void check_time(std::string_view text) {
  const bool negative = static_cast<unsigned char>(text.front()) == 0xff;
  if (!negative) tar_number(text, "modification time");
}

/// Sums of bytes and of signed characters, which some old writers summed.
struct Sums {
  std::int64_t plain = 0;
  std::int64_t with_sign = 0;

  void add(ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
      plain += byte;
      with_sign += static_cast<std::int8_t>(byte);
    }
  }
};

/// The checksum itself counts as blanks.
void check_checksum(const TarHeader& header) {
  const ByteView bytes = bytes_of(header);
  const std::size_t size = header.chksum.size();
  Sums sums{static_cast<std::int64_t>(size) * ' ', static_cast<std::int64_t>(size) * ' '};
  sums.add(bytes.first(offsetof(TarHeader, chksum)));
  sums.add(bytes.subspan(offsetof(TarHeader, chksum) + size));
  const auto stated = static_cast<std::int64_t>(tar_number(text_of(header.chksum), "checksum"));
  if (stated != sums.plain && stated != sums.with_sign) throw bad("header checksum does not match");
}

TarDialect dialect_of(const TarHeader& header) {
  const std::string_view magic =
      as_text(bytes_of(header)).substr(offsetof(TarHeader, magic), header.magic.size() + header.version.size());
  if (magic == std::string_view("ustar  \0", 8)) return TarDialect::gnu;
  if (magic == std::string_view("ustar\00000", 8)) return TarDialect::posix;
  if (magic == std::string_view("\0\0\0\0\0\0\0\0", 8)) return TarDialect::old;
  throw bad("not a tar header: unknown magic " + quoted(magic));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// `[-]seconds[.fraction]`. A fraction before 1970 is refused: readers disagree on which way it counts.
void check_pax_time(std::string_view value) {
  const bool negative = value.starts_with('-');
  if (negative) value.remove_prefix(1);
  const std::size_t dot = value.find('.');
  const std::string_view fraction = dot == std::string_view::npos ? std::string_view{} : value.substr(dot + 1);
  pax_number(value.substr(0, dot), "mtime");
  if (!fraction.empty() && !all_digits(fraction)) throw bad("PAX mtime is not a number");
  if (negative && fraction.find_first_not_of('0') != std::string_view::npos) {
    throw bad("PAX mtime has a fraction of a second before 1970");
  }
}

void check_pax_record(std::string_view key, std::string_view value) {
  if (key == "path" || key == "linkpath" || key == "GNU.sparse.name") {
    if (value.empty()) throw bad("PAX " + std::string(key) + " is empty");
    if (value.find('\0') != std::string_view::npos) throw bad("PAX " + std::string(key) + " has a NUL byte");
  } else if (key == "size" || key == "uid" || key == "gid") {
    pax_number(value, key);
  } else if (key == "mtime") {
    check_pax_time(value);
  }
}

}  // namespace

std::uint64_t tar_number(std::string_view text, std::string_view field) {
  if (is_base256(text)) return base256(text, field);
  const auto is_end = [](char c) { return c == ' ' || c == '\0'; };
  auto digit = std::find_if(text.begin(), text.end(), [](char c) { return c != ' '; });
  std::uint64_t value = 0;
  for (; digit != text.end() && !is_end(*digit); ++digit) {  // at most 12 digits: 36 bits
    if (*digit < '0' || *digit > '7') throw bad(std::string(field) + " is not an octal number");
    value = value << 3 | static_cast<std::uint64_t>(*digit - '0');
  }
  if (!std::all_of(digit, text.end(), is_end)) throw bad(std::string(field) + " is not an octal number");
  return value;
}

std::string tar_text(std::string_view field) { return std::string(field.substr(0, field.find('\0'))); }

std::string tar_name(const TarHeader& header, TarDialect dialect) {
  const std::string name = tar_text(text_of(header.name));
  const std::string prefix = dialect == TarDialect::posix ? tar_text(text_of(header.prefix)) : std::string{};
  if (prefix.empty()) return name;
  return prefix.ends_with('/') ? prefix + name : prefix + "/" + name;
}

TarDialect check_tar_header(const TarHeader& header) {
  check_checksum(header);
  const TarDialect dialect = dialect_of(header);
  tar_number(text_of(header.mode), "mode");
  tar_number(text_of(header.uid), "uid");
  tar_number(text_of(header.gid), "gid");
  tar_number(text_of(header.size), "size");
  check_time(text_of(header.mtime));
  if (dialect != TarDialect::old) {
    tar_number(text_of(header.devmajor), "device major number");
    tar_number(text_of(header.devminor), "device minor number");
  }
  return dialect;
}

std::uint64_t pax_number(std::string_view text, std::string_view key) {
  std::int64_t value = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!all_digits(text) || problem != std::errc{} || end != text.data() + text.size()) {
    throw bad("PAX " + std::string(key) + " " + quoted(text.substr(0, 40)) + " is not a number below 2^63");
  }
  return static_cast<std::uint64_t>(value);
}

void parse_pax_records(std::string_view body, std::map<std::string, std::string, std::less<>>& records) {
  while (!body.empty()) {
    const std::size_t space = body.find(' ');
    std::uint64_t size = 0;
    if (space == std::string_view::npos || space > 8 || !all_digits(body.substr(0, space)) || body.front() == '0' ||
        (size = pax_number(body.substr(0, space), "record length")) > body.size() || size < space + 4 ||
        body[size - 1] != '\n') {
      throw bad("PAX record has a bad length");
    }
    const std::string_view record = body.substr(space + 1, size - space - 2);
    body.remove_prefix(size);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) throw bad("PAX record has no key");
    const std::string_view key = record.substr(0, equals);
    if (key.find('\0') != std::string_view::npos) throw bad("PAX key has a NUL byte");
    check_pax_record(key, record.substr(equals + 1));
    const bool is_new = records.emplace(key, record.substr(equals + 1)).second;
    // GNU's sparse format 0.0 lists its pieces by repeating these two.
    const bool may_repeat = key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes";
    if (!is_new && !may_repeat) throw bad("PAX key " + quoted(key) + " is given twice");
  }
}

}  // namespace sealroot
