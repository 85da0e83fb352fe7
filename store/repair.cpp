// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The repair of objects, declared in fsck.hpp: damaged ones are set aside under a temporary name while good ones are
// stored, and dropped or put back afterwards.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/fsck.hpp"
#include "store/read_pieces.hpp"
#include "store/temporary_name.hpp"

namespace sealroot {

namespace {

constexpr std::size_t copy_bytes = std::size_t{1} << 20;

/// One file in the place of an object. Until restored() says that the object is back, the destructor returns it.
class SetAside {
 public:
  SetAside(const Fd& objects, const Digest& digest)
      : objects_(&objects), path_(object_path(digest)), aside_(path_.substr(0, 3) + temporary_name()) {
    if (::renameat(objects.get(), path_.c_str(), objects.get(), aside_.c_str()) == 0) return;
    if (errno != ENOENT) throw os_error("setting aside objects/" + path_);
    aside_.clear();
  }
  SetAside(SetAside&& other) noexcept
      : objects_(other.objects_), path_(std::move(other.path_)), aside_(std::exchange(other.aside_, {})) {}
  SetAside& operator=(SetAside&&) = delete;
  ~SetAside() {
    if (aside_.empty()) return;
    const int directory = objects_->get();
    const int result = ::renameat2(directory, aside_.c_str(), directory, path_.c_str(), RENAME_NOREPLACE);
    if (result < 0 && errno == EEXIST) ::unlinkat(directory, aside_.c_str(), 0);  // a good one is there meanwhile
  }

  void restored() {
    if (!aside_.empty()) ::unlinkat(objects_->get(), aside_.c_str(), 0);
    aside_.clear();
  }

 private:
  const Fd* objects_;
  std::string path_;
  std::string aside_;  ///< empty: there is no file to return
};

void copy_content(const Fd& file, std::uint64_t size_bytes, Bytes& buffer, Ingest& ingest) {
  ingest.begin(size_bytes);
  read_pieces(file, buffer, [&](ByteView piece) { ingest.write(piece); });
  ingest.end();
}

}  // namespace

ContentSource contents_of(const Repository& other, std::vector<Digest> wanted) {
  return [&other, wanted = std::move(wanted)](Ingest& ingest) {
    Bytes buffer(copy_bytes);
    for (const Digest& digest : wanted) {
      if (!other.objects().contains(digest)) continue;
      const Fd file = other.objects().open(digest);
      struct stat info {};
      if (::fstat(file.get(), &info) < 0) throw os_error("reading the size of object objects/" + object_path(digest));
      during("object objects/" + object_path(digest),
             [&] { copy_content(file, static_cast<std::uint64_t>(info.st_size), buffer, ingest); });
    }
    ingest.finish();
  };
}

std::size_t restore_objects(const Repository& repository, const std::vector<Digest>& lost,
                            const ContentSource& source) {
  repository.require_writable();
  const ObjectStore& store = repository.objects();
  std::vector<SetAside> aside;
  aside.reserve(lost.size());
  for (const Digest& digest : lost) aside.emplace_back(store.directory(), digest);
  Ingest ingest(&store, store.algorithm());
  source(ingest);
  repository.sync();  // before the damaged ones go
  std::size_t count = 0;
  for (std::size_t i = 0; i < lost.size(); ++i) {
    if (!store.contains(lost[i])) continue;
    aside[i].restored();
    ++count;
  }
  return count;
}

}  // namespace sealroot
