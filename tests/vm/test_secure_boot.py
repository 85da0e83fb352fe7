# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""UEFI firmware with Secure Boot and our keys only: what is signed boots, everything else on the ESP is refused
(rows E and C of the threat list)."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import pe
import product
from demo import DECIDED, DEMO_FILES, UP, fatal, reads
from disk import Disk
from harness import BootTest
from machines import secure_boot

KERNEL_STARTED = "EFI stub:|Linux version"
FIRMWARE_REFUSED = "Access [Dd]enied|Security [Vv]iolation"
BOOT_LOADER = "/EFI/BOOT/BOOTX64.EFI"


def signed(image, keys, name="db"):
    """`image` signed with one of our test keys, by a tool that is not ours."""
    with tempfile.TemporaryDirectory() as scratch:
        plain, out = Path(scratch, "plain"), Path(scratch, "signed")
        plain.write_bytes(image)
        subprocess.run(["sbsign", "--key", keys / f"{name}.key", "--cert", keys / f"{name}.crt", "--output", out,
                        plain], check=True, capture_output=True)  # fmt: skip
        return out.read_bytes()


class SecureBootTest(BootTest):
    build = "sealed"

    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.sealed = cls.product.sealed(cls.build)

    def run_esp(self, tamper=None, row="", smbios=(), until=DECIDED):
        """Boots a copy of the sealed disk after `tamper(disk, path of the UKI on the ESP)`."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            disk = Disk(self.sealed.disk, Path(scratch, "disk.raw"))
            if tamper:
                tamper(disk, next(path for path in disk.esp_files() if path.startswith("/EFI/Linux/")))
            return self.boot(secure_boot(self.product.variables, disk.path, smbios), until, row)


class Accepted(SecureBootTest):
    def test_system_signed_with_our_key_boots(self):
        console = self.run_esp(until=(*DECIDED, FIRMWARE_REFUSED))
        self.check(console, shown=["EFI stub: UEFI Secure Boot is enabled", "locked down from EFI Secure Boot",
                                   "sealroot-pivot: root verified sha512:", UP,
                                   *(reads(name, "ok") for name in DEMO_FILES)],
                   hidden=["not sealed", "FATAL"])  # fmt: skip


class Refused(SecureBootTest):
    def check_refused(self, name, tamper):
        with self.subTest(name):
            console = self.run_esp(tamper, name, until=(FIRMWARE_REFUSED, KERNEL_STARTED))
            self.check(console, shown=[FIRMWARE_REFUSED], hidden=[KERNEL_STARTED, UP])

    def test_E1_unsigned_uki(self):
        self.check_refused("E1 unsigned", lambda disk, path: disk.esp_write(path, pe.unsigned(disk.esp_read(path))))

    def test_E1_uki_signed_with_a_strangers_key(self):
        def tamper(disk, path):
            disk.esp_write(path, signed(pe.unsigned(disk.esp_read(path)), self.product.keys, "stranger"))

        self.check_refused("E1 stranger", tamper)

    def test_E1_one_bit_of_a_section_changed(self):
        every = list(pe.sections(self.sealed.uki.read_bytes()))
        for name in every if os.environ.get("SEALROOT_VM_ALL") else (".cmdline", ".initrd", ".linux"):
            flip = lambda disk, path, name=name: disk.esp_write(path, pe.flipped(disk.esp_read(path), name))
            self.check_refused(f"E1 {name}", flip)

    def test_E2_unsigned_boot_loader(self):
        unsigned = (self.product.systemd_boot / "usr/lib/systemd/boot/efi/systemd-bootx64.efi").read_bytes()
        self.check_refused("E2", lambda disk, path: disk.esp_write(BOOT_LOADER, unsigned))


class Appended(SecureBootTest):
    """A stub that appends what anybody can set: the firmware is content, the pivot is not."""

    build = "newer-stub"

    def test_C2_second_digest_through_smbios(self):
        value = "io.systemd.stub.kernel-cmdline-extra=composefs=" + "0123456789abcdef" * 8
        console = self.run_esp(smbios=[value])
        self.check(console, shown=["UEFI Secure Boot is enabled", fatal(10, "2 composefs args")], hidden=[UP])

    def test_C2_token_through_smbios(self):
        console = self.run_esp(smbios=["io.systemd.stub.kernel-cmdline-extra=rd.break"])
        self.check(console, shown=[fatal(10, "refused: rd.break")], hidden=[UP])

    def addon(self, command_line):
        stub = (self.product.systemd_boot / "usr/lib/systemd/boot/efi/addonx64.efi.stub").read_bytes()
        return pe.with_section(stub, ".cmdline", command_line.encode())

    def run_addon(self, addon, row):
        def tamper(disk, path):
            disk.esp_folder(f"{path}.extra.d")
            disk.esp_write(f"{path}.extra.d/extra.addon.efi", addon)

        return self.run_esp(tamper, row)

    def test_E3_unsigned_addon_is_dropped(self):
        console = self.run_addon(self.addon("rd.break"), "E3")
        self.check(console, shown=[UP], hidden=["FATAL", "rd[.]break"])

    def test_E4_signed_addon_with_second_digest(self):
        addon = signed(self.addon("composefs=" + "0123456789abcdef" * 8), self.product.keys)
        self.check(self.run_addon(addon, "E4"), shown=[fatal(10, "2 composefs args")], hidden=[UP])

    def test_E5_options_of_a_boot_entry_are_ignored(self):
        def tamper(disk, path):
            moved = "/EFI/planted.efi"  # else the boot loader would list it by itself, too
            disk.esp_write(moved, disk.esp_read(path))
            disk.esp_remove(path)
            entry = f"title planted\nefi {moved}\noptions planted.token init=/bin/sh\n"
            disk.esp_folder("/loader")
            disk.esp_folder("/loader/entries")
            disk.esp_write("/loader/entries/planted.conf", entry.encode())
            disk.esp_write("/loader/loader.conf", b"default planted.conf\ntimeout 0\n")

        self.check(self.run_esp(tamper), shown=[UP], hidden=["FATAL", r"planted\.token"])


if __name__ == "__main__":
    unittest.main()
