// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Archives that are as they should be: what becomes of their entries.
#include "read_tar.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/tar_writer.hpp"

using namespace sealroot;

TEST_CASE("T1_leading_slashes_and_dots_are_normalised_away") {
  for (const std::string name : {"usr/bin", "/usr/bin", "./usr/bin", "//usr//./bin", "/./usr/bin/", "usr/bin/."}) {
    CAPTURE(name);
    CHECK(read_tar(TarWriter().directory(name).str()).entries.at(0).path == "usr/bin");
  }
  for (const std::string name : {".", "./", "/", "/."}) {
    CHECK(read_tar(TarWriter().directory(name).str()).entries.at(0).path.empty());
  }
}

TEST_CASE("every type of entry becomes its node") {
  const Layer layer = read_tar(TarWriter()
                                   .directory("d", 01777)
                                   .file("small", "text")
                                   .file("big", std::string(65, 'x'))
                                   .symlink("link", "../some/where")
                                   .hard_link("hard", "/small")
                                   .add({.name = "null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
                                   .add({.name = "disk", .type = '4', .major = 259, .minor = 70000})
                                   .add({.name = "fifo", .type = '6'})
                                   .add({.name = "contiguous", .type = '7', .content = "c"})
                                   .str());
  REQUIRE(layer.entries.size() == 9);
  CHECK(node_of(layer, 0).directory() != nullptr);
  CHECK(node_of(layer, 0).metadata.permissions == 01777);
  CHECK(node_of(layer, 1).regular()->inline_content == "text");
  CHECK_FALSE(layer.entries[1].content);
  CHECK(node_of(layer, 2).regular()->size == 65);
  CHECK(node_of(layer, 2).regular()->inline_content.empty());
  CHECK(layer.entries[2].content == ContentId{0});
  CHECK(node_of(layer, 3).symlink()->target == "../some/where");
  CHECK(std::get<HardLink>(layer.entries[4].what).target == "small");
  CHECK(std::get<DeviceNode>(node_of(layer, 5).content).rdev == 0x103);
  CHECK(std::get<DeviceNode>(node_of(layer, 6).content).block);
  CHECK(std::get<DeviceNode>(node_of(layer, 6).content).rdev == 0x11110370);  // as new_encode_dev packs 259:70000
  CHECK(std::holds_alternative<Fifo>(node_of(layer, 7).content));
  CHECK(node_of(layer, 8).regular()->inline_content == "c");
}

TEST_CASE("T5_mode_bits_and_owners_are_kept") {
  const Layer layer = read_tar(TarWriter().add({.name = "su", .mode = 06755, .uid = 1234}).str());
  CHECK(node_of(layer).metadata.permissions == 06755);
  CHECK(node_of(layer).metadata.uid == 1234);
  const Layer big = read_tar(TarWriter().pax("uid", "4294967294").file("f").str());
  CHECK(node_of(big).metadata.uid == 4294967294U);
  CHECK_THROWS_WITH(read_tar(TarWriter().pax("uid", "4294967295").file("f").str()), has_text("out of range"));
}

TEST_CASE("PAX and GNU names are taken as the bytes they are") {
  const std::string utf8(200, '\xc3');
  const std::string long_name = "d/" + std::string(200, 'n');
  CHECK(read_tar(TarWriter().pax("path", "caf\xc3\xa9").file("x").str()).entries.at(0).path == "caf\xc3\xa9");
  CHECK(read_tar(TarWriter().pax("path", "latin\xe9").file("x").str()).entries.at(0).path == "latin\xe9");
  CHECK(read_tar(TarWriter().extension('L', long_name + '\0').file("x").str()).entries.at(0).path == long_name);
  CHECK(read_tar(TarWriter().extension('L', utf8).file("x").str()).entries.at(0).path == utf8);
  const Layer link = read_tar(TarWriter().extension('K', long_name + '\0').symlink("x", "y").str());
  CHECK(node_of(link).symlink()->target == long_name);
  const Layer pax_link = read_tar(TarWriter().pax("linkpath", "caf\xc3\xa9").symlink("x", "y").str());
  CHECK(node_of(pax_link).symlink()->target == "caf\xc3\xa9");
}

TEST_CASE("PAX times keep nine digits, the rest is cut off") {
  for (const auto& [text, seconds, nanoseconds] :
       std::vector<std::tuple<std::string, std::int64_t, unsigned>>{{"12.5", 12, 500000000},
                                                                    {"12.123456789", 12, 123456789},
                                                                    {"12.1234567899", 12, 123456789},
                                                                    {"12", 12, 0},
                                                                    {"0.000000001", 0, 1},
                                                                    {"-7", -7, 0},
                                                                    {"4294967296.25", 4294967296, 250000000}}) {
    CAPTURE(text);
    const Layer layer = read_tar(TarWriter().pax("mtime", text).file("f").str());
    CHECK(node_of(layer).metadata.mtime_seconds == seconds);
    CHECK(node_of(layer).metadata.mtime_nanoseconds == nanoseconds);
  }
}

TEST_CASE("T6_xattrs_of_both_spellings_are_read_and_bad_ones_refused") {
  const std::string both = TarWriter::pax_record("SCHILY.xattr.user.a", "value") +
                           TarWriter::pax_record("LIBARCHIVE.xattr.user.a", "dmFsdWU") +
                           TarWriter::pax_record("SCHILY.xattr.security.capability", std::string("\1\0\0\2", 4));
  const Layer layer = read_tar(TarWriter().extension('x', both).file("f").str());
  CHECK(node_of(layer).metadata.xattrs ==
        Xattrs{{"user.a", "value"}, {"security.capability", std::string("\1\0\0\2", 4)}});

  const std::string other = TarWriter::pax_record("SCHILY.xattr.user.a", "value") +
                            TarWriter::pax_record("LIBARCHIVE.xattr.user.a", "b3RoZXI");
  CHECK_THROWS_WITH(read_tar(TarWriter().extension('x', other).file("f").str()), has_text("two values"));
  CHECK_THROWS_WITH(read_tar(TarWriter().pax("SCHILY.xattr.user." + std::string(251, 'n'), "v").file("f").str()),
                    has_text("bad name"));
  CHECK_THROWS_WITH(read_tar(TarWriter().pax("SCHILY.xattr.user.v", std::string(65537, 'v')).file("f").str()),
                    has_text("over 65536 bytes"));
}

TEST_CASE("T7_whiteouts_are_told_from_entries_and_invalid_ones_refused") {
  const Layer layer = read_tar(TarWriter().file("d/.wh.name").file("d/.wh..wh..opq").file(".wh..name").str());
  REQUIRE(layer.whiteouts.size() == 3);
  CHECK(layer.entries.empty());
  CHECK(layer.whiteouts[0].directory == "d");
  CHECK(layer.whiteouts[0].name == "name");
  CHECK(layer.whiteouts[1].name.empty());
  CHECK(layer.whiteouts[2].name == ".name");

  for (const std::string name : {".wh.", "d/.wh.", ".wh..", ".wh...", ".wh..wh.plnk", ".wh..wh.aufs", ".wh..wh..opqx",
                                 ".wh.d/file", "d/.wh.d/file"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(read_tar(TarWriter().file(name).str()), has_text("whiteout"));
  }
  CHECK_THROWS_WITH(read_tar(TarWriter().directory(".wh.d").str()), has_text("not an empty file"));
  CHECK_THROWS_WITH(read_tar(TarWriter().symlink(".wh.d", "x").str()), has_text("not an empty file"));
  CHECK_THROWS_WITH(read_tar(TarWriter().hard_link(".wh.d", "x").str()), has_text("not an empty file"));
  CHECK_THROWS_WITH(read_tar(TarWriter().file(".wh.d", "x").str()), has_text("not an empty file"));
  CHECK_THROWS_WITH(read_tar(TarWriter().file(".wh.d").str(), WhiteoutRule::refuse), has_text("only in layers"));
}

TEST_CASE("T10_sparse_files_are_filled_with_zeros_within_bounds") {
  const std::string map =
      TarWriter::pax_record("GNU.sparse.major", "1") + TarWriter::pax_record("GNU.sparse.minor", "0") +
      TarWriter::pax_record("GNU.sparse.name", "sparse") + TarWriter::pax_record("GNU.sparse.realsize", "40");
  const auto sparse = [](const std::string& records, const std::string& pieces) {
    std::string block = pieces;
    block.resize(512);
    return TarWriter().extension('x', records).file("GNUSparseFile.1/sparse", block + "abcd").str();
  };
  const Layer layer = read_tar(sparse(map, "1\n10\n4\n"));
  CHECK(layer.entries.at(0).path == "sparse");
  CHECK(node_of(layer).regular()->inline_content == std::string(10, '\0') + "abcd" + std::string(26, '\0'));

  const std::string huge =
      TarWriter::pax_record("GNU.sparse.major", "1") + TarWriter::pax_record("GNU.sparse.minor", "0") +
      TarWriter::pax_record("GNU.sparse.name", "sparse") + TarWriter::pax_record("GNU.sparse.realsize", "9000000000");
  CHECK_THROWS_WITH(read_tar(sparse(huge, "1\n8999999996\n4\n")), has_text("holes of more than 4 GiB"));
  const std::string exabytes = TarWriter::pax_record("GNU.sparse.major", "1") +
                               TarWriter::pax_record("GNU.sparse.minor", "0") +
                               TarWriter::pax_record("GNU.sparse.name", "sparse") +
                               TarWriter::pax_record("GNU.sparse.realsize", "8000000000000000000");
  CHECK_THROWS_WITH(read_tar(sparse(exabytes, "1\n10\n4\n")), has_text("more than 256 GiB"));
  CHECK_THROWS_AS(read_tar(sparse(map, "2\n10\n2\n9\n2\n")), Error);  // overlapping
  CHECK_THROWS_AS(read_tar(sparse(map, "1\n38\n4\n")), Error);        // beyond the end
}
