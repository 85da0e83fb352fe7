// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A source that may become a deployment: read into the repository as objects, and checked as far as that goes without
// a host.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "builder/digest.hpp"
#include "builder/registry/options.hpp"
#include "upgrade/host/records.hpp"
#include "upgrade/stage/sealed_uki.hpp"

namespace sealroot {

/// What is to be read, and by which rules.
struct Origin {
  std::string source;  // transport:reference
  XattrRule xattrs = XattrRule::allowlist_only;
  LabelMode labels = LabelMode::automatic;
};

struct ReadOptions {
  unsigned threads = 0;  // 0: one a CPU
  RegistryOptions registry{};
};

struct Candidate {
  NormalisedSource source;  // in the boot form
  SealedUki uki;
  Bytes image;  // not stored yet
  Digest digest;
};

using StageProgress = std::function<void(const std::string& phase, std::uint64_t done, std::uint64_t total)>;

/// What the host remembers of where a deployment came from.
DeploymentRecord record_of(const Origin& origin, const Candidate& candidate);

/// Stores and names the image, and the container image where that can be put together again.
void store_candidate(const Repository& repository, const Candidate& candidate);

/// Digest of the manifest that the source names now, found without reading a layer; empty where that takes longer than
/// it saves, or there is none.
std::string current_manifest(const Origin& origin, const RegistryOptions& registry);

/// Layers that the repository has are not read again, unless the signed digest shows that it is wrong about one.
///   throws   Error naming the source: it can't be read; it can't boot (check_bootable_tree()); see take_sealed_uki();
/// Error{untrusted} `uki digest mismatch`: the layers are not those that were sealed.
Candidate read_candidate(const Origin& origin, const ReadOptions& options, const Repository& repository,
                         const std::vector<Certificate>& trusted, const StageProgress& progress,
                         Seal seal = Seal::required);

}  // namespace sealroot
