// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/gpt.hpp"

#include <libfdisk/libfdisk.h>

#include <memory>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t sector_bytes = 512;

struct Unref {
  void operator()(fdisk_context* context) const { fdisk_unref_context(context); }
  void operator()(fdisk_partition* partition) const { fdisk_unref_partition(partition); }
  void operator()(fdisk_parttype* type) const { fdisk_unref_parttype(type); }
};
template <typename T>
using Handle = std::unique_ptr<T, Unref>;

/// libfdisk returns 0 or -errno.
void check(int result, const char* step) {
  if (result < 0) throw os_error(step, -result);
}

void add_partition(fdisk_context* context, std::size_t number, const Partition& partition) {
  const Handle<fdisk_partition> entry{fdisk_new_partition()};
  const Handle<fdisk_parttype> type{
      fdisk_label_parse_parttype(fdisk_get_label(context, nullptr), partition.type.c_str())};
  if (!type) throw Error(Fault::usage, quoted(partition.type) + ": not a GPT partition type");
  check(fdisk_partition_set_partno(entry.get(), number), "numbering a partition");
  check(fdisk_partition_set_type(entry.get(), type.get()), "setting a partition's type");
  check(fdisk_partition_set_name(entry.get(), partition.name.c_str()), "naming a partition");
  check(fdisk_partition_set_uuid(entry.get(), to_text(partition.uuid).c_str()), "setting a partition's GUID");
  check(fdisk_partition_set_start(entry.get(), partition.offset_bytes / sector_bytes), "placing a partition");
  check(fdisk_partition_set_size(entry.get(), partition.size_bytes / sector_bytes), "sizing a partition");
  check(fdisk_partition_size_explicit(entry.get(), 1), "sizing a partition");
  check(fdisk_add_partition(context, entry.get(), nullptr), "adding a partition");
}

}  // namespace

void write_gpt(const Fd& disk, const Uuid& disk_uuid, const std::vector<Partition>& partitions) {
  const Handle<fdisk_context> context{fdisk_new_context()};
  if (!context) throw Error(Fault::os, "libfdisk: out of memory");
  fdisk_disable_dialogs(context.get(), 1);
  check(fdisk_save_user_sector_size(context.get(), sector_bytes, sector_bytes), "setting the sector size");
  check(fdisk_assign_device_by_fd(context.get(), disk.get(), "disk image", 0), "opening the disk");
  check(fdisk_create_disklabel(context.get(), "gpt"), "making an empty table");
  check(fdisk_set_disklabel_id_from_string(context.get(), to_text(disk_uuid).c_str()), "setting the disk's GUID");
  for (std::size_t number = 0; number < partitions.size(); ++number) {
    during(partitions[number].name, [&] { add_partition(context.get(), number, partitions[number]); });
  }
  check(fdisk_write_disklabel(context.get()), "writing the table");
  check(fdisk_deassign_device(context.get(), 1), "closing the disk");  // 1: no sync(2) of the whole machine
}

}  // namespace sealroot
