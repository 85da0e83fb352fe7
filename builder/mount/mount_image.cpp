// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/mount/mount_image.hpp"

#include <unistd.h>

#include <cerrno>

#include "builder/image/named_image.hpp"
#include "builder/mount/mount_api.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/erofs/format.hpp"
#include "store/verity/kernel.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {

namespace {

Digest measure_open_file(const Fd& file, Algorithm algorithm) {
  VerityHasher hasher(algorithm);
  Bytes buffer(std::size_t{1} << 20);
  for (off_t offset = 0;;) {
    const ssize_t got = ::pread(file.get(), buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("reading the image");
    if (got == 0) return hasher.finish();
    hasher.update(ByteView(buffer).first(static_cast<std::size_t>(got)));
    offset += got;
  }
}

void require_digest(const Digest& found, const Digest& expected) {
  if (found == expected) return;
  throw Error(Fault::untrusted, "has digest " + named_digest(found) + ", expected is " + named_digest(expected));
}

/// Measures the open file, so that it is this one that is mounted, whatever becomes of its name.
void measure_image(const Fd& image, const std::optional<Digest>& expected, bool verity, MountResult& result) {
  if (!expected) return;
  const std::optional<Digest> enforced = try_measure(image);
  if (!enforced && verity) {
    throw Error(
        Fault::untrusted,
        "has no fs-verity, so it could change while it is mounted; --insecure-no-verity mounts it nevertheless");
  }
  result.measured = enforced ? Measured::by_kernel : Measured::in_user_space;
  result.digest = enforced ? *enforced : measure_open_file(image, expected->algorithm());
  require_digest(*result.digest, *expected);
}

bool image_uses_acl(const Fd& image) {
  erofs::ComposefsHeader header;
  const ssize_t got = ::pread(image.get(), &header, sizeof header, 0);
  if (got < 0) throw os_error("reading the image");
  if (got != sizeof header || header.magic != erofs::composefs_magic)
    throw Error(Fault::malformed, "no composefs image");
  return (header.flags & erofs::composefs_flag_has_acl) != 0;
}

NewFileSystem configured_erofs(const Fd& source, bool acl) {
  NewFileSystem erofs("erofs");
  erofs.set("source", descriptor_path(source));
  erofs.set_flag("ro");
  if (!acl) erofs.try_set_flag("noacl");  // a kernel that refuses it has no ACLs in EROFS at all
  return erofs;
}

/// Kernels before 6.12 want a block device.
Fd mount_erofs(const Fd& image, MountResult& result) {
  const bool acl = image_uses_acl(image);
  NewFileSystem direct = configured_erofs(image, acl);
  if (direct.try_create()) return direct.mount(true);
  const Fd loop = attach_loop_device(image);
  NewFileSystem on_loop = configured_erofs(loop, acl);
  on_loop.create();
  result.loop_device = true;
  return on_loop.mount(true);
}

Fd open_directory(const std::string& path) { return open_at(working_directory(), path, O_PATH | O_DIRECTORY); }

/// A mount that is attached for as long as this lives.
class AttachedForNow {
 public:
  AttachedForNow(const Fd& mount, const Fd& place) : mount_(mount) { attach_mount(mount, place); }
  ~AttachedForNow() {
    try {
      detach_mount(mount_);
    } catch (const Error&) {
      // It was attached by us a moment ago; if it is gone already, all the better.
    }
  }
  AttachedForNow(const AttachedForNow&) = delete;
  AttachedForNow& operator=(const AttachedForNow&) = delete;

 private:
  const Fd& mount_;
};

struct Layers {
  const Fd& image;
  const Fd& objects;
  std::optional<Fd> upper{};
  std::optional<Fd> work{};
};

Fd mount_overlay(const Layers& layers, const MountOptions& options, const std::string& source) {
  NewFileSystem overlay("overlay");
  overlay.set("source", source);
  // `lower::data` is the one spelling of a data-only layer that every kernel from 6.5 on knows.
  overlay.set("lowerdir", descriptor_path(layers.image) + "::" + descriptor_path(layers.objects));
  overlay.set("metacopy", "on");
  overlay.set("redirect_dir", "on");
  overlay.set("verity", options.verity ? "require" : "off");
  if (layers.upper) {
    overlay.set("upperdir", descriptor_path(*layers.upper));
    overlay.set("workdir", descriptor_path(*layers.work));
  }
  overlay.create();
  return overlay.mount(!layers.upper);
}

/// What /proc/mounts says.
std::string source_name(const MountResult& result) {
  std::string name = "composefs";
  if (result.digest) name.append(1, ':').append(to_hex(*result.digest));
  return name;
}

struct OpenImage {
  Fd file;
  std::optional<Digest> expected;
};

OpenImage open_image_file(const MountOptions& options, const Repository& repository) {
  constexpr int flags = O_RDONLY | O_NONBLOCK;  // a fifo must not make us wait
  const std::optional<Digest> named = named_image(options.image, repository);
  if (named && options.digest) require_digest(*named, *options.digest);
  if (named) return {repository.objects().open(*named), named};
  return {open_at(working_directory(), options.image, flags), options.digest};
}

}  // namespace

void check_mount_options(const MountOptions& options) {
  if (options.repository.empty()) {
    throw Error(Fault::usage, "name the repository with the objects of the image with --repo");
  }
  if (options.upper_directory.empty() != options.work_directory.empty()) {
    throw Error(Fault::usage, "--upperdir and --workdir need each other");
  }
  check_id_ranges(options.users);
}

MountResult mount_image(const MountOptions& options) {
  check_mount_options(options);
  MountResult result;
  const Repository repository = *open_store_to_read(options.repository);
  const Fd place = open_directory(options.mountpoint);
  const Fd mount = during("mounting " + quoted(options.image), [&] {
    const OpenImage image = open_image_file(options, repository);
    measure_image(image.file, image.expected, options.verity, result);
    const Fd image_mount = mount_erofs(image.file, result);
    if (!options.users.empty()) map_mount_ids(image_mount, make_user_namespace(options.users));
    Layers layers{image_mount, repository.objects().directory()};
    if (!options.upper_directory.empty()) {
      layers.upper = open_directory(options.upper_directory);
      layers.work = open_directory(options.work_directory);
    }
    // Before 6.15 overlayfs takes attached layers only; the mountpoint is a place for it that exists and that nobody
    // uses yet. The overlay keeps its layers alive by itself.
    const AttachedForNow attached(image_mount, place);
    return mount_overlay(layers, options, source_name(result));
  });
  during("mounting on " + quoted(options.mountpoint), [&] { attach_mount(mount, place); });
  return result;
}

}  // namespace sealroot
