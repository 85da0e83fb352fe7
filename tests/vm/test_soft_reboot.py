# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Soft reboots of an installed host under Secure Boot: into a new version, back, and into one that is not healthy. What
the host does is in upgrade/soft-drive; a run of the machine ends where it restarts for real."""

import json
import os
import unittest

import debian_product
import product
from test_upgrade import BOOTED_SEALED, UpgradingHost

SOFT_REBOOTED = "sealed, soft-rebooted: verified by the previous system, not by the firmware"


@unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "two boots of a whole Debian and three soft reboots")
class SoftReboot(UpgradingHost):
    drive = "soft-drive"
    seconds = 900

    @classmethod
    def debian_tar(cls):
        tar = cls.folder / "debian.tar"
        debian_product.make_newer(cls.product.kernel, tar)
        return tar

    def deployment(self, console, name, version):
        record = json.loads(console.value(name))
        return next(each for each in record["deployments"] if each["version"] == version)

    def digest(self, version):
        record = json.loads((self.folder / f"versions/out-{version}/build.json").read_text())
        return record["image"]["digest"].rpartition(":")[2]

    def check_root(self, console, step, version, started):
        """What the kernel itself says about the root; the command line is that of `started`."""
        self.assertEqual(version, console.value(f"{step}-version"))
        root = console.value(f"{step}-root")
        self.assertIn(f" - overlay composefs:{self.digest(version)} ro,", root)
        self.assertIn("redirect_dir=on,metacopy=on,verity=require", root)
        self.assertIn(f"-12:{self.digest(started)}", console.value(f"{step}-cmdline"))
        self.assertIn("/etc overlay rw,nosuid,nodev", console.value(f"{step}-mounts"))
        self.assertIn("/var ext4 rw,nosuid,nodev", console.value(f"{step}-mounts"))

    def test_soft_reboots_into_verified_systems_only(self):
        kernel = next((self.product.kernel / "usr/lib/modules").iterdir()) / "vmlinuz"
        for version, tag, options in (("2", "latest", {}), ("3", "broken", {"healthy": False}),
                                      ("4", "kernel", {"kernel": kernel})):  # fmt: skip
            self.push(self.versions.seal(version, **options), tag)
        console = self.next_boot()
        self.check(console, shown=[*BOOTED_SEALED, "^SEALROOT-CHECK entered-old="], hidden=["FATAL"])
        with self.subTest("another kernel is refused, and nothing staged"):
            self.check_root(console, "installed", "1", "1")
            self.assertRegex(console.value("installed-other-kernel"), "^1 .*no soft reboot: it has another kernel")
            self.assertNotIn("_4_", console.value("installed-entries"))
        with self.subTest("so is a UKI that was tampered with"):
            self.assertIs(True, self.deployment(console, "installed-staged", "2")["soft_reboot_capable"])
            self.assertRegex(console.value("installed-tampered"), "^1 ")
            self.assertEqual(1, console.text.count("Secure Boot is enabled"))
        with self.subTest("version 2 runs under the kernel of version 1"):
            self.check_root(console, "entered", "2", "1")
            self.assertEqual(console.value("installed-boot-id"), console.value("entered-boot-id"))
            self.assertEqual({"2": {"booted", "next"}, "1": {"rollback"}}, self.roles(console, "entered-status"))
            running = self.deployment(console, "entered-status", "2")
            self.assertEqual((True, SOFT_REBOOTED), (running["soft_rebooted"], running["seal"]))
            self.assertEqual("kept", console.value("entered-etc"))
            self.assertRegex(console.value("entered-gc"), "^0 ")
        with self.subTest("it proved itself, but is not blessed"):
            self.assertEqual(("active", "inactive", ""), tuple(console.value(f"entered-{name}") for name in
                                                               ("boot-complete", "deadline", "failed")))  # fmt: skip
            self.assertRegex(console.value("entered-bless"), "^inactive ")
            self.assertEqual(["1", "2+3-0"], self.entries())

        console = self.next_boot()
        self.check(console, shown=[*BOOTED_SEALED, "this boot did not complete: restarting"], hidden=["FATAL"])
        with self.subTest("the firmware boots version 2, which is blessed then"):
            self.check_root(console, "booted", "2", "2")
            self.assertRegex(console.value("booted-bless"), "^active good")
            running = self.deployment(console, "booted-status", "2")
            self.assertEqual((False, "sealed"), (running["soft_rebooted"], running["seal"]))
        with self.subTest("back to version 1"):
            self.check_root(console, "back", "1", "2")
            self.assertEqual(console.value("booted-boot-id"), console.value("back-boot-id"))
            self.assertEqual("", console.value("back-failed"))
            self.assertEqual({"1": {"booted", "next"}, "2": {"held_back", "rollback"}},
                             self.roles(console, "back-status"))  # fmt: skip
        with self.subTest("version 3 is not healthy: the firmware takes over"):
            self.assertEqual(["1", "2+0-0", "3+1-0"], self.entries())


if __name__ == "__main__":
    unittest.main()
