// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/spill_memory.hpp"

#include <memory_resource>
#include <mutex>

#include "store/core/spill_file.hpp"

namespace sealroot {
namespace {

class SpillMemory {
 public:
  void* allocate(std::size_t size_bytes, std::size_t alignment) {
    const std::lock_guard lock(mutex_);
    return pool_.allocate(size_bytes, alignment);
  }
  void limit_mapped() { file_.limit_mapped_pages(); }
  void free(void* start, std::size_t size_bytes, std::size_t alignment) {
    const std::lock_guard lock(mutex_);
    pool_.deallocate(start, size_bytes, alignment);
  }

 private:
  SpillFile file_;
  std::mutex mutex_;
  // Chunks double up to 16384 blocks: 256 KiB of the smallest, which is enough to be worth a mapping.
  std::pmr::unsynchronized_pool_resource pool_{{.max_blocks_per_chunk = 16384, .largest_required_pool_block = 4096},
                                               &file_};
};

/// Never destroyed: what stands in it is, at the end of the program, in any order.
SpillMemory& spill_memory() {
  static SpillMemory& memory = *new SpillMemory;
  return memory;
}

}  // namespace

void* allocate_spillable(std::size_t size_bytes, std::size_t alignment) {
  visit_spilled();
  return spill_memory().allocate(size_bytes, alignment);
}

void limit_mapped_spill() { spill_memory().limit_mapped(); }

void free_spillable(void* start, std::size_t size_bytes, std::size_t alignment) noexcept {
  visit_spilled();
  spill_memory().free(start, size_bytes, alignment);
}

}  // namespace sealroot
