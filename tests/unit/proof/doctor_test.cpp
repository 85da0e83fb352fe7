// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/doctor/doctor.hpp"

#include "builder/uki/signature_list.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/proof/sealed_disk.hpp"

using namespace sealroot;

namespace {

std::string lines(const Checks& checks, CheckStatus at_least) {
  std::string text;
  for (const Check& check : checks) {
    if (check.status >= at_least) text += check.name + ": " + check.found + "\n";
  }
  return text;
}

PeFacts systemd_initramfs(const std::vector<std::string>& more) {
  PeFacts facts;
  facts.initramfs.paths = {"usr/lib/systemd/systemd", "lib/modules/erofs.ko", "lib/modules/overlay.ko"};
  facts.initramfs.paths.insert(facts.initramfs.paths.end(), more.begin(), more.end());
  facts.initramfs.pivot_path = "usr/lib/sealroot/sealroot-pivot";
  return facts;
}

}  // namespace

TEST_CASE("a sealed disk passes, with warnings only") {
  SealedDisk sealed;
  sealed.write("disk");
  const Checks checks = check_disk(sealed.open("disk"));
  CHECK(lines(checks, CheckStatus::fail).empty());
  CHECK_THAT(lines(checks, CheckStatus::ok), has_text("root: ext4 with fs-verity") && has_text("ESP: FAT32") &&
                                                 has_text("seal: command line, sealed configuration and digest agree"));
}

TEST_CASE("a disk whose image is gone or whose UKI is not sealed fails") {
  SealedDisk sealed;
  sealed.write("disk");
  run("debugfs -w -R 'feature ^verity' " + root_of(sealed.fixture.path("disk"), sealed.layout));
  CHECK_THAT(lines(check_disk(sealed.open("disk")), CheckStatus::fail),
             has_text("root: ext4 without the feature verity"));
  sealed.parts.cmdline = "quiet";
  sealed.write("unsealed");
  CHECK_THAT(lines(check_disk(sealed.open("unsealed")), CheckStatus::fail), has_text("seal: 0 composefs tokens"));
}

TEST_CASE("a disk that was built unsealed is warned of, since somebody asked for it") {
  SealedDisk sealed;
  sealed.config.unsealed = true;
  sealed.write("disk");
  const Checks checks = check_disk(sealed.open("disk"));
  CHECK(lines(checks, CheckStatus::fail).empty());
  CHECK_THAT(lines(checks, CheckStatus::warn), has_text("seal: UNSEALED: "));
}

TEST_CASE("kernel options that are missing fail with the reason; a built-in command line fails too") {
  const std::string good =
      "CONFIG_FS_VERITY=y\nCONFIG_EROFS_FS=m\nCONFIG_EROFS_FS_XATTR=y\nCONFIG_OVERLAY_FS=m\nCONFIG_EXT4_FS=m\n"
      "CONFIG_BLK_DEV_INITRD=y\nCONFIG_EFI_STUB=y\nCONFIG_EFI_PARTITION=y\n";
  CHECK(lines(check_kernel_config(good), CheckStatus::fail).empty());
  CHECK_THAT(lines(check_kernel_config(good), CheckStatus::warn), has_text("CONFIG_RD_ZSTD=n"));
  CHECK(lines(check_kernel_config(good.substr(19)), CheckStatus::fail) == "kernel: CONFIG_FS_VERITY=n\n");
  CHECK(lines(check_kernel_config("CONFIG_FS_VERITY=m\n" + good.substr(19)), CheckStatus::fail) ==
        "kernel: CONFIG_FS_VERITY=m\n");
  CHECK_THAT(lines(check_kernel_config(good + "CONFIG_CMDLINE=\"quiet\"\n"), CheckStatus::fail),
             has_text("CONFIG_CMDLINE"));
}

TEST_CASE("an initramfs that fails open is told from one that fails closed") {
  const std::string unit = "etc/systemd/system/initrd-root-fs.target.requires/sealroot.service";
  const std::string emergency = "etc/systemd/system/emergency.service";
  CHECK(lines(check_uki(systemd_initramfs({unit, emergency}), "x"), CheckStatus::fail).empty());
  CHECK_THAT(lines(check_uki(systemd_initramfs({unit}), "x"), CheckStatus::fail), has_text("no emergency.service"));
  CHECK_THAT(
      lines(check_uki(systemd_initramfs({"etc/systemd/system/initrd-root-fs.target.wants/sealroot.service", emergency}),
                      "x"),
            CheckStatus::fail),
      has_text("only wants the pivot's unit"));
  CHECK_THAT(lines(check_uki(systemd_initramfs({unit, emergency, "usr/bin/sh"}), "x"), CheckStatus::warn),
             has_text("has a shell"));
}

TEST_CASE("certificates are read out of UEFI's lists, vendors' are known") {
  SealedDisk sealed;
  const Bytes der = sealed.certificate().der();
  const auto number = [](std::size_t value) { return le32(static_cast<std::uint32_t>(value)); };
  Bytes list = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
  for (const le32& field : {number(28 + 16 + der.size()), number(0), number(16 + der.size())}) {
    list.insert(list.end(), field.raw.begin(), field.raw.end());
  }
  list.insert(list.end(), 16, 0);
  list.insert(list.end(), der.begin(), der.end());
  const SignatureList read = parse_signature_lists(list);
  REQUIRE(read.certificates.size() == 1);
  CHECK(read.certificates.front().der() == der);
  CHECK_FALSE(is_vendor_certificate(read.certificates.front()));
  for (std::size_t size = 1; size < list.size(); ++size) {
    CHECK_THROWS_AS(parse_signature_lists(ByteView(list).first(size)), Error);
  }
}
