// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Memory for what there is one of for each file of an image, and there may be millions: where it is much, it stands in
// a temporary file instead of RAM (spill_file.hpp). One for the process, of all threads.
#pragma once

#include <cstddef>
#include <vector>

namespace sealroot {

/// `alignment` is at most that of std::max_align_t. Throws std::bad_alloc.
void* allocate_spillable(std::size_t size_bytes, std::size_t alignment);
void free_spillable(void* start, std::size_t size_bytes, std::size_t alignment) noexcept;

/// SpillFile::limit_mapped_pages().
void limit_mapped_spill();

/// To be called for each element by whoever goes through many: so few are visited between two looks at how much is
/// mapped that it can't be much more than it should be, even if each brings 16 pages with it, as reading does.
inline void visit_spilled() {
  constexpr unsigned visits_between_looks = 512;
  constinit thread_local unsigned visits = 0;
  if (++visits % visits_between_looks == 0) limit_mapped_spill();
}

/// For containers of the standard library.
template <typename T>
struct SpillAllocator {
  using value_type = T;

  SpillAllocator() = default;
  template <typename Other>
  SpillAllocator(const SpillAllocator<Other>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_spillable(count * sizeof(T), alignof(T))); }
  void deallocate(T* start, std::size_t count) noexcept { free_spillable(start, count * sizeof(T), alignof(T)); }

  friend bool operator==(const SpillAllocator&, const SpillAllocator&) { return true; }
};

template <typename T>
using SpillVector = std::vector<T, SpillAllocator<T>>;

}  // namespace sealroot
