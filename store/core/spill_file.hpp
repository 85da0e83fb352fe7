// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Memory that the kernel can write out: up to a limit it is ordinary, what is more is mapped from an unnamed file in
// $TMPDIR, else /var/tmp. Such a file needs no swap space, and a container whose memory is limited goes on with it.
//
//   allocate(): a little -> the heap;  as long as Limits allow -> anonymous memory;  else -> the file
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <mutex>
#include <optional>

#include "store/core/fd.hpp"

namespace sealroot {

class SpillFile : public std::pmr::memory_resource {
 public:
  /// What may be anonymous, and of the file mapped at a time.
  struct Limits {
    std::size_t anonymous_bytes = std::size_t{24} << 20;
    std::size_t mapped_bytes = std::size_t{16} << 20;
  };

  SpillFile() : SpillFile(Limits()) {}
  explicit SpillFile(const Limits& limits) : limits_(limits) {}
  ~SpillFile() override;

  /// Ends mappings of pages, if more of the process's memory is mapped from files than should be. To be called now and
  /// then by whoever reads or writes what was allocated here, from any thread: nothing of it is lost, and what is
  /// needed next comes from the page cache, where the kernel may have written it out.
  void limit_mapped_pages();

  /// What of the file is allocated.
  std::uint64_t file_bytes();

 private:
  struct Mapping {
    std::size_t size_bytes = 0;
    std::uint64_t offset = 0;
  };

  void* do_allocate(std::size_t size_bytes, std::size_t alignment) override;
  void do_deallocate(void* start, std::size_t size_bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  void open_file();
  void* map_file(std::size_t size_bytes);
  std::size_t mapped_file_bytes() const;

  const Limits limits_;
  std::mutex mutex_;
  std::size_t anonymous_bytes_ = 0;
  std::optional<Fd> file_;  // none inside, if there can't be one
  Fd statistics_;
  std::atomic<std::size_t> mapped_limit_ = 0;  // of all files; 0: nothing is mapped yet
  std::uint64_t file_end_ = 0;
  std::map<void*, Mapping> mappings_;  // of the file
};

}  // namespace sealroot
