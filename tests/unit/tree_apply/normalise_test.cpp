// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/tree/normalise.hpp"

#include "layers.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

/// A root that boots, as far as its directories go; `changes` come on top.
Tree system_tree(const std::string& changes = TarWriter().str()) {
  return merged({TarWriter()
                     .directory("./", 0700)
                     .pax("mtime", "50.25")
                     .directory("usr", 0751)
                     .directory("run")
                     .file("run/x", "1")
                     .directory("tmp")
                     .file("tmp/x", "1")
                     .directory("boot")
                     .file("boot/x", "1")
                     .directory("sysroot")
                     .file("sysroot/x", "1")
                     .directory("etc")
                     .directory("var")
                     .str(),
                 changes});
}

}  // namespace

TEST_CASE("the root takes the metadata of /usr and /run is emptied") {
  Tree tree = system_tree();
  normalise_tree(tree);
  CHECK(listed(tree) == "boot/ boot/x=1 etc/ run/ sysroot/ sysroot/x=1 tmp/ tmp/x=1 usr/ var/");
  CHECK(tree[root_node].metadata.permissions == 0751);
  CHECK(tree[root_node].metadata.mtime_seconds == 50);
  CHECK(tree[root_node].metadata.mtime_nanoseconds == 250000000);
  const Metadata& run = tree[*find(tree, "run")].metadata;
  CHECK(run.mtime_seconds == 50);
  CHECK(run.mtime_nanoseconds == 250000000);
  CHECK(run.permissions == 0755);
  CHECK(tree[*find(tree, "tmp")].metadata.mtime_seconds == 1);
}

TEST_CASE("T6_only_allowed_xattrs_stay") {
  std::string records;
  for (const std::string key :
       {"security.capability", "security.selinux", "security.ima", "user.a", "user.overlay.redirect",
        "trusted.overlay.redirect", "trusted.overlay.metacopy", "system.posix_acl_access"}) {
    records += TarWriter::pax_record("SCHILY.xattr." + key, "v");
  }
  const std::string changes = TarWriter().extension('x', records).file("f").str();
  Tree tree = system_tree(changes);
  normalise_tree(tree);
  CHECK(tree[*find(tree, "f")].metadata.xattrs == Xattrs{{"security.capability", "v"}});
  Tree kept = system_tree(changes);
  normalise_tree(kept, XattrRule::keep_user_xattrs);
  CHECK(kept[*find(kept, "f")].metadata.xattrs ==
        Xattrs{{"security.capability", "v"}, {"user.a", "v"}, {"user.overlay.redirect", "v"}});
}

TEST_CASE("a tree without /usr or with another kind of /run is refused") {
  Tree no_usr = system_tree(TarWriter().file(".wh.usr").str());
  CHECK_THROWS_WITH(normalise_tree(no_usr), has_text("no directory /usr"));
  Tree odd_run = system_tree(TarWriter().symlink("run", "/tmp").str());
  CHECK_THROWS_WITH(normalise_tree(odd_run), has_text("/run is not a directory"));
  Tree no_run = system_tree(TarWriter().file(".wh.run").str());
  CHECK_NOTHROW(normalise_tree(no_run));
}

TEST_CASE("the boot form has empty /boot and /sysroot with the time of /usr") {
  Tree tree = system_tree();
  make_boot_form(tree);
  CHECK(listed(tree) == "boot/ etc/ run/ run/x=1 sysroot/ tmp/ tmp/x=1 usr/ var/");
  for (const std::string name : {"boot", "sysroot"}) {
    CHECK(tree[*find(tree, name)].metadata.mtime_seconds == 50);
    CHECK(tree[*find(tree, name)].metadata.mtime_nanoseconds == 250000000);
  }
  Tree none = system_tree(TarWriter().file(".wh.sysroot").str());
  CHECK_THROWS_WITH(make_boot_form(none), has_text("no directory /sysroot"));
}

TEST_CASE("I1_a_mount_target_that_is_no_directory_is_refused") {
  CHECK_NOTHROW(check_bootable_tree(system_tree()));
  for (const std::string name : {"etc", "var", "sysroot", "boot", "usr"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(check_bootable_tree(system_tree(TarWriter().file(".wh." + name).str())),
                      has_text("no directory /" + name));
    CHECK_THROWS_WITH(check_bootable_tree(system_tree(TarWriter().symlink(name, "/tmp").str())),
                      has_text("/" + name + " is a symbolic link"));
    CHECK_THROWS_WITH(check_bootable_tree(system_tree(TarWriter().file(name).str())),
                      has_text("/" + name + " is not a directory"));
  }
}
