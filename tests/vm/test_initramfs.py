# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The pivot as a part of other initramfs systems, each made by its own tool, started by QEMU with the distribution's
kernel: they boot a sealed root, and nothing leads past it or into a shell."""

import dataclasses
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import cpio
import debian_product
import pe
from demo import DECIDED, SHELL, UP, fatal, reads
from disk import Disk
from fsverity import object_path
from harness import BootTest
from machines import direct

# systemd-tmpfiles makes a file of it, whoever has set it.
CREDENTIAL = "io.systemd.credential:tmpfiles.extra=f /run/planted"
RESTARTED = r"reboot: (Restarting system|Power down|machine restart)|sysrq: Resetting"
SYSTEMD_STARTED = r"systemd\[1\]: systemd \d+"


class InitramfsTest(BootTest):
    style = None  # folder of debian_product
    timeout_seconds = 60

    def run_disk(self, tamper=None, append="", over=None, until=DECIDED, smbios=(), instead=None):
        """Boots a copy of the sealed disk after `tamper`; `append` goes to the end of the signed command line, and the
        files `over` into the initramfs, to see what the parts around the pivot do when it fails. With `instead`, of an
        initramfs and a command line, those of the UKI are not used."""
        sealed = debian_product.load(self.style)
        uki = sealed.uki.read_bytes()
        archive, line = instead or (pe.section(uki, ".initrd"), pe.section(uki, ".cmdline").rstrip(b"\0").decode())
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            kernel, initrd = Path(scratch, "vmlinuz"), Path(scratch, "initrd")
            kernel.write_bytes(pe.section(uki, ".linux"))
            if over:
                folders = sorted({str(parent) for name in over for parent in Path(name).parents[:-1]})
                archive += bytes(-len(archive) % 4) + cpio.archive(over, folders)
            initrd.write_bytes(archive)
            disk = Disk(sealed.disk, Path(scratch, "disk.raw"))
            if tamper:
                tamper(disk, object_path(sealed.image_digest))
            machine = direct(kernel, initrd, line + append, disk.path, memory=1024, smbios=smbios)
            return self.boot(dataclasses.replace(machine, timeout_seconds=self.timeout_seconds), until)

    def check_refused(self, console, *shown):
        self.check(console, shown=shown, hidden=[UP, SHELL, "emergency mode", "BusyBox", "dracut:/#"])


def without_image(disk, image):
    disk.remove(image)


def first_program_unsealed(path):
    """As under a kernel that can't open any file of the root it has mounted: the first program, the one it must."""

    def tamper(disk, image):
        with tempfile.NamedTemporaryFile() as file:
            file.write(disk.read(image))
            file.flush()
            listed = subprocess.run([os.environ["SEALROOT"], "ls", "--json", file.name, path], capture_output=True,
                                    check=True)  # fmt: skip
        program = object_path(json.loads(listed.stdout)[0]["digest"])
        disk.write(program, disk.read(program), mode=0o100755)

    return tamper


class Dracut(InitramfsTest):
    """Debian with systemd in the initramfs and as PID 1."""

    style = "sealed"
    timeout_seconds = 180

    def test_debian_reaches_multi_user_on_a_sealed_root(self):
        console = self.run_disk()
        self.check(console, shown=["root verified sha512:", UP, "^SEALROOT-CHECK mount:/=overlay .*verity=require",
                                   "^SEALROOT-CHECK mount:/etc=overlay ",
                                   "^SEALROOT-CHECK mount:/var=ext4 .*nosuid,nodev"],
                   hidden=["FATAL"])  # fmt: skip
        expected = {"multi-user": "active", "failed": "", "machine-id": "1", "write:/usr/new": "refused",
                    "write:/etc/new": "ok", "write:/var/new": "ok"}  # fmt: skip
        self.assertEqual(expected, {name: console.value(name) for name in expected})
        self.assertNotEqual("0", console.value("journal"))

    def test_E8_credentials_and_extensions_that_nobody_signed_reach_nobody(self):
        beside = {f".extra/{folder}/evil": (0o400, b"f /run/planted") for folder in ("credentials", "sysext")}
        console = self.run_disk(over=beside, smbios=[CREDENTIAL])
        self.check(console, shown=["ignored files that nobody signed: /.extra/credentials",
                                   "ignored files that nobody signed: /.extra/sysext", UP,
                                   "^SEALROOT-CHECK credentials=$", "^SEALROOT-CHECK planted=$"])  # fmt: skip

    def test_initramfs_of_bootc_boots_with_the_command_line_of_bootc(self):
        """As bootc has it the digest is signed with the command line alone, and the rest of that is its own."""
        digest = debian_product.load(self.style).image_digest
        line = f"{debian_product.COMMAND_LINE} root=PARTLABEL=root rw composefs={digest}"
        console = self.run_disk(lambda disk, _: disk.bootc_deployment(digest), smbios=[CREDENTIAL],
                                instead=(debian_product.bootc_initrd().read_bytes(), line))  # fmt: skip
        self.check(console, shown=["digest from the command line", "root verified sha512:", UP,
                                   "^SEALROOT-CHECK mount:/=overlay .*verity=require",
                                   "^SEALROOT-CHECK mount:/etc=overlay ", "^SEALROOT-CHECK mount:/var=ext4 ",
                                   "^SEALROOT-CHECK multi-user=active", "^SEALROOT-CHECK failed=$",
                                   # The control of E8.
                                   "^SEALROOT-CHECK planted=/run/planted"], hidden=["FATAL"])  # fmt: skip

    def test_R6_missing_image_restarts_and_never_falls_through(self):
        self.check_refused(self.run_disk(without_image, until=[UP, RESTARTED]), fatal(11), RESTARTED)

    def test_P7_root_none_of_whose_files_opens_restarts_and_counts_as_a_failed_try(self):
        tamper = first_program_unsealed("/usr/lib/systemd/systemd")
        self.check_refused(self.run_disk(tamper, until=[UP, RESTARTED]), fatal(15, "init /sbin/init"), RESTARTED)

    def test_a_pivot_that_does_not_start_restarts_and_never_falls_through(self):
        """Regression: with a `.wants` link and OnFailure= systemd would switch into the unverified root partition."""
        over = {"usr/lib/sealroot/sealroot-pivot": (0o755, b"not a program")}
        console = self.run_disk(over=over, until=[UP, RESTARTED, "Switching root"])
        self.check_refused(console, RESTARTED)
        self.check(console, hidden=["Switching root", "root verified"])

    def test_root_partition_that_does_not_mount_restarts_without_a_shell(self):
        def tamper(disk, _):
            disk.overwrite_root(1024, bytes(1024))  # the superblock

        self.check_refused(self.run_disk(tamper, until=[UP, RESTARTED]), RESTARTED)

    def test_C5_appended_token_is_refused_before_systemd_obeys_it(self):
        for token in ("rd.systemd.unit=emergency.target", "systemd.debug_shell"):
            with self.subTest(token):
                console = self.run_disk(append=f" {token}")
                self.check_refused(console, fatal(10, "token refused"))
                self.check(console, hidden=[SYSTEMD_STARTED])


class SmallSystem:
    """What the initramfs made of shell scripts have in common; they boot the demo image."""

    def test_sealed_system_boots(self):
        self.check(self.run_disk(), shown=["root verified sha512:", UP, reads("intact", "ok")], hidden=["FATAL"])

    def test_R6_missing_image_restarts_without_a_shell(self):
        self.check_refused(self.run_disk(without_image, until=[UP, RESTARTED]), fatal(11), RESTARTED)

    @unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "as with systemd above")
    def test_P7_root_none_of_whose_files_opens_restarts_without_a_shell(self):
        tamper = first_program_unsealed("/usr/bin/busybox")
        self.check_refused(self.run_disk(tamper, until=[UP, RESTARTED]), fatal(15, "init /sbin/init"), RESTARTED)

    def test_a_pivot_that_does_not_start_restarts_without_a_shell(self):
        over = {"usr/lib/sealroot/sealroot-pivot": (0o755, b"not a program")}
        self.check_refused(self.run_disk(over=over, until=[UP, RESTARTED]), RESTARTED)

    def test_C5_appended_break_is_refused_before_a_script_obeys_it(self):
        self.check_refused(self.run_disk(append=self.break_token), fatal(10, "token refused"))


class DracutShell(SmallSystem, InitramfsTest):
    style = "dracut-shell"
    break_token = " rd.break=cmdline"


class InitramfsTools(SmallSystem, InitramfsTest):
    style = "initramfs-tools"
    break_token = " break=top"


if __name__ == "__main__":
    unittest.main()
