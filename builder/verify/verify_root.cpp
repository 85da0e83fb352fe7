// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/verify/verify_root.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/image_objects.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
constexpr std::uint64_t max_image_bytes = std::uint64_t{1} << 30;  // metadata of some millions of files
constexpr std::uint64_t max_state_names = 1'000'000;

Error untrusted(const std::string& reason) { return {Fault::untrusted, reason}; }

}  // namespace

/// Descriptor and tree stand where ext4 looks for them and are those of the content.
void RootVerifier::check_metadata(const ext4::FoundInode& inode, ByteView tree, ByteView descriptor) {
  const std::uint64_t block = reader_.block_size();
  const std::uint64_t tree_at = round_up(inode.size_bytes, ext4::verity_alignment_bytes);
  const std::uint64_t end = inode.end * block;
  if (end < tree_at + tree.size() + block) throw untrusted("its fs-verity metadata is missing");
  le32 length;
  reader_.read(inode, end - sizeof(length), length.raw);
  // Its start is rounded down to a block. Source: ext4_get_verity_descriptor_location()
  const std::uint64_t descriptor_at = (end - sizeof(length) - descriptor.size()) / block * block;
  if (length != descriptor.size() || descriptor_at < tree_at + tree.size()) {
    throw untrusted("its fs-verity descriptor is not where the kernel looks for it");
  }
  Bytes found(descriptor.size());
  reader_.read(inode, descriptor_at, found);
  if (!std::ranges::equal(found, descriptor)) throw untrusted("its fs-verity descriptor is another one");
  Bytes piece(buffer_bytes);
  for (std::size_t done = 0; done < tree.size();) {
    const auto part = std::span(piece).first(std::min(piece.size(), tree.size() - done));
    reader_.read(inode, tree_at + done, part);
    if (!std::ranges::equal(part, tree.subspan(done, part.size()))) {
      throw untrusted("its Merkle tree does not fit its data");
    }
    done += part.size();
  }
}

Bytes RootVerifier::verify_object(const Digest& digest, bool keep_content) {
  const std::string path = object_path(digest);
  const std::string folder = path.substr(0, 2);
  auto known = directories_.find(folder);
  if (known == directories_.end()) {
    known = directories_.emplace(folder, std::map<std::string, std::uint32_t>{}).first;
    if (const auto number = reader_.find("/composefs/objects/" + folder)) {
      for (const ext4::FoundName& name : reader_.list(*number)) known->second.emplace(name.name, name.inode);
    }
  }
  const auto entry = known->second.find(path.substr(3));
  if (entry == known->second.end()) throw untrusted("missing");
  const ext4::FoundInode inode = reader_.inode(entry->second);
  if (!S_ISREG(inode.mode)) throw untrusted("not a regular file");
  if (!inode.sealed) throw untrusted("not sealed: it has no fs-verity");
  if (keep_content && inode.size_bytes > max_image_bytes) throw untrusted("too large for an image");
  // A hole at the end could claim any size; reading zeros for years is no proof.
  if (inode.size_bytes > std::min(inode.end * reader_.block_size(), reader_.size_bytes())) {
    throw untrusted("its data is missing");
  }

  Bytes content;
  VerityHasher hasher(digest.algorithm(), Keep::tree);
  Bytes piece(buffer_bytes);
  for (std::uint64_t done = 0; done < inode.size_bytes;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), inode.size_bytes - done));
    const auto part = std::span(piece).first(size);
    reader_.read(inode, done, part);
    hasher.update(part);
    if (keep_content) content.insert(content.end(), part.begin(), part.end());
    done += size;
  }
  const VerityMetadata metadata = hasher.finish_metadata();
  if (metadata.digest != digest) throw untrusted("its bytes give another digest: " + to_hex(metadata.digest));
  check_metadata(inode, metadata.tree, metadata.descriptor);
  ++proof_.object_count;
  proof_.object_bytes += inode.size_bytes;
  if (progress_) progress_(proof_.object_bytes);
  return content;
}

void RootVerifier::verify_image(const Digest& image) {
  const auto label = [](const Digest& digest) { return "root: composefs/objects/" + object_path(digest); };
  if (!seen_.insert(image).second) return;
  std::set<erofs::ImageObject> objects;
  try {
    objects = erofs::image_objects(verify_object(image, true));
  } catch (const Error& error) {
    return find(label(image), std::string("the image of a UKI: ") + error.what());
  }
  for (const auto& [object, size_bytes] : objects) {
    if (!seen_.insert(object).second) continue;
    try {
      if (object.algorithm() != image.algorithm()) throw untrusted("of another algorithm than the image");
      verify_object(object, false);
    } catch (const Error& error) {
      find(label(object), error.what());
    }
  }
}

std::uint64_t RootVerifier::count_files(const std::string& path) const {
  std::uint64_t count = 0;
  std::set<std::uint32_t> visited;
  std::vector<std::uint32_t> open;
  if (const auto top = reader_.find(path)) open.push_back(*top);
  while (!open.empty() && count < max_state_names) {
    const std::uint32_t directory = open.back();
    open.pop_back();
    if (!visited.insert(directory).second) continue;
    for (const ext4::FoundName& name : reader_.list(directory)) {
      ++count;
      if (S_ISDIR(reader_.inode(name.inode).mode)) open.push_back(name.inode);
    }
  }
  return count;
}

void RootVerifier::list_state(const Digest& image, const std::string& etc, const std::string& var) {
  const auto add = [&](const std::string& what, const std::string& path) {
    std::string count = "?";
    try {
      count = std::to_string(count_files(path));
    } catch (const Error&) {
      count = "an unreadable number of";
    }
    proof_.uncovered.push_back(what + ", kept in " + path.substr(1) + " (" + count + " names)");
  };
  const std::string deployment = "/state/deploy/" + to_hex(image);
  if (etc == "overlay") add("changes to /etc", deployment + "/etc/upper");
  if (etc == "bind") add("/etc", deployment + "/etc");
  if (var == "bind") add("/var", "/state/os/default/var");
}

}  // namespace sealroot
