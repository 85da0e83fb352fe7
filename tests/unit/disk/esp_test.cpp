// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/esp.hpp"

#include "builder/disk/program.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/disk/fixture.hpp"

using namespace sealroot;

namespace {

const Fixture& fixture() {
  static const Fixture made;
  return made;
}

std::string esp_of(const std::string& disk, const DiskLayout& layout) {
  return "'" + disk + "@@" + std::to_string(layout.esp_offset_bytes) + "'";
}

}  // namespace

TEST_CASE("esp passes fsck.fat and holds the files") {
  const DiskLayout layout = fixture().write("esp", fixture().spec());
  const std::string disk = fixture().path("esp");
  const std::string mebibytes = std::to_string(layout.esp_size_bytes >> 20U);
  const Output checked = run("dd if=" + disk + " of=" + disk + ".fat bs=1M skip=1 status=none count=" + mebibytes +
                             " && fsck.fat -n -v " + disk + ".fat");
  INFO(checked.text);
  CHECK(checked.status == 0);
  CHECK(checked.text.find("32 bit entries") != std::string::npos);

  for (const EspFile& file : fixture().spec().esp) {
    INFO(file.path);
    const Output copied = run("mcopy -n -o -i " + esp_of(disk, layout) + " ::/" + file.path + " " + disk + ".copy");
    CHECK(copied.status == 0);
    const Bytes copy = read_file(working_directory(), disk + ".copy");
    CHECK(as_text(copy) == as_text(file.content));
  }
}

TEST_CASE("esp keeps long names and dates its files with the timestamp") {
  const DiskLayout layout = fixture().write("esp-names", fixture().spec());
  const Output listed = run("TZ=UTC mdir -i " + esp_of(fixture().path("esp-names"), layout) + " ::/EFI/Linux");
  INFO(listed.text);
  CHECK(listed.text.find("demo_1+3-0.efi") != std::string::npos);
  CHECK(listed.text.find("2023-11-14  22:13") != std::string::npos);
}

TEST_CASE("P2: EFI/Linux does not have to grow for more entries") {
  const DiskLayout layout = fixture().write("esp-room", fixture().spec());
  const std::string esp = esp_of(fixture().path("esp-room"), layout);
  const std::string show_free = "mdir -i " + esp + " ::/ | tail -n 2";
  const std::string empty = fixture().path("empty");
  const std::string free = run(show_free).text;
  const std::string entry = "::/EFI/Linux/an-operating-system_1.${n}_0123456789abcdef.efi";
  const Output written = run(": >" + empty + "; for n in $(seq 20); do mcopy -n -o -i " + esp + " " + empty + " " +
                             entry + " || exit 1; done; " + show_free);
  CHECK(written.status == 0);
  CHECK(written.text == free);
}

TEST_CASE("esp refuses names that FAT or a shell could take for another") {
  const std::string long_name(256, 'x');
  int number = 0;
  for (const std::string& path : {std::string(), std::string("/EFI/x"), std::string("EFI//x"), std::string("EFI/../x"),
                                  std::string("EFI/a b"), std::string("EFI/x:y"), std::string("EFI/*.efi"),
                                  std::string("EFI/x\n"), std::string("EFI/x."), "EFI/" + long_name}) {
    DiskSpec spec = fixture().spec();
    spec.esp.push_back({path, {}});
    INFO(path);
    CHECK_THROWS_WITH(fixture().write("bad-name-" + std::to_string(++number), spec),
                      has_text("ESP file " + quoted(path)));
  }
  DiskSpec spec = fixture().spec();
  spec.esp.push_back({"efi/boot/bootx64.efi", {}});
  CHECK_THROWS_WITH(fixture().write("twice", spec), has_text("twice"));
}

TEST_CASE("esp that is too small says how much is needed, and that much is enough") {
  DiskSpec spec = fixture().spec();
  const Bytes large(60U << 20U);
  spec.esp.push_back({"EFI/Linux/large.efi", large});
  spec.esp_size_bytes = 40U << 20U;
  spec.esp_size_bytes = fixture().size_needed("esp-small", spec);
  const DiskLayout layout = fixture().write("esp-enough", spec);
  CHECK(layout.esp_size_bytes == spec.esp_size_bytes);
}

TEST_CASE("missing program is named with its Debian package") {
  CHECK_THROWS_WITH(run_program({"no-such-program", "some-package"}, {}, {}, {}),
                    has_text("no-such-program") && has_text("some-package"));
}

TEST_CASE("program that fails is quoted with what it said last") {
  CHECK_THROWS_WITH(run_program({"ls", "coreutils"}, {"/no/such/file"}, {"LC_ALL=C"}, {}), has_text("No such file"));
}
