# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The sealed files on file systems that cannot hold fs-verity: the image is there, right to the last byte, and refused
(row R17 of the threat list)."""

import dataclasses
import os
import shutil
import tempfile
import unittest
from pathlib import Path

import cpio
from demo import SHELL, UP, fatal
from machines import UserModeLinux
from product import script
from sealed_uml import Row, SealedUmlTest, refused

# The first program of an initramfs that mounts the root partition itself and calls the pivot, as dracut's does.
SCRIPT = """#!/bin/busybox sh
export PATH=/bin
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev 2>/dev/null
{mount}
/pivot --sysroot /sysroot
busybox echo "SEALROOT-CHECK code=$?"
busybox echo "SEALROOT-CHECK left=$(busybox grep -c ' /sysroot ' /proc/mounts)"
busybox poweroff -f
"""


class FileSystems(SealedUmlTest):
    def test_R17_ext4_without_verity(self):
        copy = lambda disk: disk.copy_root(self.sealed.folder / "composefs", "^verity")
        self.run_rows([refused("R17 ext4", copy, 12, "not supported by the file system")])

    def test_R17_partition_that_the_pivot_does_not_mount(self):
        self.run_rows([refused("R17 vfat", lambda disk: disk.reformat_root("mkfs.vfat", "-F", "32"), 11)])

    def run_mounted(self, name, mount):
        """Boots an initramfs whose script mounts something on /sysroot with `mount`; the image is in it as `sealed`."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as folder:
            scratch, initrd = Path(folder), Path(folder, "initrd")
            machine = UserModeLinux(self.product.linux, scratch, initrd, tokens=self.digest_token)
            image = (self.sealed.folder / "composefs" / self.image.removeprefix("/composefs/")).read_bytes()
            content = {"init": (0o755, SCRIPT.format(mount=mount).encode()), "sealed": (0o644, image),
                       "bin/busybox": (0o755, Path(shutil.which("busybox")).read_bytes()),
                       "pivot": (0o755, Path(os.environ["SEALROOT_PIVOT"]).read_bytes()),
                       "sealroot.conf": (0o644, self.config_for(machine, Row(name)).encode())}  # fmt: skip
            initrd.write_bytes(cpio.archive(content, ("bin", "dev", "proc", "sys", "sysroot")))
            return self.boot(machine.machine(), ["SEALROOT-CHECK left=", "Kernel panic"], name)

    def check_refused(self, name, mount):
        place = f"/sysroot{self.image}"
        copy = f"busybox mkdir -p {place.rpartition('/')[0]} && busybox cp /sealed {place}"
        with self.subTest(name):
            console = self.run_mounted(name, f"{mount} && {copy}")
            self.check(console, shown=[fatal(12, "not supported by the file system"), "^SEALROOT-CHECK code=12$",
                                       "^SEALROOT-CHECK left=0$", "refused   image"], hidden=[UP, SHELL])  # fmt: skip

    def test_R17_file_systems_that_another_initramfs_mounts(self):
        self.check_refused("R17 tmpfs", "busybox mount -t tmpfs tmpfs /sysroot")
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as folder:
            self.check_refused("R17 hostfs", f"busybox mount -t hostfs -o {folder} none /sysroot")


@unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "builds a kernel")
class KernelWithoutVerity(SealedUmlTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.product = dataclasses.replace(cls.product, linux=Path(script("build-uml", "--without", "FS_VERITY")))

    def test_C8_kernel_without_fs_verity_refuses_instead_of_doing_without(self):
        row = refused("C8", None, 12)
        self.run_rows([dataclasses.replace(row, shown=(*row.shown, "CONFIG_FS_VERITY"))])


if __name__ == "__main__":
    unittest.main()
