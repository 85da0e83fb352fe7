// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/mount_api.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sealroot {
namespace {

// Header in front of the EROFS superblock. Source: lcfs-erofs.h of composefs
struct ImageHeader {
  le32 magic;
  le32 version;
  le32 flags;
  le32 composefs_version;
};
constexpr std::uint32_t image_magic = 0xd078629a;
constexpr std::uint32_t image_has_acl = 1;

// Ends the boot with the file system's own words for what it refuses ("e overlay: Unknown parameter 'verity'"), if it
// has any, else with the errno.
[[noreturn]] void fail_mount(Boot& boot, Code code, int fs, std::string_view step, long error) {
  std::array<std::uint8_t, 256> line{};
  const long size = boot.kernel.fs_message(fs, line);
  if (size <= 0) boot.fail(code, {step}, error);
  std::string_view message = as_text(ByteView(line).first(static_cast<std::size_t>(size)));
  if (message.ends_with('\n')) message.remove_suffix(1);
  boot.fail(code, {step, ": ", message}, error);
}

[[noreturn]] void fail_open(Boot& boot, const Plan& plan, long error) {
  // ext4 does not open a sealed file under a kernel that could not verify it.
  if (error == -EOPNOTSUPP) boot.fail(Code::no_verity, {"kernel without fs-verity"}, error);
  // A damaged fs-verity descriptor shows already when the file is opened.
  if (error == -EIO || error == -EBADMSG || error == -EFBIG || error == -EINVAL) {
    boot.fail(Code::no_verity, {"image fs-verity damaged: ", plan.image.view()}, error);
  }
  boot.fail(Code::image_missing, {"image missing: ", plan.image.view()}, error);
}

[[noreturn]] void fail_digest(Boot& boot, const Plan& plan, const Measurement& found) {
  Reason reason{"image digest mismatch want="};
  reason.append_hex(plan.digest.bytes()).append(" got=");
  reason.append_hex(ByteView(found.value).first(std::min<std::size_t>(found.size, max_digest_size)));
  boot.fail(Code::wrong_digest, {reason.view()});
}

bool image_uses_acl(Boot& boot, int image) {
  std::array<std::uint8_t, sizeof(ImageHeader)> raw{};
  const long size = boot.kernel.read(image, raw, 0);
  if (size < 0) boot.fail(Code::image, {"reading the image"}, size);
  ImageHeader header;
  std::memcpy(&header, raw.data(), sizeof(header));
  if (header.magic != image_magic) boot.fail(Code::image, {"not a composefs image"});
  return (header.flags & image_has_acl) != 0;
}

long create_image_mount(Kernel& kernel, int fs, std::string_view source, bool acl) {
  const Path path{source};
  long result = kernel.fs_set(fs, "source", path.c_str());
  if (result >= 0) result = kernel.fs_set(fs, "ro", nullptr);
  // A kernel that refuses the flag has no ACLs in EROFS at all.
  if (result >= 0 && !acl) kernel.fs_set(fs, "noacl", nullptr);
  return result < 0 ? result : kernel.fs_create(fs);
}

int open_file_system(Boot& boot, Code code, const char* type) {
  const long fs = boot.kernel.fs_open(type);
  if (fs < 0) boot.fail(code, {type}, fs);
  return static_cast<int>(fs);
}

int attach_loop(Boot& boot, int image) {
  const long control = boot.kernel.open(Kernel::working_directory, "/dev/loop-control", O_RDWR, PathRule::trusted);
  const long loop = control < 0 ? control : boot.kernel.attach_loop(static_cast<int>(control), image);
  if (loop < 0) boot.fail(Code::image, {"erofs: loop device"}, loop);
  return static_cast<int>(loop);
}

}  // namespace

int open_measured_image(Boot& boot, const Plan& plan, int physical) {
  boot.facts.stage = Stage::image;
  boot.facts.image = plan.image;
  // O_NONBLOCK: a planted fifo must not stop the boot.
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  const long image = boot.kernel.open(physical, plan.image.c_str(), flags, PathRule::beneath);
  if (image < 0) fail_open(boot, plan, image);
  const int fd = static_cast<int>(image);
  FileStatus status;
  if (const long result = boot.kernel.status(fd, "", status); result < 0) fail_open(boot, plan, result);
  if (!S_ISREG(status.mode)) boot.fail(Code::image_missing, {"image missing: not a regular file: ", plan.image.view()});
  Measurement found;
  const long measured = boot.kernel.measure(fd, found);
  const bool has_none = measured == -ENODATA || measured == -ENOTTY || measured == -EOPNOTSUPP;
  if (plan.unsealed && has_none) return fd;
  if (measured < 0) boot.fail(Code::no_verity, {"image has no fs-verity"}, measured);
  boot.facts.found = found;
  const ByteView want = plan.digest.bytes();
  const bool same = found.algorithm == static_cast<std::uint16_t>(plan.digest.algorithm()) &&
                    found.size == want.size() && std::memcmp(found.value, want.data(), want.size()) == 0;
  if (!same) fail_digest(boot, plan, found);
  return fd;
}

int mount_image(Boot& boot, int image) {
  boot.facts.stage = Stage::erofs;
  const bool acl = image_uses_acl(boot, image);
  int fs = open_file_system(boot, Code::image, "erofs");
  long created = create_image_mount(boot.kernel, fs, descriptor_path(image).view(), acl);
  if (created == -ENOTBLK) {
    const int loop = attach_loop(boot, image);
    fs = open_file_system(boot, Code::image, "erofs");
    created = create_image_mount(boot.kernel, fs, descriptor_path(loop).view(), acl);
  }
  if (created < 0) fail_mount(boot, Code::image, fs, "erofs", created);
  const long mount = boot.kernel.fs_mount(fs, mount_read_only);
  if (mount < 0) boot.fail(Code::image, {"erofs: mounting"}, mount);
  return static_cast<int>(mount);
}

int mount_new_root(Boot& boot, const Plan& plan, int image_mount, int objects) {
  boot.facts.stage = Stage::overlay;
  Kernel& kernel = boot.kernel;
  const int fs = open_file_system(boot, Code::overlay, "overlay");
  const Text<160> source = Text<160>({"composefs:"}).append_hex(plan.digest.bytes());
  long result = kernel.fs_set(fs, "source", source.c_str());
  if (result < 0) fail_mount(boot, Code::overlay, fs, "overlay: source", result);
  // `lower::data` is the one spelling of a data-only layer that every kernel from 6.5 on knows.
  const Path layers{descriptor_path(image_mount).view(), "::", descriptor_path(objects).view()};
  result = kernel.fs_set(fs, "lowerdir", layers.c_str());
  if (result < 0) fail_mount(boot, Code::overlay, fs, "overlay: lowerdir", result);
  for (const MountOption& option : plan.options()) {
    const Text<64> step{"overlay: ", option.key, "=", option.value};
    result = kernel.fs_set(fs, option.key, option.value);
    if (result < 0) fail_mount(boot, Code::overlay, fs, step.view(), result);
  }
  result = kernel.fs_create(fs);
  if (result < 0) fail_mount(boot, Code::overlay, fs, "overlay", result);
  const long mount = kernel.fs_mount(fs, mount_read_only);
  if (mount < 0) boot.fail(Code::overlay, {"overlay: mounting"}, mount);
  return static_cast<int>(mount);
}

}  // namespace sealroot
