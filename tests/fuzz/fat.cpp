// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// FAT file systems and partition tables of disk images from anyone.
#include "builder/disk/fat.hpp"

#include <sys/mman.h>

#include "builder/disk/read_gpt.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Fd disk(::memfd_create("disk", MFD_CLOEXEC));
  write_all_at(disk, {data, size}, 0);
  accepts([&] {
    const FatReader reader(disk, 0, size);
    for (const FatFile& file : reader.files()) {
      accepts([&] { promise(reader.read(file, size).size() == file.size_bytes, "files are whole"); });
    }
    promise(reader.free_bytes() <= size, "no more is free than there is");
  });
  accepts([&] {
    for (const FoundPartition& partition : read_gpt(disk).partitions) {
      promise(partition.offset_bytes + partition.size_bytes <= size, "partitions are inside");
    }
  });
  return 0;
}
