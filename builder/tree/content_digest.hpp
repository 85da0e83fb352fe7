// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The digest of a file of the tree.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "store/core/digest.hpp"
#include "store/core/spill_table.hpp"

namespace sealroot {

/// Reads like an optional Digest, but shares the value with its copies, and with the list that Ingest gave where it
/// comes from there: a digest is 65 bytes, and the tree of an image has hundreds of thousands.
class ContentDigest {
 public:
  ContentDigest() = default;
  ContentDigest(const Digest& digest) : value_(std::allocate_shared<const Digest>(SpillAllocator<Digest>(), digest)) {}
  ContentDigest(const std::optional<Digest>& digest) {
    if (digest) *this = *digest;
  }
  /// Element `index` of `digests`, which stay in memory for as long as any element is used.
  ContentDigest(const std::shared_ptr<const SpillTable<Digest>>& digests, std::size_t index)
      : value_(digests, &(*digests)[index]) {}

  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  const Digest& operator*() const { return *value_; }
  const Digest* operator->() const { return value_.get(); }
  operator std::optional<Digest>() const { return has_value() ? std::optional(*value_) : std::nullopt; }

  friend bool operator==(const ContentDigest& left, const ContentDigest& right) {
    return left.value_ == right.value_ || (left.value_ && right.value_ && *left.value_ == *right.value_);
  }

 private:
  std::shared_ptr<const Digest> value_;
};

}  // namespace sealroot
