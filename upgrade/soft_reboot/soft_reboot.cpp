// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/soft_reboot/soft_reboot.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "builder/boot/tree_files.hpp"
#include "builder/disk/program.hpp"
#include "builder/image/read_image.hpp"
#include "builder/image/verify_image.hpp"
#include "builder/inspect/inspect.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "upgrade/host/records.hpp"
#include "upgrade/host/running.hpp"
#include "upgrade/host/trust.hpp"
#include "upgrade/soft_reboot/kernel_match.hpp"
#include "upgrade/soft_reboot/next_root.hpp"

namespace sealroot {
namespace {

constexpr const char* soft_reboot_unit = "/usr/lib/systemd/system/soft-reboot.target";

using Obstacle = std::optional<std::string>;

struct LoadedUki {
  Bytes file;
  UkiFacts facts;  // of these very bytes
};

LoadedUki load_uki(const HostView& view, const BootEntry& entry) {
  return during("boot entry " + quoted(entry.file_name), [&] {
    const std::string path = std::string(entry_folder) + "/" + entry.file_name;
    const Fd file = open_beneath(view.host.esp, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    LoadedUki uki{read_all(file, max_boot_file_bytes), {}};
    uki.facts = read_uki(uki.file, view.trusted);
    return uki;
  });
}

Obstacle find_defect(const UkiFacts& facts) {
  if (facts.signature != SignatureState::trusted) return "its UKI is not signed by a pinned certificate";
  if (facts.not_sealed) return "its UKI is not sealed: " + *facts.not_sealed;
  return std::nullopt;
}

/// That the kernel came from; only what it brought along is there for the next system.
const Deployment& started_deployment(const HostView& view) {
  if (!view.host.started) throw Error(Fault::missing, "no system of this host runs");
  const Deployment* const found = view.deployments.find(*view.host.started);
  if (found == nullptr || found->entries.empty()) {
    throw Error(Fault::missing, "the boot entry that the kernel was started from is gone");
  }
  return *found;
}

/// Of a deployment with several entries nobody knows which one it was.
Obstacle find_other_kernel(const HostView& view, ByteView next) {
  for (const BootEntry& entry : started_deployment(view).entries) {
    // Whatever runs next would be blessed in its place.
    if (entry.name.tries && entry.name.tries->done > 0) return "the boot that runs has not proved itself yet";
    const LoadedUki started = load_uki(view, entry);
    if (find_defect(started.facts)) return "the boot entry that the kernel was started from is not sealed and signed";
    if (auto mismatch = find_kernel_mismatch(started.file, next, view.host.command_line.value_or(""))) return mismatch;
  }
  return std::nullopt;
}

bool has_soft_reboot(const HostView& view, const Tree& tree) {
  return TreeFiles(tree, view.repository.objects()).try_resolve(soft_reboot_unit).has_value();
}

Tree read_tree(const HostView& view, const Digest& image) {
  return during("image " + to_hex(image), [&] { return read_image(view.repository.objects().read(image)).tree; });
}

/// systemd has soft-reboot.target from 254 on.
Obstacle find_old_systemd(const HostView& view, const Tree& next) {
  const std::string old = " has no systemd 254 or newer (no soft-reboot.target)";
  if (!has_soft_reboot(view, read_tree(view, *view.host.booted))) return "the system that runs" + old;
  if (!has_soft_reboot(view, next)) return "its image" + old;
  return std::nullopt;
}

/// systemd looks for the new root among the mounts of the first process.
bool sees_mounts_of_first_process() {
  struct stat own {
  }, first{};
  return ::stat("/proc/self/ns/mnt", &own) == 0 && ::stat("/proc/1/ns/mnt", &first) == 0 && own.st_ino == first.st_ino;
}

Obstacle find_obstacle(const HostView& view, ByteView uki, const UkiFacts& facts, const Tree& tree) {
  if (auto defect = find_defect(facts)) return defect;
  if (!view.host.booted) return "no system of this host runs";
  if (facts.image == view.host.booted) return "it runs already";
  if (auto other = find_other_kernel(view, uki)) return other;
  if (auto old = find_old_systemd(view, tree)) return old;
  if (!view.host.is_this_one) return "this program does not run on that host";
  if (!sees_mounts_of_first_process()) return "this program runs in a mount namespace of its own";
  return std::nullopt;
}

void require_intact(const HostView& view, const Digest& image, unsigned threads) {
  const VerifyReport report = verify_image(view.repository.objects(), image, {.sealed = true, .threads = threads});
  if (report.intact()) return;
  const Finding& first = report.findings.front();
  throw Error(Fault::untrusted, (first.path.empty() ? "its image" : quoted(first.path)) + ": " + first.reason);
}

void remove_mark() { ::unlink((std::string(soft_reboot_folder) + "/" + soft_reboot_mark).c_str()); }

/// Before the root is there: a restart from then on may be a soft reboot without our asking.
void write_mark(const Digest& image) {
  if (::mkdir(soft_reboot_folder, 0755) < 0 && errno != EEXIST) throw os_error(soft_reboot_folder);
  remove_mark();
  const Fd folder = open_at(working_directory(), soft_reboot_folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  write_new_file(folder, soft_reboot_mark, as_bytes(to_hex(image) + "\n"));
}

/// What was prepared is off; the mark is that of the system that runs again.
void undo(const Host& host) {
  remove_next_root();
  if (host.soft_rebooted) {
    write_mark(*host.booted);
  } else {
    remove_mark();
  }
}

}  // namespace

SoftReboot parse_soft_reboot(const std::string& text) {
  if (text.empty()) return SoftReboot::no;
  if (text == "auto") return SoftReboot::automatic;
  if (text == "required") return SoftReboot::required;
  throw Error(Fault::usage, "--soft-reboot " + quoted(text) + ": not auto or required");
}

std::optional<std::string> soft_reboot_obstacle(const HostView& view, ByteView uki, const UkiFacts& facts,
                                                const Tree& tree) {
  try {
    return find_obstacle(view, uki, facts, tree);
  } catch (const Error& error) {
    return error.what();
  }
}

std::optional<std::string> soft_reboot_obstacle(const HostView& view, const Deployment& deployment) {
  if (deployment.entry() == nullptr) return "it has no boot entry";
  try {
    const LoadedUki uki = load_uki(view, *deployment.entry());
    return find_obstacle(view, uki.file, uki.facts, read_tree(view, deployment.image));
  } catch (const Error& error) {
    return error.what();
  }
}

void require_soft_reboot(const std::optional<std::string>& obstacle) {
  if (obstacle) throw Error(Fault::untrusted, "no soft reboot: " + *obstacle);
}

void prepare_soft_reboot(const Host& host, const Digest& image, const SoftRebootOptions& options) {
  const HostLock lock(host.sysroot);
  const Repository repository = open_repository(host);
  const std::vector<Certificate> trusted = trusted_certificates(repository, host.booted, options.certificate);
  const Deployments deployments = read_deployments(host, trusted);
  refuse_bootc(deployments);
  const HostView view{host, repository, deployments, trusted};
  during("soft reboot into " + to_hex(image), [&] {
    const Deployment* const next = deployments.next();
    if (next == nullptr || next->image != image) throw Error(Fault::untrusted, "it is not what boots next");
    const LoadedUki uki = load_uki(view, *next->entry());
    if (uki.facts.image != image) throw Error(Fault::untrusted, "its boot entry names another image");
    require_soft_reboot(soft_reboot_obstacle(view, uki.file, uki.facts, read_tree(view, image)));
    require_intact(view, image, options.threads);
    write_mark(image);
    try {
      make_next_root(host.sysroot, sealed_config_text(*uki.facts.config));
    } catch (const Error&) {
      undo(host);
      throw;
    }
    append_history(host.sysroot, {.action = "soft-reboot", .image = image, .version = next->version()});
  });
}

void start_soft_reboot(const Host& host) {
  try {
    run_program({"systemctl", "systemd"}, {"soft-reboot"}, {"LC_ALL=C.UTF-8"}, {});
  } catch (const Error& error) {
    undo(host);
    throw error.within("soft reboot");
  }
}

void forget_soft_reboot(const Host& host) {
  if (!host.is_this_one) return;
  const std::optional<Digest> prepared = read_soft_reboot_mark(soft_reboot_folder);
  if (prepared && prepared != host.booted) undo(host);
}

}  // namespace sealroot
