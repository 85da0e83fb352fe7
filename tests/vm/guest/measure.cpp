// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// /init of a test machine: asks the kernel for the digest of every object of a sealed disk, compares it with the
// object's name, and reads every byte through fs-verity. Apart from the product's code on purpose: it is the oracle.
//
//   measured_partition=/dev/...   on the kernel command line names the root partition
//   SEALROOT-CHECK objects=N      objects looked at
//   SEALROOT-CHECK blocks=N       blocks of them, each read by itself
//   SEALROOT-CHECK unreadable=N   blocks that the kernel refused to give, all of them with an I/O error
//   SEALROOT-CHECK bad=PATH why   one line for each object that disagrees
//   SEALROOT-CHECK measure=done   the walk is complete
#include <dirent.h>
#include <fcntl.h>
#include <linux/fsverity.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr std::size_t largest_digest = 64;
constexpr off_t block_size = 4096;

std::size_t block_count = 0;
std::size_t unreadable_count = 0;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(folder.c_str()), closedir);
  while (directory != nullptr) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  return names;
}

std::string hex(const unsigned char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    std::array<char, 3> pair{};
    std::snprintf(pair.data(), pair.size(), "%02x", bytes[i]);
    text += pair.data();
  }
  return text;
}

/// What the kernel says about an open file: its digest in hex, or the reason why there is none.
std::string measure(int fd) {
  alignas(fsverity_digest) std::array<unsigned char, sizeof(fsverity_digest) + largest_digest> buffer{};
  auto* digest = reinterpret_cast<fsverity_digest*>(buffer.data());
  digest->digest_size = largest_digest;
  if (ioctl(fd, FS_IOC_MEASURE_VERITY, digest) != 0) return std::strerror(errno);
  return hex(buffer.data() + sizeof(fsverity_digest), digest->digest_size);
}

/// How many blocks of an open file can't be read; empty if all can.
std::string unreadable_blocks(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return std::strerror(errno);
  static std::array<char, block_size> block;
  std::size_t unreadable = 0;
  for (off_t offset = 0; offset < info.st_size; offset += block_size) {
    ++block_count;
    if (pread(fd, block.data(), block.size(), offset) > 0) continue;
    if (errno != EIO) return std::strerror(errno);
    ++unreadable;
  }
  unreadable_count += unreadable;
  return unreadable == 0 ? std::string() : std::to_string(unreadable) + " blocks unreadable";
}

/// Empty if the object is what its name says and can be read to its end.
std::string fault_of(const std::string& path, const std::string& name) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::strerror(errno);
  std::string fault;
  if (const std::string measured = measure(fd); measured != name) fault = "kernel says " + measured;
  if (fault.empty()) fault = unreadable_blocks(fd);
  close(fd);
  return fault;
}

void measure_all(const std::string& objects) {
  std::size_t count = 0;
  for (const std::string& first : names_in(objects)) {
    for (const std::string& rest : names_in(objects + "/" + first)) {
      const std::string path = objects + "/" + first + "/" + rest;
      if (const std::string fault = fault_of(path, first + rest); !fault.empty()) {
        std::printf("SEALROOT-CHECK bad=%s %s\n", path.c_str(), fault.c_str());
      }
      ++count;
    }
  }
  std::printf("SEALROOT-CHECK objects=%zu\nSEALROOT-CHECK blocks=%zu\nSEALROOT-CHECK unreadable=%zu\n", count, block_count,
              unreadable_count);
}

}  // namespace

int main() {
  mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
  const char* partition = std::getenv("measured_partition");  // the kernel hands unknown arguments to init
  mkdir("/disk", 0755);
  if (partition == nullptr || mount(partition, "/disk", "ext4", MS_RDONLY, nullptr) != 0) {
    std::printf("SEALROOT-CHECK bad=%s %s\n", partition == nullptr ? "no partition" : partition, std::strerror(errno));
  } else {
    measure_all("/disk/composefs/objects");
  }
  std::printf("SEALROOT-CHECK measure=done\n");
  std::fflush(stdout);
  reboot(RB_POWER_OFF);
}
