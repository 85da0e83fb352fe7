# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Power that goes away while a machine boots (row P3 of the threat list): the next boot works, whatever was being done.

What the guest had written stays on its disk, as after a real cut; what it had not, is lost.
"""

import os
import tempfile
import unittest
from pathlib import Path

from demo import DECIDED, UP
from disk import Disk
from harness import cut_power
from machines import secure_boot
from sealed_uml import Row, SealedUmlTest
from uefi import UefiTest

ALL = bool(os.environ.get("SEALROOT_VM_ALL"))
WRITES = ("^SEALROOT-CHECK write:/etc=ok$", "^SEALROOT-CHECK write:/var=ok$")


class CutBoot(SealedUmlTest):
    def test_P3_boot_after_a_power_cut_at_any_time_of_the_boots_before(self):
        """Each disk loses power twice: in its first boot, which makes the state directories, and in a later one."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            whole_seconds = self.boot(self.prepare(Row("P3"), Path(scratch)), [UP], "whole").seconds
        cuts = 100 if ALL else 8
        for cut in range(cuts):
            after_seconds = whole_seconds * (cut + 1) / cuts
            with self.subTest(cut=cut), tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
                machine = self.prepare(Row("P3"), Path(scratch))
                for time in ("first", "second"):
                    cut_power(machine, after_seconds)
                    console = self.boot_once(machine, DECIDED, f"{cut}-{time}")
                    self.check(console, shown=(UP, *WRITES), hidden=("FATAL",))


class CutCountedBoot(UefiTest):
    """With firmware and the boot loader, which renames the entry of a counted boot on the ESP."""

    MILESTONES = ("BdsDxe: starting", "EFI stub:", "Linux version", "root verified")

    @unittest.skipUnless(ALL, "five boots")
    def test_P3_power_cut_at_each_milestone_of_a_counted_boot(self):
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            disk = Disk(self.sealed.disk, Path(scratch, "disk.raw"))
            (uki,) = (path for path in disk.esp_files() if path.startswith("/EFI/Linux/"))
            disk.esp_write("/EFI/Linux/counted+9-0.efi", disk.esp_read(uki))
            disk.esp_remove(uki)
            machine = secure_boot(self.product.variables, disk.path, keeps_disk=True)
            for milestone in self.MILESTONES:
                cut_power(machine, machine.timeout_seconds, milestone)
            console = self.boot_once(machine, DECIDED, "after")
        self.check(console, shown=(UP,), hidden=("FATAL", "not sealed"))


if __name__ == "__main__":
    unittest.main()
