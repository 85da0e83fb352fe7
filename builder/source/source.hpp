// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Where a system comes from: SOURCE of the command line, in the transport names that container tools use.
//
//   docker://HOST/REPOSITORY[:TAG][@DIGEST]  oci:DIR[:TAG]  oci-archive:FILE[:TAG]  docker-archive:FILE[:NAME]
//   tar:FILE  tar:-  dir:DIR
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/layer/known_layer.hpp"
#include "builder/layer/limits.hpp"
#include "builder/registry/options.hpp"
#include "builder/source/blob_source.hpp"
#include "builder/source/manifest.hpp"
#include "builder/tree/tree.hpp"
#include "store/ingest.hpp"

namespace sealroot {

enum class Transport { registry, oci_layout, oci_archive, docker_archive, tar, directory };

struct SourceName {
  Transport transport = Transport::oci_layout;
  std::string path;  // "-": standard input (tar only); of a registry: `//` and the reference
  std::string tag;   // of a docker-archive the image's name; empty: the only image there is
};

/// Whether `text` begins with the name of a transport and a colon.
bool has_transport(std::string_view text);

/// Error{usage} names the transports there are.
SourceName parse_source(std::string_view source);

/// Whether it is a container image, with manifest and layers.
bool is_container(Transport transport);

std::string_view transport_name(Transport transport);

/// Layers that need not be fetched again, because a repository has them: known_layer.hpp.
struct KnownLayers {
  const Repository* repository = nullptr;  // into which the source is read; null: nothing is known
  KnownLayer::Contents contents = KnownLayer::Contents::read;
};

struct SourceOptions {
  std::string architecture;  // OCI's name; empty: that of this host
  std::uint64_t max_entries = max_entry_count;
  /// Called from one thread with the bytes read so far of all there are; `total` is 0 where that is not known.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
  /// Whether the layer is to be recorded as a splitstream. Empty: container images are not recorded at all.
  std::function<bool(const BlobDigest& diff_id)> record_layer{};
  /// Whether the digests of a tar itself are wanted: a SHA-256 from its start to its end, a third of all work.
  bool input_digests = true;
  RegistryOptions registry{};
  KnownLayers known{};
  /// Copies a container image once it is known which one is meant, and returns where it is to be read instead.
  std::function<std::unique_ptr<BlobSource>(const BlobSource& blobs, const ChosenManifest& chosen)> copy{};
};

struct LayerInfo {
  std::string media_type;
  BlobDigest digest;
  std::uint64_t size = 0;
  BlobDigest diff_id;
};

/// What was read, down to the digest of every input: for the record of a build.
struct SourceInfo {
  std::string transport;                      // "oci", ...
  std::string reference;                      // as given
  std::optional<BlobDigest> manifest_digest;  // of container images
  std::optional<BlobDigest> config_digest;
  ImageConfig config;
  Labels annotations;  // of the manifest
  std::vector<LayerInfo> layers;
  std::optional<BlobDigest> archive_digest;  // of tar, where wanted: the file as it is, compressed or not
};

/// A container image as composefs-rs keeps it beside the files: documents as served, and layers as splitstreams.
struct ImageStreams {
  Bytes manifest;
  Bytes config;
  std::vector<std::optional<Bytes>> layers;  // as SourceInfo::layers; nullopt: record_layer() did not want it
  std::string unrecorded;                    // why the image has no streams; empty: it has
};

struct SourceResult {
  Tree tree;  // merged, not yet normalised
  SourceInfo info;
  std::optional<ImageStreams> streams{};  // of container images, if they were asked for
};

/// A container image that is_container().
OpenContainer open_container(const SourceName& name, const RegistryOptions& registry);

/// Reads all of `source` and hands the contents of its files to `ingest`, whose finish() is called.
///   throws   Error naming source, layer, entry and reason. What has been stored by then stays as unused objects.
SourceResult read_source(const std::string& source, const SourceOptions& options, Ingest& ingest);

/// The OCI name of the architecture this program was built for.
std::string_view host_architecture();

}  // namespace sealroot
