// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/soft_reboot/kernel_match.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "builder/initramfs/archive.hpp"
#include "builder/initramfs/sealed_config.hpp"
#include "builder/uki/command_line.hpp"
#include "builder/uki/pe.hpp"
#include "initrd-pivot/cmdline.hpp"
#include "initrd-pivot/config.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

/// What the kernel gets of a UKI besides initramfs and command line.
struct Part {
  std::string_view section;
  const char* name;
};
constexpr std::array<Part, 4> parts{
    {{".linux", "kernel"}, {".ucode", "microcode"}, {".dtb", "device tree"}, {".dtbauto", "device tree"}}};

/// There may be several of a name, for other machines.
bool has_equal_sections(const PeFile& left, const PeFile& right, std::string_view name) {
  const auto contents = [name](const PeFile& file) {
    std::vector<ByteView> found;
    for (const pe::SectionHeader& section : file.sections()) {
      if (section.name() == name) found.push_back(file.content(section));
    }
    return found;
  };
  return std::ranges::equal(contents(left), contents(right), std::ranges::equal);
}

struct SplitInitramfs {
  ByteView shared;     // all that is the same for every image
  std::string config;  // text of /sealroot.conf
};

/// The builder appends the sealed configuration as an archive of its own. Anything else is not recognised, so that
/// nothing that the pivot would see goes uncompared.
std::optional<SplitInitramfs> try_split_initramfs(const PeFile& uki) {
  const ByteView initrd = uki.find_content(".initrd").value_or(ByteView{});
  const std::string handover(handover_pivot_path.substr(1));
  const auto files =
      list_initramfs(initrd, [&](std::string_view path) { return path == sealed_config_path || path == handover; });
  const auto config = files.find(std::string(sealed_config_path));
  if (config == files.end()) return std::nullopt;
  SplitInitramfs split{initrd, std::string(as_text(config->second.content))};
  const auto pivot = files.find(handover);
  const Bytes tail = make_sealed_config_cpio(parse_sealed_config(split.config),
                                             pivot == files.end() ? ByteView{} : ByteView(pivot->second.content));
  if (!as_text(initrd).ends_with(as_text(tail))) return std::nullopt;
  split.shared = initrd.first(initrd.size() - tail.size());
  return split;
}

/// The running line with another digest in it, put before the pivot's own check.
std::optional<std::string> refuse_running_command_line(std::string_view line, std::string_view config_text) {
  Config config;
  if (const auto refused = parse_config(config_text, config)) return std::string(refused->view());
  const std::vector<DigestToken> tokens = find_digest_tokens(line);
  if (tokens.size() != 1) return "the kernel command line does not name one image";
  std::string as_next(line);
  as_next.replace(as_next.find(tokens.front().text), tokens.front().text.size(),
                  "composefs.digest=" + std::string(config.digest_value));
  if (const auto refused = refuse_command_line(as_next, config)) return std::string(refused->view());
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_kernel_mismatch(ByteView started, ByteView next, std::string_view command_line) {
  const PeFile running = PeFile::parse(started);
  const PeFile wanted = PeFile::parse(next);
  for (const Part& part : parts) {
    if (!has_equal_sections(running, wanted, part.section)) return std::string("it has another ") + part.name;
  }
  const auto running_initramfs = try_split_initramfs(running);
  const auto wanted_initramfs = try_split_initramfs(wanted);
  if (!running_initramfs || !wanted_initramfs) return "an initramfs does not end with its sealed configuration";
  if (!std::ranges::equal(running_initramfs->shared, wanted_initramfs->shared)) return "it has another initramfs";
  if (const auto refused = refuse_running_command_line(command_line, wanted_initramfs->config)) {
    return "another kernel command line runs: " + quoted(*refused);
  }
  return std::nullopt;
}

}  // namespace sealroot
