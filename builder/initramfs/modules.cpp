// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/modules.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

// Real chains are about ten long; a hostile list must not exhaust the stack.
constexpr int max_depth = 100;

struct KnownModule {
  std::string path;
  std::vector<std::string> dependencies;  // names
};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string normal_name(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

/// `overlay` from `kernel/fs/overlayfs/overlay.ko.xz`.
std::string module_name(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  const std::string name = normal_name(file.substr(0, file.find(".ko")));
  const bool good = !name.empty() && file.find(".ko") != std::string_view::npos &&
                    std::all_of(name.begin(), name.end(), is_name_character);
  if (!good) throw Error(Fault::malformed, quoted(path) + " is not the path of a module");
  return name;
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::map<std::string, KnownModule> read_dependencies(std::string_view text) {
  std::map<std::string, KnownModule> known;
  for (const std::string_view line : split(text, "\n")) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) throw Error(Fault::malformed, "no ':' in " + quoted(line.substr(0, 200)));
    const std::string_view path = line.substr(0, colon);
    KnownModule module{std::string(path), {}};
    for (const std::string_view dependency : split(line.substr(colon + 1), " \t")) {
      module.dependencies.push_back(module_name(dependency));
    }
    // depmod writes them so that the last one loads first.
    std::reverse(module.dependencies.begin(), module.dependencies.end());
    known.emplace(module_name(path), std::move(module));
  }
  return known;
}

std::set<std::string> read_builtin(std::string_view text) {
  std::set<std::string> names;
  for (const std::string_view line : split(text, "\n")) names.insert(module_name(line));
  return names;
}

/// `softdep NAME pre: a b post: c` -> NAME: a b
std::map<std::string, std::vector<std::string>> read_soft(std::string_view text) {
  std::map<std::string, std::vector<std::string>> soft;
  for (const std::string_view line : split(text, "\n")) {
    const auto words = split(line, " \t");
    if (words.size() < 3 || words[0] != "softdep") continue;
    bool before = false;
    for (const std::string_view word : std::span(words).subspan(2)) {
      if (word == "pre:" || word == "post:") {
        before = word == "pre:";
      } else if (before) {
        soft[normal_name(words[1])].push_back(normal_name(word));
      }
    }
  }
  return soft;
}

class Planner {
 public:
  explicit Planner(const ModuleLists& lists)
      : known_(during("modules.dep", [&] { return read_dependencies(lists.dependencies); })),
        builtin_(during("modules.builtin", [&] { return read_builtin(lists.builtin); })),
        soft_(read_soft(lists.soft)) {}

  /// False if the module, or one it depends on, is neither known nor built in; nothing is planned for it then.
  bool add(const std::string& name, bool required) {
    const std::size_t size_before = plan_.size();
    if (visit(name, required, 0)) return true;
    for (std::size_t i = size_before; i < plan_.size(); ++i) position_.erase(plan_[i].name);
    plan_.resize(size_before);
    return false;
  }

  std::vector<ModuleToLoad> take() { return std::move(plan_); }

 private:
  bool visit(const std::string& name, bool required, int depth) {
    if (depth > max_depth) throw Error(Fault::malformed, "modules.dep: dependencies of " + name + " go too deep");
    if (builtin_.contains(name)) return true;
    const auto known = known_.find(name);
    if (known == known_.end()) return false;
    if (const auto found = position_.find(name); found != position_.end()) {
      if (found->second == being_visited || !required || plan_[found->second].required) return true;
      return raise(name, depth);
    }
    position_[name] = being_visited;
    const bool complete = visit_dependencies(name, known->second, required, depth);
    if (!complete) {
      position_.erase(name);
      return false;
    }
    position_[name] = plan_.size();
    plan_.push_back({name, known->second.path, required});
    return true;
  }

  bool visit_dependencies(const std::string& name, const KnownModule& module, bool required, int depth) {
    if (const auto soft = soft_.find(name); soft != soft_.end()) {
      // Names here are often aliases that no list knows; they make things faster, not possible.
      for (const std::string& other : soft->second) visit(other, false, depth + 1);
    }
    return std::all_of(module.dependencies.begin(), module.dependencies.end(),
                       [&](const std::string& other) { return visit(other, required, depth + 1); });
  }

  /// A module planned as optional turns out to be required, and so does what it needs.
  bool raise(const std::string& name, int depth) {
    plan_[position_.at(name)].required = true;
    for (const std::string& other : known_.at(name).dependencies) visit(other, true, depth + 1);
    return true;
  }

  static constexpr std::size_t being_visited = SIZE_MAX;

  std::map<std::string, KnownModule> known_;
  std::set<std::string> builtin_;
  std::map<std::string, std::vector<std::string>> soft_;
  std::map<std::string, std::size_t> position_;
  std::vector<ModuleToLoad> plan_;
};

/// Whether the version is below MAJOR.MINOR; one that can't be read counts as old.
bool is_older_than(std::string_view version, unsigned major, unsigned minor) {
  unsigned numbers[2] = {0, 0};
  const char* position = version.data();
  const char* const end = position + version.size();
  for (unsigned& number : numbers) {
    position = std::from_chars(position, end, number).ptr;
    if (position != end && *position == '.') ++position;
  }
  return numbers[0] != major ? numbers[0] < major : numbers[1] < minor;
}

}  // namespace

std::vector<WantedModule> default_modules(std::string_view kernel_version) {
  std::vector<WantedModule> wanted = {{"erofs", true}, {"overlay", true}, {"ext4", true}};
  // From 6.12 on erofs mounts a file itself.
  if (is_older_than(kernel_version, 6, 12)) wanted.push_back({"loop", true});
  for (const char* const name :
       {// Firmware variables name the disk the machine was booted from.
        "efivarfs",
        // Keeps the kernel log of a refused boot in firmware variables.
        "efi_pstore",
        // Hashes: the generic ones are modules in some kernels, the others use the processor's instructions.
        "crc32c_generic", "sha256_generic", "sha512_generic", "crc32c_intel", "sha256_ssse3", "sha512_ssse3", "sha2_ce",
        "sha512_ce",
        // Virtual machines: KVM, Xen, Hyper-V, VMware.
        "virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "xen_blkfront", "pci_hyperv", "hv_storvsc",
        "vmw_pvscsi",
        // Hardware.
        "sd_mod", "nvme", "ahci", "ata_piix", "xhci_pci", "uas", "usb_storage", "sdhci_pci", "mmc_block"}) {
    wanted.push_back({name, false});
  }
  return wanted;
}

std::vector<ModuleToLoad> plan_modules(const ModuleLists& lists, std::span<const WantedModule> wanted) {
  const std::string label = "modules of kernel " + quoted(lists.kernel_version);
  return during(label, [&] {
    Planner planner(lists);
    for (const WantedModule& module : wanted) {
      if (!planner.add(normal_name(module.name), module.required) && module.required) {
        throw Error(Fault::missing, module.name + ": it, or a module it depends on, is neither there nor built in");
      }
    }
    return planner.take();
  });
}

}  // namespace sealroot
