// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <algorithm>
#include <ranges>

#include "builder/doctor/doctor.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

class UkiChecks {
 public:
  UkiChecks(const PeFacts& facts, const std::string& label) : facts_(facts), label_(label) {}

  Checks run() {
    check_seal();
    check_modules();
    check_shell();
    if (has([](std::string_view path) { return path.ends_with("lib/systemd/systemd"); })) check_units();
    return std::move(checks_);
  }

 private:
  void add(CheckStatus status, const std::string& name, const std::string& found, const std::string& advice = "") {
    checks_.push_back({status, label_ + ": " + name, found, advice});
  }

  template <typename Predicate>
  bool has(Predicate&& predicate) const {
    return std::ranges::any_of(facts_.initramfs.paths, predicate);
  }

  void check_seal() {
    if (facts_.defect && facts_.initramfs.config && facts_.initramfs.config->unsealed) {
      add(CheckStatus::warn, "seal", *facts_.defect,
          "sign it with a key that no sealed system trusts, or build without --unsealed");
    } else if (facts_.defect) {
      add(CheckStatus::fail, "seal", *facts_.defect, "build it with sealroot build, or don't count on its seal");
    } else {
      add(CheckStatus::ok, "seal", "command line, sealed configuration and digest agree");
    }
    if (facts_.initramfs.pivot_path.empty()) {
      add(CheckStatus::fail, "initramfs", "no pivot",
          "nothing would mount the root: leave --initrd out, or add sealroot-pivot");
    } else {
      add(CheckStatus::ok, "initramfs", "the pivot is " + quoted("/" + facts_.initramfs.pivot_path));
    }
    if (!facts_.initramfs.config) return;
    for (const std::string& token : facts_.initramfs.config->allow) {
      add(CheckStatus::warn, "command line", quoted(token) + " may be appended by anybody",
          "leave it out unless it is harmless");
    }
    const auto tokens = split_command_line(facts_.initramfs.config->cmdline);
    if (tokens.empty() || tokens.back() != "--") {
      add(CheckStatus::warn, "command line", "does not end with --",
          "the kernel then takes what SMBIOS appends (rdinit=, root=) for its own; end it with --");
    }
    if (std::ranges::none_of(tokens, [](const std::string& token) { return token.starts_with("panic="); })) {
      add(CheckStatus::warn, "command line",
          "no panic=", "add panic=10: else a kernel that fails never reaches the entry before");
    }
  }

  void check_modules() {
    for (const char* const name : {"erofs", "overlay"}) {
      const std::string file = std::string("/") + name + ".ko";
      if (has([&](const std::string& path) { return path.find(file) != std::string::npos; })) {
        add(CheckStatus::ok, "initramfs", std::string("has the module ") + name);
      } else {
        add(CheckStatus::warn, "initramfs", std::string("without the module ") + name,
            "fine if the kernel has it built in, else nothing can be mounted");
      }
    }
  }

  void check_shell() {
    const auto shell = std::ranges::find_if(facts_.initramfs.paths, [](const std::string& path) {
      return path.ends_with("bin/sh") || path.ends_with("bin/bash") || path.ends_with("bin/busybox");
    });
    if (shell == facts_.initramfs.paths.end()) return add(CheckStatus::ok, "initramfs", "no shell in it");
    add(CheckStatus::warn, "initramfs", "has a shell: " + quoted(*shell),
        "a boot that fails must not end in it: take care of emergency.service and rd.break");
  }

  /// boot-time wiring of a systemd initramfs that fails closed: required, not wanted, and no emergency shell.
  void check_units() {
    const auto linked = [&](std::string_view kind) {
      return has([&](const std::string& path) {
        const std::size_t at = path.find(kind);
        return at != std::string::npos && path.find("sealroot", at) != std::string::npos;
      });
    };
    if (linked("initrd-root-fs.target.requires/")) {
      add(CheckStatus::ok, "units", "initrd-root-fs.target requires the pivot's unit");
    } else {
      add(CheckStatus::fail, "units",
          linked("initrd-root-fs.target.wants/") ? "initrd-root-fs.target only wants the pivot's unit"
                                                 : "nothing starts the pivot's unit",
          "a boot goes on without it: link it into initrd-root-fs.target.requires/");
    }
    if (has([](std::string_view path) { return path.ends_with("/emergency.service"); })) {
      add(CheckStatus::ok, "units", "has an emergency.service");
    } else {
      add(CheckStatus::fail, "units", "no emergency.service",
          "systemd then goes on into a root that was not verified: add one that reboots");
    }
  }

  const PeFacts& facts_;
  const std::string& label_;
  Checks checks_;
};

}  // namespace

Checks check_uki(const PeFacts& facts, const std::string& label) { return UkiChecks(facts, label).run(); }

}  // namespace sealroot
