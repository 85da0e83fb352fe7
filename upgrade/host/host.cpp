// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/host.hpp"

#include <sys/stat.h>

#include <set>

#include "builder/boot_roots.hpp"
#include "store/core/error.hpp"
#include "upgrade/host/running.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_command_line_bytes = std::uint64_t{64} << 10;

std::optional<Fd> try_open_folder(const std::string& path) {
  return try_open_at(working_directory(), path, O_RDONLY | O_DIRECTORY);
}

Fd open_sysroot(const std::string& given) {
  const std::string path = given.empty() ? "/sysroot" : given;
  const auto sysroot = try_open_folder(path);
  if (sysroot && try_open_beneath(*sysroot, repository_folder, O_PATH | O_DIRECTORY)) {
    return open_at(*sysroot, ".", O_RDONLY | O_DIRECTORY);
  }
  throw Error(Fault::missing, "host: " + quoted(path + "/" + repository_folder) +
                                  " is not there: this system was not made by sealroot; --sysroot names the root "
                                  "partition of another one");
}

/// Whether `folder` looks like a partition that a boot loader reads.
bool holds_boot_files(const Fd& folder) { return try_open_at(folder, "EFI", O_PATH | O_DIRECTORY).has_value(); }

Fd open_esp(const HostPaths& paths, std::string& path) {
  if (!paths.esp.empty()) {
    path = paths.esp;
    return during("ESP", [&] { return open_at(working_directory(), path, O_RDONLY | O_DIRECTORY); });
  }
  if (!paths.sysroot.empty()) throw Error(Fault::usage, "with --sysroot name the mounted ESP too: --esp DIR");
  for (const char* const usual : {"/efi", "/boot/efi", "/boot"}) {
    auto folder = try_open_folder(usual);
    if (!folder || !holds_boot_files(*folder)) continue;
    path = usual;
    return std::move(*folder);
  }
  throw Error(Fault::missing, "ESP: not mounted at /efi, /boot/efi or /boot: mount it, or name it with --esp DIR");
}

std::optional<std::string> read_command_line(const HostPaths& paths) {
  if (paths.command_line.empty() && !paths.sysroot.empty()) return std::nullopt;
  const std::string path = paths.command_line.empty() ? "/proc/cmdline" : paths.command_line;
  const Bytes text = read_file(working_directory(), path, max_command_line_bytes);
  return std::string(as_text(text));
}

std::optional<Digest> booted_image(const std::string& command_line) {
  const std::vector<Digest> digests =
      during("kernel command line", [&] { return digests_in_command_line(command_line); });
  const std::set<Digest> different(digests.begin(), digests.end());
  if (different.size() > 1) throw Error(Fault::malformed, "kernel command line: it names several images");
  return different.empty() ? std::nullopt : std::optional(*different.begin());
}

/// The command line stays what it was when systemd goes over to another root.
void find_soft_reboot(Host& host) {
  const Bytes mounts = read_file(working_directory(), "/proc/self/mountinfo");
  const auto root = root_image(std::string(as_text(mounts)));
  if (!root) return;
  host.soft_rebooted = *root != *host.started || read_soft_reboot_mark(soft_reboot_folder) == root;
  host.booted = root;
}

LoaderVariables read_variables(const HostPaths& paths) {
  if (paths.efivars.empty() && !paths.sysroot.empty()) return {};
  const auto folder = try_open_folder(paths.efivars.empty() ? "/sys/firmware/efi/efivars" : paths.efivars);
  return folder ? read_loader_variables(*folder) : LoaderVariables{};
}

/// A second disk may have an ESP too. Without udev's links nothing can be said.
void check_partition(const Host& host) {
  struct stat partition {
  }, mounted{};
  const std::string link = "/dev/disk/by-partuuid/" + host.variables.partition.value_or("");
  if (::stat(link.c_str(), &partition) < 0 || !S_ISBLK(partition.st_mode)) return;
  if (::fstat(host.esp.get(), &mounted) < 0 || mounted.st_dev == partition.st_rdev) return;
  throw Error(Fault::untrusted, "ESP: what is mounted at " + quoted(host.esp_path) +
                                    " is not the partition that the system was booted from; name that with --esp DIR");
}

}  // namespace

Repository open_repository(const Host& host) {
  return during("repository " + quoted(repository_folder), [&] {
    return Repository::open(open_beneath(host.sysroot, repository_folder, O_RDONLY | O_DIRECTORY), ".");
  });
}

Host open_host(const HostPaths& paths) {
  Host host;
  host.sysroot = open_sysroot(paths.sysroot);
  host.esp = open_esp(paths, host.esp_path);
  host.command_line = read_command_line(paths);
  if (host.command_line) host.started = host.booted = booted_image(*host.command_line);
  host.is_this_one = paths.sysroot.empty() && paths.command_line.empty();
  if (host.is_this_one && host.started) find_soft_reboot(host);
  host.variables = read_variables(paths);
  if (paths.esp.empty() && host.variables.partition) check_partition(host);
  return host;
}

}  // namespace sealroot
