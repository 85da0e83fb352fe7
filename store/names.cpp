// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/names.hpp"

#include <map>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/listing.hpp"
#include "store/temporary_name.hpp"

namespace sealroot {

namespace {

constexpr std::string_view objects_prefix = "../objects/";
constexpr int max_ref_depth = 64;  ///< directories of a ref's name; each costs an open file while they are walked

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    if (end > start) parts.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

/// Where the symlink `path` with this text leads, below the repository; nullopt if that is outside.
std::optional<std::vector<std::string>> resolve(const std::string& path, const std::string& target) {
  if (target.starts_with('/')) return std::nullopt;
  std::vector<std::string> place = split_path(path);
  place.pop_back();
  for (std::string& part : split_path(target)) {
    if (part == ".") continue;
    if (part != "..") {
      place.push_back(std::move(part));
    } else if (place.empty()) {
      return std::nullopt;
    } else {
      place.pop_back();
    }
  }
  return place;
}

class NameReader {
 public:
  NameReader(const Repository& repository, Category category)
      : repository_(repository), category_(category), folder_(category == Category::images ? "images" : "streams") {}

  /// False if there is no such category.
  bool read(RepositoryNames& found) {
    const std::optional<Fd> directory = try_open_beneath(repository_.directory(), folder_, O_RDONLY | O_DIRECTORY);
    if (!directory) return false;
    for (const DirectoryEntry& entry : list_directory(*directory)) {
      if (entry.name == "refs") continue;
      if (is_temporary_name(entry.name)) {
        found.leftovers.push_back(folder_ + "/" + entry.name);
      } else {
        found.names.push_back(read_name(*directory, entry));
        by_name_[entry.name] = found.names.back().object;
      }
    }
    const std::optional<Fd> refs = try_open_beneath(*directory, "refs", O_RDONLY | O_DIRECTORY);
    if (refs) read_refs(*refs, folder_ + "/refs", 0, found);
    return true;
  }

 private:
  RepositoryName read_name(const Fd& directory, const DirectoryEntry& entry) const {
    RepositoryName name{category_, folder_ + "/" + entry.name};
    if (entry.type != EntryType::symlink) {
      name.problem = "not a symbolic link";
      return name;
    }
    const std::string target = read_link(directory, entry.name);
    std::optional<Digest> object;
    if (target.starts_with(objects_prefix)) object = try_parse_object_path(target.substr(objects_prefix.size()));
    if (!object || object->algorithm() != repository_.algorithm()) {
      name.problem = "points to " + quoted(target) + ", which is no object of this repository";
    } else if (category_ == Category::images && to_hex(*object) != entry.name) {
      name.problem = "points to an object of another digest, " + to_hex(*object);
    } else {
      name.object = object;
    }
    return name;
  }

  void read_refs(const Fd& directory, const std::string& path, int depth, RepositoryNames& found) const {
    for (const DirectoryEntry& entry : list_directory(directory)) {
      const std::string entry_path = path + "/" + entry.name;
      if (entry.type == EntryType::symlink && is_temporary_name(entry.name)) {
        found.leftovers.push_back(entry_path);
      } else if (entry.type == EntryType::directory && depth < max_ref_depth) {
        const Fd inner = open_beneath(directory, entry.name, O_RDONLY | O_DIRECTORY);
        read_refs(inner, entry_path, depth + 1, found);
      } else {
        found.refs.push_back(read_ref(directory, entry, entry_path));
      }
    }
  }

  RepositoryName read_ref(const Fd& directory, const DirectoryEntry& entry, const std::string& path) const {
    RepositoryName ref{category_, path};
    if (entry.type == EntryType::directory) {
      ref.problem = "more than " + std::to_string(max_ref_depth) + " directories deep";
      return ref;
    }
    if (entry.type != EntryType::symlink) {
      ref.problem = "not a symbolic link";
      return ref;
    }
    const std::string target = read_link(directory, entry.name);
    const std::optional<std::vector<std::string>> place = resolve(path, target);
    if (!place || place->size() != 2 || place->front() != folder_ || place->back() == "refs") {
      ref.problem = "points to " + quoted(target) + ", which is no name in " + folder_;
    } else if (const auto name = by_name_.find(place->back()); name == by_name_.end()) {
      ref.problem = "points to " + quoted(folder_ + "/" + place->back()) + ", which is not there";
    } else if (!name->second) {
      ref.problem = "points to " + quoted(folder_ + "/" + place->back()) + ", which is damaged";
    } else {
      ref.object = name->second;
    }
    return ref;
  }

  const Repository& repository_;
  Category category_;
  std::string folder_;
  std::map<std::string, std::optional<Digest>> by_name_;
};

}  // namespace

std::optional<Digest> find_image(const Repository& repository, const std::string& text) {
  if (const std::optional<Digest> digest = try_parse_digest(text)) return digest;
  if (repository.is_flat()) return std::nullopt;
  const RepositoryNames names = read_names(repository);
  for (const std::string_view folder : {"images/refs/", "images/", ""}) {
    for (const RepositoryName& ref : names.refs) {
      if (ref.category != Category::images || ref.path != std::string(folder) + text) continue;
      if (!ref.object) throw Error(Fault::malformed, ref.path + " " + ref.problem);
      return ref.object;
    }
  }
  return std::nullopt;
}

RepositoryNames read_names(const Repository& repository) {
  RepositoryNames found;
  const bool images = NameReader(repository, Category::images).read(found);
  const bool streams = NameReader(repository, Category::streams).read(found);
  if (!images && !streams) throw Error(Fault::missing, "there is neither 'images' nor 'streams' in the repository");
  return found;
}

}  // namespace sealroot
