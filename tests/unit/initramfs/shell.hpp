// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Runs the independent tools that read our archives.
#pragma once

#include <cstdlib>
#include <string>

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"
#include "tests/scratch.hpp"

namespace sealroot {

/// Standard output and error of a shell command run in the scratch directory.
inline std::string output_of(const Scratch& scratch, const std::string& command) {
  const int status = std::system(("cd " + scratch.path().string() + " && (" + command + ") >output 2>&1").c_str());
  return std::string(as_text(read_file(scratch.directory(), "output"))) +
         (status == 0 ? "" : "exit " + std::to_string(status));
}

inline bool has_program(const std::string& name) {
  return std::system(("command -v " + name + " >/dev/null").c_str()) == 0;
}

}  // namespace sealroot
