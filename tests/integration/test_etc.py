#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What becomes of /etc when a host is upgraded: I4 of the threats, and the deployments' own copies."""

import json
import os
import stat
import tempfile
import unittest
from pathlib import Path

from small_host import Host, Images, succeeded


def file_of(path):
    return (path.read_text(), stat.S_IMODE(path.lstat().st_mode))


class Etc(unittest.TestCase):
    profile = "overlay"

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-etc-")
        cls.addClassCleanup(scratch.cleanup)
        (Path(scratch.name) / "images").mkdir()
        cls.scratch = Path(scratch.name)
        cls.images = Images(cls.scratch / "images")
        for name, files in (
            ("1", {"same": "1", "app.conf": "old", "drop": "1", "both": "1", "shadow": "root:*"}),
            ("2", {"same": "1", "app.conf": "new", "added": "2", "both": "2", "shadow": "root:*"}),
            ("3", {"same": "1", "app.conf": "new", "added": "2", "both": "2", "shadow": "root:*", "third": "3"}),
        ):
            extra = [(f"etc/{path}", content.encode()) for path, content in files.items()]
            cls.images.sealed(name, cls.images.entries(name, extra=extra), "--etc", cls.profile)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=self.scratch)
        self.addCleanup(folder.cleanup)
        self.host = Host(Path(folder.name))
        self.host.install(self.images.folder / "1.out")

    def kept(self, name):
        """Where a deployment keeps /etc."""
        return self.host.sysroot / "state/deploy" / self.images.digest(name) / "etc/upper"

    def change(self, name, content, mode=0o644):
        path = self.kept("1") / name
        path.write_text(content)
        path.chmod(mode)

    def upgrade(self, version="2", *options):
        return self.host.run("switch", "--quiet", "--json", self.images.sealed(version), *options)

    def files(self, name):
        return sorted(str(path.relative_to(self.kept(name))) for path in self.kept(name).rglob("*"))

    def test_what_was_changed_here_goes_over_and_nothing_else(self):
        self.change("own", "o" * 5000)
        self.change("same", "mine")
        record = json.loads(succeeded(self.upgrade()))
        self.assertEqual(["own", "same"], self.files("2"))
        self.assertEqual(("mine", 0o644), file_of(self.kept("2") / "same"))
        changes = {(change["path"], change["kind"], change["reason"]) for change in record["etc"]}
        self.assertIn(("/etc/own", "kept", "added here"), changes)
        self.assertIn(("/etc/app.conf", "taken", "changed by the image"), changes)
        self.assertEqual("mine", (self.kept("1") / "same").read_text())  # for a rollback

    def test_again_and_again(self):
        self.change("own", "mine")
        succeeded(self.upgrade("2"))
        self.host.boot_next()
        (self.kept("2") / "later").write_text("2")
        succeeded(self.upgrade("3"))
        self.assertEqual(["later", "own"], self.files("3"))

    def test_I4_shadow_keeps_its_mode(self):
        self.change("shadow", "root:secret", 0o000)
        succeeded(self.upgrade())
        self.assertEqual(0, stat.S_IMODE((self.kept("2") / "shadow").stat().st_mode))
        (self.kept("2") / "shadow").chmod(0o600)
        self.assertEqual("root:secret", (self.kept("2") / "shadow").read_text())

    def test_I4_conflict_stages_nothing_unless_decided(self):
        self.change("both", "3")
        before = self.host.names()
        done = self.upgrade()
        self.assertEqual((1, True), (done.returncode, "'/etc/both' changed here, changed by the image" in done.stderr))
        self.assertEqual((before, False), (self.host.names(), self.kept("2").exists()))
        preview = json.loads(succeeded(self.upgrade("2", "--check")))
        self.assertEqual([{"path": "/etc/both", "kind": "conflict", "local": True, "part": "content",
                           "reason": "changed here, changed by the image"}],
                         [change for change in preview["etc"] if change["kind"] == "conflict"])  # fmt: skip
        self.assertFalse(self.kept("2").exists())
        succeeded(self.upgrade("2", "--etc-policy", "take-new"))
        self.assertEqual([], self.files("2"))

    def test_conflict_may_be_decided_for_what_is_here(self):
        self.change("both", "3")
        succeeded(self.upgrade("2", "--etc-policy", "keep-local"))
        self.assertEqual("3", (self.kept("2") / "both").read_text())

    def test_I4_link_here_leads_nowhere(self):
        outside = self.host.sysroot / "outside"
        outside.mkdir()
        (self.kept("1") / "app.conf").symlink_to(outside)
        (self.kept("1") / "link").symlink_to("../../../../../outside")
        succeeded(self.upgrade("2", "--etc-policy", "keep-local"))
        self.assertTrue((self.kept("2") / "app.conf").is_symlink())
        self.assertEqual([], list(outside.iterdir()))

    @unittest.skipUnless(os.getuid() == 0, "only root makes whiteouts")
    def test_what_was_removed_here_stays_removed(self):
        os.mknod(self.kept("1") / "same", stat.S_IFCHR, os.makedev(0, 0))
        succeeded(self.upgrade())
        found = (self.kept("2") / "same").lstat()
        self.assertEqual((True, 0), (stat.S_ISCHR(found.st_mode), found.st_rdev))
        self.assertEqual(["same"], self.files("2"))


class BoundEtc(Etc):
    """A whole copy of /etc for each deployment."""

    profile = "bind"

    def kept(self, name):
        return self.host.sysroot / "state/deploy" / self.images.digest(name) / "etc"

    def setUp(self):
        super().setUp()
        for name in ("upper", "work"):
            (self.kept("1") / name).rmdir()
        for name, content in (("same", "1"), ("app.conf", "old"), ("drop", "1"), ("both", "1"), ("shadow", "root:*"),
                              ("motd", "m" * 200)):  # fmt: skip
            self.change(name, content)

    def files(self, name):
        """But for what the image has anyway."""
        usual = {"same": "1", "app.conf": "new", "added": "2", "both": "2", "shadow": "root:*", "motd": "m" * 200,
                 "third": "3"}  # fmt: skip
        return [path for path in super().files(name) if usual.get(path) != (self.kept(name) / path).read_text()]

    def test_I4_link_here_leads_nowhere(self):
        (self.kept("1") / "app.conf").unlink()
        super().test_I4_link_here_leads_nowhere()

    def test_what_was_removed_here_stays_removed(self):
        (self.kept("1") / "same").unlink()
        succeeded(self.upgrade())
        self.assertFalse((self.kept("2") / "same").exists())
        self.assertFalse((self.kept("2") / "drop").exists())  # by the image


if __name__ == "__main__":
    unittest.main()
