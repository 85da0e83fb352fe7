// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/other_names.hpp"

namespace sealroot {

OtherProgram other_program(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name == "mkcomposefs") return run_mkcomposefs;
  if (name == "composefs-info") return run_composefs_info;
  if (name == "composefs-dump") return run_composefs_dump;
  return nullptr;
}

}  // namespace sealroot
