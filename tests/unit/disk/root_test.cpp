// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <openssl/evp.h>

#include "builder/disk/root_plan.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/disk/fixture.hpp"

using namespace sealroot;

namespace {

std::string object_file(const Digest& digest) { return "/composefs/objects/" + object_path(digest); }

/// The last blocks of a file by debugfs, beyond its size: where the kernel looks for the descriptor.
Bytes last_block(const std::string& disk, const DiskLayout& layout, const std::string& file, std::uint64_t logical) {
  const std::string block = debugfs(disk, layout, "bmap " + file + " " + std::to_string(logical));
  const std::string number = block.substr(block.find('\n') + 1);  // after debugfs' own version
  const Bytes all = [&] {
    const Fd fd = open_at(working_directory(), disk, O_RDONLY);
    Bytes bytes(4096);
    const auto offset = static_cast<off_t>(layout.root_offset_bytes + std::stoull(number) * 4096);
    REQUIRE(::pread(fd.get(), bytes.data(), bytes.size(), offset) == 4096);
    return bytes;
  }();
  return all;
}

std::string hash_of(Algorithm algorithm, ByteView bytes) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash{};
  unsigned length = 0;
  const EVP_MD* type = algorithm == Algorithm::sha256 ? EVP_sha256() : EVP_sha512();
  REQUIRE(EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, type, nullptr) == 1);
  return to_hex(ByteView(hash).first(length));
}

Node make_node(std::uint32_t permissions, std::uint32_t owner, std::int64_t mtime) {
  Node node;
  node.metadata.permissions = permissions;
  node.metadata.uid = owner;
  node.metadata.gid = owner + 1;
  node.metadata.mtime_seconds = mtime;
  node.metadata.mtime_nanoseconds = 123456789;
  return node;
}

NodeId add(Tree& tree, NodeId parent, const std::string& name, Node node) {
  const NodeId id = tree.add(std::move(node));
  tree[parent].directory()->children.emplace(name, id);
  return id;
}

/// state/os/default/var, and the directory var itself.
NodeId make_state(Tree& tree) {
  NodeId at = root_node;
  for (const char* name : {"state", "os", "default", "var"}) at = add(tree, at, name, make_node(0755, 0, 5));
  return at;
}

}  // namespace

TEST_CASE("objects on the disk are sealed files with their bytes") {
  const Algorithm algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const Fixture fixture(algorithm);
  const DiskLayout layout = fixture.write("disk", fixture.spec());
  const std::string disk = fixture.path("disk");
  for (std::size_t i = 0; i < fixture.digests.size(); ++i) {
    const std::string file = object_file(fixture.digests[i]);
    INFO(algorithm_name(algorithm) << " " << fixture.contents[i].size() << " bytes, " << file);
    const std::string status = debugfs(disk, layout, "stat " + file);
    CHECK(status.find("Flags: 0x180000") != std::string::npos);  // extents and verity
    CHECK(status.find("Mode:  0644") != std::string::npos);
    debugfs(disk, layout, "dump " + file + " " + disk + ".dump");
    CHECK((read_file(working_directory(), disk + ".dump") == fixture.contents[i]));
  }
}

TEST_CASE("the descriptor stands where the kernel looks for it and gives the object's digest") {
  const Algorithm algorithm = GENERATE(Algorithm::sha256, Algorithm::sha512);
  const Fixture fixture(algorithm);
  const DiskLayout layout = fixture.write("disk", fixture.spec());
  for (std::size_t i = 0; i < fixture.digests.size(); ++i) {
    const std::uint64_t size = fixture.contents[i].size();
    INFO(size << " bytes");
    const std::uint64_t logical = (size + 65535) / 65536 * 16 + verity_metadata_blocks(size, algorithm) - 1;
    const Bytes block = last_block(fixture.path("disk"), layout, object_file(fixture.digests[i]), logical);
    const le32 length = *reinterpret_cast<const le32*>(&block[4092]);
    REQUIRE(length == 256);
    CHECK(hash_of(algorithm, ByteView(block).first(256)) == to_hex(fixture.digests[i]));
  }
}

TEST_CASE("repository and deployment are laid out as composefs-rs and bootc expect") {
  const Fixture fixture;
  const DiskLayout layout = fixture.write("disk", fixture.spec());
  const std::string disk = fixture.path("disk");
  const std::string hex = to_hex(fixture.spec().root.image);

  CHECK(debugfs(disk, layout, "stat /composefs").find("Mode:  0700") != std::string::npos);
  CHECK(debugfs(disk, layout, "stat /composefs/meta.json").find("Flags: 0x180000") != std::string::npos);
  CHECK(debugfs(disk, layout, "stat /composefs/images/" + hex).find("Type: symlink") != std::string::npos);
  const std::string target = "../objects/" + object_path(fixture.digests.back());
  CHECK(debugfs(disk, layout, "cat /composefs/images/" + hex).find(target) != std::string::npos);
  CHECK(debugfs(disk, layout, "stat /state/deploy/" + hex + "/var").find("../../os/default/var") != std::string::npos);
  const std::string etc = debugfs(disk, layout, "stat /state/deploy/" + hex + "/etc");
  CHECK(etc.find("Type: directory    Mode:  0755") != std::string::npos);
  CHECK(debugfs(disk, layout, "stat /state/os/default/var").find("Type: directory") != std::string::npos);
}

TEST_CASE("image ref names the image from any depth") {
  const Fixture fixture;
  DiskSpec spec = fixture.spec();
  spec.root.image_ref = "sealroot/demo/1";
  const DiskLayout layout = fixture.write("disk", spec);
  const std::string disk = fixture.path("disk");
  const std::string link = debugfs(disk, layout, "cat /composefs/images/refs/sealroot/demo/1");
  CHECK(link.find("../../../" + to_hex(spec.root.image)) != std::string::npos);
  for (const char* name : {"/x", "x/", "a//b", "../x", "."}) {
    spec.root.image_ref = name;
    CHECK_THROWS_WITH(write_disk(spec, open_at(fixture.scratch.directory(), "disk", O_RDWR)),
                      has_text("image ref " + quoted(name)));
  }
}

TEST_CASE("streams are named beside the images, and refs name streams") {
  const Fixture fixture;
  DiskSpec spec = fixture.spec();
  spec.root.streams.emplace("oci-manifest-sha256:12", fixture.digests.front());
  spec.root.stream_refs.emplace("oci/sealroot%2F1", "oci-manifest-sha256:12");
  const DiskLayout layout = fixture.write("disk", spec);
  const std::string disk = fixture.path("disk");
  const std::string name = debugfs(disk, layout, "cat /composefs/streams/oci-manifest-sha256:12");
  CHECK(name.find("../objects/" + object_path(fixture.digests.front())) != std::string::npos);
  const std::string ref = debugfs(disk, layout, "stat /composefs/streams/refs/oci/sealroot%2F1");
  CHECK(ref.find("../../oci-manifest-sha256:12") != std::string::npos);
  spec.root.stream_refs.emplace("..", "oci-manifest-sha256:12");
  CHECK_THROWS_WITH(write_disk(spec, open_at(fixture.scratch.directory(), "disk", O_RDWR)),
                    has_text("stream ref '..'"));
}

TEST_CASE("state files keep owner, mode, xattrs, time, links and devices and are not sealed") {
  const Fixture fixture;
  Tree state;
  const NodeId var = make_state(state);
  Node file = make_node(04751, 70000, -1);
  file.metadata.xattrs = {{"user.note", "kept"}, {"security.capability", std::string("\1\0\0\2", 4)}};
  file.content = RegularFile{
      .size = fixture.contents[5].size(), .inline_content = {}, .digest = fixture.digests[5], .payload = {}};
  const NodeId id = add(state, var, "file", std::move(file));
  state[var].directory()->children.emplace("link", id);
  Node device = make_node(0620, 5, 1);
  device.content = DeviceNode{.block = false, .rdev = 4 << 8 | 65};
  add(state, var, "tty", std::move(device));
  Node short_file = make_node(0600, 1, 4'000'000'000);
  short_file.content = RegularFile{.size = 5, .inline_content = "hello", .digest = {}, .payload = {}};
  add(state, var, "short", std::move(short_file));

  DiskSpec spec = fixture.spec();
  spec.root.state = &state;
  const DiskLayout layout = fixture.write("disk", spec);
  const std::string disk = fixture.path("disk");
  const std::string status = debugfs(disk, layout, "stat /state/os/default/var/file");
  INFO(status);
  CHECK(status.find("Flags: 0x80000") != std::string::npos);
  CHECK(status.find("Mode:  04751") != std::string::npos);
  CHECK(status.find("User: 70000   Group: 70001") != std::string::npos);
  CHECK(status.find("Links: 2") != std::string::npos);
  CHECK(status.find("mtime: 0xffffffff:1d6f3454") != std::string::npos);  // -1 s, 123456789 << 2
  CHECK(status.find("user.note (4) = \"kept\"") != std::string::npos);
  CHECK(debugfs(disk, layout, "stat /state/os/default/var/tty").find("New/old-style") == std::string::npos);
  CHECK(debugfs(disk, layout, "stat /state/os/default/var/tty").find("04:65") != std::string::npos);
  CHECK(debugfs(disk, layout, "cat /state/os/default/var/short").find("hello") != std::string::npos);
  CHECK(debugfs(disk, layout, "stat /state/os/default/var/short").find("mtime: 0xee6b2800:1d6f3455") !=
        std::string::npos);
  CHECK(run("e2fsck -fn " + root_of(disk, layout)).status == 0);
}

TEST_CASE("state can't put anything beside the sealed repository") {
  const Fixture fixture;
  Tree state;
  add(state, root_node, "composefs", Node{});
  DiskSpec spec = fixture.spec();
  spec.root.state = &state;
  CHECK_THROWS_WITH(fixture.write("disk", spec), has_text("/composefs"));
}

TEST_CASE("state of any depth is written") {
  const Fixture fixture;
  Tree state;
  NodeId at = make_state(state);
  for (int depth = 0; depth < 20'000; ++depth) at = add(state, at, "d", Node{});
  DiskSpec spec = fixture.spec();
  spec.root.state = &state;
  const DiskLayout layout = fixture.write("disk", spec);
  CHECK(run("e2fsck -fn " + root_of(fixture.path("disk"), layout)).status == 0);
}

TEST_CASE("damaged object never gets onto a disk") {
  const Fixture fixture;
  const std::size_t victim = 9;
  const std::string path = fixture.path("repository/objects/" + object_path(fixture.digests[victim]));
  Bytes damaged = fixture.contents[victim];
  damaged[100] ^= 1U;
  REQUIRE(::unlink(path.c_str()) == 0);  // sealed where the file system can do that
  write_new_file(working_directory(), path, damaged);
  try {
    fixture.write("disk", fixture.spec());
    FAIL("it did");
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.fault() == Fault::untrusted);
    CHECK(std::string(error.what()).find(to_hex(fixture.digests[victim])) != std::string::npos);
  }
}

TEST_CASE("object that is missing is named") {
  const Fixture fixture;
  REQUIRE(::unlink(fixture.path("repository/objects/" + object_path(fixture.digests[3])).c_str()) == 0);
  CHECK_THROWS_WITH(fixture.write("disk", fixture.spec()), has_text(object_path(fixture.digests[3])));
}
