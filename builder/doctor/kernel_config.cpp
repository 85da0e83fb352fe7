// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <algorithm>
#include <map>

#include "builder/doctor/doctor.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

struct Option {
  std::string_view name;
  bool module_will_do;
  CheckStatus otherwise;
  std::string_view why;
};

constexpr std::array<Option, 12> options = {
    {{"CONFIG_FS_VERITY", false, CheckStatus::fail, "nothing checks what is read"},
     {"CONFIG_EROFS_FS", true, CheckStatus::fail, "the image can't be mounted"},
     {"CONFIG_EROFS_FS_XATTR", false, CheckStatus::fail, "the image names its objects in extended attributes"},
     {"CONFIG_OVERLAY_FS", true, CheckStatus::fail, "names and objects can't be put together"},
     {"CONFIG_EXT4_FS", true, CheckStatus::fail, "the root partition of disk.raw is ext4"},
     {"CONFIG_BLK_DEV_INITRD", false, CheckStatus::fail, "the pivot lives in an initramfs"},
     {"CONFIG_EFI_STUB", false, CheckStatus::fail, "a UKI needs a kernel that is an EFI program"},
     {"CONFIG_EFI_PARTITION", false, CheckStatus::fail, "the disk has a GPT"},
     {"CONFIG_RD_ZSTD", false, CheckStatus::warn, "the initramfs stays plain: some MB more on the ESP"},
     {"CONFIG_SECURITY_LOCKDOWN_LSM", false, CheckStatus::warn, "root could change the running kernel"},
     {"CONFIG_MODULE_SIG", false, CheckStatus::warn, "root could load any module"},
     {"CONFIG_STRICT_DEVMEM", false, CheckStatus::warn, "root could write to the kernel's memory"}}};

std::map<std::string_view, std::string_view> read_options(std::string_view text) {
  std::map<std::string_view, std::string_view> values;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (line.starts_with("CONFIG_") && equals != std::string_view::npos) {
      values[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return values;
}

}  // namespace

std::string_view check_status_name(CheckStatus status) {
  constexpr std::array<std::string_view, 3> names = {"ok", "warn", "fail"};
  return names[static_cast<std::size_t>(status)];
}

Checks check_kernel_config(std::string_view config) {
  Checks checks;
  const auto values = read_options(config);
  for (const Option& option : options) {
    const auto found = values.find(option.name);
    const std::string_view value = found == values.end() ? "n" : found->second;
    const std::string seen = std::string(option.name) + "=" + std::string(value);
    if (value == "y" || (value == "m" && option.module_will_do)) {
      checks.push_back({CheckStatus::ok, "kernel", seen, ""});
    } else {
      checks.push_back({option.otherwise, "kernel", seen, std::string(option.why) + ": take a kernel with it"});
    }
  }
  const auto built_in = values.find("CONFIG_CMDLINE");
  if (built_in != values.end() && built_in->second != "\"\"") {
    checks.push_back({CheckStatus::fail, "kernel", "CONFIG_CMDLINE=" + quoted(built_in->second),
                      "the pivot refuses a command line that is not the signed one: take a kernel without it"});
  }
  return checks;
}

}  // namespace sealroot
