// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot digest`: a source in, the digest of its image out; the first half of a build, without kernel, UKI and disk.
//
//   source -> layers -> tree -> image
//                 `-> objects, if there is a store
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "builder/image/privileged.hpp"
#include "builder/labels/label_tree.hpp"
#include "builder/source/source.hpp"
#include "builder/tree/normalise.hpp"
#include "store/core/digest.hpp"
#include "store/repository.hpp"

namespace sealroot {

/// What of a source makes its tree, for all commands that seal one.
struct TreeOptions {
  std::string source;  // transport:reference
  Algorithm algorithm = Algorithm::sha512;
  std::string architecture;  // OCI name; empty: this host's
  XattrRule xattrs = XattrRule::allowlist_only;
  LabelMode labels = LabelMode::automatic;  // of the boot form
  DenyRules deny{};
  unsigned threads = 0;  // 0: one a CPU
  std::uint64_t max_entries = max_entry_count;
  std::function<bool(const BlobDigest&)> record_layer{};  // see SourceOptions
  bool input_digests = true;                              // see SourceOptions
  RegistryOptions registry{};
  KnownLayers known{};                   // see SourceOptions
  decltype(SourceOptions::copy) copy{};  // see SourceOptions
};

/// Called with bytes as they pass; `total` 0 if it is not known.
using ReadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// A normalised tree and where the few of its contents are that somebody needs.
struct NormalisedSource : SourceResult {  // the architecture in its config is never empty
  ContentReader read_file;                // uses the store; without one it has the files of an SELinux policy only
};

/// Reads `options.source` and normalises its tree; file contents become objects of `store`, unless that is null.
///   throws   Error; {untrusted}: the tree has what `options.deny` denies
NormalisedSource read_normalised(const TreeOptions& options, const ObjectStore* store, const ReadProgress& progress);

/// The form that boots: /boot and /sysroot emptied, then labels.
///   returns  the SELinux policy, if labels were given
std::optional<std::string> make_boot_tree(NormalisedSource& source, LabelMode labels);

struct DigestOptions {
  TreeOptions tree;
  bool boot_form = true;             // as `sealroot build` seals it; else as a container's image
  std::optional<std::string> store;  // repository to add to, made if it is not there; else nothing is written
};

struct DigestResult {
  Digest image;
  std::uint64_t image_size_bytes = 0;
  std::optional<std::string> selinux_policy;  // whose labels it has
  SourceInfo source;
};

/// The digest that `sealroot build` would seal for this source.
///   throws   Error; objects that were added to the store by then stay there as garbage for gc
///   ensures  with a store, image and objects are on disk when it returns (no ref names the image)
DigestResult digest_source(const DigestOptions& options, const ReadProgress& progress);

/// The repository `path`, whose algorithm must be this one. Error{usage} names the option that fits.
Repository open_store(const std::string& path, Algorithm algorithm);

}  // namespace sealroot
