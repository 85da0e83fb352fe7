# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Boot menu, boot entries and firmware variables in the hands of somebody else (rows C1, E5 to E10, R11 and O3 of the
threat list)."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import firmware
import pe
from demo import DECIDED, UP, fatal
from product import FIRMWARE_VARIABLES
from uefi import BOOT_LOADER, FIRMWARE_REFUSED, KERNEL_STARTED, UefiTest, signed

REPORTED = "^SEALROOT-CHECK report="


class Menu(UefiTest):
    """An entry of the boot menu that somebody planted, with arguments of his own and more typed into the editor."""

    @staticmethod
    def plant(disk, path):
        moved = "/EFI/planted.efi"  # else the boot loader would list it by itself, too
        disk.esp_write(moved, disk.esp_read(path))
        disk.esp_remove(path)
        entry = f"title planted\nefi {moved}\noptions console=ttyS0 planted.token init=/bin/sh\n"
        disk.esp_folder("/loader")
        disk.esp_folder("/loader/entries")
        disk.esp_write("/loader/entries/planted.conf", entry.encode())
        disk.esp_write("/loader/loader.conf", b"default planted.conf\ntimeout 30\neditor yes\n")

    TYPED = (("planted", b"e"), (r"planted\.token", b"typed.token \r"))

    def test_E5_E9_C1_edited_entry_changes_nothing_under_secure_boot(self):
        console = self.run_esp(self.plant, typed=self.TYPED)
        self.check(console, shown=["UEFI Secure Boot is enabled", UP, "^SEALROOT-CHECK cmdline=(?!.*token)"],
                   hidden=["FATAL", "not sealed"])  # fmt: skip

    def test_C1_edited_entry_without_secure_boot_is_refused(self):
        """The line replaces the signed one; the pivot compares all of it."""
        console = self.run_esp(self.plant, typed=self.TYPED, variables=FIRMWARE_VARIABLES)
        self.check(console, shown=[fatal(10), "refused   command line"], hidden=[UP, "Secure Boot is enabled"])


class Entries(UefiTest):
    """More than one entry, and some of them broken."""

    def other_uki(self, scratch):
        """A later version of the system whose image is not on the disk; it restarts when it is refused."""
        out = Path(scratch, "out")
        subprocess.run([os.environ["SEALROOT"], "build", f"oci:{self.product.folder / 'demo'}", "--quiet", "--no-disk",
                        "--digest", "sha256", "--image-version", "2.0", "--cmdline", "console=ttyS0 panic=-1", "--key",
                        self.product.keys / "db.key", "--cert", self.product.keys / "db.crt", "-o", out],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return (out / json.loads((out / "build.json").read_text())["uki"]["file"]).read_bytes()

    def test_R11_E7_E10_what_cannot_boot_falls_back_to_the_entry_before(self):
        """The newest entry is cut short, the next has no image and is counted down; then an older version boots, which
        nobody revoked."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            later = self.other_uki(scratch)

            def tamper(disk, path):
                disk.esp_write("/EFI/Linux/sealroot-demo_3.0.efi", later[:4000])
                disk.esp_write("/EFI/Linux/sealroot-demo_2.0+1.efi", later)

            console = self.run_esp(tamper, until=[REPORTED], restarts=True)
        self.check(console, shown=[fatal(11, "image missing"), "found     no such file", "Restarting in 10 seconds",
                                   UP, f"root verified sha512:{self.sealed.image_digest}"])  # fmt: skip

    def test_E10_destroyed_ESP_boots_nothing_and_says_so(self):
        def tamper(disk, _):
            disk.overwrite_esp(0, bytes(1 << 20))  # boot sector and both FATs

        console = self.run_esp(tamper, until=["No bootable option|Not Found", KERNEL_STARTED])
        self.check(console, shown=["No bootable option|Not Found"], hidden=[KERNEL_STARTED])

    def test_O3_unsigned_program_that_goes_first_is_refused_and_the_system_boots(self):
        """Root of the running system can write to the ESP and to the boot variables."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            variables = Path(scratch, "vars.fd")
            firmware.changed(self.product.virt_firmware, self.product.variables, variables, [firmware.boot_next(0)],
                             "--append-boot-filepath", r"\EFI\own.efi")  # fmt: skip
            plant = lambda disk, path: disk.esp_write("/EFI/own.efi", pe.unsigned(disk.esp_read(path)))
            console = self.run_esp(plant, until=[REPORTED], variables=variables)
        self.check(console, shown=[FIRMWARE_REFUSED, UP], hidden=["not sealed"])


class FirmwareKeys(UefiTest):
    """What the keys in db and dbx let through."""

    def variables(self, scratch, variables, *options):
        out = Path(scratch, "vars.fd")
        firmware.changed(self.product.virt_firmware, self.product.variables, out, variables, *options)
        return out

    def test_E7_revoked_uki_is_refused(self):
        uki = self.sealed.uki.read_bytes()
        self.assertEqual(self.sealed.record["uki"]["authenticode"], pe.authenticode(uki).hex())
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            console = self.run_esp(until=(FIRMWARE_REFUSED, KERNEL_STARTED),
                                   variables=self.variables(scratch, [firmware.revoked(uki)]))  # fmt: skip
        self.check(console, shown=[FIRMWARE_REFUSED], hidden=[KERNEL_STARTED, UP])

    def bare_kernel(self, disk, path):
        """A kernel signed by a vendor, with an initramfs that nobody signed."""
        kernel = signed(pe.section(disk.esp_read(path), ".linux"), self.product.keys, "stranger")
        disk.esp_write("/vmlinuz", kernel)
        disk.esp_write("/initrd", b"not signed by anybody")
        disk.esp_remove(path)
        disk.esp_folder("/loader/entries")
        entry = b"title vendor\nlinux /vmlinuz\ninitrd /initrd\noptions console=ttyS0 panic=-1\n"
        disk.esp_write("/loader/entries/vendor.conf", entry)

    def test_E6_vendors_kernel_is_refused_where_only_our_key_is_in_db(self):
        console = self.run_esp(self.bare_kernel, until=(FIRMWARE_REFUSED, KERNEL_STARTED))
        self.check(console, shown=[FIRMWARE_REFUSED], hidden=[KERNEL_STARTED])

    @unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "the control of the row above")
    def test_E6_vendors_kernel_boots_any_initramfs_where_his_key_is_in_db(self):
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            variables = self.variables(scratch, [], "--add-db", firmware.OWNER, self.product.keys / "stranger.crt")
            console = self.run_esp(self.bare_kernel, until=("Kernel panic", FIRMWARE_REFUSED), variables=variables)
        self.check(console, shown=["Linux version", "Kernel panic"], hidden=[FIRMWARE_REFUSED])

    def doctor(self, variables):
        """Findings of `sealroot doctor` about db, on a host whose firmware has these variables."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            content = firmware.read(self.product.virt_firmware, variables)
            Path(scratch, "db").write_bytes(b"\x27\0\0\0" + content["db"])
            script = f"""mount -t tmpfs tmpfs /sys/firmware && mkdir -p /sys/firmware/efi/efivars &&
            cp {scratch}/db /sys/firmware/efi/efivars/db-{firmware.DATABASE} && "$SEALROOT" doctor --json"""
            done = subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-euc", script], capture_output=True,
                                  text=True, check=False)  # fmt: skip
            self.assertTrue(done.stdout, done.stderr)
            return [check for check in json.loads(done.stdout)["checks"] if check["name"] == "db"]

    def test_E6_doctor_names_the_keys_of_vendors(self):
        own = self.doctor(self.product.variables)
        self.assertEqual(["ok"], [check["status"] for check in own])
        vendors = self.doctor("/usr/share/OVMF/OVMF_VARS_4M.ms.fd")
        self.assertEqual({"warn"}, {check["status"] for check in vendors})
        self.assertIn("db contains vendor keys", vendors[0]["advice"])


if __name__ == "__main__":
    unittest.main()
