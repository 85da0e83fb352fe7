# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The kernel's digests of a disk that no kernel has written agree with ours, for every object of the demo image."""

import os
import tempfile
import unittest
from pathlib import Path

import cpio
import disk
import product
from harness import BootTest
from machines import UserModeLinux


class Measure(BootTest):
    def test_every_object_measures_as_its_name_says(self):
        sealed = product.load().sealed()
        expected = sealed.record["objects"]["count"] + 1  # and the image
        self.assertGreater(expected, 1000, "the demo image has a kernel with all its modules")
        with tempfile.TemporaryDirectory() as scratch:
            initrd = Path(scratch, "measure.cpio")
            program = Path(os.environ["SEALROOT_VM_MEASURE"]).read_bytes()
            initrd.write_bytes(cpio.archive({"init": (0o755, program)}, ["dev"]))
            number = disk.partitions(sealed.disk)[disk.ROOT].number
            machine = UserModeLinux(product.load().linux, scratch, initrd, [sealed.disk],
                                    f"measured_partition=/dev/ubda{number}")  # fmt: skip
            console = self.boot(machine.machine(), until=["CHECK measure=done"])
        self.check(console, shown=[rf"^SEALROOT-CHECK objects={expected}$"], hidden=["CHECK bad=.*"])


if __name__ == "__main__":
    unittest.main()
