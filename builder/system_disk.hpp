// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a disk with a sealed system consists of, for those who make one: a build and an installation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "builder/disk/disk.hpp"
#include "builder/tree/tree.hpp"
#include "store/repository.hpp"

namespace sealroot {

/// The digests of all objects that the tree reaches, without repetition and in order.
std::vector<Digest> objects_of(const Tree& tree);

/// Lets the disk have all splitstreams of the repository, with every object that they consist of: what the layers of a
/// container image hide from each other is needed to put them together again.
void add_streams(const Repository& repository, RootPartition& root);

/// The ESP: systemd-boot in both its places, its configuration and one UKI. The contents must outlive the result.
///   suffix  of EFI programs, such as `x64`
std::vector<EspFile> system_esp_files(const std::string& uki_name, ByteView uki, ByteView boot_loader,
                                      const std::string& suffix);

/// GPT type of the root partition for such a suffix.
std::string root_type_of(std::string_view suffix);

}  // namespace sealroot
