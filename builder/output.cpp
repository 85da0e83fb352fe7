// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/output.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>

#include "store/core/error.hpp"
#include "store/listing.hpp"

namespace sealroot {

namespace {

constexpr std::string_view random_part = "XXXXXX";  // as mkdtemp(3) wants it

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

/// True if the lock of a temporary folder was free.
bool try_lock(const Fd& folder) { return ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0; }

void remove_folder(const Fd& parent, const std::string& name) {
  std::error_code ignored;
  std::filesystem::remove_all("/proc/self/fd/" + std::to_string(parent.get()) + "/" + name, ignored);
}

void remove_leftovers(const Fd& parent, const std::string& prefix) {
  for (const DirectoryEntry& entry : list_directory(parent)) {
    if (entry.type != EntryType::directory || !entry.name.starts_with(prefix) ||
        entry.name.size() != prefix.size() + random_part.size()) {
      continue;
    }
    const std::optional<Fd> folder = try_open_at(parent, entry.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder && try_lock(*folder)) remove_folder(parent, entry.name);
  }
}

}  // namespace

/// Another build for the same place may take the folder for a leftover before it is locked; then another is made.
void OutputFolder::make_folder(const std::string& parent, const std::string& prefix) {
  for (;;) {
    std::string name = parent + "/" + prefix + std::string(random_part);
    if (::mkdtemp(name.data()) == nullptr) throw os_error("making a temporary folder beside it");
    temporary_name_ = name.substr(parent.size() + 1);
    std::optional<Fd> folder = try_open_at(parent_, temporary_name_, O_RDONLY | O_DIRECTORY);
    if (folder && try_lock(*folder) && try_open_at(parent_, temporary_name_, O_PATH)) {
      directory_ = *std::move(folder);
      break;
    }
  }
  if (::fchmod(directory_.get(), 0755) < 0) throw os_error("setting the mode of a temporary folder");
}

OutputFolder::OutputFolder(const std::string& path) : OutputFolder() {  // so that it is destroyed if this throws
  std::filesystem::path target = std::filesystem::path(path).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // "out/" means "out"
  if (target.empty() || target == "." || target == ".." || target == "/") {
    throw Error(Fault::usage, "output " + quoted(path) + ": name a folder to make");
  }
  refuse_unless_absent_or_empty(target);
  final_name_ = target.filename().string();
  const std::string parent = target.has_parent_path() ? target.parent_path().string() : ".";
  const std::string prefix = "." + final_name_ + ".sealroot-";
  during("output " + quoted(path), [&] {
    parent_ = open_at(working_directory(), parent, O_RDONLY | O_DIRECTORY);
    remove_leftovers(parent_, prefix);
    make_folder(parent, prefix);
  });
}

OutputFolder::~OutputFolder() {
  if (!committed_ && !temporary_name_.empty()) remove_folder(parent_, temporary_name_);
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
  if (::fsync(parent_.get()) < 0) {
    const Error error = os_error("syncing the folder of the output");
    ::renameat(parent_.get(), final_name_.c_str(), parent_.get(), temporary_name_.c_str());
    throw error;
  }
  committed_ = true;
}

}  // namespace sealroot
