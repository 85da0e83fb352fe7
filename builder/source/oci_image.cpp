// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/oci_image.hpp"

#include "builder/layer/limits.hpp"
#include "builder/source/layer_input.hpp"
#include "builder/tree/apply.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

ImageConfig read_config(const BlobSource& blobs, const Manifest& manifest, const std::string& architecture) {
  const Bytes text = read_document(blobs, manifest.config);
  return during("config " + manifest.config.digest.text(), [&] {
    ImageConfig config = parse_image_config(text);
    if ((!config.os.empty() && config.os != "linux") ||
        (!config.architecture.empty() && config.architecture != architecture)) {
      throw Error(Fault::missing, "the image is for " + quoted(config.os + "/" + config.architecture) +
                                      ", wanted is linux/" + architecture);
    }
    if (config.diff_ids.size() != manifest.layers.size()) {
      throw Error(Fault::malformed, std::to_string(config.diff_ids.size()) + " diff IDs for " +
                                        std::to_string(manifest.layers.size()) + " layers");
    }
    return config;
  });
}

std::string layer_name(std::size_t number, std::size_t count, const Descriptor& descriptor) {
  return "layer " + std::to_string(number + 1) + " of " + std::to_string(count) + " (" + descriptor.digest.text() + ")";
}

/// A blob with wrong bytes shows first as damaged gzip or tar data; the digest is the cause that helps.
Layer read_image_layer(CheckedBlob& blob, const Descriptor& descriptor, const BlobDigest& diff_id,
                       const std::string& name, LayerBudget& budget, Ingest& ingest, const BytesRead& progress) {
  LayerInput input;
  try {
    input = read_layer_input(blob, layer_compression(descriptor.media_type), diff_id.algorithm, name,
                             WhiteoutRule::apply, budget, ingest, progress);
  } catch (const Error& error) {
    if (error.fault() == Fault::malformed) blob.drain();
    throw;
  }
  if (!(input.diff_id == diff_id)) {
    throw Error(Fault::untrusted,
                "diff_id mismatch: config says " + diff_id.text() + ", layer has " + input.diff_id.text());
  }
  return std::move(input.layer);
}

}  // namespace

SourceResult read_oci_image(const BlobSource& blobs, const std::string& tag, const SourceOptions& options,
                            Ingest& ingest) {
  ChosenManifest chosen = choose_manifest(blobs, tag, options.architecture);
  const Manifest& manifest = chosen.manifest;
  SourceResult result;
  result.info.config = read_config(blobs, manifest, options.architecture);
  result.info.manifest_digest = chosen.descriptor.digest;
  result.info.config_digest = manifest.config.digest;
  result.info.annotations = manifest.annotations;

  std::uint64_t total = 0;
  std::uint64_t done = 0;
  for (const Descriptor& layer : manifest.layers) total += layer.size;
  MergedTree merged;
  LayerBudget budget(options.max_entries);
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& descriptor = manifest.layers[i];
    const BlobDigest& diff_id = result.info.config.diff_ids[i];
    const std::string name = layer_name(i, manifest.layers.size(), descriptor);
    Layer layer = during(name, [&] {
      const std::unique_ptr<CheckedBlob> blob = open_blob(blobs, descriptor);
      return read_image_layer(*blob, descriptor, diff_id, name, budget, ingest, [&](std::uint64_t bytes) {
        done += bytes;
        if (options.progress) options.progress(done, total);
      });
    });
    merged.apply(std::move(layer));
    result.info.layers.push_back({descriptor.media_type, descriptor.digest, descriptor.size, diff_id});
  }
  result.tree = std::move(merged).finish(ingest.finish());
  return result;
}

}  // namespace sealroot
