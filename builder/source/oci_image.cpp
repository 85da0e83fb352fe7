// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/oci_image.hpp"

#include <algorithm>

#include "builder/layer/layer_stream.hpp"
#include "builder/layer/limits.hpp"
#include "builder/layer/read_ahead.hpp"
#include "builder/source/layer_input.hpp"
#include "builder/tree/apply.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

ImageConfig parse_config(ByteView text, const Manifest& manifest, const std::string& architecture) {
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
                       const std::string& name, LayerBudget& budget, Ingest& ingest, const BytesRead& progress,
                       LayerStream* recorder, MergedTree* lowest) {
  LayerInput input;
  try {
    input = read_layer_input(blob, layer_compression(descriptor.media_type), diff_id.algorithm, name,
                             WhiteoutRule::apply, budget, ingest, progress, recorder, lowest);
  } catch (const Error& error) {
    if (error.fault() == Fault::malformed) blob.drain();
    throw;
  }
  if (input.diff_id != diff_id) {
    throw Error(Fault::untrusted,
                "diff_id mismatch: config says " + diff_id.text() + ", layer has " + input.diff_id->text());
  }
  return std::move(input.layer);
}

/// The layer out of the repository; nullopt if that does not have it whole. Then it is fetched, which also brings back
/// what is missing.
std::optional<Layer> try_known_layer(KnownLayer& known, const BlobDigest& diff_id, KnownLayer::Contents contents,
                                     const std::string& name, LayerBudget& budget, Ingest& ingest, MergedTree* lowest) {
  const LayerBudget before = budget;
  try {
    const bool all_read = contents == KnownLayer::Contents::read;
    ReadAhead ahead(known, all_read ? std::optional(diff_id.algorithm) : std::nullopt);
    Layer layer = read_layer(ahead, name, WhiteoutRule::apply, budget, ingest, nullptr, &known, lowest);
    if (!all_read || ahead.digest() == diff_id) return layer;
  } catch (const Error& error) {
    if (error.fault() == Fault::os) throw;
  }
  ingest.abandon();
  if (lowest != nullptr) *lowest = {};
  budget = before;
  return std::nullopt;
}

/// Those of the repository by their number; null where it has none.
std::vector<std::unique_ptr<KnownLayer>> open_known_layers(const KnownLayers& known,
                                                           const std::vector<BlobDigest>& diff_ids) {
  std::vector<std::unique_ptr<KnownLayer>> layers(diff_ids.size());
  if (known.repository == nullptr) return layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i] = KnownLayer::open(*known.repository, diff_ids[i], known.contents);
  }
  return layers;
}

/// composefs-rs knows documents and layers by SHA-256 only.
bool has_sha256_only(const Manifest& manifest, const BlobDigest& manifest_digest, const ImageConfig& config) {
  const auto is_sha256 = [](const BlobDigest& digest) { return digest.algorithm == Algorithm::sha256; };
  return is_sha256(manifest_digest) && is_sha256(manifest.config.digest) &&
         std::all_of(config.diff_ids.begin(), config.diff_ids.end(), is_sha256);
}

/// The recorders of all layers, and what becomes of them once the digests of all contents are known.
class Recording {
 public:
  Recording(const SourceOptions& options, const std::vector<BlobDigest>& diff_ids) {
    for (const BlobDigest& diff_id : diff_ids) {
      layers_.emplace_back();
      if (options.record_layer && options.record_layer(diff_id)) layers_.back().emplace();
    }
  }

  LayerStream* layer(std::size_t index) { return layers_[index] ? &*layers_[index] : nullptr; }

  void finish(Algorithm algorithm, const SpillTable<Digest>& digests, ImageStreams& streams) && {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i] && !layers_[i]->recorded()) {
        streams.unrecorded = "layer " + std::to_string(i + 1) + " has " + layers_[i]->reason();
        return;
      }
    }
    for (std::optional<LayerStream>& layer : layers_) {
      streams.layers.emplace_back();
      if (layer) streams.layers.back() = std::move(*layer).finish(algorithm, digests);
      layer.reset();
    }
  }

 private:
  std::vector<std::optional<LayerStream>> layers_;
};

}  // namespace

SourceResult read_oci_image(const BlobSource& blobs, ChosenManifest chosen, const SourceOptions& options,
                            Ingest& ingest) {
  const Manifest& manifest = chosen.manifest;
  SourceResult result;
  Bytes config = read_document(blobs, manifest.config);
  result.info.config = parse_config(config, manifest, options.architecture);
  result.info.manifest_digest = chosen.descriptor.digest;
  result.info.config_digest = manifest.config.digest;
  result.info.annotations = manifest.annotations;

  std::uint64_t total = 0;
  std::uint64_t done = 0;
  std::vector<std::unique_ptr<KnownLayer>> known = open_known_layers(options.known, result.info.config.diff_ids);
  std::vector<Descriptor> wanted;
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    total += manifest.layers[i].size;
    if (known[i] == nullptr) wanted.push_back(manifest.layers[i]);
  }
  blobs.expect(wanted);
  Recording recording(options, result.info.config.diff_ids);
  MergedTree merged;
  LayerBudget budget(options.max_entries);
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& descriptor = manifest.layers[i];
    const BlobDigest& diff_id = result.info.config.diff_ids[i];
    const std::string name = layer_name(i, manifest.layers.size(), descriptor);
    const auto tell = [&](std::uint64_t bytes) {
      done += bytes;
      if (options.progress) options.progress(done, total);
    };
    MergedTree* const lowest = i == 0 ? &merged : nullptr;
    Layer layer = during(name, [&] {
      if (const std::unique_ptr<KnownLayer> own = std::move(known[i])) {
        if (auto read = try_known_layer(*own, diff_id, options.known.contents, name, budget, ingest, lowest)) {
          tell(descriptor.size);
          return *std::move(read);
        }
      }
      const std::unique_ptr<CheckedBlob> blob = open_blob(blobs, descriptor);
      return read_image_layer(*blob, descriptor, diff_id, name, budget, ingest, tell, recording.layer(i), lowest);
    });
    merged.apply(std::move(layer));
    result.info.layers.push_back({descriptor.media_type, descriptor.digest, descriptor.size, diff_id});
  }
  SpillTable<Digest> digests = ingest.finish();
  if (options.record_layer) {
    ImageStreams& streams = result.streams.emplace();
    streams.manifest = std::move(chosen.document);
    streams.config = std::move(config);
    if (has_sha256_only(manifest, chosen.descriptor.digest, result.info.config)) {
      std::move(recording).finish(ingest.algorithm(), digests, streams);
    } else {
      streams.unrecorded = "its digests are not all sha256, the only ones that cfsctl knows";
    }
  }
  result.tree = std::move(merged).finish(std::move(digests));
  return result;
}

}  // namespace sealroot
