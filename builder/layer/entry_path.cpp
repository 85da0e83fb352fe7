// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/entry_path.hpp"

#include <algorithm>

#include "builder/layer/limits.hpp"
#include "store/core/error.hpp"

namespace sealroot {

std::string normalise_path(std::string_view name) {
  if (name.empty()) throw Error(Fault::malformed, "name is empty");
  if (name.size() > max_entry_path_size) {
    throw Error(Fault::malformed, "path is longer than " + std::to_string(max_entry_path_size) + " bytes");
  }
  if (name.find('\0') != std::string_view::npos) throw Error(Fault::malformed, "name has a NUL byte");
  std::string path;
  while (!name.empty()) {
    const std::size_t slash = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, slash);
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") throw Error(Fault::malformed, "path has a '..' part");
    if (part.size() > max_entry_name_size) {
      throw Error(Fault::malformed, "name is longer than " + std::to_string(max_entry_name_size) + " bytes");
    }
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

}  // namespace sealroot
