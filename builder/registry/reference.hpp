// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// References, the names of container images in registries: `host[:port]/repository[:tag][@digest]`. They become parts
// of URLs, so nothing is taken that the grammar doesn't have. Source: github.com/distribution/reference.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/blob_digest.hpp"

namespace sealroot {

struct Reference {
  std::string host;  // with `:port`, if there is one
  std::string repository;
  std::string tag;                   // empty: there is a digest
  std::optional<BlobDigest> digest;  // it decides, even where there is a tag

  /// `host/repository`
  std::string name() const { return host + "/" + repository; }
  /// `host/repository:tag@digest`
  std::string text() const;
  /// What the registry is asked for.
  std::string tag_or_digest() const { return digest ? digest->text() : tag; }
};

/// As podman and skopeo read it: without a host docker.io is meant, there `library/` if there is no folder; without tag
/// and digest the tag `latest`. Error{usage}.
Reference parse_reference(std::string_view text);

/// Whether `text` is `host`, `host:port` or `[address]:port`.
bool is_registry_host(std::string_view text);
bool is_repository_name(std::string_view text);
bool is_tag(std::string_view text);

}  // namespace sealroot
