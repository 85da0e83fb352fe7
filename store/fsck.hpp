// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Whether a repository is what its names say, down to every byte of every object, and its repair from a place that
// has the same contents.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/core/digest.hpp"
#include "store/ingest.hpp"
#include "store/repository.hpp"

namespace sealroot {

struct Damage {
  std::string path;  ///< below the repository
  std::string reason;
  std::optional<Digest> object{};  ///< the damaged or missing object, which a repair could bring back
};

struct FsckReport {
  std::uint64_t object_count = 0;
  std::uint64_t object_bytes = 0;
  std::uint64_t sealed_count = 0;  ///< objects with fs-verity
  std::uint64_t image_count = 0;
  std::uint64_t stream_count = 0;
  std::uint64_t ref_count = 0;
  std::vector<Damage> damages;         ///< in byte order of the paths
  std::vector<std::string> leftovers;  ///< temporary files of a program that died, or is still at work: no damage
};

/// Reads and measures every object and follows every name.
///   threads  0: as many as there are CPUs
///   throws   Error{os} if a directory can't be read; all else is in the report
FsckReport check_repository(const Repository& repository, unsigned threads = 0);

/// Objects that the report has as damaged or missing, each once.
std::vector<Digest> lost_objects(const FsckReport& report);

/// Hands contents to an Ingest, whose finish() it calls.
using ContentSource = std::function<void(Ingest& ingest)>;

/// The contents of `wanted` that another repository has. What it hands over is measured like any other input.
ContentSource contents_of(const Repository& other, std::vector<Digest> wanted);

/// Puts each of `lost` back whose content `source` hands over, durably; the others stay as they were. Contents are
/// known by their digest, so a source need not be trusted. What else the source has is stored too.
///   returns  how many are back
std::size_t restore_objects(const Repository& repository, const std::vector<Digest>& lost, const ContentSource& source);

}  // namespace sealroot
