// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The screen behind the line of a refusal: what was found, what to do, and where it goes.
#include "initrd-pivot/diagnosis.hpp"

#include "fake_kernel.hpp"
#include "initrd-pivot/plan.hpp"
#include "tests/catch.hpp"

#include <cerrno>

using namespace sealroot;

namespace {

const std::string image = "/sysroot/" + good_image;
const std::string dump_setting = "/sys/module/printk/parameters/always_kmsg_dump";

// What stands on the console behind the line `FATAL: ...` of a boot where one call fails.
std::string screen_of(FakeKernel kernel, const std::string& failing = "", long error = 0) {
  if (!failing.empty()) kernel.failures[failing] = error;
  CHECK(kernel.boot().how == "reboot");
  const auto at = kernel.console.find("This boot was refused");
  REQUIRE(at != std::string::npos);
  return kernel.console.substr(at);
}

// The words of a screen without its line breaks.
std::string unwrapped(std::string text) {
  for (auto at = text.find("\n            "); at != std::string::npos; at = text.find("\n            ")) {
    text.replace(at, 13, " ");
  }
  return text;
}

}  // namespace

TEST_CASE("the screen of a wrong digest says what was wanted and found") {
  const std::string other = "cd" + std::string(126, '2');
  FakeKernel kernel = FakeKernel::machine();
  kernel.measurements[image] = measurement_of(other);
  CHECK(screen_of(kernel) ==
        "This boot was refused before anything on the disk was started.\n"
        "  in order  sealed config, command line, modules, root partition\n"
        "  refused   image\n"
        "  root      /dev/vda2\n"
        "  image     " +
            good_image +
            "\n"
            "  wanted    sha512:" +
            good_hex +
            "\n"
            "  found     sha512:" +
            other +
            "\n"
            "  kernel    6.12.0-fake, erofs, overlay, ext4 with fs-verity\n"
            "  to do     Another file has the image's name. If nobody of yours put it there,\n"
            "            trust nothing on this disk.\n"
            "            Choose another entry in the boot menu, or put the file back from\n"
            "            another system: sealroot fsck REPOSITORY --repair SOURCE.\n"
            "Restarting in 10 seconds.\n");
}

TEST_CASE("each stage has its own advice") {
  struct Row {
    std::string call;
    long error;
    const char* stage;
    const char* advice;
  };
  const Row rows[] = {
      {"open /sealroot.conf", -ENOENT, "sealed config", "Install the UKI again"},
      {"open /proc/cmdline", -ENOENT, "command line", "--allow-cmdline TOKEN"},
      {"open /modules.load", -EIO, "modules", "did not take a module"},
      {"open /sys/block", -ENOENT, "root partition", "The root partition is damaged"},
      {"mount ext4 /sysroot rw", -EUCLEAN, "root partition", "The root partition is damaged"},
      {"beneath " + image, -ENOENT, "image", "The image is not on this disk"},
      {"beneath " + image, -EBADMSG, "image", "fs-verity data are damaged"},
      {"beneath " + image, -EOPNOTSUPP, "image", "CONFIG_FS_VERITY"},
      {"measure " + image, -ENODATA, "image", "as cp or rsync do"},
      {"measure " + image, -ENOTTY, "image", "tune2fs -O verity"},
      {"measure " + image, -EOPNOTSUPP, "image", "CONFIG_FS_VERITY"},
      {"fs_open erofs", -ENODEV, "erofs", "CONFIG_EROFS_FS"},
      {"fs_create erofs", -EUCLEAN, "erofs", "Blocks of the image are damaged"},
      {"fs_open overlay", -ENODEV, "overlay", "CONFIG_OVERLAY_FS"},
      {"fs_set overlay verity=require", -EINVAL, "overlay", "Linux 6.6"},
      {"fs_create overlay", -EIO, "overlay", "what overlayfs did not like"},
      {"beneath /sysroot/state/os/default/var", -ELOOP, "state", "root's, mode 0755, no link"},
      {"execute /sbin/init", -EIO, "start of init", "An object that init needs"},
  };
  for (const Row& row : rows) {
    INFO(row.call << " " << row.error);
    const std::string screen = screen_of(FakeKernel::machine(), row.call, row.error);
    CHECK_THAT(screen, has_text(std::string("  refused   ") + row.stage + "\n"));
    CHECK_THAT(unwrapped(screen), has_text(row.advice));
    CHECK_THAT(screen, has_text("Restarting in 10 seconds.\n"));
  }
}

TEST_CASE("what is missing on the disk is told from what the kernel lacks") {
  FakeKernel absent = FakeKernel::machine();
  absent.lists["/sys/block"] = {};
  CHECK_THAT(unwrapped(screen_of(absent)), has_text("or the initramfs lacks its driver"));
  FakeKernel twice = FakeKernel::machine();
  twice.lists["/sys/block"].push_back("vdb");
  twice.files["/dev/vdb"] = twice.files["/dev/vda"];
  CHECK_THAT(unwrapped(screen_of(twice)), has_text("More than one disk or partition"));
  FakeKernel poor = FakeKernel::machine();
  poor.failures["status /sys/fs/ext4/features/verity"] = -ENOENT;
  poor.failures["status /sys/fs/erofs"] = -ENOENT;
  const std::string screen = screen_of(poor, "measure " + image, -EOPNOTSUPP);
  CHECK_THAT(screen, has_text("  kernel    6.12.0-fake, no erofs, overlay, no ext4 with fs-verity\n"));
  CHECK_THAT(screen, has_text("  found     a file without usable fs-verity\n"));
  CHECK(screen.find("--repair") == std::string::npos);  // the file is not what is wrong
  CHECK_THAT(screen_of(FakeKernel::machine(), "beneath " + image, -ENOENT), has_text("  found     no such file\n"));
}

TEST_CASE("only lines with a digest are wider than a terminal") {
  const std::string screen = screen_of(FakeKernel::machine(), "execute /sbin/init", -EIO);
  for (std::size_t begin = 0, end = 0; (end = screen.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string line = screen.substr(begin, end - begin);
    if (line.find(good_hex.substr(4)) == std::string::npos) CHECK(line.size() <= 80);
    CHECK_FALSE(line.ends_with(' '));
  }
}

TEST_CASE("the longest screen is not cut") {
  Facts facts;
  facts.stage = Stage::image;
  facts.wanted = Digest::try_parse(good_hex);
  facts.root = Path{"/dev/mapper/root"};
  facts.image = Path{good_image};
  facts.found = measurement_of(good_hex);
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/proc/sys/kernel/osrelease"] = std::string(80, 'r');
  CHECK(std::string(describe_refusal(kernel, facts, Code::wrong_digest).view()).ends_with("--repair SOURCE.\n"));
}

TEST_CASE("the kernel takes ten records of an open file at once, so the screen opens more") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["measure " + image] = -ENODATA;
  kernel.boot();
  CHECK(kernel.count("open /dev/kmsg") == 3);
  CHECK_THAT(kernel.kernel_log, has_text("<4>sealroot-pivot:   wanted    sha512:" + good_hex + "\n"));
  CHECK_THAT(kernel.kernel_log, has_text("<4>sealroot-pivot: Restarting in 10 seconds.\n"));
}

TEST_CASE("the screen is kept where it outlives the restart") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/dev/pmsg0"] = "";
  kernel.failures["measure " + image] = -ENODATA;
  kernel.boot();
  CHECK_THAT(kernel.written["/dev/pmsg0"], has_text("This boot was refused"));
  CHECK(kernel.written[dump_setting] == "Y");
}

TEST_CASE("a store that keeps a log already gets no second one") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.lists["/sys/fs/pstore"] = {".", "..", "dmesg-efi_pstore-170000000001001"};
  kernel.failures["measure " + image] = -ENODATA;
  kernel.boot();
  CHECK(kernel.called("mount pstore /sys/fs/pstore"));
  CHECK_FALSE(kernel.written.contains(dump_setting));
}

TEST_CASE("a boot that is refused before modules are loaded loads the one that keeps the log") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/lib/modules/efi_pstore.ko"] = "";
  kernel.files["/proc/cmdline"] = good_line + " rd.break\n";
  kernel.boot();
  CHECK(kernel.called("module /lib/modules/efi_pstore.ko"));
  CHECK(kernel.written[dump_setting] == "Y");
}

TEST_CASE("a power-off waits for no reader, and a dry run has no screen") {
  FakeKernel kernel = FakeKernel::machine();
  std::string& config = kernel.files["/sealroot.conf"];
  config.replace(config.find("reboot"), 6, "poweroff");
  kernel.failures["measure " + image] = -ENODATA;
  CHECK(kernel.boot().how == "poweroff");
  CHECK(kernel.slept_milliseconds == 0);
  CHECK_THAT(kernel.console, has_text("Powering off.\n"));
  FakeKernel dry = FakeKernel::machine();
  dry.files["/proc/cmdline"] = good_line + " rd.break\n";
  CHECK(dry.run({"--dry-run"}).status == 10);
  CHECK(dry.console.ends_with("(code 10)\n"));
}

TEST_CASE("a refused command shows the screen, and waits only if it ends the machine") {
  FakeKernel command = FakeKernel::machine();
  command.failures["measure " + image] = -ENODATA;
  CHECK(command.run({"--sysroot", "/sysroot"}).status == 12);
  CHECK(command.slept_milliseconds == 0);
  CHECK_THAT(command.console, has_text("  refused   image\n"));
  FakeKernel restarting = FakeKernel::machine();
  restarting.failures["measure " + image] = -ENODATA;
  CHECK(restarting.run({"--restart", "--sysroot", "/sysroot"}).how == "reboot");
  CHECK(restarting.slept_milliseconds == reading_milliseconds);
}
