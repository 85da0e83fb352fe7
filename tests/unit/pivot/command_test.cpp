// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The form as a command in another initramfs, and the dry run.
#include "fake_kernel.hpp"
#include "initrd-pivot/config.hpp"
#include "initrd-pivot/plan.hpp"
#include "tests/catch.hpp"

#include <cerrno>

using namespace sealroot;

TEST_CASE("the command puts the new root over the mounted root partition") {
  FakeKernel kernel = FakeKernel::machine();
  const Ended ended = kernel.run({"--sysroot", "/sysroot"});
  CHECK(ended.how == "exit");
  CHECK(ended.status == 0);
  CHECK(kernel.called("attach <overlay> /sysroot"));
  CHECK(kernel.called("restrict /sysroot 6"));
  CHECK(kernel.count("move") == 0);
  CHECK(kernel.count("mount ext4") == 0);
  CHECK(kernel.count("remove") == 0);
  CHECK_THAT(kernel.console, has_text("root verified sha512:" + good_hex));
}

TEST_CASE("a refused command leaves nothing mounted on sysroot and exits with the code") {
  const std::string measure = "measure /sysroot/" + good_image;
  const std::pair<std::string, int> rows[] = {
      {"open /sealroot.conf", 10},           {measure, 12},
      {"fs_set overlay verity=require", 15}, {"attach <overlay> /sysroot", 15},
      {"restrict /sysroot 6", 15},           {"beneath /sysroot/state/os/default/var", 16}};
  for (const auto& [failing, code] : rows) {
    INFO(failing);
    FakeKernel kernel = FakeKernel::machine();
    kernel.failures[failing] = -EPERM;
    kernel.mounted_on_sysroot = 2;  // as if it had been there before
    const Ended ended = kernel.run({"--sysroot", "/sysroot"});
    CHECK(ended.how == "exit");
    CHECK(ended.status == code);
    CHECK(kernel.mounted_on_sysroot < 1);
  }
}

TEST_CASE("P7_a_root_whose_files_cannot_be_opened_is_refused") {
  for (const std::string failing : {"inside <overlay>/sbin/init", "read <overlay>/sbin/init"}) {
    FakeKernel kernel = FakeKernel::machine();
    kernel.failures[failing] = -EIO;
    const Ended ended = kernel.run({"--sysroot", "/sysroot"});
    CHECK(ended.status == 15);
    CHECK_THAT(kernel.console, has_text("init /sbin/init"));
  }
}

TEST_CASE("an init that is not there is left to the initramfs, which may start another program") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["inside <overlay>/sbin/init"] = -ENOENT;
  CHECK(kernel.run({"--sysroot", "/sysroot"}).status == 0);
}

TEST_CASE("with --restart a refused command ends the machine as the sealed config says") {
  for (const bool power_off : {false, true}) {
    FakeKernel kernel = FakeKernel::machine();
    if (power_off) {
      std::string& config = kernel.files["/sealroot.conf"];
      config.replace(config.find("on-failure=reboot"), 17, "on-failure=poweroff");
    }
    kernel.failures["measure /sysroot/" + good_image] = -ENODATA;
    CHECK(kernel.run({"--restart", "--sysroot", "/sysroot"}).how == (power_off ? "poweroff" : "reboot"));
    CHECK(kernel.mounted_on_sysroot < 1);
    CHECK_THAT(kernel.console, has_text("FATAL: image has no fs-verity"));
  }
}

TEST_CASE("the dry run prints the plan and changes nothing") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/tmp/sealroot.conf"] = good_config;
  kernel.files["/dev/line"] = good_line + "\n";
  const Ended ended =
      kernel.run({"--dry-run", "--sysroot", "/new", "--config", "/tmp/sealroot.conf", "--cmdline", "/dev/line"});
  CHECK(ended.how == "exit");
  CHECK(ended.status == 0);
  Config config;
  REQUIRE_FALSE(parse_config(good_config, config));
  CHECK(kernel.console == describe_plan(make_plan(config), "/new").view());
  CHECK(kernel.calls == std::vector<std::string>{"open /tmp/sealroot.conf", "read /tmp/sealroot.conf", "open /dev/line",
                                                 "read /dev/line", "write"});
}

TEST_CASE("the dry run refuses what a boot would refuse") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.files["/proc/cmdline"] = good_line + " rd.break\n";
  const Ended ended = kernel.run({"--dry-run"});
  CHECK(ended.status == 10);
  CHECK(kernel.kernel_log.empty());
  CHECK(kernel.count("unmount") == 0);
  CHECK_THAT(kernel.console, has_text("token refused: rd.break"));
}

TEST_CASE("C4_another_config_or_command_line_can_only_be_looked_at") {
  for (const char* option : {"--config", "--cmdline"}) {
    FakeKernel kernel = FakeKernel::machine();
    CHECK(kernel.run({"--sysroot", "/sysroot", option, "/tmp/other"}).status == 2);
    CHECK(kernel.count("open") == 0);
  }
}

TEST_CASE("wrong usage is one line and exit status 2") {
  const std::vector<std::string> rows[] = {{},
                                           {"--sysroot"},
                                           {"--sysroot", "relative"},
                                           {"--sysroot", "/"},
                                           {"--sysroot", "/" + std::string(100, 'a')},
                                           {"--insecure"},
                                           {"--dry-run", "--restart"},
                                           {"/sysroot"}};
  for (const auto& row : rows) {
    FakeKernel kernel = FakeKernel::machine();
    const Ended ended = kernel.run(row);
    CHECK(ended.how == "exit");
    CHECK(ended.status == 2);
    CHECK(kernel.calls == std::vector<std::string>{"write"});
    CHECK_THAT(kernel.console, has_text("(see --help)\n"));
  }
}

TEST_CASE("help and version are printed") {
  FakeKernel help = FakeKernel::machine();
  CHECK(help.run({"--help"}).status == 0);
  CHECK_THAT(help.console, has_text("Usage: sealroot-pivot [--restart] --sysroot DIR"));
  for (std::size_t begin = 0, end = 0; (end = help.console.find('\n', begin)) != std::string::npos; begin = end + 1) {
    CHECK(end - begin <= 80);
  }
  FakeKernel version = FakeKernel::machine();
  CHECK(version.run({"--version"}).status == 0);
  CHECK(version.console == "sealroot-pivot " SEALROOT_VERSION "\n");
}
