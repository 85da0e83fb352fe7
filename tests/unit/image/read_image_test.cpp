// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Images come from untrusted places: what was made of a tree reads back as that tree, damage is refused with a reason.
#include "builder/image/read_image.hpp"

#include <cstdlib>
#include <cstring>
#include <random>

#include "builder/image/image.hpp"
#include "builder/tree/dumpfile.hpp"
#include "store/core/error.hpp"
#include "store/erofs/format.hpp"
#include "tests/catch.hpp"
#include "tests/golden.hpp"

using namespace sealroot;

namespace {

constexpr std::array all_formats{ImageFormat::v0, ImageFormat::v1, ImageFormat::v2};

/// Reads `image` and makes it again.
Bytes again(ByteView image) {
  const ReadImage read = read_image(image);
  return make_image(read.tree, read.format);
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names{"cfsctl-sha256", "cfsctl-sha512"};
  for (const GoldenImage& row : golden_images()) {
    if (!row.refused && row.name != names.back()) names.push_back(row.name);
  }
  return names;
}

Bytes image_of(const std::string& dumpfile, ImageFormat format = ImageFormat::v1) {
  return make_image(parse_dumpfile(as_bytes(dumpfile)), format);
}

const std::string root_line = "/ 4096 40755 2 0 0 0 1.0 - - -\n";

}  // namespace

TEST_CASE("reading an image and making it again gives the same bytes, in every golden case and format") {
  for (const std::string& name : golden_names()) {
    const Tree tree = parse_dumpfile(gunzip_test_data("golden/" + name + ".dump.gz"));
    for (const ImageFormat format : all_formats) {
      CAPTURE(name, int(format));
      const Bytes image = make_image(tree, format);
      const ReadImage read = read_image(image);
      CHECK(read.format == format);
      CHECK(make_image(read.tree, format) == image);
    }
  }
}

TEST_CASE("an image reads back as the tree it was made of") {
  for (const std::string name : {"all-types", "hardlinks", "whiteout-in-opaque", "cfsctl-sha512"}) {
    CAPTURE(name);
    const Tree tree = parse_dumpfile(gunzip_test_data("golden/" + name + ".dump.gz"));
    CHECK(print_dumpfile(read_image(make_image(tree, ImageFormat::v0)).tree) == print_dumpfile(tree));
  }
}

TEST_CASE("what a tree itself says to overlayfs comes back unchanged") {
  const std::string text =
      "/ 4096 40755 3 0 0 0 1.0 - - - trusted.overlay.opaque=y\n"
      "/00 0 100644 1 0 0 0 1.0 - - -\n"
      "/d 4096 40755 2 0 0 0 1.0 - - - trusted.overlay.whiteouts= user.overlay.whiteouts=\n"
      "/d/f 0 100644 1 0 0 0 1.0 - - - trusted.overlay.metacopy=m\n";
  for (const ImageFormat format : all_formats) CHECK(print_dumpfile(read_image(image_of(text, format)).tree) == text);
}

TEST_CASE("a hard link keeps its primary name") {
  const std::string text = root_line.substr(0, 13) + "4 0 0 0 1.0 - - -\n" +
                           "/a 4096 40755 2 0 0 0 1.0 - - -\n"
                           "/a/link 5 @100644 2 0 0 0 1.0 /b/file - -\n"
                           "/b 4096 40755 2 0 0 0 1.0 - - -\n"
                           "/b/before 0 100644 1 0 0 0 1.0 - - -\n"
                           "/b/file 5 100644 2 0 0 0 1.0 - hello -\n";
  CHECK(print_dumpfile(read_image(image_of(text)).tree) == text);
}

TEST_CASE("images with bits flipped, bytes replaced or parts cut off are read or refused, never more") {
  std::mt19937_64 random(1);
  std::size_t refused = 0;
  std::size_t read = 0;
  const char* more = std::getenv("SEALROOT_MUTATIONS");  // by hand, with sanitizers
  const unsigned count = more != nullptr ? static_cast<unsigned>(std::stoul(more)) : 300;
  for (const std::string name : {"all-types", "hardlinks", "xattrs-shared-many", "reg-forms", "inline-large",
                                 "dir-tail-sizes", "whiteouts", "random-1-n50", "cfsctl-sha512"}) {
    const Tree tree = parse_dumpfile(gunzip_test_data("golden/" + name + ".dump.gz"));
    for (const ImageFormat format : all_formats) {
      const Bytes image = make_image(tree, format);
      for (unsigned i = 0; i < count; ++i) {
        Bytes bad = image;
        for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
          const std::size_t end = random() % 2 == 0 ? bad.size() : std::min<std::size_t>(bad.size(), 16384);
          std::uint8_t& byte = bad[random() % end];
          byte = static_cast<std::uint8_t>(random() % 2 == 0 ? random() : byte ^ 1U << random() % 8);
        }
        if (random() % 8 == 0) bad.resize(random() % bad.size());
        try {
          again(bad);
          ++read;
        } catch (const Error& error) {
          CHECK(error.fault() == Fault::malformed);
          ++refused;
        }
      }
    }
  }
  CHECK(refused > read / 10);
  CHECK(read > 0);
}

TEST_CASE("damage is refused with path and reason") {
  const std::string text = root_line + "/f 5 100644 1 0 0 0 2.0 - hello -\n";
  const Bytes image = image_of(text);
  erofs::Superblock super;
  std::memcpy(&super, image.data() + erofs::super_offset, sizeof(super));
  const std::size_t root = super.root_nid * erofs::slot_size;
  struct Row {
    std::size_t offset;
    std::uint8_t value;
    std::string reason;
  };
  const std::vector<Row> rows{
      {0, 0, "not a composefs image"},
      {4, 2, "unknown version"},
      {12, 3, "unknown version"},
      {erofs::super_offset, 0, "not a composefs image"},
      {erofs::super_offset + offsetof(erofs::Superblock, blkszbits), 9, "features that composefs does not use"},
      {erofs::super_offset + offsetof(erofs::Superblock, feature_incompat), 1, "features that composefs does not use"},
      {erofs::super_offset + offsetof(erofs::Superblock, blocks), 99, "another size than it says"},
      {erofs::super_offset + offsetof(erofs::Superblock, root_nid) + 1, 0xff, "'/': inode outside the image"},
      {root + offsetof(erofs::InodeCompact, i_mode) + 1, 0x80, "'/': the root is not a directory"},
      {root + offsetof(erofs::InodeCompact, i_nlink), 7, "another link count"},
      {root + offsetof(erofs::InodeCompact, i_size) + 3, 1, "'/': directories larger than the image"},
      {root + offsetof(erofs::InodeCompact, i_format), 6, "'/': inode with an unknown layout of data"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.offset, row.reason);
    Bytes bad = image;
    bad[row.offset] = row.value;
    CHECK_THROWS_WITH(read_image(bad), has_text(row.reason));
  }
  CHECK_THROWS_WITH(read_image(ByteView(image).first(100)), has_text("shorter than a block"));
  CHECK_THROWS_WITH(read_image(ByteView(image).first(image.size() - 4096)), has_text("another size"));
}

TEST_CASE("files that claim each other's bytes don't make a small image large") {
  std::string text = root_line;
  for (int i = 0; i < 500; ++i) text += "/f" + std::to_string(i) + " 1 100644 1 0 0 0 1.0 - x -\n";
  Bytes image = image_of(text);
  for (std::size_t at = erofs::inodes_offset; at + sizeof(erofs::InodeCompact) <= image.size();
       at += erofs::slot_size) {
    erofs::InodeCompact inode;
    std::memcpy(&inode, image.data() + at, sizeof(inode));
    if (inode.i_mode != 0100644 || inode.i_size != 1) continue;
    inode.i_format = 0;  // in blocks of its own
    inode.i_size = 4096;
    std::memcpy(image.data() + at, &inode, sizeof(inode));
  }
  CHECK_THROWS_WITH(read_image(image), has_text("more contents than the image has room for"));
}
