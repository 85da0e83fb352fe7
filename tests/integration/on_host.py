# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Base of tests on a host made of directories; a test program that has it takes setUpModule() too."""

import tempfile
import unittest
from pathlib import Path

from small_host import Host, Images, sealroot, succeeded


def setUpModule():
    """Images that all tests of a program share."""
    scratch = tempfile.TemporaryDirectory(prefix="sealroot-upgrade-")
    unittest.addModuleCleanup(scratch.cleanup)
    OnHost.scratch = Path(scratch.name)
    (OnHost.scratch / "images").mkdir()
    OnHost.images = Images(OnHost.scratch / "images")


class OnHost(unittest.TestCase):
    """A host with version 1, booted."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=self.scratch)
        self.addCleanup(folder.cleanup)
        self.host = Host(Path(folder.name))
        self.images.sealed("1")
        self.host.install(self.images.folder / "1.out")
        self.first = self.images.digest("1")

    def switch(self, source, *options):
        return self.host.run("switch", "--quiet", source, *options)

    def refused(self, done, reason, status=1):
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertEqual(1, done.stderr.count("\n"), done.stderr)

    def entry(self, name, counter=""):
        return f"web_{name}_{self.images.digest(name)[:16]}{counter}.efi"

    def deployment(self, name):
        image = f"sha512:{self.images.digest(name)}"
        return next(each for each in self.host.status()["deployments"] if each["image"] == image)

    def versions(self, key):
        return [each["version"] for each in self.host.status()["deployments"] if each[key]]

    def assert_sound(self):
        """Whatever boots next is signed, sealed and whole, and the repository intact."""
        status = self.host.status()
        following = next(each for each in status["deployments"] if each["next"])
        self.assertEqual("trusted", following["entries"][0]["signature"])
        self.assertNotIn("not sealed", following["seal"])
        repository = self.host.sysroot / "composefs"
        succeeded(sealroot("verify", "--repo", repository, following["image"]))
        succeeded(sealroot("fsck", repository))

    def untouched(self):
        return self.host.names(), sorted(path.name for path in (self.host.sysroot / "state/deploy").iterdir())
