// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/container_streams.hpp"

#include <algorithm>

#include "store/core/error.hpp"
#include "store/splitstream.hpp"
#include "store/splitstream_format.hpp"

namespace sealroot {

namespace {

using StreamNames = std::vector<std::pair<std::string, Digest>>;

std::string layer_id(const BlobDigest& diff_id) { return "oci-layer-" + diff_id.text(); }

/// `/` would be a directory; `%` marks what is encoded.
std::string encoded_tag(const std::string& tag) {
  std::string text;
  for (const char c : tag) text += c == '%' ? "%25" : c == '/' ? "%2F" : std::string(1, c);
  return text;
}

/// Stores a document: the text is an object of its own, so that it can be sealed, and the stream consists of that.
Digest put_document(const ObjectStore& store, std::uint64_t content_type, ByteView text, const NamedRefs& refs) {
  SplitstreamBody body;
  body.write_object(text.size());
  return store.put(make_splitstream(store.algorithm(), content_type, refs, {store.put(text)}, std::move(body)));
}

bool contains_all(const std::map<std::string, Digest>& found, const NamedRefs& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& ref) {
    const auto place = found.find(ref.first);
    return place != found.end() && place->second == ref.second;
  });
}

/// The document's stream with at least `refs`; what others have added to it stays.
Digest ensure_document(const Repository& repository, const std::string& id, std::uint64_t content_type, ByteView text,
                       NamedRefs refs, StreamNames& names) {
  if (const std::optional<Digest> existing = repository.find_stream(id)) {
    const Bytes file = repository.objects().read(*existing);
    const Splitstream stream = during("streams/" + id, [&] { return read_splitstream(file, repository.algorithm()); });
    if (contains_all(stream.named_refs, refs)) return *existing;
    for (const auto& [name, digest] : stream.named_refs) {
      const auto known =
          std::find_if(refs.begin(), refs.end(), [&, key = name](const auto& ref) { return ref.first == key; });
      if (known == refs.end() && name.starts_with("composefs.image")) refs.emplace_back(name, digest);
    }
  }
  const Digest object = put_document(repository.objects(), content_type, text, refs);
  names.emplace_back(id, object);
  return object;
}

/// The layers' streams by diff ID, lowest first.
NamedRefs ensure_layers(const Repository& repository, const SourceResult& source, StreamNames& names) {
  NamedRefs refs;
  for (std::size_t i = 0; i < source.info.layers.size(); ++i) {
    const BlobDigest& diff_id = source.info.layers[i].diff_id;
    const std::optional<Bytes>& recorded = source.streams->layers[i];
    std::optional<Digest> object;
    if (recorded) {
      object = repository.objects().put(*recorded);
      names.emplace_back(layer_id(diff_id), *object);
    } else {
      object = repository.find_stream(layer_id(diff_id));
    }
    if (!object) throw Error(Fault::missing, "streams/" + layer_id(diff_id) + " has gone meanwhile");
    refs.emplace_back(diff_id.text(), *object);
  }
  return refs;
}

}  // namespace

std::function<bool(const BlobDigest& diff_id)> layers_missing_in(const Repository& repository) {
  return [&repository](const BlobDigest& diff_id) { return !repository.find_stream(layer_id(diff_id)); };
}

void add_container_streams(const Repository& repository, const SourceResult& source, const NamedRefs& images,
                           const std::string& tag) {
  StreamNames names;  // in the order in which they refer to each other: no name leads to one that is missing
  const NamedRefs layers = ensure_layers(repository, source, names);
  const std::string config_digest = source.info.config_digest->text();
  NamedRefs config_refs = layers;
  config_refs.insert(config_refs.end(), images.begin(), images.end());
  const Digest config = ensure_document(repository, "oci-config-" + config_digest, splitstream::config_type,
                                        source.streams->config, config_refs, names);
  NamedRefs manifest_refs{{"config:" + config_digest, config}};
  manifest_refs.insert(manifest_refs.end(), layers.begin(), layers.end());
  const std::string manifest_id = "oci-manifest-" + source.info.manifest_digest->text();
  ensure_document(repository, manifest_id, splitstream::manifest_type, source.streams->manifest, manifest_refs, names);
  repository.name_streams(names);
  repository.set_stream_ref("oci/" + encoded_tag(tag), manifest_id);
}

}  // namespace sealroot
