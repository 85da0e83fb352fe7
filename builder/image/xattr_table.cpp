// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/xattr_table.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "store/core/bytes.hpp"
#include "store/erofs/format.hpp"

namespace sealroot::image {
namespace {

constexpr std::size_t text_chunk_size = std::size_t{1} << 18;

std::uint32_t hash_of(std::string_view key, std::string_view value) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(key)*31 + std::hash<std::string_view>{}(value));
}

}  // namespace

std::string_view Xattr::suffix() const { return key.substr(erofs::xattr_prefixes[prefix_index].size()); }

std::uint32_t Xattr::entry_size() const {
  return round_up(static_cast<std::uint32_t>(sizeof(erofs::XattrEntry) + suffix().size() + value.size()),
                  erofs::xattr_align);
}

XattrTable::XattrTable(PrefixTable prefixes) : prefixes_(prefixes), slots_(1024) {}

XattrId XattrTable::add(std::string_view key, std::string_view value, XattrText value_text) {
  const std::uint32_t hash = hash_of(key, value);
  std::size_t slot = find_slot(key, value, hash);
  if (slots_[slot] == 0) {
    if (2 * xattrs_.size() >= slots_.size()) {
      grow();
      slot = find_slot(key, value, hash);
    }
    xattrs_.push_back(make(key, value_text == XattrText::lasting ? value : keep({value})));
    hashes_.push_back(hash);
    slots_[slot] = static_cast<std::uint32_t>(xattrs_.size());
  }
  const XattrId id = slots_[slot] - 1;
  ++xattrs_[id].uses;
  return id;
}

Xattr XattrTable::make(std::string_view key, std::string_view value) const {
  return {.key = key, .value = value, .prefix_index = prefix_index(key)};
}

std::size_t XattrTable::find_slot(std::string_view key, std::string_view value, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0) {
    const XattrId id = slots_[slot] - 1;
    if (hashes_[id] == hash && xattrs_[id].key == key && xattrs_[id].value == value) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

void XattrTable::grow() {
  slots_.assign(2 * slots_.size(), 0);
  const std::size_t mask = slots_.size() - 1;
  for (XattrId id = 0; id < xattrs_.size(); ++id) {
    std::size_t slot = hashes_[id] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = id + 1;
  }
}

std::string_view XattrTable::keep(std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  if (text_.empty() || size > text_left_) {
    text_left_ = std::max(size, text_chunk_size);
    text_.emplace_back(text_left_);
  }
  // Chunks fill from their end, so that only what is left needs remembering.
  char* const start = text_.back().data() + text_left_ - size;
  char* out = start;
  for (const std::string_view part : parts) out = std::copy(part.begin(), part.end(), out);
  text_left_ -= size;
  return {start, size};
}

std::uint8_t XattrTable::prefix_index(std::string_view key) const {
  for (std::uint8_t index = 1; index < erofs::xattr_prefixes.size(); ++index) {
    if (index == erofs::xattr_index_lustre && prefixes_ == PrefixTable::without_lustre) continue;
    if (key.starts_with(erofs::xattr_prefixes[index])) return index;
  }
  return 0;
}

std::uint32_t name_filter_bit(const Xattr& xattr) {
  const std::string_view name = xattr.suffix();
  const XXH32_hash_t hash = XXH32(name.data(), name.size(), erofs::xattr_filter_seed + xattr.prefix_index);
  return std::uint32_t{1} << (hash % erofs::xattr_filter_bits);
}

}  // namespace sealroot::image
