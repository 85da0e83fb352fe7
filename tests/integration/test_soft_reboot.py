#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What hinders a soft reboot, as far as it can be seen on a host made of directories: that one can't be entered, so
the last obstacle is always there. tests/vm/test_soft_reboot.py enters one."""

import json
import tempfile
import unittest
from pathlib import Path

from small_host import SECURE_BOOT, Host, Images, sealroot, succeeded

NOT_HERE = "this program does not run on that host"
TARGET = [("usr/lib/systemd", None), ("usr/lib/systemd/system", None),
          ("usr/lib/systemd/system/soft-reboot.target", b"[Unit]\n")]  # fmt: skip
SCRATCH = None
IMAGES = None


def setUpModule():
    global SCRATCH, IMAGES
    SCRATCH = tempfile.TemporaryDirectory(prefix="sealroot-soft-")
    unittest.addModuleCleanup(SCRATCH.cleanup)
    (Path(SCRATCH.name) / "images").mkdir()
    IMAGES = Images(Path(SCRATCH.name) / "images")


def newer(name, *options, extra=(), **more):
    """An image whose systemd knows soft reboots."""
    return IMAGES.sealed(name, IMAGES.entries(name, extra=[*TARGET, *extra]), *options, **more)


class SoftReboot(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=SCRATCH.name)
        self.addCleanup(folder.cleanup)
        self.host = Host(Path(folder.name))
        newer("1")
        self.host.install(IMAGES.folder / "1.out")

    def switch(self, source, *options):
        return self.host.run("switch", "--quiet", source, *options)

    def state(self):
        deployments = sorted(path.name for path in (self.host.sysroot / "state/deploy").iterdir())
        return self.host.names(), deployments, succeeded(self.host.run("history"))

    def assert_refused(self, done, reason):
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertRegex(done.stderr, f"^sealroot: no soft reboot: {reason}.*\n$")

    def assert_obstacle(self, source, reason):
        """If it is required nothing changes, else it is said why not; `status` says so too."""
        before = self.state()
        self.assert_refused(self.switch(source, "--soft-reboot=required"), reason)
        self.assertEqual(before, self.state())
        record = json.loads(succeeded(self.switch(source, "--soft-reboot=auto", "--json")))
        self.assertEqual((True, False), (record["staged"], record["soft_reboot"]))
        self.assertRegex(record["warnings"][-1], f"^no soft reboot: {reason}")
        staged = next(each for each in self.host.status()["deployments"] if each["staged"])
        self.assertEqual((False, False), (staged["soft_reboot_capable"], staged["soft_rebooted"]))
        self.assertRegex(staged["soft_reboot_obstacle"], f"^{reason}")
        self.assertRegex(succeeded(self.host.run("status")), f"soft reboot: no: {reason}")

    def test_one_that_fits_has_no_obstacle_but_the_place(self):
        self.assert_obstacle(newer("2"), NOT_HERE)

    def test_another_kernel(self):
        vmlinuz = ("usr/lib/modules/1/vmlinuz", IMAGES.kernel + b"\0")
        entries = [entry for entry in IMAGES.entries("5k", extra=TARGET) if entry[0] != vmlinuz[0]]
        self.assert_obstacle(IMAGES.sealed("5k", [*entries, vmlinuz]), "it has another kernel")

    def test_another_command_line(self):
        self.assert_obstacle(newer("5c", "--cmdline", "quiet"), "another kernel command line runs")

    def test_a_systemd_that_knows_none(self):
        self.assert_obstacle(IMAGES.sealed("5o", IMAGES.entries("5o")), "its image has no systemd 254 or newer")

    def test_the_running_systemd_knows_none(self):
        IMAGES.sealed("old")
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=SCRATCH.name)
        self.addCleanup(folder.cleanup)
        self.host = Host(Path(folder.name))
        self.host.install(IMAGES.folder / "old.out")
        self.assert_obstacle(newer("zzz"), "the system that runs has no systemd 254 or newer")

    def test_a_boot_that_has_not_proved_itself(self):
        entry = next((self.host.esp / "EFI/Linux").iterdir())
        entry.rename(entry.with_name(entry.stem + "+2-1.efi"))
        self.assert_obstacle(newer("2"), "the boot that runs has not proved itself yet")

    def test_the_entry_of_the_running_kernel_is_gone(self):
        succeeded(self.switch(newer("2")))
        next((self.host.esp / "EFI/Linux").glob("web_1*")).unlink()
        self.assert_refused(self.host.run("upgrade", "--soft-reboot=required"),
                            "the boot entry that the kernel was started from is gone")  # fmt: skip

    def test_a_kernel_started_by_another_certificate(self):
        succeeded(self.switch(newer("2")))
        uki = next((IMAGES.build("strange", IMAGES.entries("1", extra=TARGET), key="stranger")).glob("*.efi"))
        next((self.host.esp / "EFI/Linux").glob("web_1*")).write_bytes(uki.read_bytes())
        self.assert_refused(self.host.run("upgrade", "--soft-reboot=required"),
                            "the boot entry that the kernel was started from is not sealed and signed")  # fmt: skip

    def test_rollback_changes_nothing_if_it_is_required(self):
        succeeded(self.switch(newer("2")))
        self.host.boot_next()
        before = self.state()
        self.assert_refused(self.host.run("rollback", "--soft-reboot=required"), NOT_HERE)
        self.assertEqual(before, self.state())
        record = json.loads(succeeded(self.host.run("rollback", "--soft-reboot=auto", "--json")))
        self.assertEqual((False, [f"no soft reboot: {NOT_HERE}"]), (record["soft_reboot"], record["warnings"]))
        self.assertNotEqual(before, self.state())

    def test_a_staged_uki_that_was_tampered_with(self):
        succeeded(self.switch(newer("2")))
        staged = next((self.host.esp / "EFI/Linux").glob("web_2*"))
        content = bytearray(staged.read_bytes())
        content[len(content) // 2] ^= 1
        staged.write_bytes(content)
        done = self.host.run("rollback", "2", "--soft-reboot=required")
        self.assertEqual(1, done.returncode)
        self.assertIn("its UKI is not signed by a pinned certificate", done.stderr)

    def test_what_runs_needs_none(self):
        record = json.loads(succeeded(self.switch(newer("1"), "--soft-reboot=required", "--json")))
        self.assertIs(False, record["soft_reboot"])

    def test_an_offline_host_has_no_answer(self):
        succeeded(self.switch(newer("2")))
        status = json.loads(succeeded(sealroot("status", "--json", "--sysroot", self.host.sysroot, "--esp",
                                               self.host.esp)))  # fmt: skip
        self.assertNotIn("soft_reboot_capable", json.dumps(status))

    def test_secure_boot_off_is_still_told(self):
        (self.host.efivars / SECURE_BOOT).write_bytes(b"\x06\x00\x00\x00\x00")
        self.assert_obstacle(newer("2"), NOT_HERE)
        self.assertIn("not sealed: SB off", succeeded(self.host.run("status")))


if __name__ == "__main__":
    unittest.main()
