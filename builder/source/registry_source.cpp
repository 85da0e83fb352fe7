// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/source/registry_source.hpp"

#include <algorithm>
#include <deque>
#include <list>

#include <nlohmann/json.hpp>

#include "builder/layer/limits.hpp"
#include "builder/registry/blob_download.hpp"
#include "builder/registry/client.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

/// How many blobs are on their way at once, the one that is being read included.
constexpr std::size_t parallel_downloads = 4;

/// Downloads in the order in which they will be wanted.
class Downloads {
 public:
  explicit Downloads(RegistryClient& client) : client_(client) {}

  void expect(const std::vector<Descriptor>& descriptors) {
    waiting_.insert(waiting_.end(), descriptors.begin(), descriptors.end());
    start();
  }

  std::unique_ptr<BlobDownload> take(const Descriptor& descriptor) {
    const auto is_it = [&](const Started& one) { return one.digest == descriptor.digest; };
    const auto found = std::find_if(started_.begin(), started_.end(), is_it);
    std::unique_ptr<BlobDownload> download;
    if (found == started_.end()) {
      download = std::make_unique<BlobDownload>(client_, descriptor.digest, descriptor.size);
    } else {
      download = std::move(found->download);
      started_.erase(found);
    }
    start();
    return download;
  }

 private:
  struct Started {
    BlobDigest digest;
    std::unique_ptr<BlobDownload> download;
  };

  void start() {
    for (; started_.size() + 1 < parallel_downloads && !waiting_.empty(); waiting_.pop_front()) {
      const Descriptor& next = waiting_.front();
      started_.push_back({next.digest, std::make_unique<BlobDownload>(client_, next.digest, next.size)});
    }
  }

  RegistryClient& client_;
  std::deque<Descriptor> waiting_;
  std::list<Started> started_;
};

class ServedStream final : public ByteStream {
 public:
  explicit ServedStream(Bytes bytes) : bytes_(std::move(bytes)) {}
  std::size_t read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min(out.size(), bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), count, out.begin());
    at_ += count;
    return count;
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

class RegistrySource final : public BlobSource {
 public:
  RegistrySource(std::unique_ptr<RegistryClient> client, ServedManifest root)
      : client_(std::move(client)), root_(std::move(root)), downloads_(std::make_unique<Downloads>(*client_)) {}

  std::unique_ptr<ByteStream> open(const Descriptor& descriptor) const override {
    if (descriptor.digest == root_.digest) return std::make_unique<ServedStream>(root_.bytes);
    if (!is_index_type(descriptor.media_type) && !is_manifest_type(descriptor.media_type)) {
      return downloads_->take(descriptor);
    }
    return std::make_unique<ServedStream>(client_->manifest(descriptor.digest.text(), descriptor.size).bytes);
  }

  void expect(const std::vector<Descriptor>& descriptors) const override { downloads_->expect(descriptors); }

 private:
  std::unique_ptr<RegistryClient> client_;
  ServedManifest root_;
  std::unique_ptr<Downloads> downloads_;  // last: it uses the client until it is gone
};

/// The type that the header says, or, where that says as little as web servers do, the document itself.
std::string media_type_of(const ServedManifest& served) {
  const std::string& type = served.media_type;
  if (is_index_type(type) || is_manifest_type(type)) return type;
  if (!type.empty() && type != "text/plain" && type != "application/json" && type != "application/octet-stream") {
    throw Error(Fault::malformed,
                "the registry serves " + quoted(type.substr(0, 200)) + ", not the manifest of a container image");
  }
  const nlohmann::json document = parse_json(served.bytes, {.size_bytes = max_json_size, .depth = 64});
  if (!document.is_object() || !document.contains("mediaType") || !document["mediaType"].is_string()) {
    throw Error(Fault::malformed, "ambiguous manifest: neither the registry nor the document says what it is");
  }
  return document["mediaType"].get<std::string>();
}

Reference reference_in(const std::string& name) {
  if (name.starts_with("//")) return parse_reference(std::string_view(name).substr(2));
  throw Error(Fault::usage, "source " + quoted("docker:" + name) + ": write docker://HOST/REPOSITORY:TAG");
}

OpenContainer open_at_endpoint(const Endpoint& endpoint, const RegistryOptions& options) {
  auto client = std::make_unique<RegistryClient>(endpoint, options);
  ServedManifest served = client->manifest(endpoint.reference.tag_or_digest(), max_json_size);
  Descriptor root;
  root.media_type = media_type_of(served);
  root.digest = served.digest;
  root.size = served.bytes.size();
  return {std::make_unique<RegistrySource>(std::move(client), std::move(served)), root};
}

}  // namespace

OpenContainer open_registry_image(const std::string& reference, const RegistryOptions& options) {
  const Reference named = reference_in(reference);
  std::vector<Endpoint> endpoints = read_registries_conf().endpoints(named);
  for (; endpoints.size() > 1; endpoints.erase(endpoints.begin())) {
    try {
      return open_at_endpoint(endpoints.front(), options_for(endpoints.front(), named, options));
    } catch (const Error&) {  // a mirror may lack the image, or be down
    }
  }
  return open_at_endpoint(endpoints.front(), options_for(endpoints.front(), named, options));
}

void check_registry_name(const std::string& reference) { reference_in(reference); }

}  // namespace sealroot
