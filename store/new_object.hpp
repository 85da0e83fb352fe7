// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An object while it is written: a file without a name, which only publish() gives it. A process that dies before
// leaves nothing behind (or, on a file system without O_TMPFILE, a file `.new-*` that nobody mistakes for an object).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"
#include "store/direct_file.hpp"
#include "store/object_store.hpp"

namespace sealroot {

/// What has been learnt about the file system of a store; these two start out as "yes" and turn to "no" for good.
struct StoreTraits {
  std::atomic<bool> unnamed_files{true};  ///< O_TMPFILE and /proc to link it
  std::atomic<bool> sealing{true};        ///< FS_IOC_ENABLE_VERITY

  std::atomic<bool> passing_cache{false};  ///< asked for by ObjectStore::pass_page_cache
};

class NewObject {
 public:
  /// Creates the file in `folder` of the store (`XX`, or `.` while the digest is not known). A temp file in the final
  /// folder keeps threads from queueing for the lock of one directory, and ext4 from moving the inode's group.
  /// `store` must outlive it. `size_bytes` is a hint: large ones may pass the page cache.
  NewObject(const ObjectStore& store, std::string folder, std::uint64_t size_bytes = 0);
  ~NewObject();
  NewObject(const NewObject&) = delete;
  NewObject& operator=(const NewObject&) = delete;

  /// threads  safe for ranges that don't overlap
  void write_at(ByteView data, std::uint64_t offset) const;

  /// Seals the file, compares what the kernel measures with `digest` and gives it its name; no writes after this. Of
  /// two equal objects the first is kept; one of that name with another size is replaced in one step.
  void publish(const Digest& digest, std::uint64_t size_bytes);

 private:
  void create_unnamed();
  void create_named();
  void seal(const Digest& digest);
  int link(const Fd& folder, const std::string& name) const;
  void replace(const Fd& folder, const std::string& name) const;

  const ObjectStore& store_;
  std::string folder_;
  Fd directory_;                ///< of that name
  std::string temporary_name_;  ///< in it; empty: the file has no name
  Fd file_;
  std::optional<DirectFile> direct_;
};

}  // namespace sealroot
