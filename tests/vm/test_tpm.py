# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A TPM beside the firmware: what it measures is what we predict, and it opens the disk to the right system only."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import luks
import product
from demo import DECIDED, UP
from product import FIRMWARE_VARIABLES
from uefi import UefiTest

LOCKED, OPEN, ENROLLED = (f"^SEALROOT-CHECK {text}$" for text in ("disk=locked", "disk=open", "tpm=enrolled"))


class Measured(UefiTest):
    def test_pcr_11_is_what_was_predicted(self):
        """Printed by a script in the writable /etc; see test_online.py."""
        script = b'#!/bin/sh\necho "SEALROOT-CHECK pcr-11=$(cat /sys/class/tpm/tpm0/pcr-sha256/11)"\n'

        def tamper(disk, _):
            disk.plant_in_etc(self.sealed.image_digest, "inittab", b"::sysinit:/usr/lib/sealroot-demo/mounts\n"
                              b"::wait:/etc/print\n::wait:/usr/lib/sealroot-demo/report\n")  # fmt: skip
            disk.plant_in_etc(self.sealed.image_digest, "print", script, 0o100755)

        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as tpm:
            console = self.run_esp(tamper, tpm=tpm)
        text = subprocess.run([os.environ["SEALROOT"], "inspect", "--json", self.sealed.uki], check=True,
                              capture_output=True, text=True).stdout  # fmt: skip
        predicted = json.loads(text)["pcr11_sha256"]["stub"].upper()
        self.check(console, shown=[UP, f"^SEALROOT-CHECK pcr-11={predicted}$"])


@unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "six boots")
@unittest.skipUnless(luks.AVAILABLE, "needs systemd 252 with its TPM programs, and cryptsetup")
class Luks(UefiTest):
    """The root partition on a LUKS2 disk of its own, opened by systemd-cryptsetup in an initramfs of the user's own.
    The first boot binds it to PCR 7 and 12 as they are and to PCR 11 as the PCR key signs it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-luks-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        (cls.scratch / "initrd").write_bytes(luks.initramfs(cls.product.kernel))
        product.run("openssl", "genrsa", "-out", cls.scratch / "pcr.key", "2048", stderr=subprocess.DEVNULL)
        cls.right = cls.seal("right", "--pcr-private-key", cls.scratch / "pcr.key", "--phases", "enter-initrd")
        # As good to the firmware, but nobody with the PCR key has seen it.
        cls.wrong = cls.seal("wrong", "--image-version", "2.0")
        cls.fresh = cls.scratch / "fresh.luks"
        luks.encrypt_root(cls.right.disk, cls.fresh)
        cls.disk, cls.tpm = cls.scratch / "disk.luks", cls.scratch / "tpm"
        cls.tpm.mkdir()

    @classmethod
    def seal(cls, name, *options):
        out = cls.scratch / name
        product.run(os.environ["SEALROOT"], "build", f"oci:{cls.product.folder / 'demo'}", "--quiet", "--initrd",
                    cls.scratch / "initrd", "--cmdline", product.COMMAND_LINE, "--on-failure", "poweroff", "--key",
                    cls.product.keys / "db.key", "--cert", cls.product.keys / "db.crt", "-o", out, *options,
                    stdout=subprocess.DEVNULL)  # fmt: skip
        return product.Sealed(out)

    def run_luks(self, row, sealed, disk, tpm, **options):
        self.sealed = sealed
        return self.run_esp(row=row, until=(*DECIDED, LOCKED), data_disk=disk, tpm=tpm, **options)

    def test_disk_opens_to_the_signed_system_on_its_own_machine_only(self):
        shutil.copyfile(self.fresh, self.disk)
        verified = f"root verified sha512:{self.right.image_digest}"
        console = self.run_luks("first boot", self.right, self.disk, self.tpm)
        self.check(console, shown=[ENROLLED, OPEN, verified, UP])
        console = self.run_luks("right system", self.right, self.disk, self.tpm)
        self.check(console, shown=[OPEN, verified, UP], hidden=[ENROLLED])
        other = self.scratch / "other-tpm"
        other.mkdir()
        plain = self.scratch / "plain"
        plain.write_bytes(bytes(64 << 20))
        for row, sealed, disk, tpm, variables in (
            ("UKI without a PCR signature", self.wrong, self.disk, self.tpm, None),
            ("Secure Boot off", self.right, self.disk, self.tpm, FIRMWARE_VARIABLES),
            ("disk in another machine", self.right, self.disk, other, None),
            ("disk that is not encrypted", self.right, plain, self.tpm, None),
        ):
            with self.subTest(row):
                console = self.run_luks(row, sealed, disk, tpm, variables=variables)
                self.check(console, shown=[LOCKED], hidden=[OPEN, ENROLLED, UP])


if __name__ == "__main__":
    unittest.main()
