# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""UEFI firmware with Secure Boot and our keys only: what is signed boots, everything else on the ESP is refused
(rows E and C of the threat list)."""

import lzma
import os
import shutil
import tempfile
import unittest
from pathlib import Path

import firmware
import pe
from demo import DECIDED, DEMO_FILES, UP, fatal, reads
from uefi import BOOT_LOADER, FIRMWARE_REFUSED, KERNEL_STARTED, UefiTest, signed

class Accepted(UefiTest):
    def test_system_signed_with_our_key_boots(self):
        console = self.run_esp(until=(*DECIDED, FIRMWARE_REFUSED))
        self.check(console, shown=["EFI stub: UEFI Secure Boot is enabled", "locked down from EFI Secure Boot",
                                   "sealroot-pivot: root verified sha512:", UP,
                                   *(reads(name, "ok") for name in DEMO_FILES)],
                   hidden=["not sealed", "FATAL"])  # fmt: skip


class Refused(UefiTest):
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

    @unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "150 boots")
    def test_E1_one_bit_anywhere_changed(self):
        """Spread evenly over headers, sections and signature."""
        size, count = self.sealed.uki.stat().st_size, 150

        def flip(disk, path, offset):
            changed = bytearray(disk.esp_read(path))
            changed[offset] ^= 1
            disk.esp_write(path, bytes(changed))

        for offset in (size * number // count for number in range(1, count)):
            self.check_refused(f"E1 byte {offset}", lambda disk, path, offset=offset: flip(disk, path, offset))

    def test_E2_unsigned_boot_loader(self):
        unsigned = (self.product.systemd_boot / "usr/lib/systemd/boot/efi/systemd-bootx64.efi").read_bytes()
        self.check_refused("E2", lambda disk, path: disk.esp_write(BOOT_LOADER, unsigned))


class Appended(UefiTest):
    """A stub that appends what anybody can set: the firmware is content, the pivot is not."""

    build = "newer-stub"

    def test_C2_second_digest_through_smbios(self):
        value = "io.systemd.stub.kernel-cmdline-extra=composefs=" + "0123456789abcdef" * 8
        console = self.run_esp(smbios=[value])
        self.check(console, shown=["UEFI Secure Boot is enabled", fatal(10, "2 composefs args")], hidden=[UP])

    def test_C2_token_through_smbios(self):
        """And the firmware keeps the kernel's log of the refusal, for the system that boots next."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            variables = Path(scratch, "vars.fd")
            shutil.copyfile(self.product.variables, variables)
            console = self.run_esp(smbios=["io.systemd.stub.kernel-cmdline-extra=rd.break"], variables=variables,
                                   keeps_variables=True)  # fmt: skip
            kept = firmware.kept_log(firmware.read(self.product.virt_firmware, variables))
        self.check(console, shown=[fatal(10, "refused: rd.break"), "refused   command line"], hidden=[UP])
        self.assertRegex(kept, fatal(10, "refused: rd.break"))

    def addon(self, command_line):
        stub = (self.product.systemd_boot / "usr/lib/systemd/boot/efi/addonx64.efi.stub").read_bytes()
        return pe.with_section(stub, ".cmdline", command_line.encode())

    def run_beside(self, files, row, tamper=lambda disk: None):
        """Boots with `files` {name: content} in the folder beside the UKI that the stub looks into."""

        def beside(disk, path):
            tamper(disk)
            disk.esp_folder(f"{path}.extra.d")
            for name, content in files.items():
                disk.esp_write(f"{path}.extra.d/{name}", content)

        return self.run_esp(beside, row)

    def attacker(self, disk):
        """A script that is root in the running system, through the writable /etc; see test_online.py."""
        module = next(self.product.kernel.glob("usr/lib/modules/*/kernel/fs/nls/nls_utf8.ko.xz"))
        unsigned = lzma.decompress(module.read_bytes()).partition(b"~Module signature appended~")[0]
        files = {"inittab": b"::sysinit:/usr/lib/sealroot-demo/mounts\n::wait:/etc/attack.sh\n"
                            b"::wait:/usr/lib/sealroot-demo/report\n",
                 "attack.sh": b"#!/bin/sh\n/etc/attack /etc/unsigned.ko\n"
                              b"echo SEALROOT-CHECK handed-on=$(ls -d /.extra /run/credentials* /run/extensions* "
                              b"/etc/systemd 2>/dev/null)\n",
                 "unsigned.ko": unsigned,
                 "attack": Path(os.environ["SEALROOT_VM_ATTACK"]).read_bytes()}  # fmt: skip
        for name, content in files.items():
            disk.plant_in_etc(self.sealed.image_digest, name, content, 0o100755)

    def test_E3_E8_O5_what_lies_beside_the_uki_and_what_root_tries_then(self):
        """An unsigned addon is dropped, credentials and extensions reach nobody; in the running system the kernel takes
        neither another kernel nor a module without signature."""
        console = self.run_beside({"extra.addon.efi": self.addon("rd.break"), "evil.cred": b"systemd.extra-unit.evil",
                                   "evil.sysext.raw": bytes(4096), "evil.confext.raw": bytes(4096)},
                                  "E3", self.attacker)  # fmt: skip
        refused = "(Operation not permitted|Permission denied|Key was rejected by service)"
        attacks = [f"^SEALROOT-CHECK {what}={refused}$" for what in ("kexec", "module", "memory")]
        self.check(console, shown=[UP, *attacks, "^SEALROOT-CHECK handed-on=$"],
                   hidden=["FATAL", "rd[.]break"])  # fmt: skip

    def test_E4_signed_addon_with_second_digest(self):
        addon = signed(self.addon("composefs=" + "0123456789abcdef" * 8), self.product.keys)
        console = self.run_beside({"extra.addon.efi": addon}, "E4")
        self.check(console, shown=[fatal(10, "2 composefs args")], hidden=[UP])


if __name__ == "__main__":
    unittest.main()
