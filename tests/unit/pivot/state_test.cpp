// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// /etc and /var on directories that somebody else may have prepared.
#include "initrd-pivot/state.hpp"

#include "fake_kernel.hpp"
#include "tests/catch.hpp"

#include <sys/stat.h>

#include <cerrno>

using namespace sealroot;

namespace {

const std::string etc = "/sysroot/state/deploy/" + good_hex + "/etc";
const std::string var = "/sysroot/state/os/default/var";

FakeKernel machine_with(const std::string& etc_mode, const std::string& var_mode) {
  FakeKernel kernel = FakeKernel::machine();
  std::string& config = kernel.files["/sealroot.conf"];
  config.replace(config.find("etc=overlay"), 11, "etc=" + etc_mode);
  config.replace(config.find("var=bind"), 8, "var=" + var_mode);
  return kernel;
}

}  // namespace

TEST_CASE("R12_a_state_directory_that_is_a_link_or_a_trap_is_refused") {
  const std::pair<long, const char*> rows[] = {{-ELOOP, "state dir: symlink: "},
                                               {-EXDEV, "state dir: mount point or path that leads out: "},
                                               {-ENOTDIR, "state dir: not a directory: "}};
  for (const auto& [error, words] : rows) {
    for (const std::string& path : {etc, etc + "/upper", etc + "/work", var}) {
      INFO(path << " " << words);
      FakeKernel kernel = FakeKernel::machine();
      kernel.failures["beneath " + path] = error;
      CHECK(kernel.boot().how == "reboot");
      CHECK_THAT(kernel.console, has_text(words));
      CHECK_THAT(kernel.console, has_text("(code 16)"));
    }
  }
}

TEST_CASE("R12_every_component_must_belong_to_root_and_to_nobody_else") {
  const std::string deploy = "/sysroot/state/deploy";
  for (const std::string& path : {std::string("/sysroot/state"), deploy, deploy + "/" + good_hex, etc, etc + "/upper",
                                  etc + "/work", std::string("/sysroot/state/os"), var}) {
    INFO(path);
    FakeKernel owner = FakeKernel::machine();
    owner.statuses[path] = {.mode = S_IFDIR | 0755, .owner = 1000};
    CHECK(owner.boot().how == "reboot");
    CHECK_THAT(owner.console, has_text("state dir: owner is not root: "));
    for (const int mode : {0775, 0757, 01777}) {
      FakeKernel writable = FakeKernel::machine();
      writable.statuses[path] = {.mode = static_cast<std::uint16_t>(S_IFDIR | mode), .owner = 0};
      CHECK(writable.boot().how == "reboot");
      CHECK_THAT(writable.console, has_text("state dir: writable by others: "));
      CHECK_THAT(writable.console, has_text("(code 16)"));
    }
  }
}

TEST_CASE("the first boot makes the state directories, one component at a time") {
  FakeKernel kernel = FakeKernel::machine();
  for (const std::string& path : {etc, var}) {
    kernel.failures["beneath " + path] = -ENOENT;
    kernel.failure_limit["beneath " + path] = 1;
  }
  kernel.failures["mkdir /sysroot/state"] = -EEXIST;
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("mkdir /sysroot/state/deploy/" + good_hex + "/etc"));
  CHECK(kernel.called("mkdir /sysroot/state/os/default/var"));
}

TEST_CASE("a state directory that cannot be made is refused") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.failures["beneath " + etc] = -ENOENT;
  kernel.failures["mkdir /sysroot/state/deploy"] = -ENOSPC;
  CHECK(kernel.boot().how == "reboot");
  CHECK_THAT(kernel.console, has_text("state dir: no space left: state/deploy (code 16)"));
}

TEST_CASE("R14_the_overlay_on_etc_follows_nothing_its_upper_layer_says") {
  FakeKernel kernel = FakeKernel::machine();
  kernel.boot();
  CHECK(kernel.called("mount overlay <overlay>/etc lowerdir=<overlay>/etc,upperdir=" + etc + "/upper,workdir=" + etc +
                      "/work,metacopy=off,redirect_dir=nofollow,index=off"));
}

TEST_CASE("R13_transient_state_never_touches_the_disk") {
  FakeKernel kernel = machine_with("transient", "transient");
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("mount ext4 /sysroot ro"));
  CHECK(kernel.called("mount tmpfs <overlay>/var"));
  CHECK(kernel.called("mount tmpfs <overlay>/etc"));
  CHECK(
      kernel.called("mount overlay <overlay>/etc lowerdir=<overlay>/etc,upperdir=<overlay>/etc/upper,"
                    "workdir=<overlay>/etc/work,metacopy=off,redirect_dir=nofollow,index=off"));
  CHECK(kernel.count("beneath /sysroot/state") == 0);
  CHECK_THAT(kernel.console, has_text("etc=transient var=transient"));
}

TEST_CASE("a bind of etc uses what the deployment has and makes nothing") {
  FakeKernel kernel = machine_with("bind", "none");
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.called("attach " + etc + " <overlay>/etc"));
  FakeKernel missing = machine_with("bind", "none");
  missing.failures["beneath " + etc] = -ENOENT;
  CHECK(missing.boot().how == "reboot");
  CHECK_THAT(missing.console, has_text("state dir: not found: "));
  CHECK(missing.count("mkdir") == 0);
}

TEST_CASE("without state nothing is mounted on etc and var") {
  FakeKernel kernel = machine_with("none", "none");
  CHECK(kernel.boot().how == "execute");
  CHECK(kernel.count("mount overlay") == 0);
  CHECK(kernel.count("beneath <overlay>") == 0);
  CHECK(kernel.called("mount ext4 /sysroot ro"));
}

TEST_CASE("I1_an_image_whose_etc_or_var_is_no_directory_is_refused") {
  for (const char* name : {"etc", "var"}) {
    FakeKernel kernel = machine_with("transient", "transient");
    kernel.failures[std::string("beneath <overlay>/") + name] = -ELOOP;
    CHECK(kernel.boot().how == "reboot");
    CHECK_THAT(kernel.console, has_text(std::string("image: /") + name + ": symlink (code 16)"));
  }
}

TEST_CASE("a mount of transient state that the kernel refuses ends the boot") {
  const std::string overlay =
      "mount overlay <overlay>/etc lowerdir=<overlay>/etc,upperdir=<overlay>/etc/upper,"
      "workdir=<overlay>/etc/work,metacopy=off,redirect_dir=nofollow,index=off";
  const std::pair<std::string, std::string> rows[] = {{"mount tmpfs <overlay>/etc", "state: tmpfs on /etc"},
                                                      {"mount tmpfs <overlay>/var", "state: tmpfs on /var"},
                                                      {"open <overlay>/etc", "state: tmpfs on /etc"},
                                                      {overlay, "state: overlay on /etc"}};
  for (const auto& [call, words] : rows) {
    INFO(call);
    FakeKernel kernel = machine_with("transient", "transient");
    kernel.failures[call] = -ENOMEM;
    CHECK(kernel.boot().how == "reboot");
    CHECK_THAT(kernel.console, has_text(words));
    CHECK_THAT(kernel.console, has_text(" (code 16)\n"));
  }
}
