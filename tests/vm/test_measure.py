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
    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.sealed = cls.product.sealed()

    def measure(self, image, scratch):
        """Every object of the sealed disk `image`, measured and read block by block by the kernel."""
        initrd = Path(scratch, "measure.cpio")
        program = Path(os.environ["SEALROOT_VM_MEASURE"]).read_bytes()
        initrd.write_bytes(cpio.archive({"init": (0o755, program)}, ["dev"]))
        number = disk.partitions(image)[disk.ROOT].number
        machine = UserModeLinux(self.product.linux, scratch, initrd, [image],
                                f"measured_partition=/dev/ubda{number}")  # fmt: skip
        return self.boot(machine.machine(timeout_seconds=60), until=["CHECK measure=done"])

    def test_every_object_measures_as_its_name_says(self):
        expected = self.sealed.record["objects"]["count"] + 1  # and the image
        self.assertGreater(expected, 1000, "the demo image has a kernel with all its modules")
        with tempfile.TemporaryDirectory() as scratch:
            console = self.measure(self.sealed.disk, scratch)
        self.check(console, shown=[rf"^SEALROOT-CHECK objects={expected}$", "^SEALROOT-CHECK unreadable=0$"],
                   hidden=["CHECK bad=.*"])  # fmt: skip

    def test_R1_block_with_a_flipped_bit_is_unreadable_each_by_itself(self):
        wanted = 2048 if os.environ.get("SEALROOT_VM_ALL") else 64
        with tempfile.TemporaryDirectory() as scratch:
            copy = disk.Disk(self.sealed.disk, Path(scratch, "disk.raw"))
            objects = self.sealed.folder / "composefs/objects"
            flipped = 0
            for path in sorted(objects.glob("??/*"), key=lambda each: (-each.stat().st_size, each)):
                name = f"/composefs/objects/{path.parent.name}/{path.name}"
                offsets = range(0, path.stat().st_size, disk.fsverity.BLOCK)[1 : 1 + wanted - flipped : 2]
                copy.flip_bits(name, [offset + (number * 131) % 4000 for number, offset in enumerate(offsets)])
                flipped += len(offsets)
                if flipped >= wanted:
                    break
            console = self.measure(copy.path, scratch)
        self.check(console, shown=[f"^SEALROOT-CHECK unreadable={flipped}$"])
        print(f"blocks with a flipped bit: {flipped}, read all the same: 0")


if __name__ == "__main__":
    unittest.main()
