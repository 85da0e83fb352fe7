// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/gc.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/names.hpp"
#include "store/splitstream.hpp"

namespace sealroot {

namespace {

class Marker {
 public:
  Marker(const Repository& repository, const RepositoryNames& names) : repository_(repository) {
    for (const RepositoryName& name : names.names) {
      if (name.object) categories_.emplace(*name.object, name.category);
    }
  }

  /// Marks an object with a name and all it refers to.
  void mark(const Digest& root, Category category) {
    std::vector<std::pair<Digest, Category>> pending{{root, category}};
    while (!pending.empty()) {
      const std::pair<Digest, Category> object = pending.back();
      pending.pop_back();
      if (!walked_.insert(object).second) continue;
      live_.insert(object.first);
      const Bytes content = repository_.objects().read(object.first);
      during("object objects/" + object_path(object.first), [&] {
        if (object.second == Category::images) {
          for (const erofs::ImageObject& each : erofs::image_objects(content)) live_.insert(each.digest);
        } else {
          add_stream(content, pending);
        }
      });
    }
  }

  /// Marks any object, and what it refers to if it is an image or a splitstream.
  void mark_unknown(const Digest& digest) {
    if (digest.algorithm() != repository_.algorithm()) {
      throw Error(Fault::usage, to_hex(digest) + ": this repository has other digests");
    }
    if (const auto named = categories_.find(digest); named != categories_.end()) return mark(digest, named->second);
    if (erofs::looks_like_image(repository_.objects().read(digest))) return mark(digest, Category::images);
    live_.insert(digest);
  }

  bool is_live(const Digest& digest) const { return live_.contains(digest); }

 private:
  void add_stream(ByteView content, std::vector<std::pair<Digest, Category>>& pending) {
    const SplitstreamRefs refs = read_splitstream_refs(content, repository_.algorithm());
    live_.insert(refs.objects.begin(), refs.objects.end());
    live_.insert(refs.streams.begin(), refs.streams.end());
    for (const Digest& digest : refs.streams) {
      const auto named = categories_.find(digest);  // one without a name is nothing that could be opened
      if (named != categories_.end()) pending.emplace_back(digest, named->second);
    }
  }

  const Repository& repository_;
  std::map<Digest, Category> categories_;
  std::set<std::pair<Digest, Category>> walked_;
  std::set<Digest> live_;
};

void mark_named_root(const std::string& root, const RepositoryNames& names, Marker& marker) {
  bool known = false;
  for (const RepositoryName& name : names.names) {
    if (name.path.substr(name.path.find('/') + 1) != root) continue;
    if (!name.object) throw Error(Fault::missing, quoted(name.path) + ": " + name.problem);
    known = true;
    marker.mark(*name.object, name.category);
  }
  if (!known) throw Error(Fault::missing, "there is no image or stream " + quoted(root));
}

/// Everything a root reaches; throws if one can't be read.
std::uint64_t mark_roots(const RepositoryNames& names, const GcOptions& options, Marker& marker) {
  for (const RepositoryName& ref : names.refs) {
    during(quoted(ref.path), [&] {
      if (!ref.object) throw Error(Fault::malformed, ref.problem);
      marker.mark(*ref.object, ref.category);
    });
  }
  for (const std::string& root : options.roots) mark_named_root(root, names, marker);
  for (const Digest& digest : options.keep) marker.mark_unknown(digest);
  return names.refs.size() + options.roots.size() + options.keep.size();
}

void remove_file(const Fd& directory, const std::string& path) {
  const std::size_t slash = path.rfind('/');  // its folder is opened by itself, so that no symlink leads elsewhere
  const Fd folder = open_beneath(directory, path.substr(0, slash), O_RDONLY | O_DIRECTORY);
  if (::unlinkat(folder.get(), path.substr(slash + 1).c_str(), 0) < 0 && errno != ENOENT) {
    throw os_error("removing " + quoted(path));
  }
}

std::vector<Digest> find_dead_objects(const Repository& repository, const std::vector<Digest>& objects,
                                      const Marker& marker, GcReport& report) {
  std::vector<Digest> dead;
  for (const Digest& digest : objects) {
    if (marker.is_live(digest)) {
      ++report.kept_objects;
      continue;
    }
    struct stat info {};
    const std::string path = object_path(digest);
    if (::fstatat(repository.objects().directory().get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
      throw os_error("reading the size of objects/" + path);
    }
    dead.push_back(digest);
    ++report.removed_objects;
    report.removed_bytes += static_cast<std::uint64_t>(info.st_size);
  }
  return dead;
}

}  // namespace

GcReport collect_garbage(const Repository& repository, const GcOptions& options) {
  if (!options.dry_run) {
    repository.require_writable();
    repository.lock_exclusive();
  }
  GcReport report;
  const auto unreadable = "gc: root unreadable, nothing deleted";
  const RepositoryNames names = during(unreadable, [&] { return read_names(repository); });
  Marker marker(repository, names);
  report.root_count = during(unreadable, [&] { return mark_roots(names, options, marker); });
  for (const RepositoryName& name : names.names) {
    if (name.object && !marker.is_live(*name.object)) report.removed_names.push_back(name.path);
  }
  const ObjectNames objects = read_object_names(repository.objects());
  const std::vector<Digest> dead = find_dead_objects(repository, objects.objects, marker, report);
  report.leftovers = names.leftovers;
  report.leftovers.insert(report.leftovers.end(), objects.leftovers.begin(), objects.leftovers.end());
  if (options.dry_run) return report;

  for (const std::string& path : report.removed_names) remove_file(repository.directory(), path);
  repository.sync();  // names are gone for good before what they led to
  for (const Digest& digest : dead) remove_file(repository.directory(), "objects/" + object_path(digest));
  for (const std::string& path : report.leftovers) remove_file(repository.directory(), path);
  return report;
}

}  // namespace sealroot
