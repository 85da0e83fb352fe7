# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Base of the tests on UEFI firmware: copies of a sealed disk whose ESP somebody changed, and what firmware says."""

import subprocess
import tempfile
from pathlib import Path

import product
from demo import DECIDED
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


class UefiTest(BootTest):
    build = "sealed"

    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.sealed = cls.product.sealed(cls.build)

    def run_esp(self, tamper=None, row="", until=DECIDED, variables=None, **machine):
        """Boots a copy of the sealed disk after `tamper(disk, path of the UKI on the ESP)`; `machine` are arguments of
        machines.secure_boot()."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            disk = Disk(self.sealed.disk, Path(scratch, "disk.raw"))
            if tamper:
                tamper(disk, next(path for path in disk.esp_files() if path.startswith("/EFI/Linux/")))
            return self.boot(secure_boot(variables or self.product.variables, disk.path, **machine), until, row)
