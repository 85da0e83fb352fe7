// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot_roots.hpp"

#include <filesystem>

#include "builder/uki/assemble.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

Digest digest_of(char digit, std::size_t digits = 128) { return *Digest::try_parse(std::string(digits, digit)); }

struct Esp {
  Scratch scratch;

  void write(const std::string& path, ByteView content) const {
    make_directories(scratch.directory(), std::filesystem::path(path).parent_path());
    write_new_file(scratch.directory(), path, content);
  }
  void uki(const std::string& path, const std::string& cmdline) const {
    UkiParts parts = sample_parts();
    parts.cmdline = cmdline;
    write(path, assemble_uki(parts));
  }
  void entry(const std::string& name, const std::string& text) const {
    write("loader/entries/" + name, as_bytes(text));
  }
  std::vector<Digest> digests() const { return digests_on_esp(scratch.directory()); }
  void refused(const std::string& reason) const { CHECK_THROWS_WITH(digests(), has_text(reason)); }
};

}  // namespace

TEST_CASE("digests of a command line are those of either token, in any form") {
  const auto none = std::vector<Digest>{};
  CHECK(digests_in_command_line("") == none);
  CHECK(digests_in_command_line("quiet x.composefs=1 root=composefs=2") == none);
  CHECK(digests_in_command_line("  quiet\tcomposefs.digest=" + digest_token_value(digest_of('a')) + " --\n") ==
        std::vector{digest_of('a')});
  CHECK(digests_in_command_line("composefs=" + std::string(64, 'b')) == std::vector{digest_of('b', 64)});
  CHECK(digests_in_command_line("\"composefs=?" + std::string(128, 'c') + "\"") == std::vector{digest_of('c')});
  CHECK(digests_in_command_line("a=\"b c\" composefs.digest=v2-sha256-12:" + std::string(64, 'd')) ==
        std::vector{digest_of('d', 64)});
  for (const char* bad : {"composefs=", "composefs=12", "composefs.digest=v3-sha256-12:0", "composefs.digest=latest"}) {
    CHECK_THROWS_WITH(digests_in_command_line(bad), has_text("not a digest"));
  }
  const std::string other_form = "composefs.digest=v1-sha256-12:" + std::string(128, 'd');
  CHECK_THROWS_WITH(digests_in_command_line(other_form), has_text("not a digest of a known form"));
}

TEST_CASE("an ESP names the digests of its UKIs, of folders of them, and of its boot entries") {
  const Esp esp;
  esp.uki("EFI/Linux/b.efi", "composefs.digest=" + digest_token_value(digest_of('b')) + " --");
  esp.uki("EFI/Linux/bootc/bootc_composefs-a.EFI", "composefs=" + std::string(128, 'a'));
  esp.uki("EFI/Linux/other.efi", "root=/dev/sda1");
  esp.uki("EFI/elsewhere/d.efi", "composefs=" + std::string(128, 'd'));
  esp.uki("EFI/elsewhere/nobody.efi", "composefs=" + std::string(128, 'e'));
  esp.entry("one.conf", "title One\noptions quiet composefs=" + std::string(128, 'c') + "\r\n");
  esp.entry("two.conf", "title Two\nefi /EFI/elsewhere/d.efi\n");
  esp.entry("notes.txt", "composefs=whatever\n");
  CHECK(esp.digests() == std::vector{digest_of('a'), digest_of('b'), digest_of('c'), digest_of('d')});
}

TEST_CASE("P2: an entry whose first sector was not written names nothing, and stops nobody") {
  const Esp esp;
  esp.write("EFI/Linux/empty.efi", {});
  esp.write("EFI/Linux/begun.efi", Bytes(512, 0));
  CHECK(esp.digests().empty());
}

TEST_CASE("an ESP that can't be read to its end is no list of roots") {
  const Esp esp;
  SECTION("not an ESP") { esp.refused("neither EFI/Linux nor loader/entries"); }
  SECTION("a UKI cut short") {
    esp.write("EFI/Linux/cut.efi", as_bytes("MZ"));
    esp.refused("'EFI/Linux/cut.efi': ");
  }
  SECTION("a digest that is none") {
    esp.uki("EFI/Linux/a.efi", "composefs=12");
    esp.refused("'EFI/Linux/a.efi': 'composefs=12': not a digest");
  }
  SECTION("an entry whose UKI has gone") {
    esp.entry("a.conf", "efi /EFI/Linux/a.efi\n");
    esp.refused("'loader/entries/a.conf': 'EFI/Linux/a.efi': ");
  }
}

TEST_CASE("deployments are named by digests") {
  const Scratch scratch;
  make_directories(scratch.directory(), std::string(128, 'a') + "/etc");
  write_new_file(scratch.directory(), std::string(128, 'a') + ".origin", {});
  CHECK(digests_of_deployments(scratch.directory()) == std::vector{digest_of('a')});
  make_directories(scratch.directory(), "current");
  CHECK_THROWS_WITH(digests_of_deployments(scratch.directory()), has_text("'current': not named by a digest"));
}
