// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/diagnosis.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "initrd-pivot/directory.hpp"

namespace sealroot {
namespace {

// In the order of Stage.
constexpr std::array<std::string_view, 9> stage_names{"sealed config",  "command line", "modules",
                                                      "root partition", "image",        "erofs",
                                                      "overlay",        "state",        "start of init"};

std::string_view name_of(std::size_t stage) { return stage_names[stage]; }

// --- what was found ---

void append_digest(Screen& screen, std::uint16_t algorithm, ByteView value) {
  const bool known = algorithm == static_cast<std::uint16_t>(Algorithm::sha256) ||
                     algorithm == static_cast<std::uint16_t>(Algorithm::sha512);
  screen.append(known ? algorithm_name(static_cast<Algorithm>(algorithm)) : "unknown algorithm").append(":");
  screen.append_hex(value).append("\n");
}

void append_found(Screen& screen, const Facts& facts, Code code) {
  screen.append("  found     ");
  if (facts.found) {
    const std::size_t size = std::min<std::size_t>(facts.found->size, max_digest_size);
    append_digest(screen, facts.found->algorithm, ByteView(facts.found->value).first(size));
  } else if (code == Code::no_verity) {
    screen.append("a file without usable fs-verity\n");
  } else if (code == Code::image_missing && facts.stage == Stage::image) {
    screen.append("no such file\n");
  } else {
    screen.append("not looked at\n");
  }
}

void append_kernel(Screen& screen, Kernel& kernel) {
  std::array<std::uint8_t, 80> release{};
  const long fd = kernel.open(Kernel::working_directory, "/proc/sys/kernel/osrelease", O_RDONLY, PathRule::trusted);
  const long size = fd < 0 ? fd : kernel.read(static_cast<int>(fd), release, 0);
  if (size <= 0) return;
  std::string_view text = as_text(ByteView(release).first(static_cast<std::size_t>(size)));
  if (text.ends_with('\n')) text.remove_suffix(1);
  screen.append("  kernel    ").append(text);
  // Directories that the file systems make when they start.
  struct Feature {
    std::string_view name;
    const char* path;
  };
  constexpr std::array<Feature, 3> features{{{"erofs", "/sys/fs/erofs"},
                                             {"overlay", "/sys/module/overlay"},
                                             {"ext4 with fs-verity", "/sys/fs/ext4/features/verity"}}};
  for (const Feature& feature : features) {
    FileStatus ignored;
    const bool there = kernel.status(Kernel::working_directory, feature.path, ignored) >= 0;
    screen.append(", ").append(there ? "" : "no ").append(feature.name);
  }
  screen.append("\n");
}

// --- what to do ---

constexpr std::string_view put_back =
    "Choose another entry in the boot menu, or put the file back from another system: "
    "sealroot fsck REPOSITORY --repair SOURCE.";

std::string_view root_partition_advice(Code code, long error) {
  if (code == Code::sealed_config) {
    return "More than one disk or partition could be this system's root. Take away or wipe the other one.";
  }
  if (error == 0) {
    return "The disk is not there or has no root partition, or the initramfs lacks its driver; then build with an "
           "initramfs that has it: --initrd image.";
  }
  return "The root partition is damaged, or holds another file system than the kernel knows. Check it from another "
         "system, or write the disk anew.";
}

std::string_view image_advice(Code code, long error) {
  if (code == Code::wrong_digest) {
    return "Another file has the image's name. If nobody of yours put it there, trust nothing on this disk.";
  }
  if (code == Code::image_missing) return "The image is not on this disk, or in a place where nobody put it.";
  if (error == -ENODATA) return "The file was written without its seal, as cp or rsync do.";
  if (error == -ENOTTY || error == -EOPNOTSUPP) {
    return "This file system or kernel has no fs-verity: ext4 needs its feature (tune2fs -O verity), the kernel "
           "CONFIG_FS_VERITY.";
  }
  return "The image's fs-verity data are damaged.";
}

std::string_view overlay_advice(long error) {
  if (error == -ENODEV) return "The kernel has no overlayfs: CONFIG_OVERLAY_FS, or its module in the initramfs.";
  if (error == -EINVAL) return "The kernel's overlayfs is too old: verity=require needs Linux 6.6.";
  return "The kernel log says what overlayfs did not like.";
}

std::string_view advice(const Facts& facts, Code code) {
  switch (facts.stage) {
    case Stage::sealed_config:
      return "This initramfs is not one that sealroot build finished. Install the UKI again.";
    case Stage::command_line:
      return "Something was added to the signed command line or changed in it: boot menu, addon, settings of the "
             "virtual machine. Take it back, or build with it: --cmdline TEXT, --allow-cmdline TOKEN.";
    case Stage::modules:
      return "The kernel did not take a module of the initramfs: they are not of one build, or it is not signed.";
    case Stage::root_partition:
      return root_partition_advice(code, facts.error);
    case Stage::image:
      return image_advice(code, facts.error);
    case Stage::erofs:
      return facts.error == -ENODEV ? "The kernel has no EROFS: CONFIG_EROFS_FS, or its module in the initramfs."
                                    : "Blocks of the image are damaged; the kernel log says which.";
    case Stage::overlay:
      return overlay_advice(facts.error);
    case Stage::state:
      return "A writable directory was changed from outside, or the image lacks its place. Remove it, or make it "
             "root's, mode 0755, no link; what is missing is made anew.";
    case Stage::start:
      break;
  }
  return "An object that init needs is missing or damaged; the kernel log says which.";
}

// Whether the file can be had from elsewhere.
bool can_be_put_back(const Facts& facts) {
  const bool no_feature = facts.error == -ENODEV || facts.error == -ENOTTY || facts.error == -EOPNOTSUPP;
  return (facts.stage == Stage::image || facts.stage == Stage::erofs || facts.stage == Stage::start) && !no_feature;
}

void append_wrapped(Screen& screen, std::string_view first, std::string_view text) {
  constexpr std::size_t width = 80;
  constexpr std::string_view indent = "            ";
  screen.append(first);
  for (std::size_t column = indent.size(); !text.empty();) {
    const std::size_t size = std::min(text.find(' '), text.size());
    const bool line_begins = column == indent.size();
    const bool fits = column + 1 + size <= width;
    if (!line_begins) screen.append(fits ? " " : "\n").append(fits ? "" : indent);
    screen.append(std::string_view(text.data(), size));
    column = line_begins || !fits ? indent.size() + size : column + 1 + size;
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  screen.append("\n");
}

void append_stages(Screen& screen, Stage refused) {
  Text<255> stages;
  for (std::size_t i = 0; i < static_cast<std::size_t>(refused); ++i)
    stages.append(i == 0 ? "" : ", ").append(name_of(i));
  append_wrapped(screen, "  in order  ", refused == Stage::sealed_config ? "nothing yet" : stages.view());
  screen.append("  refused   ").append(name_of(static_cast<std::size_t>(refused))).append("\n");
}

}  // namespace

Screen describe_refusal(Kernel& kernel, const Facts& facts, Code code) {
  Screen screen{"This boot was refused before anything on the disk was started.\n"};
  append_stages(screen, facts.stage);
  if (!facts.root.view().empty()) screen.append("  root      ").append(facts.root.view()).append("\n");
  if (!facts.image.view().empty()) screen.append("  image     ").append(facts.image.view()).append("\n");
  if (facts.wanted) {
    screen.append("  wanted    ");
    append_digest(screen, static_cast<std::uint16_t>(facts.wanted->algorithm()), facts.wanted->bytes());
    append_found(screen, facts, code);
  }
  if (facts.stage >= Stage::image) append_kernel(screen, kernel);
  append_wrapped(screen, "  to do     ", advice(facts, code));
  if (can_be_put_back(facts)) append_wrapped(screen, "            ", put_back);
  return screen;
}

void keep_kernel_log(Kernel& kernel) {
  constexpr const char* store = "/sys/fs/pstore";
  // A boot that was refused early has not loaded it yet, a later one has removed the file.
  const long module = kernel.open(Kernel::working_directory, "/lib/modules/efi_pstore.ko", O_RDONLY, PathRule::trusted);
  if (module >= 0) kernel.load_module(static_cast<int>(module));
  kernel.mount("pstore", store, "pstore", mount_no_set_id | mount_no_devices | mount_no_programs, nullptr);
  const long kept = kernel.open(Kernel::working_directory, store, O_RDONLY | O_DIRECTORY, PathRule::trusted);
  if (kept < 0) return;
  bool empty = true;
  for_each_name(kernel, static_cast<int>(kept), [&](std::string_view name) {
    if (!name.starts_with('.')) empty = false;
  });
  if (!empty) return;
  const long setting = kernel.open(Kernel::working_directory, "/sys/module/printk/parameters/always_kmsg_dump",
                                   O_WRONLY, PathRule::trusted);
  if (setting >= 0) kernel.write(static_cast<int>(setting), "Y");
}

}  // namespace sealroot
