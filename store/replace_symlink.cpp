// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/replace_symlink.hpp"

#include <unistd.h>

#include <cerrno>

#include "store/core/error.hpp"
#include "store/temporary_name.hpp"

namespace sealroot {

void replace_symlink(const Fd& directory, const std::string& target, const std::string& name) {
  const std::string temporary = temporary_name();
  if (::symlinkat(target.c_str(), directory.get(), temporary.c_str()) < 0) {
    throw os_error("creating symlink " + quoted(name));
  }
  if (::renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) < 0) {
    const int error_number = errno;
    ::unlinkat(directory.get(), temporary.c_str(), 0);
    throw os_error("creating symlink " + quoted(name), error_number);
  }
}

}  // namespace sealroot
