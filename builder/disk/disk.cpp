// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/disk.hpp"

#include <unistd.h>

#include "builder/disk/esp.hpp"
#include "builder/disk/ext4_root.hpp"
#include "builder/disk/gpt.hpp"
#include "builder/disk/uuid.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t least_free_bytes = 64U << 20;

struct Sizes {
  std::uint64_t esp;
  std::uint64_t root;
};

std::uint64_t aligned(std::uint64_t bytes) { return round_up(bytes, partition_alignment_bytes); }

std::uint64_t disk_bytes(const Sizes& sizes) { return sizes.esp + sizes.root + 2 * partition_alignment_bytes; }

/// An eighth of what is there, for /var, /etc and the objects of the next update.
std::uint64_t sensible_free_blocks(const RootPlan& plan) {
  return std::max(data_blocks(plan) / 8, least_free_bytes / ext4::block_bytes);
}

Sizes choose_sizes(const DiskSpec& spec, const RootPlan& plan) {
  Sizes sizes{};
  sizes.esp = spec.esp_size_bytes == 0 ? sensible_esp_bytes(spec.esp) : aligned(spec.esp_size_bytes);
  check_esp_size(spec.esp, sizes.esp);
  if (spec.size_bytes == 0) {
    sizes.root = aligned(needed_root_bytes(plan, sensible_free_blocks(plan)));
    return sizes;
  }
  sizes.root = aligned(needed_root_bytes(plan, 0));
  const std::uint64_t usable = spec.size_bytes & ~(partition_alignment_bytes - 1);
  if (usable < disk_bytes(sizes)) {
    throw Error(Fault::usage, "a disk of " + std::to_string(spec.size_bytes) + " bytes is too small: at least " +
                                  std::to_string(disk_bytes(sizes)) + " bytes are needed");
  }
  sizes.root = usable - sizes.esp - 2 * partition_alignment_bytes;
  return sizes;
}

DiskLayout make_layout(const Digest& image, const Sizes& sizes) {
  const std::uint64_t esp_offset = partition_alignment_bytes;
  return {.size_bytes = disk_bytes(sizes),
          .esp_offset_bytes = esp_offset,
          .esp_size_bytes = sizes.esp,
          .root_offset_bytes = esp_offset + sizes.esp,
          .root_size_bytes = sizes.root,
          .disk_uuid = to_text(derive_uuid(image, "disk")),
          .esp_uuid = to_text(derive_uuid(image, "esp partition")),
          .root_uuid = to_text(derive_uuid(image, "root partition")),
          .file_system_uuid = to_text(derive_uuid(image, "root file system"))};
}

void write_table(const DiskSpec& spec, const DiskLayout& layout, const Fd& file) {
  const Digest& image = spec.root.image;
  write_gpt(file, derive_uuid(image, "disk"),
            {{std::string(esp_type), "esp", derive_uuid(image, "esp partition"), layout.esp_offset_bytes,
              layout.esp_size_bytes},
             {spec.root_type, "root", derive_uuid(image, "root partition"), layout.root_offset_bytes,
              layout.root_size_bytes}});
}

void write_root(const DiskSpec& spec, const RootPlan& plan, const DiskLayout& layout, const Fd& file,
                const DiskProgress& progress) {
  const ext4::Parameters parameters{.offset_bytes = layout.root_offset_bytes,
                                    .block_count = layout.root_size_bytes / ext4::block_bytes,
                                    .uuid = derive_uuid(spec.root.image, "root file system"),
                                    .hash_seed = derive_uuid(spec.root.image, "directory hash"),
                                    .timestamp = spec.timestamp,
                                    .label = "root"};
  write_ext4_root(plan, spec.root.store, file, parameters, spec.threads, progress);
}

}  // namespace

DiskLayout write_disk(const DiskSpec& spec, const Fd& file, const DiskProgress& progress) {
  const RootPlan plan = plan_root(spec.root, spec.timestamp);
  const DiskLayout layout = make_layout(spec.root.image, choose_sizes(spec, plan));

  // By way of 0: all that is not written must read as zeros.
  if (::ftruncate(file.get(), 0) != 0 || ::ftruncate(file.get(), static_cast<off_t>(layout.size_bytes)) != 0) {
    throw os_error("sizing the disk");
  }
  during("writing the partition table", [&] { write_table(spec, layout, file); });
  during("writing the ESP", [&] {
    write_esp(spec.esp, file, layout.esp_offset_bytes, layout.esp_size_bytes,
              derive_uuid(spec.root.image, "esp file system"), spec.timestamp);
  });
  during("writing the root partition", [&] { write_root(spec, plan, layout, file, progress); });
  return layout;
}

}  // namespace sealroot
