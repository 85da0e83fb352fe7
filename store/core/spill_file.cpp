// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/spill_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <new>

#include "store/core/bytes.hpp"
#include "store/core/error.hpp"
#include "store/core/unnamed_file.hpp"

namespace sealroot {
namespace {

constexpr std::size_t page_size = 4096;
/// Less is not worth a mapping of its own.
constexpr std::size_t min_mapping_size = std::size_t{64} << 10;

/// None inside, if it would be a file in memory, which would save none.
Fd open_file_on_disk() {
  Fd file = open_unnamed_file();
  struct statfs info {};
  if (::fstatfs(file.get(), &info) < 0 || info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC) return Fd();
  return file;
}

void* map(std::size_t size_bytes, int flags, int file, std::uint64_t offset) {
  void* const start = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, flags, file, static_cast<off_t>(offset));
  return start == MAP_FAILED ? nullptr : start;
}

}  // namespace

SpillFile::~SpillFile() {
  for (const auto& [start, mapping] : mappings_) ::munmap(start, mapping.size_bytes);
}

void* SpillFile::do_allocate(std::size_t size_bytes, std::size_t alignment) {
  if (size_bytes < min_mapping_size) return ::operator new(size_bytes, std::align_val_t(alignment));
  const std::size_t whole = round_up(size_bytes, page_size);
  const std::lock_guard lock(mutex_);
  void* start = nullptr;
  if (anonymous_bytes_ + whole > limits_.anonymous_bytes) start = map_file(whole);
  if (start == nullptr) {
    start = map(whole, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == nullptr) throw std::bad_alloc();
    anonymous_bytes_ += whole;
  }
  return start;
}

void SpillFile::do_deallocate(void* start, std::size_t size_bytes, std::size_t alignment) {
  if (size_bytes < min_mapping_size) return ::operator delete(start, std::align_val_t(alignment));
  const std::size_t whole = round_up(size_bytes, page_size);
  const std::lock_guard lock(mutex_);
  ::munmap(start, whole);
  const auto mapping = mappings_.find(start);
  if (mapping == mappings_.end()) {
    anonymous_bytes_ -= whole;
    return;
  }
  ::fallocate(file_->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(mapping->second.offset),
              static_cast<off_t>(whole));
  mappings_.erase(mapping);
}

/// What of the process's memory is mapped from files, this one and all others.
std::size_t SpillFile::mapped_file_bytes() const {
  std::array<char, 128> text{};
  if (::pread(statistics_.get(), text.data(), text.size() - 1, 0) <= 0) return 0;
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  if (std::sscanf(text.data(), "%zu %zu %zu", &size, &resident, &shared) != 3) return 0;
  return shared * page_size;
}

void SpillFile::open_file() {
  try {
    file_ = open_file_on_disk();
  } catch (const Error&) {
    file_ = Fd();
  }
  if (!*file_) return;
  statistics_ = Fd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  mapped_limit_ = mapped_file_bytes() + limits_.mapped_bytes;
}

/// Null where there is no file, or no room on the disk: a hole would end the program where it is first written to.
void* SpillFile::map_file(std::size_t size_bytes) {
  if (!file_) open_file();
  if (!*file_) return nullptr;
  if (::fallocate(file_->get(), 0, static_cast<off_t>(file_end_), static_cast<off_t>(size_bytes)) < 0) return nullptr;
  void* const start = map(size_bytes, MAP_SHARED, file_->get(), file_end_);
  if (start == nullptr) return nullptr;
  ::madvise(start, size_bytes, MADV_DONTFORK);  // what a child writes there would be the parent's
  mappings_[start] = {size_bytes, file_end_};
  file_end_ += size_bytes;
  return start;
}

std::uint64_t SpillFile::file_bytes() {
  const std::lock_guard lock(mutex_);
  std::uint64_t size = 0;
  for (const auto& [start, mapping] : mappings_) size += mapping.size_bytes;
  return size;
}

void SpillFile::limit_mapped_pages() {
  const std::size_t limit = mapped_limit_.load(std::memory_order_acquire);
  if (limit == 0 || mapped_file_bytes() <= limit) return;
  const std::lock_guard lock(mutex_);
  for (const auto& [start, mapping] : mappings_) ::madvise(start, mapping.size_bytes, MADV_DONTNEED);
}

}  // namespace sealroot
