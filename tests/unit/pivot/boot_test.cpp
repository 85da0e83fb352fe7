// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The form as /init on a machine that boots: order of operations, choice of the disk, what init gets.
#include "fake_kernel.hpp"
#include "initrd-pivot/gpt.hpp"
#include "tests/catch.hpp"

#include <cerrno>

using namespace sealroot;

namespace {

const std::string root_type(root_partition_type);
const std::string any_guid = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const std::string efivars = "/sys/firmware/efi/efivars/";
const std::string boot_variable = efivars + "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
const std::string secure_variable = efivars + "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

// A machine with UEFI that was booted from the partition with this GUID.
FakeKernel uefi_machine(const std::string& boot_partition) {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures.erase("mount efivarfs /sys/firmware/efi/efivars");
  std::string value(4, '\x06');
  for (const char byte : boot_partition) value += {byte, '\0'};
  kernel.files[boot_variable] = value + std::string(2, '\0');
  kernel.files[secure_variable] = std::string("\x06\0\0\0\x01", 5);
  return kernel;
}

void add_disk(FakeKernel& kernel, const std::string& name, const std::string& content) {
  kernel.lists["/sys/block"].push_back(name);
  kernel.files["/dev/" + name] = content;
  kernel.files["/dev/" + name + "2"] = "";
}

}  // namespace

TEST_CASE("a good machine ends in the init of the new root") {
  FakeKernel kernel = FakeKernel::machine();
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("execute /sbin/init"));
  CHECK_THAT(kernel.console, has_text("sealroot-pivot: root verified sha512:" + good_hex + "\n"));
  CHECK_THAT(kernel.console, has_text("sealroot-pivot: etc=overlay var=bind\n"));
  CHECK_THAT(kernel.kernel_log, has_text("<6>sealroot-pivot: root verified sha512:" + good_hex + "\n"));
}

TEST_CASE("nothing of the disk is mounted before the image was measured, nothing attached before all was checked") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.boot();
  const char* order[] = {"open /sealroot.conf",
                         "open /proc/cmdline",
                         "mount ext4 /sysroot rw",
                         "beneath /sysroot/IMAGE",
                         "measure /sysroot/IMAGE",
                         "fs_open erofs",
                         "fs_set erofs source=/sysroot/IMAGE",
                         "fs_set erofs ro",
                         "fs_set erofs noacl",
                         "fs_create erofs",
                         "fs_mount erofs ro",
                         "attach <erofs> /sysroot",
                         "fs_set overlay lowerdir=<erofs>::/sysroot/composefs/objects",
                         "fs_set overlay metacopy=on",
                         "fs_set overlay redirect_dir=on",
                         "fs_set overlay verity=require",
                         "fs_create overlay",
                         "fs_mount overlay ro",
                         "attach <overlay> /sysroot",
                         "attach /sysroot <overlay>/sysroot",
                         "mount overlay <overlay>/etc lowerdir=<overlay>/etc,upperdir=/sysroot/ETC/upper,"
                         "workdir=/sysroot/ETC/work,metacopy=off,redirect_dir=nofollow,index=off",
                         "attach /sysroot/state/os/default/var <overlay>/var",
                         "move /dev <overlay>/dev",
                         "move /sysroot /",
                         "root <overlay>",
                         "execute /sbin/init"};
  long last = -1;
  for (std::string call : order) {
    const auto replace = [&](const std::string& from, const std::string& to) {
      for (auto at = call.find(from); at != std::string::npos; at = call.find(from)) call.replace(at, from.size(), to);
    };
    replace("IMAGE", good_image);
    replace("ETC", "state/deploy/" + good_hex + "/etc");
    INFO(call);
    const long position = kernel.position(call);
    CHECK(position > last);
    last = position;
  }
}

TEST_CASE("the way from exec to init takes at most 80 system calls") {
  FakeKernel kernel = uefi_machine(esp_guid);
  REQUIRE(kernel.boot().how == "execute");
  // getpid in front, and change_root is three: fchdir, chroot, chdir.
  const std::size_t system_calls = 1 + kernel.calls.size() + 2;
  std::string all;
  for (const std::string& call : kernel.calls) all += call + "\n";
  INFO(all);
  CHECK(system_calls <= 80);
}

TEST_CASE("init gets the kernel's own arguments, and the pivot obeys none of them") {
  FakeKernel kernel = FakeKernel::machine();
  CHECK(kernel.boot({"/init", "--dry-run", "--config", "/evil", "single"}).how == "execute");
  CHECK(kernel.arguments == std::vector<std::string>{"/sbin/init", "--dry-run", "--config", "/evil", "single"});
  CHECK_FALSE(kernel.called("open /evil"));
}

TEST_CASE("another initramfs starts once the command line is known to be the signed one") {
  FakeKernel kernel = FakeKernel::machine();
  std::string& config = kernel.files["/sealroot.conf"];
  config.replace(config.find("handover=none"), 13, "handover=/init");
  kernel.files["/modules.load"] = "/lib/a.ko\n";
  CHECK(kernel.boot({"/sealroot-init", "splash"}).how == "execute");
  CHECK(kernel.arguments == std::vector<std::string>{"/init", "splash"});
  for (const char* path : {"/sys", "/proc", "/dev"}) CHECK(kernel.called(std::string("unmount ") + path));
  CHECK(kernel.count("module") == 0);
  CHECK(kernel.count("mount ext4") == 0);
}

TEST_CASE("E8_another_initramfs_gets_no_credentials_or_extensions_of_the_ESP") {
  FakeKernel kernel = FakeKernel::machine();
  std::string& config = kernel.files["/sealroot.conf"];
  config.replace(config.find("handover=none"), 13, "handover=/init");
  kernel.lists["/.extra"] = {".", "..", "credentials", "tpm2-pcr-signature.json", "sysext"};
  kernel.lists["/.extra/credentials"] = {".", "..", "a.cred", "fstab.extra.cred"};
  kernel.failures["open /.extra/tpm2-pcr-signature.json"] = -ENOTDIR;
  CHECK(kernel.boot({"/sealroot-init"}).how == "execute");
  CHECK(kernel.called("remove /.extra/credentials/a.cred"));
  CHECK(kernel.called("remove /.extra/credentials/fstab.extra.cred"));
  CHECK(kernel.count("remove ") == 2);
  CHECK_THAT(kernel.console, has_text("ignored files that nobody signed: /.extra/credentials"));
  CHECK_THAT(kernel.console, !has_text("sysext"));
}

TEST_CASE("E8_what_of_the_ESP_cannot_be_dropped_ends_the_boot") {
  for (const char* call : {"open /.extra", "list /.extra", "open /.extra/sysext", "list /.extra/sysext",
                           "remove /.extra/sysext/a.raw"}) {
    FakeKernel kernel = FakeKernel::machine();
    std::string& config = kernel.files["/sealroot.conf"];
    config.replace(config.find("handover=none"), 13, "handover=/init");
    kernel.lists["/.extra"] = {"sysext"};
    kernel.lists["/.extra/sysext"] = {"a.raw"};
    kernel.failures[call] = -EIO;
    INFO(call);
    CHECK(kernel.boot({"/sealroot-init"}).how == "reboot");
    CHECK_THAT(kernel.console, has_text("/.extra"));
  }
}

TEST_CASE("started as /init the pivot is the whole initramfs, whoever made that") {
  FakeKernel kernel = FakeKernel::machine();
  std::string& config = kernel.files["/sealroot.conf"];
  config.replace(config.find("handover=none"), 13, "handover=/init");
  CHECK(kernel.boot({"/init"}).how == "execute");
  CHECK(kernel.called("execute /sbin/init"));
}

TEST_CASE("C5_another_initramfs_never_sees_a_token_that_was_appended") {
  for (const char* token : {"rd.break", "rd.shell", "systemd.debug_shell", "rd.systemd.unit=emergency.target"}) {
    FakeKernel kernel = FakeKernel::machine();
    std::string& config = kernel.files["/sealroot.conf"];
    config.replace(config.find("handover=none"), 13, "handover=/init");
    kernel.files["/proc/cmdline"] = good_line + " " + token + "\n";
    CHECK(kernel.boot({"/sealroot-init"}).how == "reboot");
    CHECK_THAT(kernel.console, has_text(std::string("token refused: ") + token));
  }
}

TEST_CASE("a list of modules that is too long or can't be read ends the boot") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/modules.load"] = std::string(16 * 1024, '\n');
  CHECK(kernel.boot().how == "reboot");
  CHECK_THAT(kernel.console, has_text("/modules.load: too large"));

  FakeKernel unreadable = FakeKernel::machine();
  unreadable.files["/modules.load"] = "/lib/a.ko\n";
  unreadable.failures["open /modules.load"] = -EIO;
  CHECK(unreadable.boot().how == "reboot");
  CHECK_THAT(unreadable.console, has_text("reading /modules.load"));
}

TEST_CASE("modules are loaded in the order of the list") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/modules.load"] = "/lib/a.ko\n-/lib/b.ko\n/lib/c.ko\n-/lib/missing.ko\n";
  for (const char* module : {"/lib/a.ko", "/lib/b.ko", "/lib/c.ko"}) kernel.files[module] = "";
  kernel.failures["module /lib/a.ko"] = -EEXIST;
  kernel.failures["module /lib/b.ko"] = -ENODEV;
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.position("module /lib/a.ko") < kernel.position("module /lib/b.ko"));
  CHECK(kernel.position("module /lib/b.ko") < kernel.position("module /lib/c.ko"));
  CHECK(kernel.position("module /lib/c.ko") < kernel.position("mount ext4 /sysroot rw"));
}

TEST_CASE("the root partition is taken from the disk that was booted") {
  FakeKernel kernel = uefi_machine(esp_guid);
  add_disk(kernel, "vdb", gpt_disk({{esp_type, any_guid}, {root_type, any_guid}}));
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("status /dev/vda2"));
  CHECK_FALSE(kernel.called("status /dev/vdb2"));
  CHECK(kernel.console.find("not sealed") == std::string::npos);
}

TEST_CASE("partitions of disks with a digit at the end are named with a p") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.lists["/sys/block"] = {"nvme0n1"};
  kernel.files["/dev/nvme0n1"] = kernel.files["/dev/vda"];
  kernel.files["/dev/nvme0n1p2"] = "";
  CHECK(kernel.boot().how == "execute");
}

TEST_CASE("devices that appear late are waited for") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["open /dev/vda"] = -ENOENT;
  kernel.failure_limit["open /dev/vda"] = 5;
  kernel.failures["status /dev/vda2"] = -ENOENT;
  kernel.failure_limit["status /dev/vda2"] = 3;
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.slept_milliseconds == 8 * 20);
}

TEST_CASE("C1_without_secure_boot_the_console_says_that_nothing_is_sealed") {
  FakeKernel kernel = uefi_machine(esp_guid);
  kernel.files[secure_variable] = std::string("\x06\0\0\0\0", 5);
  CHECK(kernel.boot().how == "execute");
  CHECK_THAT(kernel.console, has_text("sealroot-pivot: not sealed: Secure Boot off\n"));
}

TEST_CASE("a kernel that cannot mount EROFS from a file gets a loop device") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/dev/loop-control"] = "";
  kernel.failures["fs_create erofs"] = -ENOTBLK;
  kernel.failure_limit["fs_create erofs"] = 1;
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("loop /sysroot/" + good_image));
  CHECK(kernel.called("fs_set erofs source=/dev/loop0"));
}

TEST_CASE("ACLs of the image are honoured only if it has some") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/sysroot/" + good_image][8] = 1;
  CHECK(kernel.boot().how == "execute");
  CHECK_FALSE(kernel.called("fs_set erofs noacl"));
  FakeKernel without_support = FakeKernel::machine();
  without_support.failures["fs_set erofs noacl"] = -EINVAL;
  CHECK(without_support.boot().how == "execute");
}

TEST_CASE("btrfs is tried when the root partition is not ext4") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["mount ext4 /sysroot rw"] = -EINVAL;
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("mount btrfs /sysroot rw"));
}

TEST_CASE("directories that the initramfs lacks are made") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["mount proc /proc"] = -ENOENT;
  kernel.failure_limit["mount proc /proc"] = 1;
  kernel.failures["mount devtmpfs /dev"] = -EBUSY;
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("mkdir /proc"));
}
