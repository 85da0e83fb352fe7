// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/inspect/pe_facts.hpp"

#include <algorithm>
#include <array>

#include "builder/initramfs/archive.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::string_view pivot_suffix = "/sealroot-pivot";

/// `systemd-boot 252` out of `#### LoaderInfo: systemd-boot 252 ####`.
std::string program_of(const PeFile& file) {
  constexpr std::string_view prefix = "#### LoaderInfo: ";
  constexpr std::string_view suffix = " ####";
  std::string_view text = as_text(file.find_content(".sdmagic").value_or(ByteView{}));
  if (!text.starts_with(prefix)) return "";
  text.remove_prefix(prefix.size());
  const std::size_t end = text.find(suffix);
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end);
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  return printable ? std::string(text) : "";
}

PeKind kind_of(const PeFile& file, std::string_view program) {
  if (file.find_section(".linux") != nullptr) return PeKind::uki;
  if (program.starts_with("systemd-addon ")) return PeKind::addon;
  return program.starts_with("systemd-boot ") ? PeKind::boot_loader : PeKind::other;
}

bool is_pivot(std::string_view path) { return path == "init" || path.ends_with(pivot_suffix); }

InitramfsFacts read_initramfs_facts(const PeFile& file) {
  InitramfsFacts facts;
  const auto initrd = file.find_content(".initrd");
  if (!initrd) {
    facts.config_defect = "there is no initramfs";
    return facts;
  }
  try {
    const auto files =
        list_initramfs(*initrd, [](std::string_view path) { return path == sealed_config_path || is_pivot(path); });
    facts.file_count = files.size();
    for (const auto& [path, content] : files) {
      facts.paths.push_back(path);
      // A program of that name goes before /init, which is systemd's or a shell's then.
      if (is_pivot(path) && (facts.pivot_path.empty() || facts.pivot_path == "init")) {
        facts.pivot_path = path;
        facts.pivot = content.content;
      }
    }
    const auto config = files.find(std::string(sealed_config_path));
    if (config == files.end()) {
      facts.config_defect = "the initramfs has no /sealroot.conf";
    } else {
      facts.config = parse_sealed_config(as_text(config->second.content));
    }
  } catch (const Error& error) {
    facts.config_defect = error.what();
  }
  return facts;
}

std::optional<std::string> seal_defect(const PeFacts& facts) {
  if (!facts.cmdline) return "no .cmdline: it boots with whatever the menu gives";
  if (facts.digests.size() != 1) {
    return std::to_string(facts.digests.size()) + " composefs tokens on the command line, 1 needed";
  }
  const DigestToken& token = facts.digests.front();
  if (token.verity_optional) return std::string("the `?` in ") + quoted(token.text) + " makes fs-verity optional";
  if (!token.digest) return "malformed digest " + quoted(token.text);
  if (!facts.initramfs.config) return facts.initramfs.config_defect;
  const SealedConfig& config = *facts.initramfs.config;
  if (config.digest != *token.digest) return "command line and sealed configuration name different digests";
  if (split_command_line(config.cmdline) != split_command_line(*facts.cmdline)) {
    return "the command line is not the one in the sealed configuration";
  }
  if (facts.initramfs.pivot_path.empty()) return "the initramfs has no pivot";
  if (config.unsealed) return std::string(unsealed_defect);
  return std::nullopt;
}

}  // namespace

std::string_view pe_kind_name(PeKind kind) {
  constexpr std::array<std::string_view, 4> names = {"UKI", "boot loader", "addon", "other program"};
  return names[static_cast<std::size_t>(kind)];
}

PeFacts read_pe_facts(const PeFile& file) {
  PeFacts facts;
  facts.program = program_of(file);
  facts.kind = kind_of(file, facts.program);
  facts.cmdline = embedded_command_line(file);
  if (facts.cmdline) facts.digests = find_digest_tokens(*facts.cmdline);
  if (facts.kind != PeKind::uki) return facts;
  facts.initramfs = read_initramfs_facts(file);
  facts.defect = seal_defect(facts);
  return facts;
}

}  // namespace sealroot
