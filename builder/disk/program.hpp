// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Running the few programs that have no library.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/core/fd.hpp"

namespace sealroot {

struct Program {
  std::string name;
  std::string package;  // of Debian, for the message when it is missing
};

/// How a program sees the files that are handed to it: the first as inherited_path(0), and so on.
std::string inherited_path(std::size_t index);

/// Runs a program without a shell and waits for it. It is looked for in PATH, /usr/sbin, /sbin: the PATH of ordinary
/// users lacks the last two.
///   environment  all it gets, as NAME=VALUE: nothing of the caller's own environment changes the result
///   files        what it may open through inherited_path()
///   throws       Error{missing} names the package; Error{os} carries what it said last on stderr
void run_program(const Program& program, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment,
                 const std::vector<std::reference_wrapper<const Fd>>& files);

}  // namespace sealroot
