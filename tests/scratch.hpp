// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A temporary directory that goes when the test ends.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "sealroot-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
    directory_ = open_at(working_directory(), name, O_DIRECTORY | O_RDONLY);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  const Fd& directory() const { return directory_; }

 private:
  std::filesystem::path path_;
  Fd directory_;
};

}  // namespace sealroot
