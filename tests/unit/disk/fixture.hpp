// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A small repository to make disks of, and the tools that judge them: none of those is ours.
#pragma once

#include <string>
#include <vector>

#include "builder/disk/disk.hpp"
#include "store/repository.hpp"
#include "tests/scratch.hpp"

namespace sealroot {

/// What a program printed, stdout and stderr alike, and how it ended.
struct Output {
  int status;
  std::string text;
};

/// Runs a shell command, with the programs of administrators in reach.
Output run(const std::string& command);

/// `size_bytes` bytes that no other `seed` gives.
Bytes made_up(std::size_t size_bytes, std::uint32_t seed);

/// A repository in a scratch directory, whose objects have every size at which the layout of fs-verity changes.
class Fixture {
 public:
  explicit Fixture(Algorithm algorithm = Algorithm::sha512);

  /// Everything filled in; small.
  DiskSpec spec() const;

  /// Writes a disk to `name` in the scratch directory; the fixture's directory can be written by everybody.
  DiskLayout write(const std::string& name, const DiskSpec& spec) const;

  /// Writes a disk that must be too small, and returns the size that the message says would do.
  std::uint64_t size_needed(const std::string& name, const DiskSpec& spec) const;

  std::string path(const std::string& name) const { return (scratch.path() / name).string(); }

  Scratch scratch;
  Repository repository;
  std::vector<Bytes> contents;
  std::vector<Digest> digests;  // of `contents`
  Bytes boot_loader = made_up(100'000, 1001);
  Bytes uki = made_up(3'000'000, 1002);
};

/// `FILE?offset=N`, as e2fsck and debugfs take the root partition of a disk.
std::string root_of(const std::string& disk, const DiskLayout& layout);

/// Runs one command of debugfs on the root partition.
std::string debugfs(const std::string& disk, const DiskLayout& layout, const std::string& command);

}  // namespace sealroot
