// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/core/unnamed_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "store/core/error.hpp"

namespace sealroot {

Fd open_unnamed_file() {
  const char* const configured = std::getenv("TMPDIR");
  const std::string folder = configured == nullptr || *configured == '\0' ? "/var/tmp" : configured;
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file && errno == EOPNOTSUPP) {  // overlayfs before Linux 6.1, of containers
    std::string name = folder + "/sealroot-XXXXXX";
    file = Fd(::mkostemp(name.data(), O_CLOEXEC));
    if (file) ::unlink(name.c_str());
  }
  if (!file) throw os_error("creating a temporary file in " + quoted(folder));
  return file;
}

}  // namespace sealroot
