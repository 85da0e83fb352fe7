// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/modules.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

ModuleLists lists() {
  return {"6.12.0-test",
          "kernel/fs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz\n"
          "kernel/lib/libcrc32c.ko.xz:\n"
          "kernel/lib/crc32c-fast.ko.xz:\n"
          "kernel/drivers/scsi/sd_mod.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz kernel/drivers/scsi/scsi_common.ko.xz\n"
          "kernel/drivers/scsi/scsi_mod.ko.xz: kernel/drivers/scsi/scsi_common.ko.xz\n"
          "kernel/drivers/scsi/scsi_common.ko.xz:\n"
          "kernel/half.ko: kernel/gone.ko kernel/lib/libcrc32c.ko.xz\n",
          "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-pci.ko\n",
          "# comment\nsoftdep libcrc32c pre: crc32c-fast crypto-alias post: sd_mod\nsoftdep erofs nothing\n"};
}

/// Names in order, optional ones with a `-` in front.
std::string plan(const ModuleLists& from, const std::vector<WantedModule>& wanted) {
  std::string out;
  for (const ModuleToLoad& module : plan_modules(from, wanted)) {
    out.append(out.empty() ? "" : " ").append(module.required ? "" : "-").append(module.name);
  }
  return out;
}

}  // namespace

TEST_CASE("modules load after all they depend on, each once, and built-in ones not at all") {
  struct Row {
    std::vector<WantedModule> wanted;
    const char* expected;
  };
  for (const Row& row : {
           Row{{{"erofs", true}}, "-crc32c_fast libcrc32c erofs"},
           Row{{{"sd_mod", false}}, "-scsi_common -scsi_mod -sd_mod"},
           Row{{{"ext4", true}, {"virtio_pci", true}}, ""},
           Row{{{"crc32c-fast", true}}, "crc32c_fast"},
           Row{{{"erofs", true}, {"libcrc32c", true}, {"erofs", true}}, "-crc32c_fast libcrc32c erofs"},
           Row{{{"sd_mod", false}, {"scsi_mod", true}}, "scsi_common scsi_mod -sd_mod"},
           Row{{{"unknown", false}, {"half", false}}, ""},
       }) {
    CHECK(plan(lists(), row.wanted) == row.expected);
  }
}

TEST_CASE("a missing required module is named with the kernel") {
  CHECK_THROWS_WITH(plan(lists(), {{"overlay", true}}), has_text("modules of kernel '6.12.0-test': overlay: it, or a"));
  CHECK_THROWS_WITH(plan(lists(), {{"half", true}}), has_text("half: it, or a module it depends on"));
}

TEST_CASE("loops and endless chains in modules.dep end") {
  ModuleLists loop{"x", "a.ko: b.ko\nb.ko: a.ko\n", "", "softdep a pre: a b\n"};
  CHECK(plan(loop, {{"a", false}, {"b", true}}) == "b a");
}

TEST_CASE("hostile lists are malformed") {
  const auto refuse = [](const std::string& dependencies, const std::string& text) {
    CHECK_THROWS_WITH(plan({"x", dependencies, "", ""}, {{"m0", false}}), has_text(text));
  };
  refuse("no colon\n", "no ':' in 'no colon'");
  refuse("kernel/a b.ko:\n", "not the path of a module");
  refuse("kernel/.ko:\n", "not the path of a module");
  refuse("kernel/a.txt:\n", "not the path of a module");
  std::string chain;
  for (int i = 0; i < 200; ++i) {
    chain.append("m").append(std::to_string(i)).append(".ko: m").append(std::to_string(i + 1)).append(".ko\n");
  }
  refuse(chain, "go too deep");
}

TEST_CASE("loop is needed only by kernels before 6.12") {
  const auto needs_loop = [](const char* version) {
    for (const WantedModule& module : default_modules(version)) {
      if (module.name == "loop") return module.required;
    }
    return false;
  };
  CHECK(needs_loop("6.6.13+bpo-amd64"));
  CHECK(needs_loop("6.11"));
  CHECK(needs_loop("5.15.0"));
  CHECK(needs_loop("strange"));
  CHECK_FALSE(needs_loop("6.12.95+deb12-cloud-amd64"));
  CHECK_FALSE(needs_loop("6.18-rc1"));
  CHECK_FALSE(needs_loop("7.0.0"));
}
