// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a container image brings along for its own boot: kernel, os-release, and systemd's stub and boot loader. They
// are collected before the boot form empties /boot.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "builder/boot/tree_files.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// A part and where it was found, for messages and build.json.
struct BootFile {
  std::string origin;  // "image:/usr/lib/..." or "host:/usr/lib/..."
  Bytes content;
};

struct FoundKernel {
  BootFile file;
  std::string version;  // the name of its folder in /usr/lib/modules
};

/// The kernel of the image: /usr/lib/modules/VERSION/vmlinuz, else /boot/vmlinuz-VERSION.
///   wanted   empty: the image must hold exactly one; a name without '/' is the version to take; else a file of the
///            build host, whose version is read from its own header
///   throws   Error{missing}: no kernel in the image; Error{malformed}: several, and none was chosen
FoundKernel find_kernel(const TreeFiles& files, const std::string& wanted);

/// The initramfs that the image brings along for a kernel: /usr/lib/modules/VERSION/initramfs.img (bootc's place), else
/// /boot/initrd.img-VERSION or /boot/initramfs-VERSION.img; throws Error{missing}.
BootFile find_initramfs(const TreeFiles& files, const std::string& kernel_version);

/// The release string in a bzImage, up to its first blank; nullopt if the file has none.
/// Source: linux/Documentation/arch/x86/boot.rst, field kernel_version
std::optional<std::string> bzimage_version(ByteView kernel);

/// /etc/os-release, else /usr/lib/os-release; throws Error{missing}.
std::string read_os_release(const TreeFiles& files);

/// OCI architecture of a 64-bit ELF program, empty if it is for none that we know or no program at all.
std::string_view elf_architecture(ByteView program);

/// EFI architecture suffix of file names (`x64`, `aa64`) for an OCI architecture (`amd64`, `arm64`).
std::string efi_suffix(const std::string& architecture);

/// The systemd stub, or boot loader: from the image, else from the build host's package systemd-boot-efi.
BootFile find_stub(const TreeFiles& files, const std::string& suffix);
BootFile find_boot_loader(const TreeFiles& files, const std::string& suffix);

}  // namespace sealroot
