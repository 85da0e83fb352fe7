// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot/boot_parts.hpp"

#include <algorithm>
#include <map>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// Every kernel of the image: version -> path. /usr/lib/modules wins, because that copy stays in the sealed tree.
std::map<std::string, std::string> kernels_in(const TreeFiles& files) {
  std::map<std::string, std::string> found;
  const std::string modules = "/usr/lib/modules";
  for (const std::string& version : files.list(modules)) {
    const std::string path = modules + "/" + version + "/vmlinuz";
    if (files.try_resolve(path)) found.emplace(version, path);
  }
  const std::string prefix = "vmlinuz-";
  for (const std::string& name : files.list("/boot")) {
    if (name.starts_with(prefix)) found.emplace(name.substr(prefix.size()), "/boot/" + name);
  }
  return found;
}

std::string names_of(const std::map<std::string, std::string>& kernels) {
  std::string names;
  for (const auto& [version, path] : kernels) names += (names.empty() ? "" : ", ") + quoted(version);
  return names;
}

FoundKernel host_kernel(const std::string& path) {
  Bytes content = read_file(working_directory(), path, TreeFiles::default_limit);
  auto version = bzimage_version(content);
  if (!version) {
    throw Error(Fault::malformed, "kernel " + quoted(path) + ": not an x86 bzImage with a version in its header");
  }
  return {{"host:" + path, std::move(content)}, std::move(*version)};
}

BootFile find_efi_file(const TreeFiles& files, const std::string& path) {
  if (auto content = files.try_read(path)) return {"image:" + path, std::move(*content)};
  if (try_open_at(working_directory(), path, O_RDONLY)) {
    return {"host:" + path, read_file(working_directory(), path, TreeFiles::default_limit)};
  }
  throw Error(Fault::missing, quoted(path) +
                                  ": neither in the image nor on this host: add systemd-boot to the image or install "
                                  "the package systemd-boot-efi");
}

}  // namespace

std::optional<std::string> bzimage_version(ByteView kernel) {
  constexpr std::size_t setup_header = 0x1f1;
  constexpr std::size_t magic_offset = 0x202;
  constexpr std::size_t version_field = 0x20e;
  if (kernel.size() < 0x400 || as_text(kernel.subspan(magic_offset, 4)) != "HdrS") return std::nullopt;
  const std::size_t setup_bytes = (std::size_t{kernel[setup_header]} + 1) * 512;
  const std::size_t offset = std::size_t{kernel[version_field]} + std::size_t{kernel[version_field + 1]} * 256 + 0x200;
  if (offset >= std::min(setup_bytes, kernel.size())) return std::nullopt;
  const std::string_view text = as_text(kernel.subspan(offset, std::min<std::size_t>(kernel.size() - offset, 256)));
  const std::size_t end = text.find_first_of(std::string_view(" \0", 2));
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  return std::string(text.substr(0, end));
}

FoundKernel find_kernel(const TreeFiles& files, const std::string& wanted) {
  if (wanted.find('/') != std::string::npos) return host_kernel(wanted);
  const auto kernels = kernels_in(files);
  if (kernels.empty()) {
    throw Error(Fault::missing,
                "no kernel in the image: neither /usr/lib/modules/VERSION/vmlinuz nor /boot/vmlinuz-VERSION; "
                "install one into the image, or name a file with --kernel");
  }
  auto chosen = kernels.begin();
  if (!wanted.empty()) {
    chosen = kernels.find(wanted);
    if (chosen == kernels.end()) {
      throw Error(Fault::missing, "kernel " + quoted(wanted) + ": not in the image, which has " + names_of(kernels));
    }
  } else if (kernels.size() > 1) {
    throw Error(Fault::malformed, "several kernels in the image: " + names_of(kernels) + "; choose one with --kernel");
  }
  auto content = files.try_read(chosen->second);
  if (!content) throw Error(Fault::malformed, "kernel " + quoted(chosen->second) + " in the image: not a regular file");
  return {{"image:" + chosen->second, std::move(*content)}, chosen->first};
}

BootFile find_initramfs(const TreeFiles& files, const std::string& kernel_version) {
  const std::string usual = "/usr/lib/modules/" + kernel_version + "/initramfs.img";
  for (const std::string& path :
       {usual, "/boot/initrd.img-" + kernel_version, "/boot/initramfs-" + kernel_version + ".img"}) {
    if (auto content = files.try_read(path)) return {"image:" + path, std::move(*content)};
  }
  throw Error(Fault::missing, "no initramfs in the image for kernel " + quoted(kernel_version) + ": " + usual +
                                  " is where dracut or initramfs-tools should put it");
}

std::string read_os_release(const TreeFiles& files) {
  constexpr std::uint64_t limit_bytes = 1U << 16;
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    if (const auto content = files.try_read(path, limit_bytes)) return std::string(as_text(*content));
  }
  throw Error(Fault::missing, "no os-release in the image: neither /etc/os-release nor /usr/lib/os-release");
}

std::string_view elf_architecture(ByteView program) {
  constexpr std::size_t machine_offset = 18;  // e_machine, little endian
  if (program.size() < 64 || as_text(program.first(6)) != std::string_view("\x7f"
                                                                           "ELF\2\1",
                                                                           6))
    return {};
  const unsigned machine = program[machine_offset] | unsigned{program[machine_offset + 1]} << 8;
  if (machine == 62) return "amd64";
  if (machine == 183) return "arm64";
  return {};
}

std::string efi_suffix(const std::string& architecture) {
  if (architecture == "amd64") return "x64";
  if (architecture == "arm64") return "aa64";
  throw Error(Fault::usage, "architecture " + quoted(architecture) + ": a UKI can be made for amd64 and arm64 only");
}

BootFile find_stub(const TreeFiles& files, const std::string& suffix) {
  return find_efi_file(files, "/usr/lib/systemd/boot/efi/linux" + suffix + ".efi.stub");
}

BootFile find_boot_loader(const TreeFiles& files, const std::string& suffix) {
  return find_efi_file(files, "/usr/lib/systemd/boot/efi/systemd-boot" + suffix + ".efi");
}

}  // namespace sealroot
