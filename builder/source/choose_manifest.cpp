// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder/layer/limits.hpp"
#include "builder/source/blob_source.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

constexpr const char* tag_annotation = "org.opencontainers.image.ref.name";

void check_layout_version(const Layout& layout) {
  const Bytes text = read_document(layout, "oci-layout");
  during("'oci-layout'", [&] {
    const nlohmann::json document = parse_json(text, {});
    if (!document.is_object() || document.value("imageLayoutVersion", nlohmann::json()) != "1.0.0") {
      throw Error(Fault::malformed, "not an OCI layout of version 1.0.0");
    }
  });
}

std::string listed(const std::vector<std::string>& items) {
  if (items.empty()) return "none";
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::string tags_of(const Index& index) {
  std::vector<std::string> tags;
  for (const Descriptor& descriptor : index.manifests) {
    const auto tag = descriptor.annotations.find(tag_annotation);
    if (tag != descriptor.annotations.end()) tags.push_back(quoted(tag->second));
  }
  return listed(tags);
}

Descriptor choose_by_tag(const Index& index, const std::string& tag) {
  std::vector<Descriptor> found;
  for (const Descriptor& descriptor : index.manifests) {
    const auto own = descriptor.annotations.find(tag_annotation);
    if (tag.empty() || (own != descriptor.annotations.end() && own->second == tag)) found.push_back(descriptor);
  }
  if (found.size() == 1) return found.front();
  const std::string those = "; its tags: " + tags_of(index);
  if (tag.empty()) {
    throw Error(Fault::missing,
                "the layout holds " + std::to_string(found.size()) + " images, name one by its tag" + those);
  }
  throw Error(Fault::missing,
              (found.empty() ? "no image has the tag " : "more than one image has the tag ") + quoted(tag) + those);
}

/// Of several variants the baseline is taken: the one without a name, and for 64-bit ARM v8, which is the same.
bool is_baseline(const Platform& platform) { return platform.variant.empty() || platform.variant == "v8"; }

Descriptor choose_by_platform(const Index& index, const std::string& architecture) {
  if (index.manifests.size() == 1 && !index.manifests.front().platform) return index.manifests.front();
  std::vector<Descriptor> found;
  std::vector<std::string> platforms;
  for (const Descriptor& descriptor : index.manifests) {
    if (!descriptor.platform || descriptor.platform->os == "unknown") continue;  // attestations and the like
    platforms.push_back(quoted(descriptor.platform->text()));
    if (descriptor.platform->os == "linux" && descriptor.platform->architecture == architecture) {
      found.push_back(descriptor);
    }
  }
  if (found.size() > 1) std::erase_if(found, [](const Descriptor& one) { return !is_baseline(*one.platform); });
  if (found.size() == 1) return found.front();
  throw Error(Fault::missing, std::string(found.empty() ? "no image" : "more than one image") + " for linux/" +
                                  architecture + "; the index has: " + listed(platforms));
}

}  // namespace

Descriptor choose_tagged(const Layout& layout, const std::string& tag) {
  check_layout_version(layout);
  const Bytes text = read_document(layout, "index.json");
  return choose_by_tag(during("'index.json'", [&] { return parse_index(text, {}); }), tag);
}

ChosenManifest choose_manifest(const BlobSource& blobs, const Descriptor& root, const std::string& architecture) {
  Descriptor descriptor = root;
  for (unsigned depth = 0; is_index_type(descriptor.media_type); ++depth) {
    if (depth == max_index_depth) throw Error(Fault::malformed, "more than 4 indexes inside one another");
    const Bytes inner = read_document(blobs, descriptor);
    descriptor = during("index " + descriptor.digest.text(),
                        [&] { return choose_by_platform(parse_index(inner, descriptor.media_type), architecture); });
  }
  return during("manifest " + descriptor.digest.text(), [&]() -> ChosenManifest {
    if (!is_manifest_type(descriptor.media_type)) {
      throw Error(Fault::malformed, "unknown media type " + sealroot::quoted(descriptor.media_type));
    }
    Bytes document = read_document(blobs, descriptor);
    Manifest manifest = parse_manifest(document, descriptor.media_type);
    return {descriptor, std::move(manifest), std::move(document)};
  });
}

}  // namespace sealroot
