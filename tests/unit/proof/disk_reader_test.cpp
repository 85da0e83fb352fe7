// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Partition table, FAT and ext4 as they are read back; sfdisk, mtools and debugfs are the judges.
#include <sys/mman.h>
#include <unistd.h>

#include <tuple>

#include "builder/disk/ext4_reader.hpp"
#include "builder/disk/fat.hpp"
#include "builder/disk/read_gpt.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/disk/fixture.hpp"

using namespace sealroot;

namespace {

/// A FAT of this many MiB in a file, filled by mtools with names of every kind.
struct FatDisk {
  Scratch scratch;
  std::string path = (scratch.path() / "fat").string();
  Bytes content = made_up(300'001, 7);

  FatDisk(const std::string& size, const std::string& options) {
    write_new_file(scratch.directory(), "content", content);
    const std::string in = "'" + (scratch.path() / "content").string() + "'";
    const Output made =
        run("truncate -s " + size + " " + path + " && mkfs.fat " + options + " " + path + " && mmd -i " + path +
            " ::/EFI ::/EFI/Linux ::/e && mcopy -i " + path + " " + in + " ::/EFI/Linux/a_Long_name_" +
            std::string(60, 'x') + "+3-0.efi && mcopy -i " + path + " " + in + " ::/e/SHORT.TXT && mcopy -i " + path +
            " " + in + " ::/gone && mdel -i " + path + " ::/gone && for i in $(seq 60); do mcopy -i " + path +
            " /dev/null ::/e/file-number-$i; done");
    INFO(made.text);
    REQUIRE(made.status == 0);
  }
  Fd open() const { return open_at(working_directory(), path, O_RDONLY); }
};

}  // namespace

TEST_CASE("files of FAT12, FAT16 and FAT32 are those that mtools put there") {
  for (const auto& [size, options, kind] :
       {std::tuple{"2M", "-F 12", "FAT12"}, {"20M", "-F 16", "FAT16"}, {"64M", "-F 32 -s 1", "FAT32"}}) {
    INFO(kind);
    const FatDisk disk(size, options);
    const Fd file = disk.open();
    const FatReader reader(file, 0, std::filesystem::file_size(disk.path));
    CHECK(reader.kind() == kind);
    CHECK(reader.files().size() == 62);
    int found = 0;
    for (const FatFile& entry : reader.files()) {
      if (entry.path.find("file-number-") != std::string::npos) continue;
      ++found;
      CHECK(
          (entry.path == "EFI/Linux/a_Long_name_" + std::string(60, 'x') + "+3-0.efi" || entry.path == "e/SHORT.TXT"));
      const bool same = reader.read(entry, 1 << 20) == disk.content;
      CHECK(same);
      CHECK_THROWS_WITH(reader.read(entry, 1000), has_text("larger than 1000 bytes"));
    }
    CHECK(found == 2);
  }
}

TEST_CASE("a FAT with any byte of its structures changed is read without leaving it") {
  const FatDisk disk("2M", "-F 12");
  const Fd file = disk.open();
  Bytes bytes = read_all(file);
  const Fd changed(::memfd_create("changed", MFD_CLOEXEC));
  int refused = 0;
  for (std::size_t at = 0; at < 8192; at += 3) {
    REQUIRE(::ftruncate(changed.get(), 0) == 0);
    bytes[at] ^= 0xff;
    write_all_at(changed, bytes, 0);
    bytes[at] ^= 0xff;
    try {
      const FatReader reader(changed, 0, bytes.size());
      for (const FatFile& entry : reader.files()) reader.read(entry, 1 << 20);
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 5);
}

TEST_CASE("the partition table is the one that was written, and any change to it is noticed") {
  const Fixture fixture;
  const DiskLayout layout = fixture.write("disk", fixture.spec());
  const Fd disk = open_at(fixture.scratch.directory(), "disk", O_RDWR);
  const FoundTable table = read_gpt(disk);
  CHECK(table.defects.empty());
  REQUIRE(table.partitions.size() == 2);
  CHECK(table.partitions[0].offset_bytes == layout.esp_offset_bytes);
  CHECK(table.partitions[0].size_bytes == layout.esp_size_bytes);
  CHECK(table.partitions[0].name == "esp");
  CHECK(table.partitions[1].offset_bytes == layout.root_offset_bytes);
  CHECK(table.partitions[1].type == root_type_x86_64);
  for (const std::uint64_t at : {512 + 9, 512 + 40, 512 + 60, 512 + 88, 1024 + 3, 1024 + 130}) {
    const Bytes before = read_disk(disk, at, 1);
    write_all_at(disk, Bytes{static_cast<std::uint8_t>(before[0] ^ 1)}, at);
    INFO(at);
    CHECK_THROWS_AS(read_gpt(disk), Error);
    write_all_at(disk, before, at);
  }
  CHECK(read_gpt(disk).defects.empty());
}

TEST_CASE("sealed files and their sizes are read as they were written") {
  const Fixture fixture;
  const DiskLayout layout = fixture.write("disk", fixture.spec());
  const Fd disk = open_at(fixture.scratch.directory(), "disk", O_RDONLY);
  const ext4::Reader reader(disk, layout.root_offset_bytes, layout.root_size_bytes);
  CHECK(reader.has_verity());
  CHECK_FALSE(reader.needs_recovery());
  for (std::size_t i = 0; i < fixture.digests.size(); ++i) {
    const auto number = reader.find("/composefs/objects/" + object_path(fixture.digests[i]));
    REQUIRE(number);
    const ext4::FoundInode inode = reader.inode(*number);
    CHECK(inode.sealed);
    REQUIRE(inode.size_bytes == fixture.contents[i].size());
    Bytes content(inode.size_bytes);
    reader.read(inode, 0, content);
    const bool same = content == fixture.contents[i];
    CHECK(same);
  }
  CHECK_FALSE(reader.find("/composefs/nothing"));
  CHECK_THROWS_AS(ext4::Reader(disk, layout.esp_offset_bytes, layout.esp_size_bytes), Error);
  CHECK_THROWS_WITH(ext4::Reader(disk, layout.root_offset_bytes, layout.root_size_bytes / 2),
                    has_text("larger than its partition"));
}
