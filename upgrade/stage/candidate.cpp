// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/stage/candidate.hpp"

#include "builder/container_streams.hpp"
#include "builder/image/image.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"
#include "upgrade/collect.hpp"
#include "upgrade/host/now.hpp"

namespace sealroot {
namespace {

/// Signature, layout and digest.
Candidate check_candidate(NormalisedSource source, const Origin& origin, const Repository& repository,
                          const std::vector<Certificate>& trusted, Seal seal) {
  check_bootable_tree(source.tree);
  SealedUki uki = take_sealed_uki(source.tree, repository.objects(), trusted, seal);
  make_boot_tree(source, origin.labels);
  Bytes image = make_image(source.tree, ImageFormat::v1);
  const Digest digest = measure_bytes(repository.algorithm(), image);
  if (digest != uki.facts.config->digest) {
    throw Error(Fault::untrusted, "uki digest mismatch: the signed UKI boots " +
                                      named_digest(uki.facts.config->digest) + ", the layers give " +
                                      named_digest(digest) + "; `sealroot explain` finds out why");
  }
  return {std::move(source), std::move(uki), std::move(image), digest};
}

Candidate try_read_candidate(const Origin& origin, const ReadOptions& options, const Repository& repository,
                             const std::vector<Certificate>& trusted, const StageProgress& progress, Seal seal,
                             KnownLayer::Contents known) {
  TreeOptions tree;
  tree.source = origin.source;
  tree.algorithm = repository.algorithm();
  tree.xattrs = origin.xattrs;
  tree.labels = origin.labels;
  tree.threads = options.threads;
  tree.record_layer = layers_missing_in(repository);
  tree.registry = options.registry;
  tree.known = {&repository, known};
  const std::string phase = "reading " + origin.source;
  NormalisedSource source = read_normalised(
      tree, &repository.objects(), [&](std::uint64_t done, std::uint64_t total) { progress(phase, done, total); });
  progress("checking the image", 0, 0);
  return during("source " + quoted(origin.source),
                [&] { return check_candidate(std::move(source), origin, repository, trusted, seal); });
}

}  // namespace

DeploymentRecord record_of(const Origin& origin, const Candidate& candidate) {
  const auto& manifest = candidate.source.info.manifest_digest;
  return {.source = origin.source,
          .manifest = manifest ? manifest->text() : "",
          .image_id = candidate.uki.facts.image_id,
          .version = candidate.uki.facts.version,
          .staged_at = now_text(),
          .xattrs = std::string(xattr_rule_name(origin.xattrs)),
          .selinux = std::string(label_mode_name(origin.labels))};
}

void store_candidate(const Repository& repository, const Candidate& candidate) {
  repository.add_image(candidate.image);
  repository.set_image_ref(deployment_ref(candidate.digest), candidate.digest);
  if (candidate.source.streams && candidate.source.streams->unrecorded.empty()) {
    add_container_streams(repository, candidate.source, {{"composefs.image.boot.v1", candidate.digest}},
                          deployment_tag(candidate.digest));
  }
}

std::string current_manifest(const Origin& origin, const RegistryOptions& registry) {
  const SourceName name = parse_source(origin.source);
  if (name.transport != Transport::registry && name.transport != Transport::oci_layout) return "";
  return during("source " + quoted(origin.source), [&] {
    const OpenContainer container = open_container(name, registry);
    const std::string architecture(host_architecture());
    return choose_manifest(*container.blobs, container.root, architecture).descriptor.digest.text();
  });
}

/// The signed digest tells whether the layers that are here gave the right image. If they did not, the repository may
/// be wrong about one of them.
Candidate read_candidate(const Origin& origin, const ReadOptions& options, const Repository& repository,
                         const std::vector<Certificate>& trusted, const StageProgress& progress, Seal seal) {
  try {
    return try_read_candidate(origin, options, repository, trusted, progress, seal, KnownLayer::Contents::found);
  } catch (const Error& error) {
    const Fault fault = error.fault();
    if (fault != Fault::untrusted && fault != Fault::malformed && fault != Fault::missing) throw;
  }
  return try_read_candidate(origin, options, repository, trusted, progress, seal, KnownLayer::Contents::read);
}

}  // namespace sealroot
