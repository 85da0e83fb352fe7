// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/install/block_device.hpp"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr int sector_bytes = 512;
constexpr std::size_t piece_bytes = std::size_t{1} << 20;
constexpr std::uint64_t zeroed_at_once = std::uint64_t{256} << 20;

Bytes read_start(const Fd& file) {
  Bytes start(piece_bytes);
  const ssize_t got = ::pread(file.get(), start.data(), start.size(), 0);
  if (got < 0) throw os_error("reading");
  start.resize(static_cast<std::size_t>(got));
  return start;
}

void zero(const BlockDevice& device, std::uint64_t from, std::uint64_t to,
          const std::function<void(std::uint64_t)>& progress) {
  while (from < to) {
    const std::uint64_t size = std::min(to - from, zeroed_at_once);
    std::array<std::uint64_t, 2> range{from, size};
    if (::ioctl(device.file.get(), BLKZEROOUT, range.data()) < 0) throw os_error("writing zeros");
    from += size;
    progress(from);
  }
}

void copy(const Fd& image, const BlockDevice& device, std::uint64_t from, std::uint64_t to,
          const std::function<void(std::uint64_t)>& progress) {
  Bytes piece(piece_bytes);
  while (from < to) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), to - from));
    const ssize_t got = ::pread(image.get(), piece.data(), wanted, static_cast<off_t>(from));
    if (got < 0) throw os_error("reading the disk image");
    if (got == 0) throw Error(Fault::os, "reading the disk image: it ends too early");
    write_all_at(device.file, ByteView(piece).first(static_cast<std::size_t>(got)), from);
    from += static_cast<std::uint64_t>(got);
    progress(from);
  }
}

/// Where the next data or hole begins, or the end.
std::uint64_t seek(const Fd& image, std::uint64_t from, int what, std::uint64_t end) {
  const off_t found = ::lseek(image.get(), static_cast<off_t>(from), what);
  if (found >= 0) return std::min(static_cast<std::uint64_t>(found), end);
  if (errno == ENXIO) return end;
  throw os_error("looking for data in the disk image");
}

}  // namespace

BlockDevice open_block_device(const std::string& path, bool wipe) {
  return during("disk " + quoted(path), [&] {
    BlockDevice device;
    device.file = Fd(::open(path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    if (!device.file && errno == EBUSY) throw Error(Fault::usage, "in use: it, or a partition of it, is mounted");
    if (!device.file) throw os_error("opening");
    struct stat info {};
    if (::fstat(device.file.get(), &info) < 0) throw os_error("reading what it is");
    if (!S_ISBLK(info.st_mode)) throw Error(Fault::usage, "not a block device; --image makes a file");
    int sector = 0;
    if (::ioctl(device.file.get(), BLKGETSIZE64, &device.size_bytes) < 0 ||
        ::ioctl(device.file.get(), BLKSSZGET, &sector) < 0) {
      throw os_error("asking for its size");
    }
    if (sector != sector_bytes) {
      throw Error(Fault::usage, "has sectors of " + std::to_string(sector) + " bytes; only 512 are known");
    }
    const Bytes start = read_start(device.file);
    if (!wipe && std::ranges::any_of(start, [](std::uint8_t byte) { return byte != 0; })) {
      throw Error(Fault::usage, "holds something already: --wipe overwrites all of it");
    }
    return device;
  });
}

void copy_to_device(const Fd& image, const BlockDevice& device, const std::function<void(std::uint64_t)>& progress) {
  struct stat info {};
  if (::fstat(image.get(), &info) < 0) throw os_error("reading the size of the disk image");
  const auto end = static_cast<std::uint64_t>(info.st_size);
  for (std::uint64_t at = 0; at < end;) {
    const std::uint64_t data = seek(image, at, SEEK_DATA, end);
    zero(device, at, data, progress);
    at = seek(image, data, SEEK_HOLE, end);
    copy(image, device, data, at, progress);
  }
  zero(device, end, device.size_bytes & ~std::uint64_t{sector_bytes - 1}, progress);
  if (::fsync(device.file.get()) < 0) throw os_error("syncing");
  ::ioctl(device.file.get(), BLKRRPART);  // somebody else may keep it busy; the next boot reads it anyway
}

}  // namespace sealroot
