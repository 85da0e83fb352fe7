// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <sys/statvfs.h>
#include <sys/utsname.h>

#include <cstdlib>

#include "builder/doctor/doctor.hpp"
#include "builder/initramfs/unpack.hpp"
#include "builder/uki/signature_list.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_text_bytes = std::uint64_t{4} << 20;
constexpr const char* efi_variables = "sys/firmware/efi/efivars/";
constexpr const char* global_guid = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr const char* database_guid = "-d719b2cb-3d3a-4596-a3bc-dad00e67656f";

std::optional<Bytes> try_read(const Fd& root, const std::string& path) {
  try {
    const auto file = try_open_at(root, path, O_RDONLY);
    if (!file) return std::nullopt;
    return read_all(*file, max_text_bytes);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::string> kernel_config(const Fd& root, const std::string& release) {
  if (const auto packed = try_read(root, "proc/config.gz")) {
    if (const auto text = try_unpack(*packed, max_text_bytes)) return std::string(as_text(text->content));
  }
  for (const std::string& path : {"boot/config-" + release, "usr/lib/modules/" + release + "/config"}) {
    if (const auto text = try_read(root, path)) return std::string(as_text(*text));
  }
  return std::nullopt;
}

/// Whether 6.6 or newer: overlayfs has verity=require from there on.
bool is_new_enough(const std::string& release) {
  char* rest = nullptr;
  const unsigned long major = std::strtoul(release.c_str(), &rest, 10);
  const unsigned long minor = *rest == '.' ? std::strtoul(rest + 1, nullptr, 10) : 0;
  return major > 6 || (major == 6 && minor >= 6);
}

void check_kernel(const Fd& root, Checks& checks) {
  utsname name{};
  ::uname(&name);
  const std::string release = name.release;
  checks.push_back(is_new_enough(release) ? Check{CheckStatus::ok, "kernel", release, ""}
                                          : Check{CheckStatus::fail, "kernel", release,
                                                  "overlayfs checks digests from Linux 6.6 on: take a newer one"});
  if (const auto config = kernel_config(root, release)) {
    for (Check& check : check_kernel_config(*config)) checks.push_back(std::move(check));
  } else {
    checks.push_back({CheckStatus::warn, "kernel", "its configuration is nowhere to be found",
                      "it should be /boot/config-" + release + " or /proc/config.gz"});
  }
}

/// Content of a variable behind its four bytes of attributes.
std::optional<Bytes> try_variable(const Fd& root, const std::string& name) {
  auto content = try_read(root, efi_variables + name);
  if (!content || content->size() < 4) return std::nullopt;
  return Bytes(content->begin() + 4, content->end());
}

void check_database(const Fd& root, Checks& checks) {
  const auto content = try_variable(root, std::string("db") + database_guid);
  if (!content) {
    checks.push_back({CheckStatus::warn, "db", "can't be read", "enrol your own certificate, and only that"});
    return;
  }
  try {
    const SignatureList list = parse_signature_lists(*content);
    for (const Certificate& certificate : list.certificates) {
      const bool vendor = is_vendor_certificate(certificate);
      checks.push_back({vendor ? CheckStatus::warn : CheckStatus::ok, "db", certificate.subject(),
                        vendor ? "db contains vendor keys: what they signed (shim, any distribution's kernel with any "
                                 "initramfs) boots here too; remove it if the machine's own firmware parts allow"
                               : ""});
    }
  } catch (const Error& error) {
    checks.push_back({CheckStatus::warn, "db", error.what(), "look at it with efi-readvar"});
  }
}

void check_firmware(const Fd& root, Checks& checks) {
  if (!try_open_at(root, "sys/firmware/efi", O_RDONLY | O_DIRECTORY)) {
    checks.push_back(
        {CheckStatus::fail, "firmware", "not booted by UEFI", "a sealed system needs UEFI with Secure Boot"});
    return;
  }
  const auto is_set = [&](const char* name) {
    const auto value = try_variable(root, std::string(name) + global_guid);
    return value && value->size() == 1 && value->front() == 1;
  };
  checks.push_back(is_set("SecureBoot") ? Check{CheckStatus::ok, "firmware", "Secure Boot is on", ""}
                                        : Check{CheckStatus::fail, "firmware", "Secure Boot is off",
                                                "nothing checks the UKI: turn it on"});
  if (is_set("SetupMode")) {
    checks.push_back({CheckStatus::fail, "firmware", "in setup mode", "anybody can enrol keys: enrol yours"});
  }
  check_database(root, checks);
}

void check_boot_partition(const Fd& root, Checks& checks) {
  constexpr std::uint64_t least_free_bytes = std::uint64_t{64} << 20;
  for (const char* const path : {"efi", "boot/efi", "boot"}) {
    const auto directory = try_open_at(root, std::string(path) + "/EFI", O_RDONLY | O_DIRECTORY);
    struct statvfs space {};
    if (!directory || ::fstatvfs(directory->get(), &space) != 0) continue;
    const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
    const bool enough = free >= least_free_bytes;
    checks.push_back({enough ? CheckStatus::ok : CheckStatus::warn, "ESP",
                      std::string("/").append(path).append(", ").append(std::to_string(free >> 20)).append(" MiB free"),
                      enough ? "" : "an update needs room for another UKI: make room, or make it larger"});
    return;
  }
  checks.push_back({CheckStatus::warn, "ESP", "not mounted, or not readable", "mount it to /efi to have it checked"});
}

void check_file_system(const Fd& root, Checks& checks) {
  if (try_open_at(root, "sys/fs/ext4/features/verity", O_RDONLY) ||
      try_open_at(root, "sys/fs/btrfs/features", O_RDONLY | O_DIRECTORY)) {
    checks.push_back({CheckStatus::ok, "fs-verity", "the kernel has it for a file system that is in use", ""});
  } else {
    checks.push_back({CheckStatus::warn, "fs-verity", "no file system in use says that it has it",
                      "the root partition must be ext4 with the feature verity, or btrfs"});
  }
}

}  // namespace

Checks check_host(const Fd& root) {
  Checks checks;
  check_kernel(root, checks);
  check_firmware(root, checks);
  check_file_system(root, checks);
  check_boot_partition(root, checks);
  return checks;
}

}  // namespace sealroot
