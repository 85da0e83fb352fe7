// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The files of a tar by their paths, in any order: what container images in archives are read from.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "builder/layer/byte_stream.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

class ArchiveFiles {
 public:
  enum class Links {
    refuse,
    follow,  // a link stands for the file that it names in the archive
  };

  /// The archive at `path`, compressed or not. A compressed one is unpacked to an unnamed temporary file below $TMPDIR,
  /// else /var/tmp.
  ///   throws   Error: no tar, a path twice, other things than files and directories in it, too much of anything
  static ArchiveFiles open(const std::string& path, Links links);

  /// Error{missing} if there is no such file. The stream must not outlive this.
  std::unique_ptr<ByteStream> open_file(const std::string& path) const;
  std::uint64_t size_bytes(const std::string& path) const;

 private:
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  ArchiveFiles(Fd file, Links links);
  void index(Links links);
  const Range& find(const std::string& path) const;

  Fd file_;
  std::map<std::string, Range> files_;
  std::map<std::string, std::string> links_;  // paths of files by the paths of links to them
};

}  // namespace sealroot
