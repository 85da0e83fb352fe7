# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Unit tests that need a file system with fs-verity, which many a build machine has none of: on ext4, under the kernel
of user-mode Linux."""

import os
import tempfile
import unittest
from pathlib import Path

import product
from disk import Disk
from harness import BootTest
from machines import on_this_system

SCRIPT = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/disk
mount -t ext4 /dev/ubda2 /run/disk
mkdir /run/disk/tmp
TMPDIR=/run/disk/tmp {program} '{tests}' >/run/out 2>&1
echo "SEALROOT-CHECK tests=$?"
cat /run/out
echo SEALROOT-CHECK end=1
"""


class Unit(BootTest):
    def run_unit_tests(self, program, *tests):
        built = product.load()
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as folder:
            scratch = Path(folder)
            disk, script = Disk(built.sealed().disk, scratch / "disk.raw"), scratch / "script"
            path = Path(os.environ["SEALROOT_BUILD"], "bin", program)
            script.write_text(SCRIPT.format(program=path, tests=",".join(tests)))
            script.chmod(0o755)
            machine = on_this_system(built.linux, scratch, script, disk.path)
            console = self.boot(machine, ["^SEALROOT-CHECK end=1"], program)
        self.check(console, shown=["^SEALROOT-CHECK tests=0", rf"in {len(tests)} test cases?\)"], hidden=["skipped"])

    def test_P6_sealing_waits_for_a_writer_and_the_kernel_measures_what_was_computed(self):
        self.run_unit_tests("unit_verity", "P6_sealing waits for a writer that is about to let go",
                            "the kernel measures the digest that was computed")  # fmt: skip

    def test_O1_stored_objects_are_sealed(self):
        self.run_unit_tests("unit_store", "O1_an object is sealed where the file system can*",
                            "an object that was not sealed yet is sealed when it is stored again")  # fmt: skip


if __name__ == "__main__":
    unittest.main()
