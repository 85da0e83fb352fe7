// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The output folder of a build: written under a temporary name beside its final place and renamed when all is done,
// so that a failed build leaves the place as it was.
#pragma once

#include <string>

#include "store/core/fd.hpp"

namespace sealroot {

class OutputFolder {
 public:
  /// Makes the temporary folder, and removes those that builds for the same place left when they were killed.
  /// Error{usage}: `path` exists and is not an empty directory.
  explicit OutputFolder(const std::string& path);
  /// Removes the temporary folder if commit() was not reached.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const Fd& directory() const { return directory_; }

  /// Makes everything durable (one syncfs) and gives the folder its final name.
  void commit();

 private:
  OutputFolder() = default;
  void make_folder(const std::string& parent, const std::string& prefix);

  Fd parent_;
  std::string final_name_;
  std::string temporary_name_;  // empty: nothing to remove
  Fd directory_;                // locked, which tells a folder in use from one left over
  bool committed_ = false;
};

}  // namespace sealroot
