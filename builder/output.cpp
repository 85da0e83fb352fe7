// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/output.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

void refuse_unless_absent_or_empty(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return;
  if (!std::filesystem::is_directory(status)) {
    throw Error(Fault::usage, "output " + quoted(path.string()) + ": exists and is not a directory");
  }
  if (!std::filesystem::is_empty(path, error) || error) {
    throw Error(Fault::os, "output " + quoted(path.string()) + ": directory is not empty; name a new one or empty it");
  }
}

}  // namespace

OutputFolder::OutputFolder(const std::string& path) {
  std::filesystem::path target = std::filesystem::path(path).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // "out/" means "out"
  if (target.empty() || target == "." || target == ".." || target == "/") {
    throw Error(Fault::usage, "output " + quoted(path) + ": name a folder to make");
  }
  refuse_unless_absent_or_empty(target);
  final_name_ = target.filename().string();
  const std::string parent = target.has_parent_path() ? target.parent_path().string() : ".";
  parent_ =
      during("output " + quoted(path), [&] { return open_at(working_directory(), parent, O_RDONLY | O_DIRECTORY); });

  std::string name = parent + "/." + final_name_ + ".sealroot-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw os_error("making a folder in " + quoted(parent));
  temporary_name_ = std::filesystem::path(name).filename().string();
  directory_ = open_at(parent_, temporary_name_, O_RDONLY | O_DIRECTORY);
  if (::fchmod(directory_.get(), 0755) < 0) throw os_error("setting the mode of " + quoted(name));
}

OutputFolder::~OutputFolder() {
  if (committed_) return;
  std::error_code ignored;
  std::filesystem::remove_all("/proc/self/fd/" + std::to_string(parent_.get()) + "/" + temporary_name_, ignored);
}

void OutputFolder::commit() {
  if (::syncfs(directory_.get()) < 0) throw os_error("syncing the output folder");
  // rename(2) replaces an empty directory and nothing else: what appeared there meanwhile is kept.
  if (::renameat(parent_.get(), temporary_name_.c_str(), parent_.get(), final_name_.c_str()) < 0) {
    if (errno == ENOTEMPTY || errno == EEXIST) {
      throw Error(Fault::os, "output " + quoted(final_name_) + ": directory is not empty any more");
    }
    throw os_error("renaming the output folder to " + quoted(final_name_));
  }
  committed_ = true;
  if (::fsync(parent_.get()) < 0) throw os_error("syncing the folder of the output");
}

}  // namespace sealroot
