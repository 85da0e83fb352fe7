// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/running.hpp"

#include <sys/stat.h>

#include <sstream>

namespace sealroot {

bool is_running(const Host& host) {
  if (host.command_line) return true;
  struct stat own {
  }, named{};
  return ::stat("/sysroot/composefs", &own) == 0 && ::fstatat(host.sysroot.get(), repository_folder, &named, 0) == 0 &&
         own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

bool root_requires_verity(const std::string& mountinfo) {
  // 36 35 0:31 / / rw,nodev - overlay composefs ro,lowerdir+=...,verity=require
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    const std::size_t file_system = line.find(" - overlay ");
    if (point == "/" && file_system != std::string::npos &&
        line.find("verity=require", file_system) != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace sealroot
