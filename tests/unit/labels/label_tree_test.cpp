// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/label_tree.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

/// Trees as their files come: a path, or a path with the content behind `=`.
class System {
 public:
  System& directory(const std::string& path) { return add(path, Directory{}); }
  System& file(const std::string& path, const std::string& content = "") {
    return add(path, RegularFile{.size = content.size(), .inline_content = content, .digest = {}, .payload = {}});
  }
  template <typename Content>
  System& add(const std::string& path, Content content) {
    return name(path, tree.add(Node{{}, std::move(content)}));
  }
  System& link(const std::string& path, const std::string& target) { return name(path, *find(tree, target)); }

  System& policy(const std::string& contexts, const std::string& aliases = "") {
    directory("etc").directory("etc/selinux").file("etc/selinux/config", "SELINUXTYPE=small\n");
    directory("etc/selinux/small").directory("etc/selinux/small/contexts");
    directory("etc/selinux/small/contexts/files");
    file("etc/selinux/small/contexts/files/file_contexts", contexts);
    if (!aliases.empty()) file("etc/selinux/small/contexts/files/file_contexts.subs_dist", aliases);
    return *this;
  }

  std::optional<std::string> label(LabelMode mode = LabelMode::automatic) {
    return label_tree(tree, mode, [](const RegularFile&) -> Bytes { throw Error(Fault::missing, "no store here"); });
  }

  std::string label_of(const std::string& path) const {
    const Xattrs& xattrs = tree[*find(tree, path)].metadata.xattrs;
    const auto found = xattrs.find("security.selinux");
    return found == xattrs.end() ? "-" : std::string(found->second);
  }

  Tree tree;

 private:
  System& name(const std::string& path, NodeId id) {
    const std::size_t slash = path.rfind('/');
    const auto parent = find(tree, slash == std::string::npos ? "" : path.substr(0, slash));
    tree[*parent].directory()->children[path.substr(slash + 1)] = id;
    return *this;
  }
};

}  // namespace

TEST_CASE("every file gets the label of its path and type") {
  System system;
  system.directory("usr").file("usr/f").add("usr/l", Symlink{"f"}).add("usr/p", Fifo{}).add("usr/s", Socket{});
  system.add("usr/b", DeviceNode{true, 1}).add("usr/c", DeviceNode{false, 1}).file("tmp");
  system.policy(
      "/.* any\n/usr/.* -- file\n/usr/.* -l link\n/usr/.* -p fifo\n/usr/.* -s socket\n/usr/.* -b block\n"
      "/usr/.* -c char\n/ -d root\n/tmp <<none>>\n");
  CHECK(system.label() == "small");
  CHECK(system.label_of("") == "root");
  CHECK(system.label_of("usr") == "any");
  CHECK(system.label_of("usr/f") == "file");
  CHECK(system.label_of("usr/l") == "link");
  CHECK(system.label_of("usr/p") == "fifo");
  CHECK(system.label_of("usr/s") == "socket");
  CHECK(system.label_of("usr/b") == "block");
  CHECK(system.label_of("usr/c") == "char");
  CHECK(system.label_of("tmp") == "-");
  CHECK(system.label_of("etc/selinux/config") == "any");
}

TEST_CASE("an alias stands for a path and all below it") {
  System system;
  system.directory("lib64").directory("lib64/x").file("lib64/x/y").directory("lib64x").directory("usr");
  system.directory("usr/local").file("usr/local/z");
  system.policy("/.* any\n/usr/lib(/.*)? lib\n/usr/lib/x/y y\n/other z\n", "/lib64 /usr/lib\n/usr/local/z /other\n");
  CHECK(system.label());
  CHECK(system.label_of("lib64") == "lib");
  CHECK(system.label_of("lib64/x") == "lib");
  CHECK(system.label_of("lib64/x/y") == "y");
  CHECK(system.label_of("lib64x") == "any");
  CHECK(system.label_of("usr/local/z") == "z");
}

TEST_CASE("hard links stay links as long as their labels are equal") {
  System system;
  system.file("a").link("b", "a").link("c", "a").link("d", "a").link("e", "a");
  system.policy("/a x\n/b x\n/c y\n/d y\n/e <<none>>\n");
  const std::size_t before = system.tree.nodes.size();
  CHECK(system.label());
  CHECK(find(system.tree, "a") == find(system.tree, "b"));
  CHECK(system.label_of("a") == "x");
  CHECK(system.label_of("c") == "y");
  CHECK(system.label_of("d") == "y");
  CHECK(system.label_of("e") == "-");
  CHECK(find(system.tree, "c") != find(system.tree, "d"));
  CHECK(system.tree.nodes.size() == before + 3);
}

TEST_CASE("labels that files brought along go, with a policy and without") {
  for (const LabelMode mode : {LabelMode::automatic, LabelMode::off}) {
    System system;
    system.file("a").tree[*find(system.tree, "a")].metadata.xattrs = {{"security.selinux", "old"}, {"user.x", "y"}};
    CHECK(!system.label(mode));
    CHECK(system.tree[*find(system.tree, "a")].metadata.xattrs == Xattrs{{"user.x", "y"}});
  }
  System system;
  system.file("a").policy("/b x\n");
  system.tree[*find(system.tree, "a")].metadata.xattrs = {{"security.selinux", "old"}};
  CHECK(!system.label(LabelMode::off));
  CHECK(system.label_of("a") == "-");
}

TEST_CASE("an image whose policy can't be read is refused") {
  System none;
  CHECK_THROWS_WITH(none.label(LabelMode::require), has_text("names no policy in /etc/selinux/config"));
  System missing;
  missing.directory("etc").directory("etc/selinux").file("etc/selinux/config", "SELINUXTYPE=gone\n");
  CHECK_THROWS_WITH(missing.label(), has_text("names the policy 'gone', but the image has no"));
  CHECK(!missing.label(LabelMode::off));
  System linked;
  linked.directory("etc").directory("etc/selinux").add("etc/selinux/config", Symlink{"x"});
  CHECK_THROWS_WITH(linked.label(), has_text("/etc/selinux/config: not a regular file"));
  System stored;
  stored.policy("");
  stored.add("etc/selinux/config", RegularFile{.size = 17U << 20, .inline_content = {}, .digest = {}, .payload = {}});
  CHECK_THROWS_WITH(stored.label(), has_text("larger than 16 MiB"));
  System odd;
  odd.policy("/a(\n");
  CHECK_THROWS_WITH(odd.label(), has_text("SELinux labels: /etc/selinux/small/contexts/files/file_contexts: line 1: "));
}
