// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A sealed disk is proven; whatever is done to it afterwards is found and named.
#include "builder/verify/verify_disk.hpp"

#include <unistd.h>

#include "builder/disk/ext4_reader.hpp"
#include "builder/uki/authenticode.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/proof/sealed_disk.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

/// Flips one bit of an object's blocks, `at` bytes behind its start; beyond its end stands its fs-verity metadata.
void flip(const SealedDisk& sealed, const std::string& disk, const Digest& object, std::uint64_t at) {
  const Fd file = sealed.open(disk);
  const ext4::Reader reader(file, sealed.layout.root_offset_bytes, sealed.layout.root_size_bytes);
  const ext4::FoundInode inode = reader.inode(*reader.find("/composefs/objects/" + object_path(object)));
  for (const ext4::Run& run : inode.runs) {
    if (at / 4096 < run.logical || at / 4096 >= run.logical + run.count) continue;
    const std::uint64_t place = sealed.layout.root_offset_bytes + (run.physical - run.logical) * 4096 + at;
    std::uint8_t byte = 0;
    REQUIRE(::pread(file.get(), &byte, 1, static_cast<off_t>(place)) == 1);
    byte ^= 1;
    REQUIRE(::pwrite(file.get(), &byte, 1, static_cast<off_t>(place)) == 1);
    return;
  }
  FAIL("no block there");
}

void change(const SealedDisk& sealed, const std::string& disk, const std::string& command) {
  const Output output = run("debugfs -w -R '" + command + "' " + root_of(sealed.fixture.path(disk), sealed.layout));
  INFO(output.text);
  REQUIRE(output.status == 0);
}

}  // namespace

TEST_CASE("a disk as it was built is proven, and what is not covered is said") {
  SealedDisk sealed;
  sealed.write("disk");
  const DiskProof proof = sealed.proof("disk");
  INFO(text_of(proof));
  CHECK(proof.findings.empty());
  CHECK(proof.program_count == 2);
  CHECK(proof.images == std::vector<Digest>{sealed.image});
  CHECK(proof.object_count == sealed.fixture.digests.size() - 2 + 1);  // two contents are inline; the image
  CHECK(proof_record(proof)["proven"] == true);
  const std::string uncovered = proof_record(proof)["not_covered"].dump();
  CHECK_THAT(uncovered,
             has_text("changes to /etc, kept in state/deploy/") && has_text("/var, kept in state/os/default/var"));
}

TEST_CASE("E8_credentials_that_systemd_would_take_are_said_not_to_be_covered") {
  for (const auto& [tokens, covered] : {std::pair{"", false},
                                        std::pair{"systemd.import_credentials=no ", true},
                                        std::pair{"systemd.import_credentials=no systemd.import_credentials ", false}}) {
    SealedDisk sealed;
    sealed.config.cmdline = tokens + sealed.config.cmdline;
    sealed.parts.cmdline = sealed.config.cmdline;
    sealed.write("disk");
    INFO(tokens);
    const std::string uncovered = proof_record(sealed.proof("disk"))["not_covered"].dump();
    CHECK(covered == (uncovered.find("credentials of the ESP") == std::string::npos));
  }
}

TEST_CASE("another certificate proves nothing") {
  SealedDisk sealed;
  sealed.write("disk");
  const DiskProof proof = verify_disk(sealed.open("disk"), sealed.certificate("other"));
  CHECK_THAT(text_of(proof), has_text("ESP: 'EFI/BOOT/BOOTX64.EFI': signature: not made by 'CN=other'") &&
                                 has_text("ESP: 'EFI/Linux/demo_1.efi': signature: not made by") &&
                                 has_text("no UKI that is both signed and sealed"));
}

TEST_CASE("R1_R2_a changed bit of any object's data, tree or descriptor is found") {
  SealedDisk sealed;
  sealed.write("disk");
  const std::size_t large = 12;  // more than one block: it has a Merkle tree
  const Digest& object = sealed.fixture.digests[large];
  const std::uint64_t size = sealed.fixture.contents[large].size();
  const std::uint64_t metadata = (size + 65535) / 65536 * 65536;
  struct Row {
    std::uint64_t at;
    const char* reason;
  };
  int number = 0;
  for (const Row& row : {Row{0, "its bytes give another digest"}, Row{size - 1, "its bytes give another digest"},
                         Row{metadata, "its Merkle tree does not fit"}}) {
    const std::string disk = "flipped" + std::to_string(number++);
    REQUIRE(run("cp --sparse=always " + sealed.fixture.path("disk") + " " + sealed.fixture.path(disk)).status == 0);
    flip(sealed, disk, object, row.at);
    const DiskProof proof = sealed.proof(disk);
    INFO(row.at);
    CHECK(proof.findings.size() == 1);
    CHECK_THAT(text_of(proof), has_text("root: composefs/objects/" + object_path(object) + ": " + row.reason));
  }
  flip(sealed, "disk", sealed.fixture.digests[2], 65536 + 8);  // 65 bytes: no tree, the descriptor comes first
  CHECK_THAT(text_of(sealed.proof("disk")), has_text("its fs-verity descriptor is another one"));
}

TEST_CASE("R4_R5_an object that is missing or not sealed is found") {
  SealedDisk sealed;
  sealed.write("disk");
  const std::string unsealed = "/composefs/objects/" + object_path(sealed.fixture.digests[4]);
  const std::string missing = "/composefs/objects/" + object_path(sealed.fixture.digests[5]);
  change(sealed, "disk", "sif " + unsealed + " flags 0x80000");
  change(sealed, "disk", "rm " + missing);
  CHECK_THAT(text_of(sealed.proof("disk")), has_text(object_path(sealed.fixture.digests[4]) + ": not sealed") &&
                                                has_text(object_path(sealed.fixture.digests[5]) + ": missing"));
}

TEST_CASE("R6_an image that is missing or changed is found") {
  SealedDisk sealed;
  sealed.write("disk");
  flip(sealed, "disk", sealed.image, 1024);
  CHECK_THAT(text_of(sealed.proof("disk")), has_text("the image of a UKI: its bytes give another digest"));
  change(sealed, "disk", "rm /composefs/objects/" + object_path(sealed.image));
  CHECK_THAT(text_of(sealed.proof("disk")), has_text("the image of a UKI: missing"));
}

TEST_CASE("E1_E3_E8_E9_everything that boots or is believed must be signed by the certificate") {
  SealedDisk sealed;
  const Bytes foreign = sealed.signed_by("other", small_pe("x"));
  const Bytes bare = sealed.signed_by("db", small_pe("kernel"));
  const Bytes plain = small_pe("y");
  sealed.extra = {{"EFI/other/shim.efi", foreign},
                  {"EFI/tools/kernel.bin", bare},
                  {"loader/addons/a.addon.efi", plain},
                  {"loader/credentials/x.cred", as_bytes("x")},
                  {"loader/entries/x.conf", as_bytes("linux /x\n")},
                  {"EFI/Linux/demo_1.efi.extra.d/x.sysext.raw", as_bytes("x")},
                  {"EFI/Linux/empty.efi", as_bytes("text")},
                  {"loader/loader.conf", as_bytes("timeout 3\n")}};
  sealed.write("disk");
  const DiskProof proof = sealed.proof("disk");
  INFO(text_of(proof));
  CHECK(proof.findings.size() == 7);
  for (const char* const text :
       {"'EFI/other/shim.efi': signature: not made by", "'EFI/tools/kernel.bin': signed, but neither",
        "'loader/addons/a.addon.efi': signature: there is none", "x.cred': a credential", "x.conf': a boot entry",
        "x.sysext.raw': an extension", "'EFI/Linux/empty.efi': not a program"}) {
    CHECK_THAT(text_of(proof), has_text(text));
  }
}

TEST_CASE("a UKI that is signed but not sealed is found, with the reason") {
  struct Row {
    const char* reason;
    void (*spoil)(SealedDisk&);
  };
  const Row rows[] = {
      {"0 composefs tokens", [](SealedDisk& sealed) { sealed.parts.cmdline = "quiet"; }},
      {"2 composefs tokens", [](SealedDisk& sealed) { sealed.parts.cmdline += " composefs=x"; }},
      {"is not the one in the sealed configuration",
       [](SealedDisk& sealed) { sealed.parts.cmdline += " init=/bin/sh"; }},
      {"makes fs-verity optional",
       [](SealedDisk& sealed) { sealed.parts.cmdline = "composefs.digest=?" + digest_token_value(sealed.image); }},
      {"UNSEALED: built for file systems without fs-verity", [](SealedDisk& sealed) { sealed.config.unsealed = true; }},
  };
  for (const Row& row : rows) {
    SealedDisk sealed;
    row.spoil(sealed);
    sealed.write("disk");
    INFO(row.reason);
    CHECK_THAT(text_of(sealed.proof("disk")), has_text("signed, but not sealed: ") && has_text(row.reason));
  }
}

TEST_CASE("E6_a kernel that is signed on its own is found inside its UKI") {
  SealedDisk sealed;
  sealed.parts.kernel = sealed.signed_by("db", sealed.parts.kernel);
  sealed.write("disk");
  CHECK_THAT(text_of(sealed.proof("disk")), has_text("the kernel inside is signed on its own"));
}

TEST_CASE("boot code in the MBR, a damaged backup table and a file system without verity are found") {
  SealedDisk sealed;
  sealed.write("disk");
  const Fd disk = sealed.open("disk");
  write_all_at(disk, as_bytes("code"), 0);
  write_all_at(disk, Bytes(512, 0xff), sealed.layout.size_bytes - 512);
  change(sealed, "disk", "feature ^verity");
  CHECK_THAT(text_of(sealed.proof("disk")), has_text("the MBR holds boot code") &&
                                                has_text("backup GPT: no GPT header") &&
                                                has_text("its ext4 lacks the feature verity"));
}
