// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/boot/boot_parts.hpp"
#include "builder/boot/state_tree.hpp"
#include "builder/boot/tree_files.hpp"

#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

/// A tree from dumpfile lines without the fields that don't matter here: "/path dir", "/path link TARGET",
/// "/path file TEXT".
Tree tree_of(const std::vector<std::string>& lines) {
  std::string dump = "/ 0 40755 2 0 0 0 0.0 - - -\n";
  for (const std::string& line : lines) {
    const std::size_t blank = line.find(' ');
    const std::string path = line.substr(0, blank);
    const std::string kind = line.substr(blank + 1, line.find(' ', blank + 1) - blank - 1);
    const std::string rest = line.size() > blank + 1 + kind.size() ? line.substr(blank + 2 + kind.size()) : "";
    if (kind == "dir") dump += path + " 0 40755 2 0 0 0 0.0 - - -\n";
    if (kind == "link") dump += path + " " + std::to_string(rest.size()) + " 120777 1 0 0 0 0.0 " + rest + " - -\n";
    if (kind == "file") dump += path + " " + std::to_string(rest.size()) + " 100644 1 0 0 0 0.0 - " + rest + " -\n";
    if (kind == "hard") dump += path + " 0 @100644 1 0 0 0 0.0 " + rest + " - -\n";
  }
  return parse_dumpfile(as_bytes(dump));
}

struct Fixture {
  Scratch scratch;
  ObjectStore store{open_at(scratch.directory(), ".", O_DIRECTORY | O_RDONLY), Algorithm::sha256};
};

}  // namespace

TEST_CASE("links inside a tree are followed inside the tree only") {
  const Fixture fixture;
  const Tree tree = tree_of({"/etc dir", "/etc/up link ../../../usr/file", "/etc/abs link /usr/file",
                             "/etc/loop link loop", "/lib link usr/lib", "/usr dir", "/usr/file file found",
                             "/usr/lib dir", "/usr/lib/os-release file ID=x"});
  const TreeFiles files(tree, fixture.store);
  CHECK(as_text(files.try_read("/etc/up").value()) == "found");
  CHECK(as_text(files.try_read("etc/abs").value()) == "found");
  CHECK(as_text(files.try_read("/lib/os-release").value()) == "ID=x");
  CHECK_FALSE(files.try_read("/etc/loop"));
  CHECK_FALSE(files.try_read("/etc/none"));
  CHECK_FALSE(files.try_read("/etc"));
  CHECK_THROWS_WITH(files.try_read("/etc/up", 3), has_text("limit of 3"));
  CHECK(read_os_release(files) == "ID=x");
}

TEST_CASE("the kernel of an image is found, and a choice is asked for where there are several") {
  const Fixture fixture;
  const Tree one = tree_of({"/usr dir", "/usr/lib dir", "/usr/lib/modules dir", "/usr/lib/modules/6.1 dir",
                            "/usr/lib/modules/6.1/vmlinuz file one"});
  const FoundKernel kernel = find_kernel(TreeFiles(one, fixture.store), "");
  CHECK(kernel.version == "6.1");
  CHECK(kernel.file.origin == "image:/usr/lib/modules/6.1/vmlinuz");
  CHECK_THROWS_WITH(find_kernel(TreeFiles(one, fixture.store), "6.2"), has_text("'6.1'"));

  const Tree several = tree_of({"/boot dir", "/boot/vmlinuz-a file a", "/boot/vmlinuz-b file b"});
  CHECK_THROWS_WITH(find_kernel(TreeFiles(several, fixture.store), ""), has_text("'a', 'b'"));
  CHECK(find_kernel(TreeFiles(several, fixture.store), "b").file.origin == "image:/boot/vmlinuz-b");
  CHECK_THROWS_WITH(find_kernel(TreeFiles(Tree{}, fixture.store), ""), has_text("no kernel in the image"));
}

TEST_CASE("a file that is no kernel has no version") {
  CHECK_FALSE(bzimage_version({}));
  CHECK_FALSE(bzimage_version(Bytes(5000, 0xff)));
  Bytes header(5000, 0);
  header[0x1f1] = 1;
  const std::string_view magic = "HdrS";
  std::copy(magic.begin(), magic.end(), header.begin() + 0x202);
  header[0x20f] = 0xff;
  CHECK_FALSE(bzimage_version(header));
  header[0x20f] = 1;
  const std::string_view version = "6.12.9-x (builder)";
  std::copy(version.begin(), version.end(), header.begin() + 0x300);
  CHECK(bzimage_version(header) == "6.12.9-x");
}

TEST_CASE("the first state is a copy of /var with its hard links, and where /etc changes") {
  Tree tree = tree_of({"/etc dir", "/etc/hosts file h", "/var dir", "/var/a file text", "/var/b hard /var/a",
                       "/var/lib dir", "/var/lib/c file x"});
  tree[*find(tree, "etc")].metadata = {.permissions = 0710, .xattrs = {{"security.selinux", "etc_t"}}};
  const Digest image(Algorithm::sha256, ByteView(std::array<std::uint8_t, 32>{}));
  const Tree state = make_state_tree(tree, image, "overlay");
  CHECK(find(state, "state/os/default/var/a") == find(state, "state/os/default/var/b"));
  CHECK(state[find(state, "state/os/default/var/lib/c").value()].regular()->inline_content == "x");
  const auto upper = find(state, "state/deploy/" + to_hex(image) + "/etc/upper");
  REQUIRE(upper);
  CHECK(state[*upper].metadata.permissions == 0755);  // what the pivot asks of it
  CHECK(find(state, "state/deploy/" + to_hex(image) + "/etc/work"));
  CHECK(state[*upper].metadata.xattrs == tree[*find(tree, "etc")].metadata.xattrs);
  const Tree bound = make_state_tree(tree, image, "bind");
  const std::string etc = "state/deploy/" + to_hex(image) + "/etc";
  CHECK(bound[find(bound, etc + "/hosts").value()].regular()->inline_content == "h");
  CHECK(bound[find(bound, etc).value()].metadata.permissions == 0710);
  CHECK(!find(bound, etc + "/upper"));
  CHECK(find(make_state_tree(Tree{}, image, "none"), "state/os/default/var"));
}
