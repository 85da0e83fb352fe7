// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot build`: a container image in, a signed system out.
//
//   source -> layers -> tree -> image -> kernel, initramfs, command line -> UKI -> disk
//                 `-> objects        (each phase is one function of build.cpp)
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/image/privileged.hpp"
#include "builder/labels/label_tree.hpp"
#include "builder/layer/limits.hpp"
#include "builder/registry/options.hpp"
#include "builder/tree/normalise.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

struct BuildOptions {
  std::string source;                // transport:reference
  std::string output;                // folder to make
  std::optional<std::string> store;  // existing repository to add to; else OUTPUT/composefs is made
  Algorithm algorithm = Algorithm::sha512;
  std::string architecture;            // OCI name; empty: this host's
  std::string kernel;                  // see find_kernel()
  std::string initrd = "minimal";      // or "image" (see find_initramfs()) or a file
  std::optional<std::string> pivot;    // file; replaces the built-in one, for images of another architecture
  std::string uki_config = "default";  // profile name or file
  std::optional<std::string> cmdline;  // replaces the profile's Cmdline
  std::optional<std::string> key;      // PEM file; replaces the profile's
  std::optional<std::string> certificate;
  bool unsigned_uki = false;
  std::optional<std::string> pcr_private_key;  // replaces the profile's [PCRSignature:...]
  std::optional<std::string> pcr_public_key;
  std::vector<std::string> phases;     // boot phases the PCR key vouches for; empty: those of a whole boot
  std::vector<std::string> pcr_banks;  // empty: the profile's, or all
  XattrRule xattrs = XattrRule::allowlist_only;
  LabelMode labels = LabelMode::automatic;
  DenyRules deny{};
  std::string etc = "overlay";  // what the pivot does with /etc, /var and a failed boot: sealed_config.hpp
  std::string var = "bind";
  std::string on_failure = "reboot";
  bool unsealed = false;  // for file systems without fs-verity: nothing is verified behind the UKI
  std::vector<std::string> allow;  // tokens that may be appended to the signed command line
  std::optional<std::string> image_id;
  std::optional<std::string> image_version;
  bool streams = true;                   // record a container image as cfsctl does: container_streams.hpp
  std::optional<std::string> tag;        // of that record; else IMAGE_ID:IMAGE_VERSION
  std::optional<std::string> container;  // container image to make as well: container_output.hpp
  bool disk = true;
  std::uint64_t disk_size = 0;  // bytes; 0: what is needed
  unsigned threads = 0;         // 0: one a CPU
  std::uint64_t max_entries = max_entry_count;
  RegistryOptions registry{};
};

/// Whether the value of --kernel or --uki-config is a file's name; else it is a version or a profile's name.
inline bool names_file(const std::string& value) { return value.find('/') != std::string::npos; }

/// Tells what is being done: called once at the start of each phase, then with bytes as they pass (`total` 0 if it is
/// not known). Called from one thread at a time.
using BuildProgress = std::function<void(const std::string& phase, std::uint64_t done, std::uint64_t total)>;

/// Builds and returns the record that also stands in OUTPUT/build.json.
///   throws   Error; the output folder is then as it was before. With `store`, objects that were added stay there
///            without a ref, as garbage for gc.
///   ensures  same input, options and tools: same bytes, whoever builds and with however many threads
nlohmann::ordered_json build_image(const BuildOptions& options, const BuildProgress& progress);

}  // namespace sealroot
