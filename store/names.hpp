// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// All names of a repository and where they lead, for those who check or clean it up. Nothing here trusts a symlink:
// its text is read and followed inside the repository only, never by the kernel.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/core/digest.hpp"
#include "store/repository.hpp"

namespace sealroot {

/// The two kinds of named objects; `streams` are splitstreams of composefs-rs.
enum class Category : std::uint8_t { images, streams };

/// One symlink `images/NAME`, `streams/NAME` or one below `images/refs` or `streams/refs`.
struct RepositoryName {
  Category category = Category::images;
  std::string path;                ///< below the repository
  std::optional<Digest> object{};  ///< that it leads to, there or not; nullopt if it leads nowhere
  std::string problem{};           ///< why it leads nowhere
};

struct RepositoryNames {
  std::vector<RepositoryName> names;   ///< `images/NAME`, `streams/NAME`
  std::vector<RepositoryName> refs;    ///< what gc keeps
  std::vector<std::string> leftovers;  ///< symlinks under temporary names
};

/// Reads them in byte order of their paths. A name that leads nowhere is part of the answer; Error{os} if a directory
/// can't be read, Error{missing} if there is neither `images` nor `streams`.
RepositoryNames read_names(const Repository& repository);

/// The image that `text` names: a digest (try_parse_digest(), whether there is such an object or not) or, with or
/// without `refs/` or `images/refs/` in front, a ref. nullopt for any other text; Error{malformed} for a ref that leads
/// nowhere.
std::optional<Digest> find_image(const Repository& repository, const std::string& text);

/// The files below `objects`, by their names alone.
struct ObjectNames {
  std::vector<Digest> objects;                                 ///< ascending
  std::vector<std::string> leftovers;                          ///< files under temporary names, below the repository
  std::vector<std::pair<std::string, std::string>> strangers;  ///< path below the repository, and why it is no object's
};

ObjectNames read_object_names(const ObjectStore& store);

}  // namespace sealroot
