// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The C tools of composefs that this program stands in for when it is called by their names: their options, their
// output and their exit status, which is 1 for every fault.
#pragma once

#include <string_view>

namespace sealroot {

int run_mkcomposefs(int argc, char** argv);
int run_composefs_info(int argc, char** argv);
int run_composefs_dump(int argc, char** argv);

/// What to run if the program was called as `path`; null for its own name.
using OtherProgram = int (*)(int argc, char** argv);
OtherProgram other_program(std::string_view path);

}  // namespace sealroot
