// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/privileged.hpp"

#include <linux/capability.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "builder/image/listing.hpp"
#include "store/core/bytes.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// By their numbers in linux/capability.h.
constexpr std::array<std::string_view, CAP_LAST_CAP + 1> capability_names = {"chown",
                                                                             "dac_override",
                                                                             "dac_read_search",
                                                                             "fowner",
                                                                             "fsetid",
                                                                             "kill",
                                                                             "setgid",
                                                                             "setuid",
                                                                             "setpcap",
                                                                             "linux_immutable",
                                                                             "net_bind_service",
                                                                             "net_broadcast",
                                                                             "net_admin",
                                                                             "net_raw",
                                                                             "ipc_lock",
                                                                             "ipc_owner",
                                                                             "sys_module",
                                                                             "sys_rawio",
                                                                             "sys_chroot",
                                                                             "sys_ptrace",
                                                                             "sys_pacct",
                                                                             "sys_admin",
                                                                             "sys_boot",
                                                                             "sys_nice",
                                                                             "sys_resource",
                                                                             "sys_time",
                                                                             "sys_tty_config",
                                                                             "mknod",
                                                                             "lease",
                                                                             "audit_write",
                                                                             "audit_control",
                                                                             "setfcap",
                                                                             "mac_override",
                                                                             "mac_admin",
                                                                             "syslog",
                                                                             "wake_alarm",
                                                                             "block_suspend",
                                                                             "audit_read",
                                                                             "perfmon",
                                                                             "bpf",
                                                                             "checkpoint_restore"};

std::uint32_t word(std::string_view value, std::size_t index) {
  std::uint32_t result = 0;
  for (std::size_t byte = 4; byte-- > 0;) result = result << 8 | static_cast<std::uint8_t>(value[4 * index + byte]);
  return result;
}

std::string names_of(std::uint64_t set) {
  std::string names;
  for (unsigned number = 0; number < 64; ++number) {
    if ((set >> number & 1U) == 0) continue;
    if (!names.empty()) names += ',';
    names += "cap_";
    names += number < capability_names.size() ? std::string(capability_names[number]) : std::to_string(number);
  }
  return names;
}

}  // namespace

bool is_privileged(const Node& node) {
  if (node.directory() != nullptr) return false;
  const Xattrs& xattrs = node.metadata.xattrs;
  return (node.metadata.permissions & 06000) != 0 || xattrs.find(capability_xattr) != xattrs.end();
}

std::string capability_text(std::string_view value) {
  const std::uint32_t magic = value.size() >= 4 ? word(value, 0) : 0;
  const std::uint32_t revision = magic & VFS_CAP_REVISION_MASK;
  const bool first = revision == VFS_CAP_REVISION_1 && value.size() == XATTR_CAPS_SZ_1;
  const bool second = revision == VFS_CAP_REVISION_2 && value.size() == XATTR_CAPS_SZ_2;
  const bool third = revision == VFS_CAP_REVISION_3 && value.size() == XATTR_CAPS_SZ_3;
  if (!first && !second && !third) return "unknown form " + to_hex(as_bytes(value));
  const std::uint64_t permitted = word(value, 1) | (first ? 0 : std::uint64_t{word(value, 3)} << 32);
  const std::uint64_t inheritable = word(value, 2) | (first ? 0 : std::uint64_t{word(value, 4)} << 32);
  const std::string effective = (magic & VFS_CAP_FLAGS_EFFECTIVE) != 0 ? "e" : "";
  std::string text;
  const auto add = [&](std::uint64_t set, const std::string& flags) {
    if (set == 0) return;
    text += (text.empty() ? "" : " ") + names_of(set) + (text.empty() ? "=" : "+") + flags;
  };
  add(permitted & inheritable, effective + "ip");
  add(permitted & ~inheritable, effective + "p");
  add(inheritable & ~permitted, effective + "i");
  if (text.empty()) text = "none";
  if (third) text += " rootid=" + std::to_string(word(value, 5));
  return text;
}

void check_denied(const Tree& tree, const DenyRules& rules) {
  if (!rules.setuid && !rules.devices) return;
  constexpr std::size_t shown = 3;
  std::string names;
  std::size_t count = 0;
  list_tree(tree, "/", [&](const Listed& listed) {
    const bool device = std::holds_alternative<DeviceNode>(listed.node.content);
    if (!(rules.setuid && is_privileged(listed.node)) && !(rules.devices && device)) return;
    if (count++ >= shown) return;
    if (!names.empty()) names += ", ";
    names += quoted(listed.path);
  });
  if (count == 0) return;
  const std::string more = count > shown ? " and " + std::to_string(count - shown) + " more" : "";
  const std::string what = !rules.devices  ? "setuid, setgid or capabilities denied by --deny-setuid"
                           : !rules.setuid ? "device nodes denied by --deny-devices"
                                           : "denied by --deny-setuid and --deny-devices";
  throw Error(Fault::untrusted, what + ": " + names + more + "; `sealroot inspect --privileged` lists all");
}

}  // namespace sealroot
