#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot factory-reset`: state of a host made of directories becomes as on a new disk, and nothing else changes."""

import fcntl
import json
import os
import tempfile
import unittest
from pathlib import Path

from small_host import Host, Images, sealroot, succeeded


def contents(folder):
    """What is below a folder, but for what the host remembers."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.startswith("sysroot/state/sealroot"):
            continue
        info = path.lstat()
        data = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[name] = (info.st_mode, info.st_uid, info.st_gid, data)
    return found


class FactoryReset(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-factory-reset-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.images = Images(cls.scratch)
        for version in ("1", "2"):
            seed = [("var/lib", None), ("var/lib/seed", version.encode() * 200), ("etc/kept", b"k")]
            cls.images.sealed(version, cls.images.entries(version, extra=seed))

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="host-", dir=self.scratch)
        self.addCleanup(place.cleanup)
        self.host = Host(Path(place.name))
        self.host.install(self.images.folder / "1.out")
        self.var = self.host.sysroot / "state/os/default/var"
        self.replaced = self.host.sysroot / "state/sealroot/reset"

    def etc(self, version):
        return self.host.sysroot / "state/deploy" / self.images.digest(version) / "etc/upper"

    def use(self):
        """The host is upgraded, and somebody works with it."""
        succeeded(self.host.run("switch", "--quiet", self.images.sealed("2")))
        self.fresh = contents(self.host.folder)
        (self.var / "lib").mkdir()
        (self.var / "lib/data").write_text("mine")
        for version in ("1", "2"):
            (self.etc(version) / "passwd").write_text("mine")

    def reset(self, *options):
        return json.loads(succeeded(self.host.run("factory-reset", "--json", *options)))

    def offline(self, *options):
        return sealroot("factory-reset", "--sysroot", self.host.sysroot, "--esp", self.host.esp, *options)

    def assert_as_new(self):
        self.assertEqual(["lib", "lib/seed"], sorted(str(path.relative_to(self.var)) for path in self.var.rglob("*")))
        self.assertEqual("2" * 200, (self.var / "lib/seed").read_text())
        now = contents(self.host.folder)
        made = ("sysroot/state/os/default/var/", f"sysroot/state/deploy/{self.images.digest('1')}")  # not by upgrade
        for found in (self.fresh, now):
            for name in [name for name in found if name.startswith(made)]:
                del found[name]
        names = {*self.fresh, *now}
        self.assertEqual([], [name for name in names if self.fresh.get(name) != now.get(name)])
        self.assertEqual([], list(self.etc("1").iterdir()))
        status = self.host.status()
        self.assertEqual([], status["problems"])
        self.assertEqual([True] * 2, [each["state_present"] for each in status["deployments"]])

    def test_host_that_runs_keeps_its_state_until_the_next_boot(self):
        self.use()
        mounted = os.open(self.var, os.O_RDONLY | os.O_DIRECTORY)  # as a bind mount is
        self.addCleanup(os.close, mounted)
        record = self.reset("--yes")
        self.assertEqual({f"sha512:{self.images.digest(version)}" for version in "12"}, set(record["reset"]))
        self.assertTrue(record["at_next_boot"])
        self.assert_as_new()
        data = os.open("lib/data", os.O_RDONLY, dir_fd=mounted)
        self.assertEqual(b"mine", os.read(data, 100))
        os.close(data)
        for command in (("factory-reset", "--complete"), ("gc",)):
            succeeded(self.host.run(*command))
            self.assertEqual(["data"], os.listdir(f"/proc/self/fd/{mounted}/lib"))
        boot = next(self.replaced.iterdir())
        self.assertEqual(Path("/proc/sys/kernel/random/boot_id").read_text().strip(), boot.name)
        boot.rename(self.replaced / "00000000-0000-0000-0000-000000000000")  # the host has been restarted
        succeeded(self.host.run("factory-reset", "--complete"))
        self.assertEqual([], list(self.replaced.iterdir()))
        self.assert_as_new()

    def test_gc_removes_what_was_replaced_before_the_last_boot(self):
        self.use()
        self.reset("--yes")
        next(self.replaced.iterdir()).rename(self.replaced / "earlier")
        succeeded(self.host.run("gc"))
        self.assertEqual([], list(self.replaced.iterdir()))

    def test_host_that_does_not_run_is_reset_at_once(self):
        self.use()
        self.assertNotIn("next boot", succeeded(self.offline("--yes")))
        self.assertEqual([], list(self.replaced.iterdir()))
        self.assert_as_new()
        succeeded(self.offline("--yes"))
        self.assert_as_new()

    def test_state_that_nothing_boots_goes(self):
        self.use()
        self.host.boot(self.images.digest("2"))
        (self.host.esp / "EFI/Linux" / next(name for name in self.host.names() if name.startswith("web_1"))).unlink()
        record = self.reset("--yes")
        self.assertEqual([f"sha512:{self.images.digest('1')}"], record["removed"])
        self.assertFalse(self.etc("1").exists())
        self.assertEqual([], list(self.etc("2").iterdir()))

    def test_check_and_a_slip_change_nothing(self):
        self.use()
        before = contents(self.host.folder)
        self.assertTrue(self.reset("--check")["check"])
        for options in ((), ("--check", "--yes")):
            done = self.host.run("factory-reset", *options)
            self.assertEqual((2, True), (done.returncode, "--yes does it" in done.stderr), done.stderr)
        self.assertEqual(before, contents(self.host.folder))
        self.assertFalse(self.replaced.exists())

    def test_nothing_is_reset_while_something_can_not_be_read(self):
        self.use()
        (self.host.sysroot / f"state/sealroot/deploy/{self.images.digest('2')}.json").write_text("{")
        before = contents(self.host.folder)
        done = self.host.run("factory-reset", "--yes")
        self.assertEqual((1, True), (done.returncode, done.stderr.startswith("sealroot: ")), done.stdout)
        self.assertEqual(before, contents(self.host.folder))

    def test_another_sealroot_at_work_is_waited_for_by_nobody(self):
        self.use()
        lock = os.open(self.host.sysroot / "state/sealroot", os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.assertEqual(75, self.host.run("factory-reset", "--yes").returncode)

    def test_history_tells(self):
        self.use()
        self.reset("--yes")
        self.assertIn("'factory-reset'", succeeded(self.host.run("history")))


if __name__ == "__main__":
    unittest.main()
