// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/tar_output.hpp"

#include "tests/catch.hpp"
#include "tests/unit/layer/read_tar.hpp"

using namespace sealroot;

namespace {

/// The one entry that comes back.
LayerEntry read_back(const NewTarEntry& entry, const std::string& content = {}) {
  return read_tar(tar_entry_start(entry) + content + tar_padding(content.size()) + tar_end()).entries.at(0);
}

}  // namespace

TEST_CASE("an entry that is written is the entry that is read") {
  NewTarEntry entry{"usr/" + std::string(100, 'n') + "/", {}};
  entry.metadata.permissions = 07751;
  entry.metadata.uid = 3'000'000'000;
  entry.metadata.gid = 2'097'151;
  entry.metadata.mtime_seconds = 1'700'000'000;
  entry.metadata.xattrs["user.k"] = std::string("v\n\0=", 4);
  const LayerEntry read = read_back(entry);
  CHECK(std::string(read.path) + "/" == entry.path);
  const Node& node = std::get<Node>(read.what);
  REQUIRE(node.directory() != nullptr);
  CHECK(node.metadata.permissions == entry.metadata.permissions);
  CHECK(node.metadata.uid == entry.metadata.uid);
  CHECK(node.metadata.gid == entry.metadata.gid);
  CHECK(node.metadata.mtime_seconds == entry.metadata.mtime_seconds);
  CHECK(node.metadata.xattrs == entry.metadata.xattrs);
}

TEST_CASE("times before 1970 are kept") {
  NewTarEntry entry{"file", {}, 3};
  entry.metadata.mtime_seconds = -5;
  const LayerEntry read = read_back(entry, "abc");
  CHECK(std::get<Node>(read.what).metadata.mtime_seconds == -5);
  CHECK(std::get<Node>(read.what).regular()->inline_content == "abc");
}

TEST_CASE("data is padded to whole blocks") {
  CHECK(tar_padding(0).empty());
  CHECK(tar_padding(1).size() == 511);
  CHECK(tar_padding(512).empty());
}
