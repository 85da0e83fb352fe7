// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Archives that must not be read: broken, cut, or with more than one reading.
#include "read_tar.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/tar_writer.hpp"

using namespace sealroot;

namespace {

void check_refused(const std::string& archive, const std::string& reason) {
  CHECK_THROWS_WITH(read_tar(archive), has_text(reason));
}

TarWriter::Damage typeflag(char type) {
  return [type](TarHeader& header) { header.typeflag = type; };
}

}  // namespace

TEST_CASE("T1_names_that_leave_the_tree_or_are_no_names_are_refused") {
  for (const std::string name : {"..", "../x", "a/..", "a/../b", "/../x", "./.."}) {
    CAPTURE(name);
    check_refused(TarWriter().file(name).str(), "'..' part");
  }
  check_refused(TarWriter().file("a").file("").str(), "name is empty");
  check_refused(TarWriter().pax("path", std::string(256, 'n')).file("x").str(), "longer than 255 bytes");
  std::string path;
  while (path.size() <= 4096) path += "0123456789/";
  check_refused(TarWriter().pax("path", path).directory("x").str(), "longer than 4096 bytes");
  check_refused(TarWriter().pax("path", std::string("a\0b", 3)).file("x").str(), "NUL byte");
  check_refused(TarWriter().extension('L', std::string("a\0b", 3)).file("x").str(), "NUL byte");
  check_refused(TarWriter().file("a/").str(), "not a directory");
  check_refused(TarWriter().file("first", "1").file("../x").str(), "entry '../x' at offset 1024");
}

TEST_CASE("T3_hard_links_out_of_the_tree_or_to_whiteouts_are_refused") {
  check_refused(TarWriter().hard_link("l", "../etc/shadow").str(), "'..' part");
  check_refused(TarWriter().hard_link("l", "").str(), "link without a target");
  check_refused(TarWriter().hard_link("l", "d/.wh.x").str(), "is a whiteout");
  check_refused(TarWriter().symlink("l", "").str(), "link without a target");
}

TEST_CASE("T4_unknown_types_and_data_where_none_may_be_are_refused") {
  for (const char type : {'8', '9', 'A', 'D', 'M', 'N', 'V', 'X', 'Z', ' ', '\xff'}) {
    CAPTURE(type);
    check_refused(TarWriter().add({.name = "x"}, typeflag(type)).str(), "unknown entry type");
  }
  for (const char type : {'1', '2', '3', '4', '5', '6'}) {
    CAPTURE(type);
    check_refused(TarWriter().add({.name = "x", .type = type, .content = "data", .link = "y"}).str(), "has data");
  }
  check_refused(TarWriter().add({.name = "x", .type = '3', .major = 4096}).str(), "device number");
}

TEST_CASE("T9_PAX_records_that_are_damaged_are_refused_never_skipped") {
  for (const std::string body : {"", "6 a=b", "99 a=b\n", "x a=b\n", "06 a=b\n", "-6 a=b\n", "6 =bb\n", "6 abb\n",
                                 "6a=bb\n", "5 a=b\n", "7 a=b\n\n6 a=b\n", "18446744073709551615 a=b\n"}) {
    CAPTURE(body);
    CHECK_THROWS_AS(read_tar(TarWriter().extension('x', body).file("f").str()), Error);
  }
  check_refused(TarWriter().pax("size", "-1").file("f").str(), "PAX size");
  check_refused(TarWriter().pax("size", "1e3").file("f").str(), "PAX size");
  check_refused(TarWriter().pax("size", "9223372036854775808").file("f").str(), "PAX size");
  check_refused(TarWriter().pax("size", "9223372036854775807").file("f").str(), "bytes");
  check_refused(TarWriter().pax("mtime", "soon").file("f").str(), "PAX mtime");
  check_refused(TarWriter().pax("mtime", "1.2.3").file("f").str(), "PAX mtime");
  check_refused(TarWriter().pax("mtime", "-1.5").file("f").str(), "before 1970");
  check_refused(TarWriter().pax("path", "").file("f").str(), "PAX path is empty");
  const std::string twice = TarWriter::pax_record("path", "a") + TarWriter::pax_record("path", "b");
  check_refused(TarWriter().extension('x', twice).file("f").str(), "given twice");
}

TEST_CASE("T9_extension_records_have_one_reading_or_none") {
  check_refused(TarWriter().pax("path", "a").pax("mtime", "1").file("f").str(), "two PAX headers");
  check_refused(TarWriter().pax("path", "a").extension('L', "b").file("f").str(),
                "both a GNU long name and a PAX name");
  check_refused(TarWriter().extension('L', "b").pax("path", "a").file("f").str(),
                "both a GNU long name and a PAX name");
  check_refused(TarWriter().extension('L', "a").extension('L', "b").file("f").str(), "two GNU long names");
  check_refused(TarWriter().extension('g', TarWriter::pax_record("path", "a")).file("f").str(), "global PAX record");
  check_refused(TarWriter().file("f").pax("path", "a").str(), "without an entry");
  check_refused(TarWriter().extension('x', std::string(std::size_t{2} << 20, 'x')).file("f").str(),
                "extension records of");
  const Layer commented = read_tar(TarWriter().extension('g', TarWriter::pax_record("comment", "git")).file("f").str());
  CHECK(commented.entries.size() == 1);
  const Layer sized = read_tar(TarWriter().pax("size", "4").file("f", "data").file("g").str());
  CHECK(sized.entries.size() == 2);
}

TEST_CASE("T9_PAX_size_wins_over_the_header") {
  const std::string archive = TarWriter()
                                  .pax("size", "4")
                                  .add({.name = "f"}, [](TarHeader& header) { TarWriter::octal(header.size, 1); })
                                  .raw("data" + std::string(508, '\0'))
                                  .file("g")
                                  .str();
  const Layer layer = read_tar(archive);
  REQUIRE(layer.entries.size() == 2);
  CHECK(node_of(layer).regular()->inline_content == "data");
}

TEST_CASE("T9_header_numbers_that_are_no_numbers_are_refused") {
  const auto with_size = [](const std::string& text) {
    return TarWriter()
        .add({.name = "f"},
             [&](TarHeader& header) {
               header.size.fill('\0');
               TarWriter::copy(header.size, text);
             })
        .str();
  };
  check_refused(with_size("0000000008"), "size is not an octal number");
  check_refused(with_size("12 34"), "size is not an octal number");
  check_refused(with_size("-1"), "size is not an octal number");
  check_refused(with_size(std::string(12, '\xff')), "size is negative");
  check_refused(with_size("\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "size is too large");
  check_refused(with_size(std::string("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12)), "bytes");
}

TEST_CASE("T11_bad_checksums_and_foreign_data_are_refused") {
  std::string archive = TarWriter().file("a", "1").file("b", "2").str();
  archive[1024 + 1] = 'x';
  check_refused(archive, "tar header at offset 1024: header checksum does not match");
  check_refused("no tar at all", "cut");
  check_refused(std::string(512, 'x'), "tar header at offset 0");
  check_refused(TarWriter().add({.name = "f"}, [](TarHeader& header) { header.magic.fill('x'); }).str(),
                "unknown magic");
}

TEST_CASE("T11_an_archive_cut_at_any_block_is_refused") {
  const std::string half(250, 'n');
  const std::string whole = TarWriter()
                                .directory("d")
                                .pax("path", "d/" + std::string(120, 'p'))
                                .file("x", std::string(1500, 'x'))
                                .extension('L', half + "/" + half)
                                .directory("y")
                                .symlink("l", "t")
                                .file("zeros", std::string(2048, '\0'))
                                .str();
  CHECK(read_tar(whole).entries.size() == 5);
  for (std::size_t size = 0; size < whole.size(); size += 512) {
    CAPTURE(size);
    CHECK_THROWS_AS(read_tar(whole.substr(0, size)), Error);
    if (size > 0) CHECK_THROWS_AS(read_tar(whole.substr(0, size - 1)), Error);
    CHECK_THROWS_AS(read_tar(whole.substr(0, size + 1)), Error);
  }
}

TEST_CASE("T11_only_zeros_may_follow_the_end") {
  const std::string whole = TarWriter().file("a", "1").str();
  CHECK(read_tar(whole + std::string(10240, '\0')).entries.size() == 1);
  check_refused(whole + "x", "follow the end of the archive");
  CHECK_THROWS_WITH(read_tar(whole + "x"), !has_text("entry 'a'"));  // the entry is not to blame
  check_refused(whole + std::string(512, '\0') + whole, "follow the end of the archive");
  check_refused(whole + whole, "follow the end of the archive");
  check_refused(TarWriter().file("a", "1").raw(std::string(512, '\0')).file("b", "2").str(), "only one block of zeros");
  check_refused(TarWriter().file("a", "1").open() + std::string(512, '\0'), "cut");
}

TEST_CASE("T12_the_number_and_sizes_of_entries_are_bounded") {
  MemoryStream bytes(TarWriter().file("a").file("b").file("c").str());
  ReadAhead stream(bytes);
  LayerBudget budget;
  budget.entries = 2;
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  CHECK_THROWS_WITH(read_layer(stream, "layer", WhiteoutRule::apply, budget, ingest),
                    has_text("entry 'c' at offset 1024: more than"));
  check_refused(TarWriter().pax("size", "300000000000").file("f").str(), "has 300000000000 bytes");
}
