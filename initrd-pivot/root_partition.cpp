// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/root_partition.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "initrd-pivot/directory.hpp"

namespace sealroot {
namespace {

constexpr const char* variables = "/sys/firmware/efi/efivars";
constexpr const char* boot_partition_variable =
    "/sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr const char* secure_boot_variable =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr std::size_t attribute_bytes = 4;  // in front of each variable's value

constexpr unsigned poll_milliseconds = 20;
constexpr unsigned wait_milliseconds = 10'000;

ByteView read_variable(Kernel& kernel, const char* path, std::span<std::uint8_t> buffer) {
  const long fd = kernel.open(Kernel::working_directory, path, O_RDONLY, PathRule::trusted);
  if (fd < 0) return {};
  const long size = kernel.read(static_cast<int>(fd), buffer, 0);
  if (size < static_cast<long>(attribute_bytes)) return {};
  return ByteView(buffer).first(static_cast<std::size_t>(size)).subspan(attribute_bytes);
}

// A GUID in UTF-16, with or without terminator.
std::optional<Guid> try_guid(ByteView utf16) {
  constexpr std::size_t length = 36;
  std::array<char, length> text{};
  if (utf16.size() != 2 * length && utf16.size() != 2 * length + 2) return std::nullopt;
  for (std::size_t i = 0; i < length; ++i) {
    if (utf16[2 * i + 1] != 0) return std::nullopt;
    text[i] = static_cast<char>(utf16[2 * i]);
  }
  return try_parse_guid({text.data(), text.size()});
}

// Devices that never hold the root partition of a booted disk: memory, loops, optical, and what is built on disks.
bool is_disk(std::string_view name) {
  for (const std::string_view other : {".", "loop", "ram", "zram", "sr", "fd", "dm-", "md"}) {
    if (name.starts_with(other)) return false;
  }
  return true;
}

// What one look at all disks found. Only later looks close what they open: most boots need one, and execve closes
// everything anyway.
struct Findings {
  bool first_look = false;
  unsigned disks = 0;  // that hold the boot partition, or any root partition if that is not known
  unsigned roots = 0;
  Path root;
};

void look_at_disk(Kernel& kernel, const Firmware& firmware, std::string_view name, Findings& findings) {
  static std::array<std::uint8_t, gpt_window_bytes> start;
  const Path device{"/dev/", name};
  const long fd = kernel.open(Kernel::working_directory, device.c_str(), O_RDONLY, PathRule::trusted);
  if (fd < 0) return;
  const long size = kernel.read(static_cast<int>(fd), start, 0);
  if (!findings.first_look) kernel.close(static_cast<int>(fd));
  if (size <= 0) return;
  const auto table = try_read_gpt(ByteView(start).first(static_cast<std::size_t>(size)),
                                  *try_parse_guid(root_partition_type), firmware.boot_partition);
  if (!table || (firmware.boot_partition ? !table->holds_boot_partition : table->root_count == 0)) return;
  ++findings.disks;
  findings.roots += table->root_count;
  const bool ends_in_digit = name.back() >= '0' && name.back() <= '9';  // nvme0n1p2, but vda2
  findings.root = Path{device.view(), ends_in_digit ? "p" : ""}.append_number(table->root_number);
}

Findings look_at_disks(Boot& boot, const Firmware& firmware, bool first_look) {
  Findings findings;
  findings.first_look = first_look;
  const long fd = boot.kernel.open(Kernel::working_directory, "/sys/block", O_RDONLY | O_DIRECTORY, PathRule::trusted);
  if (fd < 0) boot.fail(Code::image_missing, {"listing /sys/block"}, fd);
  for_each_name(boot.kernel, static_cast<int>(fd), [&](std::string_view name) {
    if (is_disk(name)) look_at_disk(boot.kernel, firmware, name, findings);
  });
  if (!first_look) boot.kernel.close(static_cast<int>(fd));
  return findings;
}

}  // namespace

Firmware read_firmware(Kernel& kernel) {
  Firmware firmware;
  std::array<std::uint8_t, 128> buffer{};
  if (kernel.mount("efivarfs", variables, "efivarfs", mount_no_set_id | mount_no_devices | mount_no_programs, nullptr) <
      0) {
    return firmware;  // no UEFI, or a kernel without efivarfs
  }
  firmware.boot_partition = try_guid(read_variable(kernel, boot_partition_variable, buffer));
  const ByteView secure = read_variable(kernel, secure_boot_variable, buffer);
  firmware.secure_boot = secure.size() == 1 && secure[0] == 1;
  return firmware;
}

Path find_root_partition(Boot& boot, const Firmware& firmware) {
  boot.facts.stage = Stage::root_partition;
  Findings findings;
  for (unsigned waited = 0; waited <= wait_milliseconds; waited += poll_milliseconds) {
    if (waited > 0) boot.kernel.sleep_milliseconds(poll_milliseconds);
    findings = look_at_disks(boot, firmware, waited == 0);
    if (findings.disks > 1 || findings.roots > 1) boot.fail(Code::sealed_config, {"ambiguous root"});
    FileStatus ignored;
    // The partition's node appears a moment after the disk's.
    if (findings.roots == 1 && boot.kernel.status(Kernel::working_directory, findings.root.c_str(), ignored) >= 0) {
      return findings.root;
    }
  }
  boot.fail(Code::image_missing, {findings.disks == 0 ? "no disk with a root partition appeared"
                                                      : "no root partition on the disk that was booted"});
}

}  // namespace sealroot
