// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Tars made record by record, well-formed or broken on purpose: no library writes the archives an attacker writes.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

#include "builder/layer/tar_header.hpp"

namespace sealroot {

/// One entry; what is not said stays that of a plain file of root.
struct TarSpec {
  std::string name;
  char type = '0';
  std::string content = {};
  std::string link = {};
  unsigned mode = 0644;
  std::uint64_t mtime = 1;
  unsigned major = 0;
  unsigned minor = 0;
  std::uint64_t uid = 0;
};

class TarWriter {
 public:
  using Damage = std::function<void(TarHeader&)>;

  /// `damage` changes the header before its checksum is made.
  TarWriter& add(const TarSpec& spec, const Damage& damage = {}) {
    TarHeader header = header_of(spec, spec.content.size());
    if (damage) damage(header);
    append_header(header);
    append_data(spec.content);
    return *this;
  }

  TarWriter& directory(const std::string& name, unsigned mode = 0755) {
    return add({.name = name, .type = '5', .mode = mode});
  }
  TarWriter& file(const std::string& name, const std::string& content = {}) {
    return add({.name = name, .content = content});
  }
  TarWriter& symlink(const std::string& name, const std::string& target) {
    return add({.name = name, .type = '2', .link = target});
  }
  TarWriter& hard_link(const std::string& name, const std::string& target) {
    return add({.name = name, .type = '1', .link = target});
  }

  /// `body` as the data of an extension header: 'x', 'g', 'L' or 'K'.
  TarWriter& extension(char type, const std::string& body) {
    return add({.name = "extension", .type = type, .content = body});
  }
  TarWriter& pax(const std::string& key, const std::string& value) { return extension('x', pax_record(key, value)); }

  static std::string pax_record(const std::string& key, const std::string& value) {
    const std::string rest = " " + key + "=" + value + "\n";
    std::size_t size = rest.size() + 1;
    while (std::to_string(size).size() + rest.size() != size) ++size;
    return std::to_string(size) + rest;
  }

  TarWriter& raw(const std::string& bytes) {
    data_ += bytes;
    return *this;
  }

  /// What has been written, without an end mark.
  const std::string& open() const { return data_; }
  /// A whole archive.
  std::string str() const { return data_ + std::string(1024, '\0'); }

  static TarHeader header_of(const TarSpec& spec, std::uint64_t size) {
    TarHeader header{};
    copy(header.name, spec.name);
    octal(header.mode, spec.mode);
    octal(header.uid, spec.uid);
    octal(header.gid, 0);
    octal(header.size, size);
    octal(header.mtime, spec.mtime);
    header.typeflag = spec.type;
    copy(header.linkname, spec.link);
    std::memcpy(header.magic.data(), "ustar", 6);
    std::memcpy(header.version.data(), "00", 2);
    octal(header.devmajor, spec.major);
    octal(header.devminor, spec.minor);
    return header;
  }

  void append_header(TarHeader header) {
    header.chksum.fill(' ');
    std::uint64_t sum = 0;
    for (const std::uint8_t byte : bytes_of(header)) sum += byte;
    octal(header.chksum, sum);
    data_ += as_text(bytes_of(header));
  }

  void append_data(const std::string& content) {
    data_ += content;
    data_.append((512 - content.size() % 512) % 512, '\0');
  }

  template <std::size_t size>
  static void octal(std::array<char, size>& field, std::uint64_t value) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%0*llo", static_cast<int>(size - 1),
                  static_cast<unsigned long long>(value));
    std::memcpy(field.data(), text.data(), size - 1);
    field.back() = '\0';
  }

  template <std::size_t size>
  static void copy(std::array<char, size>& field, const std::string& text) {
    std::memcpy(field.data(), text.data(), std::min(size, text.size()));
  }

 private:
  std::string data_;
};

}  // namespace sealroot
