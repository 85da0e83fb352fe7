// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/boot_entry.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "builder/boot_roots.hpp"
#include "builder/initramfs/cpio.hpp"
#include "builder/uki/authenticode.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"
#include "upgrade/esp/loader_variables.hpp"

using namespace sealroot;

namespace {

Digest digest_of(char digit) { return *Digest::try_parse(std::string(128, digit)); }

Bytes sealed_uki(const Digest& image) {
  UkiParts parts = sample_parts();
  parts.cmdline = "quiet composefs.digest=" + digest_token_value(image) + " --";
  CpioWriter archive;
  archive.add_file("init", as_bytes("program"), 0755);
  parts.initrd = archive.finish();
  const Bytes config = make_sealed_config_cpio({.digest = image, .cmdline = parts.cmdline}, {});
  parts.initrd.insert(parts.initrd.end(), config.begin(), config.end());
  return assemble_uki(parts);
}

struct Esp {
  Scratch scratch;

  void write(const std::string& path, ByteView content) const {
    make_directories(scratch.directory(), std::filesystem::path(path).parent_path());
    write_new_file(scratch.directory(), path, content);
  }
  EspListing list(const std::vector<Certificate>& trusted = {}) const {
    return list_boot_entries(scratch.directory(), trusted);
  }
};

Bytes utf16(const std::string& text) {
  Bytes bytes{6, 0, 0, 0};  // attributes
  for (const char c : text + '\0') {
    bytes.push_back(static_cast<std::uint8_t>(c));
    bytes.push_back(0);
  }
  return bytes;
}

LoaderVariables variables_of(const Esp& esp) {
  make_directories(esp.scratch.directory(), "efivars");
  return read_loader_variables(open_at(esp.scratch.directory(), "efivars", O_RDONLY | O_DIRECTORY));
}

}  // namespace

TEST_CASE("names of boot entries are read as systemd-boot reads them") {
  struct Row {
    std::string file_name, base;
    int left, done;  // -1: no counter
  };
  for (const Row& row :
       {Row{"os_1.efi", "os_1", -1, -1}, Row{"os_1+3-0.efi", "os_1", 3, 0}, Row{"os_1+2.EFI", "os_1", 2, 0},
        Row{"os_1+2_ab.efi", "os_1+2_ab", -1, -1}, Row{"os+1-2+3-4.efi", "os+1-2", 3, 4}, Row{"+3.efi", "+3", -1, -1},
        Row{"os-1.efi", "os-1", -1, -1}, Row{"os+99999999999.efi", "os+99999999999", -1, -1}}) {
    INFO(row.file_name);
    const auto name = try_parse_entry_name(row.file_name);
    REQUIRE(name);
    CHECK(name->base == row.base);
    CHECK((name->tries ? static_cast<int>(name->tries->left) : -1) == row.left);
    CHECK((name->tries ? static_cast<int>(name->tries->done) : -1) == row.done);
  }
  for (const char* const other : {"", ".efi", "os.conf", ".hidden.efi", "efi"}) CHECK(!try_parse_entry_name(other));
  CHECK(entry_file_name({"os_1", EntryTries{3, 0}}) == "os_1+3-0.efi");
  CHECK(entry_file_name({"os_1", std::nullopt}) == "os_1.efi");
}

TEST_CASE("a base name is made of id, version and digest, and of nothing that FAT can't have") {
  CHECK(entry_base_name("os", "1.2+3", digest_of('a')) == "os_1.2+3_aaaaaaaaaaaaaaaa");
  for (const std::string bad : {"", "..\\", "a/b", "a b", ".x", "a:b", "\xc3\xa9"}) {
    CHECK_THROWS_WITH(entry_base_name(bad, "1", digest_of('a')), has_text("letters, digits and +_.- only"));
    CHECK_THROWS_WITH(entry_base_name("os", bad, digest_of('a')), has_text("letters, digits and +_.- only"));
  }
  CHECK_THROWS(entry_base_name("os", std::string(65, '1'), digest_of('a')));
}

TEST_CASE("a listing says of each entry what it boots and who signed it") {
  const Esp esp;
  for (const char* const name : {"ours", "others"}) make_key(esp.scratch, name);
  const auto signer = [&](const std::string& name) {
    return Signer::load(esp.scratch.directory(), name + ".key", name + ".crt");
  };
  const Bytes uki = sealed_uki(digest_of('a'));
  Bytes broken = sign_pe(uki, signer("ours"));
  broken[0x4000] ^= 1U;
  esp.write("EFI/Linux/a+2-1.efi", sign_pe(uki, signer("ours")));
  esp.write("EFI/Linux/b.efi", sign_pe(uki, signer("others")));
  esp.write("EFI/Linux/c.efi", uki);
  esp.write("EFI/Linux/d.efi", broken);
  const EspListing listing = esp.list({signer("ours").certificate()});
  REQUIRE(listing.entries.size() == 4);
  const BootEntry& first = listing.entries[0];
  CHECK(first.defect == std::nullopt);
  CHECK(first.name.tries->left == 2);
  CHECK(first.size_bytes > uki.size());
  CHECK(first.uki.image_id == "sample");
  CHECK(first.uki.version == "1");
  CHECK(first.uki.image == digest_of('a'));
  CHECK(first.uki.not_sealed == std::nullopt);
  CHECK(first.uki.config->etc == "overlay");
  CHECK(first.uki.signer == "CN=ours");
  CHECK(first.uki.signature == SignatureState::trusted);
  CHECK(listing.entries[1].uki.signature == SignatureState::unknown);
  CHECK(listing.entries[1].uki.signer == "CN=others");
  CHECK(listing.entries[2].uki.signature == SignatureState::none);
  CHECK(listing.entries[3].uki.signature == SignatureState::broken);
}

TEST_CASE("P6_an entry that gets another name while all are listed is in the list once, and whole") {
  const Esp esp;
  esp.write("EFI/Linux/a+0.efi", sealed_uki(digest_of('a')));
  const Fd folder = open_at(esp.scratch.directory(), "EFI/Linux", O_RDONLY | O_DIRECTORY);
  std::atomic<bool> stop = false;
  const auto name = [](int number) { return "a+" + std::to_string(number) + ".efi"; };
  std::thread renamer([&] {
    for (int number = 0; !stop; ++number) {
      ::renameat(folder.get(), name(number).c_str(), folder.get(), name(number + 1).c_str());
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  std::size_t whole = 0, listings = 0, digests = 0;
  try {
    for (; listings < 2000; ++listings) {
      const EspListing listing = esp.list();
      whole += listing.entries.size() == 1 && !listing.entries[0].defect ? 1 : 0;
      digests += digests_on_esp(esp.scratch.directory()).size();
    }
  } catch (const Error& error) {
    CHECK(error.what() == std::string());
  }
  stop = true;
  renamer.join();
  CHECK(listings == 2000);
  CHECK(whole == listings);
  CHECK(digests == listings);
}

TEST_CASE("one broken entry is shown as broken and hides no other") {
  const Esp esp;
  esp.write("EFI/Linux/cut.efi", as_bytes("MZ"));
  esp.write("EFI/Linux/empty.efi", {});
  esp.write("EFI/Linux/good.efi", sealed_uki(digest_of('b')));
  esp.write("EFI/Linux/text.txt", as_bytes("x"));
  esp.write("EFI/Linux/.new-0123456789abcdef0123456789abcdef", as_bytes("x"));
  make_directories(esp.scratch.directory(), "EFI/Linux/folder.efi");
  REQUIRE(::symlinkat("good.efi", esp.scratch.directory().get(), "EFI/Linux/link.efi") == 0);
  UkiParts foreign = sample_parts();
  foreign.cmdline = "root=/dev/sda1";
  esp.write("EFI/Linux/other.efi", assemble_uki(foreign));
  const EspListing listing = esp.list();
  std::vector<std::string> broken;
  for (const BootEntry& entry : listing.entries) {
    if (entry.defect) broken.push_back(entry.file_name);
  }
  CHECK(broken == std::vector<std::string>{"cut.efi", "empty.efi", "folder.efi", "link.efi"});
  CHECK(listing.entries.size() == 6);
  CHECK(listing.entries.back().uki.image == std::nullopt);
  CHECK(listing.entries.back().uki.not_sealed.has_value());
  CHECK(listing.leftovers.size() == 1);
}

TEST_CASE("P2: an entry without its first sector is a leftover, if its name may be ours") {
  const Esp esp;
  const std::string own = "EFI/Linux/os_1_0123456789abcdef";
  Bytes begun(600, 0);
  begun[512] = 1;
  esp.write(own + "+3-0.efi", begun);
  esp.write(own + ".efi", {});
  esp.write("EFI/Linux/os_1.efi", begun);
  esp.write("EFI/Linux/os_1+0-0.efi", begun);
  const EspListing listing = esp.list();
  CHECK(listing.leftovers.size() == 3);
  CHECK(listing.entries.size() == 1);
  begun[511] = 1;
  esp.write("EFI/Linux/os_1_0123456789abcde0.efi", begun);
  CHECK(esp.list().entries.size() == 2);
}

TEST_CASE("boot entries of others are named, whatever they are") {
  const Esp esp;
  CHECK(esp.list().entries.empty());
  esp.write("EFI/Linux/bootc/bootc_composefs-1.efi", as_bytes("x"));
  esp.write("loader/entries/fedora.conf", as_bytes("x"));
  CHECK(esp.list().others == std::vector<std::string>{"EFI/Linux/bootc", "loader/entries/fedora.conf"});
}

TEST_CASE("variables of firmware and loader are read, and malformed ones are none") {
  const Esp esp;
  const std::string loader = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
  CHECK(variables_of(esp).secure_boot == SecureBoot::unknown);
  esp.write("efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", Bytes{6, 0, 0, 0, 1});
  esp.write("efivars/LoaderEntrySelected" + loader, utf16("os_1+2-1.efi"));
  esp.write("efivars/LoaderDevicePartUUID" + loader, utf16("5EA1D007-0000-4000-8000-000000000001"));
  esp.write("efivars/LoaderEntryDefault" + loader, utf16("bad\x01"));
  const LoaderVariables variables = variables_of(esp);
  CHECK(variables.secure_boot == SecureBoot::on);
  CHECK(variables.entry_selected == "os_1+2-1.efi");
  CHECK(variables.partition == "5ea1d007-0000-4000-8000-000000000001");
  CHECK(variables.entry_default == std::nullopt);
}
