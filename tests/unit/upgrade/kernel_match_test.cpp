// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/soft_reboot/kernel_match.hpp"

#include "builder/initramfs/cpio.hpp"
#include "builder/initramfs/sealed_config.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

struct System {
  char digit = '1';  // its digest is made of
  std::string options = "quiet";
  std::string kernel = "the kernel";
  std::string module = "a module";
  std::vector<std::string> allow{};
  std::string etc = "overlay";
  std::string handover = "none";
  std::string pivot = "a pivot";
  std::string tail{};  // behind the sealed configuration
  std::optional<Bytes> dtb{};

  Digest image() const { return *Digest::try_parse(std::string(128, digit)); }
  std::string command_line() const { return options + " composefs.digest=" + digest_token_value(image()) + " --"; }

  Bytes uki() const {
    UkiParts parts = sample_parts();
    parts.kernel = small_pe(kernel);
    parts.cmdline = command_line();
    parts.dtb = dtb;
    CpioWriter archive;
    archive.add_file("init", as_bytes(pivot), 0755);
    archive.add_file("module.ko", as_bytes(module));
    parts.initrd = archive.finish();
    const SealedConfig config{
        .digest = image(), .cmdline = parts.cmdline, .allow = allow, .etc = etc, .handover = handover};
    const Bytes last = make_sealed_config_cpio(config, as_bytes(pivot));
    parts.initrd.insert(parts.initrd.end(), last.begin(), last.end());
    parts.initrd.insert(parts.initrd.end(), tail.begin(), tail.end());
    return assemble_uki(parts);
  }
};

std::string mismatch(const System& started, const System& next, const std::string& appended = "") {
  const std::string line = started.command_line() + appended + "\n";
  return find_kernel_mismatch(started.uki(), next.uki(), line).value_or("");
}

}  // namespace

TEST_CASE("a system whose UKI differs in nothing but image and state can take over") {
  const System started;
  CHECK(mismatch(started, {.digit = '2'}).empty());
  CHECK(mismatch(started, {.digit = '2', .etc = "transient"}).empty());
  CHECK(mismatch({.handover = "/init"}, {.digit = '2', .handover = "/init"}).empty());
}

TEST_CASE("what the kernel got besides the image must be equal byte for byte") {
  const System started;
  CHECK(mismatch(started, {.digit = '2', .kernel = "The kernel"}) == "it has another kernel");
  CHECK(mismatch(started, {.digit = '2', .module = "A module"}) == "it has another initramfs");
  CHECK(mismatch(started, {.digit = '2', .pivot = "A pivot"}) == "it has another initramfs");
  CHECK(mismatch(started, {.digit = '2', .dtb = Bytes{1}}) == "it has another device tree");
  CHECK(mismatch({.dtb = Bytes{2}}, {.digit = '2', .dtb = Bytes{1}}) == "it has another device tree");
  CHECK(mismatch({.dtb = Bytes{1}}, {.digit = '2', .dtb = Bytes{1}}).empty());
}

TEST_CASE("an initramfs that goes on after its sealed configuration is not taken apart") {
  CpioWriter archive;
  archive.add_file("init", as_bytes(std::string_view("another pivot")), 0755);
  const Bytes more = archive.finish();
  const std::string tail(more.begin(), more.end());
  for (const auto& [left, right] : {std::pair{tail, tail}, {tail, ""}, {"", tail}}) {
    CHECK(mismatch({.tail = left}, {.digit = '2', .tail = right}).find("does not end with") != std::string::npos);
  }
}

TEST_CASE("the running command line must be one that the pivot would let pass") {
  const System started;
  CHECK(mismatch(started, {.digit = '2', .options = "quiet debug"}).find("command line") != std::string::npos);
  CHECK(mismatch(started, {.digit = '2', .options = "debug"}).find("command line") != std::string::npos);
  CHECK(mismatch({.options = "quiet debug"}, {.digit = '2'}).find("command line") != std::string::npos);
  // What was allowed for the one need not be for the other.
  CHECK(mismatch({.allow = {"console=*"}}, {.digit = '2'}, " console=ttyS0").find("refused: console=ttyS0") !=
        std::string::npos);
  CHECK(mismatch(started, {.digit = '2', .allow = {"console=*"}}, " console=ttyS0").empty());
  CHECK(mismatch(started, {.digit = '2'}, " composefs=" + std::string(64, 'a')) ==
        "another kernel command line runs: 'the kernel command line does not name one image'");
}

TEST_CASE("what is no UKI takes over from nothing") {
  const System system;
  CHECK_THROWS_AS(find_kernel_mismatch(Bytes{1, 2, 3}, system.uki(), ""), Error);
  CHECK_THROWS_AS(find_kernel_mismatch(system.uki(), Bytes{}, ""), Error);
}
