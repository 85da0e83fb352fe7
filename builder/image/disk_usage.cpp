// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/disk_usage.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/names.hpp"

namespace sealroot {
namespace {

constexpr std::string_view refs_folder = "images/refs/";

struct Object {
  Digest digest;
  ObjectUsage usage;
  std::uint32_t images = 0;  // that need it
};

ObjectUsage usage_of(const ObjectStore& store, const Digest& digest) {
  const ObjectStore::Usage usage = store.usage(digest);
  return {1, usage.size_bytes, usage.stored_bytes};
}

class UsageCount {
 public:
  explicit UsageCount(const Repository& repository) : repository_(repository) {
    const ObjectStore& store = repository.objects();
    for (const Digest& digest : read_object_names(store).objects) objects_.push_back({digest, usage_of(store, digest)});
  }

  RepositoryUsage run() {
    const RepositoryNames names = read_names(repository_);
    for (const RepositoryName& name : names.names) {
      if (name.category == Category::images) add_image(name);
    }
    for (ImageUsage& image : result_.images) add_refs(names.refs, image);
    count();
    return std::move(result_);
  }

 private:
  void add_image(const RepositoryName& name) {
    if (!name.object) throw Error(Fault::malformed, name.path + " " + name.problem);
    std::set<Digest> needed{*name.object};
    during(name.path, [&] {
      for (const erofs::ImageObject& object : erofs::image_objects(repository_.objects().read(*name.object))) {
        needed.insert(object.digest);
      }
    });
    ImageUsage image{*name.object, {}, {}, {}, {}};
    std::vector<std::size_t> places;
    for (const Digest& digest : needed) {
      const std::optional<std::size_t> place = find(digest);
      if (!place) {
        ++image.missing;
        continue;
      }
      ++objects_[*place].images;
      places.push_back(*place);
    }
    result_.images.push_back(std::move(image));
    places_.push_back(std::move(places));
  }

  std::optional<std::size_t> find(const Digest& digest) const {
    const auto less = [](const Object& object, const Digest& other) { return object.digest < other; };
    const auto found = std::lower_bound(objects_.begin(), objects_.end(), digest, less);
    if (found == objects_.end() || found->digest != digest) return std::nullopt;
    return static_cast<std::size_t>(found - objects_.begin());
  }

  static void add_refs(const std::vector<RepositoryName>& refs, ImageUsage& image) {
    for (const RepositoryName& ref : refs) {
      const bool names_it = ref.category == Category::images && ref.object == image.image;
      if (names_it) image.refs.push_back(ref.path.substr(refs_folder.size()));
    }
  }

  void count() {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      ImageUsage& image = result_.images[i];
      for (const std::size_t place : places_[i]) {
        image.total += objects_[place].usage;
        (objects_[place].images == 1 ? image.unique : image.shared) += objects_[place].usage;
      }
    }
    for (const Object& object : objects_) {
      result_.total += object.usage;
      (object.images == 0 ? result_.in_no_image : result_.in_images) += object.usage;
    }
  }

  const Repository& repository_;
  std::vector<Object> objects_;                   // ascending
  std::vector<std::vector<std::size_t>> places_;  // of each image: indexes of its objects
  RepositoryUsage result_;
};

}  // namespace

ObjectUsage& ObjectUsage::operator+=(const ObjectUsage& other) {
  objects += other.objects;
  bytes += other.bytes;
  stored += other.stored;
  return *this;
}

RepositoryUsage measure_usage(const Repository& repository) {
  if (repository.is_flat()) throw Error(Fault::usage, "a flat store does not say which images use it");
  return UsageCount(repository).run();
}

}  // namespace sealroot
