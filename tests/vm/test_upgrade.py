# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A host from its installation through an upgrade, a broken one and a rollback: a whole Debian under Secure Boot, the
registry of the CNCF (Debian's docker-registry) beside it. Disk and firmware variables live from boot to boot; each
restart ends the emulator, so that between boots the ESP can be looked into."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import debian_product
import product
from disk import Disk
from harness import BootTest
from machines import secure_boot
from uefi import signed
from upgrade_product import GATEWAY, SEALROOT, Versions, run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from test_registry import CncfRegistry  # noqa: E402

ENDED = ("reboot: (Restarting system|Power down|machine restart)",)
SECONDS = 400  # of one boot with what is done in it
BOOTED_SEALED = ("UEFI Secure Boot is enabled", "root verified sha512:")


@unittest.skipUnless(shutil.which("docker-registry"), "docker-registry is not installed")
class UpgradingHost(BootTest):
    """A disk with version 1 installed, and a registry for the others."""

    drive = "drive"
    seconds = SECONDS

    @classmethod
    def debian_tar(cls):
        return debian_product.load("sealed").folder.parent / "debian.tar"

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-vm-upgrade-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder, cls.product = Path(scratch.name), product.load()
        cls.registry = CncfRegistry(cls.folder / "registry")
        cls.addClassCleanup(cls.registry.stop)
        cls.port = cls.registry.host.partition(":")[2]
        (cls.folder / "versions").mkdir()
        cls.versions = Versions(cls.folder / "versions", cls.product.keys, f"{GATEWAY}:{cls.port}",
                                cls.debian_tar(), cls.drive)  # fmt: skip
        cls.install(cls.versions.seal("1"))

    @classmethod
    def install(cls, source):
        loader = cls.folder / "systemd-boot.efi"
        unsigned = cls.product.systemd_boot / "usr/lib/systemd/boot/efi/systemd-bootx64.efi"
        loader.write_bytes(signed(unsigned.read_bytes(), cls.product.keys))
        cls.disk, cls.variables = cls.folder / "disk-0.raw", cls.folder / "vars-0.fd"
        run(SEALROOT, "install", source, "--quiet", "--image", cls.disk, "--disk-size", "3G", "--cert",
            cls.product.keys / "db.crt", "--boot-loader", loader, stdout=subprocess.DEVNULL)  # fmt: skip
        shutil.copyfile(cls.product.variables, cls.variables)
        cls.boots = 0

    def push(self, source, tag="latest"):
        run(SEALROOT, "push", "--quiet", source, f"docker://{self.registry.host}/os:{tag}", "--tls-verify=false",
            stdout=subprocess.DEVNULL)  # fmt: skip

    def next_boot(self):
        """One boot until the machine restarts or powers off. A second attempt, after a hang of the emulator, starts
        from what the boot before left."""
        for attempt in ("a", "b"):
            disk = Disk(self.disk, self.folder / f"disk-{self.boots + 1}{attempt}.raw")
            variables = self.folder / f"vars-{self.boots + 1}{attempt}.fd"
            shutil.copyfile(self.variables, variables)
            machine = secure_boot(variables, disk.path, keeps_disk=True, keeps_variables=True, network=True,
                                  memory=1536)  # fmt: skip
            machine = dataclasses.replace(machine, timeout_seconds=self.seconds)
            console = self.boot_once(machine, ENDED, f"{self.boots + 1}{attempt}")
            if console.decided:
                break
        self.disk.unlink()
        self.disk, self.variables, self.boots = disk.path, variables, self.boots + 1
        self.esp = disk.esp_files()
        return console

    def entries(self):
        """Boot entries by their version: `1`, `2+2-1`."""
        names = (re.fullmatch(r"/EFI/Linux/[^_]+_([^_]+)_[0-9a-f]+(\+\d+-\d+)?\.efi", path) for path in self.esp)
        return sorted(name[1] + (name[2] or "") for name in names if name)

    def check_step(self, console, **expected):
        found = {name: console.value(name.replace("_", "-")) for name in expected}
        if found != expected:
            self.fail(self._explain(console, f"{expected} was expected, {found} is on the console"))
        self.check(console, shown=[*BOOTED_SEALED, "^SEALROOT-CHECK drive=done"], hidden=["FATAL"])

    def roles(self, console, name="status"):
        """{version: what it is} of `sealroot status --json`."""
        self.assertRegex(console.value(name), "^{")
        record = json.loads(console.value(name))
        names = ("booted", "next", "staged", "rollback", "pinned", "failed", "held_back")
        return {each["version"]: {name for name in names if each[name]} for each in record["deployments"]}


class Upgrade(UpgradingHost):
    def test_upgrade_is_blessed_broken_one_falls_back_and_rollback(self):
        self.push(self.versions.seal("2"))
        console = self.next_boot()
        with self.subTest("installed, stages version 2"):
            self.check_step(console, version="1", step="installed", boot_complete="inactive",
                            deadline="inactive", failed="")  # fmt: skip
            self.assertEqual({"1": {"booted", "next"}}, self.roles(console))
            self.assertEqual(["1", "2+3-0"], self.entries())

        self.push(self.versions.seal("3", healthy=False))
        console = self.next_boot()
        with self.subTest("version 2 is blessed, stages version 3 through the unit of the timer"):
            self.check_step(console, version="2", step="switched", etc="kept", bless="good", boot_complete="active",
                            deadline="inactive", failed="")  # fmt: skip
            self.assertEqual({"2": {"booted", "next"}, "1": {"rollback", "pinned"}}, self.roles(console))
            self.assertEqual(["1", "2", "3+1-0"], self.entries())

        console = self.next_boot()
        with self.subTest("version 3 is not healthy"):
            self.check(console, shown=[*BOOTED_SEALED, "this boot did not complete: restarting"], hidden=["FATAL"])
            self.assertEqual(["1", "2", "3+0-1"], self.entries())

        console = self.next_boot()
        with self.subTest("back on version 2 without a hand, rolls back"):
            self.check_step(console, version="2", step="upgraded", etc="kept", failed="")
            self.assertEqual({"2": {"booted", "next"}, "1": {"rollback", "pinned"}, "3": {"failed"}},
                             self.roles(console))  # fmt: skip

        console = self.next_boot()
        with self.subTest("version 1 again"):
            self.check_step(console, version="1", step="rolled-back", failed="")
            self.assertEqual({"1": {"booted", "next", "pinned"}, "2": {"held_back", "rollback"}, "3": {"failed"}},
                             self.roles(console))  # fmt: skip


if __name__ == "__main__":
    unittest.main()
