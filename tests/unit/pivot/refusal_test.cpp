// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Every way a boot is refused: the code, the words, and that PID 1 ends in reboot or power-off.
#include "fake_kernel.hpp"
#include "initrd-pivot/failure.hpp"
#include "initrd-pivot/gpt.hpp"
#include "tests/catch.hpp"

#include <sys/stat.h>

#include <cerrno>

using namespace sealroot;

namespace {

const std::string root_type(root_partition_type);
const std::string any_guid = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const std::string image = "/sysroot/" + good_image;

// Boots and wants a refusal with exactly this code, these words, one line on console and kernel log with the screen
// behind it, and no init.
void check_refused(FakeKernel& kernel, int code, const std::string& words, const std::string& end = "reboot") {
  CHECK(kernel.boot().how == end);
  CHECK_FALSE(kernel.called("execute /sbin/init"));
  CHECK_THAT(kernel.console, has_text("sealroot-pivot: FATAL: "));
  CHECK_THAT(kernel.console, has_text(words));
  CHECK_THAT(kernel.console, has_text(" (code " + std::to_string(code) + ")\n"));
  const auto at = kernel.console.find("sealroot-pivot: FATAL: ");
  const auto line_end = kernel.console.find('\n', at) + 1;
  CHECK(kernel.console.compare(line_end, 22, "This boot was refused ") == 0);
  if (!kernel.called("open /dev/kmsg")) return;
  CHECK_THAT(kernel.kernel_log, has_text("<2>" + kernel.console.substr(at, line_end - at)));
  CHECK_THAT(kernel.kernel_log, has_text("<4>sealroot-pivot: This boot was refused "));
}

}  // namespace

TEST_CASE("every failing call of the kernel ends the boot with its code") {
  struct Row {
    const char* call;
    long error;
    int code;
    const char* words;
  };
  const std::string read_image = "read " + image, open_image = "beneath " + image;
  const std::string set_source = "fs_set overlay source=composefs:" + good_hex;
  const Row rows[] = {
      {"mount proc /proc", -EPERM, 10, "mounting /proc: not permitted"},
      {"open /sealroot.conf", -ENOENT, 10, "reading /sealroot.conf: not found"},
      {"read /sealroot.conf", -EIO, 10, "reading /sealroot.conf: input/output error"},
      {"open /proc/cmdline", -ENOENT, 10, "reading /proc/cmdline"},
      {"open /sys/block", -ENOENT, 11, "listing /sys/block"},
      {"mount ext4 /sysroot rw", -EUCLEAN, 11, "mounting the root partition /dev/vda2: damaged file system"},
      {"open /sysroot", -EIO, 11, "opening /sysroot"},
      {open_image.c_str(), -ENOENT, 11, "image missing"},
      {open_image.c_str(), -ELOOP, 11, "symlink"},
      {open_image.c_str(), -EXDEV, 11, "mount point"},
      {open_image.c_str(), -EIO, 12, "image fs-verity damaged"},
      {open_image.c_str(), -EOPNOTSUPP, 12, "kernel without fs-verity"},
      {"beneath /sysroot/composefs/objects", -ELOOP, 11, "composefs/objects: symlink"},
      {read_image.c_str(), -EIO, 14, "reading the image"},
      {"fs_open erofs", -ENODEV, 14, "erofs: file system unknown"},
      {"fs_create erofs", -EUCLEAN, 14, "erofs: damaged file system"},
      {"fs_create erofs", -ENOTBLK, 14, "loop device: not found"},
      {"fs_mount erofs ro", -EPERM, 14, "erofs: mounting"},
      {"attach <erofs> /sysroot", -EINVAL, 14, "mounting on /sysroot"},
      {"fs_open overlay", -ENODEV, 15, "overlay: file system unknown"},
      {set_source.c_str(), -EINVAL, 15, "overlay: source"},
      {"fs_set overlay lowerdir=<erofs>::/sysroot/composefs/objects", -EINVAL, 15, "overlay: lowerdir"},
      {"fs_set overlay metacopy=on", -EINVAL, 15, "metacopy=on"},
      {"fs_set overlay verity=require", -EINVAL, 15, "verity=require"},
      {"fs_create overlay", -EINVAL, 15, "overlay: invalid argument"},
      {"fs_mount overlay ro", -EPERM, 15, "overlay: mounting"},
      {"unmount /sysroot", -EPERM, 15, "unmounting /sysroot"},
      {"clone /sysroot", -EINVAL, 15, "copying the mount"},
      {"attach <overlay> /sysroot", -EINVAL, 15, "mounting on /sysroot"},
      {"attach /sysroot <overlay>/sysroot", -ENOTDIR, 16, "image: /sysroot: not a directory"},
      {"beneath <overlay>/etc", -ELOOP, 16, "image: /etc: symlink"},
      {"clone /sysroot/state/os/default/var", -EINVAL, 16, "/var"},
      {"attach /sysroot/state/os/default/var <overlay>/var", -ENOTDIR, 16, "mounting /var: not a directory"},
      {"move /dev <overlay>/dev", -ENOENT, 15, "image: /dev: not found"},
      {"move /sysroot /", -EINVAL, 15, "moving the new root"},
      {"root <overlay>", -EPERM, 15, "entering the new root"},
      {"execute /sbin/init", -ENOENT, 15, "init /sbin/init: not found"},
      {"execute /sbin/init", -EIO, 15, "init /sbin/init: input/output error"},
      {"fs_create overlay", -12345, 15, "overlay: error 12345"},
  };
  for (const Row& row : rows) {
    INFO(row.call << " " << row.error);
    FakeKernel kernel = FakeKernel::machine();
    kernel.failures[row.call] = row.error;
    CHECK(kernel.boot().how == "reboot");
    CHECK_THAT(kernel.console, has_text(row.words));
    CHECK_THAT(kernel.console, has_text(" (code " + std::to_string(row.code) + ")\n"));
  }
}

TEST_CASE("a refused boot powers off if the sealed config says so") {
  FakeKernel kernel = FakeKernel::machine();
  std::string& config = kernel.files["/sealroot.conf"];
  config.replace(config.find("reboot"), 6, "poweroff");
  kernel.measurements.clear();
  check_refused(kernel, 12, "image has no fs-verity", "poweroff");
}

TEST_CASE("R4_R7_an_image_without_verity_is_refused_before_any_mount_of_it") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.measurements.clear();
  check_refused(kernel, 12, "FATAL: image has no fs-verity");
  CHECK(kernel.count("fs_open") == 0);
}

TEST_CASE("R17_a_file_system_without_verity_is_refused") {
  for (const long error : {-ENOTTY, -EOPNOTSUPP}) {
    FakeKernel kernel = FakeKernel::machine();
    kernel.failures["measure " + image] = error;
    check_refused(kernel, 12, "image has no fs-verity: not supported by the file system");
  }
}

TEST_CASE("R6_R8_another_image_is_refused_before_the_erofs_parser_sees_it") {
  const std::string other = "cd" + std::string(126, '2');
  FakeKernel kernel = FakeKernel::machine();
  kernel.measurements[image] = measurement_of(other);
  check_refused(kernel, 13, "FATAL: image digest mismatch want=" + good_hex + " got=" + other);
  CHECK(kernel.count("fs_open") == 0);
}

TEST_CASE("R6_a_digest_of_the_other_algorithm_or_length_is_a_mismatch") {
  FakeKernel shorter = FakeKernel::machine();
  shorter.measurements[image].size = 32;
  check_refused(shorter, 13, "image digest mismatch");
  FakeKernel algorithm = FakeKernel::machine();
  algorithm.measurements[image].algorithm = 1;
  check_refused(algorithm, 13, "image digest mismatch");
  FakeKernel last_byte = FakeKernel::machine();
  last_byte.measurements[image].value[63] ^= 1;
  check_refused(last_byte, 13, "image digest mismatch");
}

TEST_CASE("R10_only_a_regular_file_under_the_object_name_is_measured") {
  for (const int type : {S_IFDIR, S_IFIFO, S_IFCHR, S_IFSOCK}) {
    FakeKernel kernel = FakeKernel::machine();
    kernel.statuses[image] = {.mode = static_cast<std::uint16_t>(type | 0644), .owner = 0};
    check_refused(kernel, 11, "image missing: not a regular file");
    CHECK(kernel.count("measure") == 0);
  }
  FakeKernel kernel = FakeKernel::machine();
  kernel.boot();
  for (const std::string& call : kernel.calls) CHECK(call.find("images") == std::string::npos);
}

TEST_CASE("an image that is no composefs image is refused") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files[image] = "something else";
  check_refused(kernel, 14, "not a composefs image");
}

TEST_CASE("R15_an_ambiguous_root_is_refused") {
  const std::string disk = gpt_disk({{esp_type, esp_guid}, {root_type, any_guid}});
  FakeKernel two_disks = FakeKernel::machine();
  two_disks.lists["/sys/block"].push_back("vdb");
  two_disks.files["/dev/vdb"] = disk;
  check_refused(two_disks, 10, "FATAL: ambiguous root");
  FakeKernel two_roots = FakeKernel::machine();
  two_roots.files["/dev/vda"] = gpt_disk({{root_type, any_guid}, {root_type, esp_guid}});
  check_refused(two_roots, 10, "FATAL: ambiguous root");
}

TEST_CASE("R15_two_disks_with_the_partition_that_was_booted_are_refused") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures.erase("mount efivarfs /sys/firmware/efi/efivars");
  std::string value(4, '\x06');
  for (const char byte : esp_guid) value += {byte, '\0'};
  kernel.files["/sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"] = value;
  kernel.lists["/sys/block"].push_back("vdb");
  kernel.files["/dev/vdb"] = gpt_disk({{esp_type, esp_guid}});  // even if only one of them has a root
  check_refused(kernel, 10, "FATAL: ambiguous root");
}

TEST_CASE("a root partition that never appears ends the wait after ten seconds") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.lists["/sys/block"] = {"sr0", "loop0"};
  check_refused(kernel, 11, "no disk with a root partition appeared");
  CHECK(kernel.slept_milliseconds == 10'000 + reading_milliseconds);
}

TEST_CASE("C8_a_kernel_that_knows_no_verity_option_is_refused_and_never_asked_for_less") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["fs_set overlay verity=require"] = -EINVAL;
  kernel.fs_log = "e overlay: Unknown parameter 'verity'\n";
  check_refused(kernel, 15, "overlay: verity=require: e overlay: Unknown parameter 'verity'");
  CHECK(kernel.count("fs_set overlay verity") == 1);
  CHECK(kernel.count("fs_create overlay") == 0);
}

TEST_CASE("C2_E4_a_second_digest_is_refused_before_any_disk_is_touched") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/proc/cmdline"] = good_line + " composefs=" + good_hex + "\n";
  check_refused(kernel, 10, "FATAL: 2 composefs args");
  CHECK_FALSE(kernel.called("open /sys/block"));
  CHECK(kernel.count("module") == 0);
}

TEST_CASE("a command line of which only the start was read is refused") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/proc/cmdline"] = good_line + std::string(8192, ' ') + "\n";
  check_refused(kernel, 10, "/proc/cmdline: too large");
}

TEST_CASE("I5_control_bytes_of_the_command_line_do_not_reach_the_console") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/proc/cmdline"] = good_line + " \x1b[2Jevil\x07\xff\n";
  check_refused(kernel, 10, "token refused: ?[2Jevil??");
}

TEST_CASE("a module that the kernel refuses ends the boot unless the list says it may fail") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/modules.load"] = "/lib/overlay.ko\n";
  kernel.files["/lib/overlay.ko"] = "";
  kernel.failures["module /lib/overlay.ko"] = -EKEYREJECTED;
  check_refused(kernel, 10, "module /lib/overlay.ko: signature refused");
}

TEST_CASE("a refusal before there is a console goes to what the kernel opened") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["mount sysfs /sys"] = -EPERM;
  check_refused(kernel, 10, "mounting /sys");
}
