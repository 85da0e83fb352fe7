// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/running.hpp"

#include <sys/stat.h>

#include <sstream>

namespace sealroot {
namespace {

constexpr std::uint64_t max_mark_bytes = 256;

/// What the root is a mount of, if it is an overlay that requires fs-verity.
std::optional<std::string> root_source(const std::string& mountinfo) {
  // 36 35 0:31 / / rw,nodev - overlay composefs:HEX ro,lowerdir+=...,verity=require
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    constexpr std::string_view type = " - overlay ";
    const std::size_t file_system = line.find(type);
    if (point != "/" || file_system == std::string::npos) continue;
    if (line.find("verity=require", file_system) == std::string::npos) continue;
    const std::size_t source = file_system + type.size();
    return line.substr(source, line.find(' ', source) - source);
  }
  return std::nullopt;
}

}  // namespace

bool is_running(const Host& host) {
  if (host.command_line) return true;
  struct stat own {
  }, named{};
  return ::stat("/sysroot/composefs", &own) == 0 && ::fstatat(host.sysroot.get(), repository_folder, &named, 0) == 0 &&
         own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

bool root_requires_verity(const std::string& mountinfo) { return root_source(mountinfo).has_value(); }

std::optional<Digest> root_image(const std::string& mountinfo) {
  constexpr std::string_view prefix = "composefs:";
  const auto source = root_source(mountinfo);
  if (!source || !source->starts_with(prefix)) return std::nullopt;
  return Digest::try_parse(std::string_view(*source).substr(prefix.size()));
}

std::optional<Digest> read_soft_reboot_mark(const std::string& folder) {
  const auto directory = try_open_at(working_directory(), folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const auto file = directory ? try_open_beneath(*directory, soft_reboot_mark, O_RDONLY | O_NONBLOCK) : std::nullopt;
  if (!file) return std::nullopt;
  const Bytes text = read_all(*file, max_mark_bytes);
  return Digest::try_parse(as_text(text).substr(0, as_text(text).find('\n')));
}

}  // namespace sealroot
