// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The disk image: everything a machine needs to boot a sealed image, written without root, mounts, loop devices or a
// kernel that knows fs-verity. The same spec gives the same bytes, whoever builds and however many threads help.
//
//   0        1 MiB                 1 MiB aligned                          end - 1 MiB
//   | GPT    | ESP, FAT32          | root, ext4 with verity files         | GPT backup |
//              EFI/BOOT, EFI/Linux   /composefs  objects, images, meta.json
//                                    /state      writable /etc and /var of deployments
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/core/bytes.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"
#include "store/object_store.hpp"

namespace sealroot {

/// GPT types of the root partition, from the Discoverable Partitions Specification.
inline constexpr std::string_view root_type_x86_64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
inline constexpr std::string_view root_type_arm64 = "B921B045-1DF0-41C3-AF44-4C6F280D3FAE";
inline constexpr std::string_view root_type_riscv64 = "72EC70A6-CF74-40E6-BD49-4BDA08E8F224";

/// A file on the ESP. `path` is relative, its directories are made: `EFI/Linux/name.efi`.
struct EspFile {
  std::string path;
  ByteView content;
};

/// What the root partition holds.
struct RootPartition {
  const ObjectStore& store;  // contents are read from here and measured on the way
  std::vector<Digest>
      objects;              // every object of image and streams, in any order, once; the image's own may be left out
  Digest image;             // named below /composefs/images and by /state/deploy
  Bytes repository_meta;    // bytes of /composefs/meta.json
  std::string image_ref{};  // below /composefs/images/refs: keeps composefs-rs' gc off; empty: none
  std::map<std::string, Digest> streams{};           // splitstreams by their names below /composefs/streams
  std::map<std::string, std::string> stream_refs{};  // names below /composefs/streams/refs, and the stream of each
  const Tree* state = nullptr;                       // holds /state and nothing else; its files are NOT sealed
};

struct DiskSpec {
  std::vector<EspFile> esp;
  RootPartition root;
  std::string root_type{root_type_x86_64};
  std::uint64_t size_bytes = 0;      // 0: the content, an eighth of it free and at least 64 MiB free
  std::uint64_t esp_size_bytes = 0;  // 0: three times its content, at least 64 MiB
  std::int64_t timestamp = 0;        // SOURCE_DATE_EPOCH; seconds, for all times that no content brings along
  unsigned threads = 0;              // 0: as many as there are CPUs
};

/// Where things ended up, for build.json and messages.
struct DiskLayout {
  std::uint64_t size_bytes;
  std::uint64_t esp_offset_bytes, esp_size_bytes;
  std::uint64_t root_offset_bytes, root_size_bytes;
  std::string disk_uuid, esp_uuid, root_uuid;  // GPT GUIDs
  std::string file_system_uuid;                // of ext4
};

/// Bytes of contents written to the root partition so far, and of all; called by one thread at a time.
using DiskProgress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

/// Writes the whole disk to `file`, a regular file open for reading and writing; what it held is lost. It becomes
/// sparse, and nothing is synced.
///   throws   Error{untrusted} names an object whose bytes don't give its digest: damage never gets onto a disk;
///            Error{usage}: size_bytes or esp_size_bytes too small (the text says how much is needed);
///            Error{missing}: an object, or a program (mkfs.fat, mmd, mcopy) and its Debian package;
///            Error{os}: disk full; the file then holds rubbish
///   ensures  the same spec gives the same bytes; every UUID derives from the image's digest
DiskLayout write_disk(const DiskSpec& spec, const Fd& file, const DiskProgress& progress = {});

}  // namespace sealroot
