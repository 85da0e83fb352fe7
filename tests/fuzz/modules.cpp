// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// depmod's lists as they lie in the image: modules.dep, modules.builtin, modules.softdep; separated by NUL.
#include "builder/initramfs/modules.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = as_text({data, size});
  ModuleLists lists;
  lists.kernel_version = "6.12.0";
  lists.dependencies = take_part(rest);
  lists.builtin = take_part(rest);
  lists.soft = take_part(rest);
  const std::vector<WantedModule> some{{"a", true}, {"erofs", false}, {"virtio_pci", false}};
  accepts([&] { plan_modules(lists, some); });
  accepts([&] { plan_modules(lists, default_modules(lists.kernel_version)); });
  return 0;
}
