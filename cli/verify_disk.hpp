// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot verify disk.raw`, as the command `verify` calls it when its argument is a disk.
#pragma once

#include <string>

#include "cli/progress.hpp"

namespace sealroot {

struct VerifyDiskArguments {
  std::string disk;
  std::string certificate;
  bool json = false;
  ProgressOptions progress;
};

/// Prints the findings, one a line, or a record. Throws Error{untrusted} if the disk is not proven.
void run_verify_disk(const VerifyDiskArguments& arguments);

}  // namespace sealroot
