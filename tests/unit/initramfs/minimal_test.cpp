// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/minimal.hpp"

#include <cstdlib>
#include <map>

#include "builder/initramfs/compress.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/initramfs/shell.hpp"

using namespace sealroot;

namespace {

const std::string elf_a =
    "\x7f"
    "ELF-a";
const std::string elf_b =
    "\x7f"
    "ELF-b";

KernelModules modules_of(std::map<std::string, std::string> files) {
  return {"6.12.0-test", [files = std::move(files)](std::string_view path) -> std::optional<Bytes> {
            const auto found = files.find(std::string(path));
            if (found == files.end()) return std::nullopt;
            const ByteView bytes = as_bytes(found->second);
            return Bytes(bytes.begin(), bytes.end());
          }};
}

const std::map<std::string, std::string> sample_files = {
    {"modules.dep", "k/erofs.ko: k/crc-x.ko\nk/crc-x.ko:\nk/nvme.ko:\nk/gone.ko:\n"},
    {"k/erofs.ko", elf_a},
    {"k/crc-x.ko", elf_b},
    {"k/nvme.ko", elf_b}};

const std::vector<WantedModule> sample_wanted = {{"erofs", true}, {"nvme", false}, {"gone", false}, {"other", false}};

}  // namespace

TEST_CASE("the minimal initramfs holds the pivot, the modules and nothing else") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "i.cpio",
                 make_minimal_initramfs(modules_of(sample_files), as_bytes("pivot"), sample_wanted));
  CHECK(output_of(scratch, "cpio -it --quiet <i.cpio") ==
        "dev\nlib\nlib/modules\nproc\nrun\nsys\nsysroot\ndev/console\nlib/modules/crc_x.ko\nlib/modules/erofs.ko\n"
        "lib/modules/nvme.ko\nmodules.load\ninit\n");
  CHECK(output_of(scratch, "cpio -i --to-stdout --quiet modules.load <i.cpio") ==
        "/lib/modules/crc_x.ko\n/lib/modules/erofs.ko\n-/lib/modules/nvme.ko\n");
  CHECK(output_of(scratch, "cpio -i --to-stdout --quiet init <i.cpio") == "pivot");
  CHECK(output_of(scratch, "cpio -i --to-stdout --quiet lib/modules/erofs.ko <i.cpio") == elf_a);
}

TEST_CASE("the minimal initramfs is the same each time") {
  CHECK(make_minimal_initramfs(modules_of(sample_files), as_bytes("pivot"), sample_wanted) ==
        make_minimal_initramfs(modules_of(sample_files), as_bytes("pivot"), sample_wanted));
}

TEST_CASE("a module tree that can't boot is refused with the reason") {
  auto files = sample_files;
  const auto refuse = [&](const std::string& text) {
    CHECK_THROWS_WITH(make_minimal_initramfs(modules_of(files), {}, sample_wanted), has_text(text));
  };
  SECTION("no lists") {
    files.clear();
    refuse("modules of kernel '6.12.0-test': neither modules.dep nor modules.builtin");
  }
  SECTION("a required module's file is gone") {
    files.erase("k/crc-x.ko");
    refuse("module 'k/crc-x.ko' of kernel '6.12.0-test': modules.dep names it, but it is not there");
  }
  SECTION("a module is damaged") {
    files["k/erofs.ko"] = "text";
    refuse("module 'k/erofs.ko' of kernel '6.12.0-test': not a kernel module");
  }
}

// SEALROOT_TEST_KERNEL_DIR: the modules directory of a real kernel, e.g. of Debian's linux-image-*-cloud-amd64.
TEST_CASE("the default modules of a real kernel fit into 2 MB") {
  const char* const chosen = std::getenv("SEALROOT_TEST_KERNEL_DIR");
  if (chosen == nullptr) {
    WARN("SEALROOT_TEST_KERNEL_DIR is not set: no real kernel was tried");
    return;
  }
  const std::filesystem::path path = std::filesystem::canonical(chosen);
  const Fd directory = open_at(working_directory(), path.string(), O_DIRECTORY | O_RDONLY);
  const KernelModules modules{path.filename().string(), [&](std::string_view name) -> std::optional<Bytes> {
                                const auto file = try_open_beneath(directory, std::string(name), O_RDONLY);
                                if (!file) return std::nullopt;
                                return read_all(*file);
                              }};
  const Bytes pivot(128 << 10, 'p');
  const Bytes archive = make_minimal_initramfs(modules, pivot);
  const Scratch scratch;
  write_new_file(scratch.directory(), "i.cpio", archive);
  const std::string list =
      output_of(scratch, "cpio -itv --quiet <i.cpio; cpio -i --to-stdout --quiet modules.load <i.cpio");
  INFO(list);
  CHECK_THAT(list, has_text("/lib/modules/overlay.ko"));
  CHECK_THAT(list, has_text("\n/lib/modules/erofs.ko"));
  CHECK(compress_initramfs(archive).size() < 2'000'000);
  REQUIRE(output_of(scratch, "cpio -id --quiet --no-absolute-filenames 'lib/*' <i.cpio") == "");
  if (has_program("modinfo")) {
    CHECK_THAT(output_of(scratch, "modinfo -F vermagic lib/modules/erofs.ko"), has_text(modules.version));
  }
}
