# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The distribution's kernel with its real modules and the signed initramfs as it is, started without firmware."""

import os
import tempfile
import unittest
from pathlib import Path

import pe
import product
from demo import DECIDED, UP, demo_object, fatal, reads
from disk import Disk
from fsverity import object_path
from harness import BootTest
from machines import direct


# What the program says that the tests plant as /sbin/init on the bare root partition.
FORGED_INIT = "^SEALROOT-CHECK measure=done"


class Direct(BootTest):
    def run_disk(self, tamper, append="", nvme=False):
        """Boots a copy of the sealed disk after `tamper`; `append` goes to the end of the signed command line."""
        sealed = product.load().sealed()
        uki = sealed.uki.read_bytes()
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            kernel, initrd = Path(scratch, "vmlinuz"), Path(scratch, "initrd")
            kernel.write_bytes(pe.section(uki, ".linux"))
            initrd.write_bytes(pe.section(uki, ".initrd"))
            line = pe.section(uki, ".cmdline").rstrip(b"\0").decode() + append
            disk = Disk(sealed.disk, Path(scratch, "disk.raw"))
            tamper(disk)
            return self.boot(direct(kernel, initrd, line, disk.path, nvme), (*DECIDED, FORGED_INIT))

    def test_sealed_system_boots_with_the_modules_of_its_kernel(self):
        console = self.run_disk(lambda disk: None)
        self.check(console, shown=["sealroot-pivot: root verified sha512:", "not sealed: Secure Boot off", UP,
                                   reads("intact", "ok")])  # fmt: skip

    def test_tampered_files_fail_with_the_texts_of_the_kernel(self):
        def tamper(disk):
            disk.flip_bit(demo_object("flipped"), 0)
            disk.exchange(demo_object("replaced"), demo_object("donor"))
            disk.remove(demo_object("removed"))
            disk.write(demo_object("unsealed"), disk.read(demo_object("unsealed")))

        error = "Input/output error"
        self.check(self.run_disk(tamper), shown=[
            UP, reads("intact", "ok"), r"fs-verity \(vda\d+, inode \d+\): FILE CORRUPTED! pos=0",
            "has the wrong fs-verity digest", "has no fs-verity digest", "lazy lowerdata lookup failed",
            *(reads(name, error) for name in ("flipped", "replaced", "donor", "unsealed")),
        ])  # fmt: skip

    def test_replaced_image_is_refused(self):
        image = object_path(product.load().sealed().image_digest)
        console = self.run_disk(lambda disk: disk.exchange(image, demo_object("tree")))
        self.check(console, shown=[fatal(13, "digest mismatch")], hidden=[UP])

    def test_C5_appended_rdinit_does_not_lead_past_the_initramfs(self):
        """A kernel that finds no `rdinit=` program mounts `root=` itself and runs what it finds there, unverified; the
        drivers for that are built in. Only a signed line that ends its kernel part with `--` stops this."""

        def tamper(disk):
            program = Path(os.environ["SEALROOT_VM_MEASURE"]).read_bytes()
            disk.folder("/sbin")
            disk.folder("/dev")
            disk.write("/sbin/init", program, mode=0o100755)

        console = self.run_disk(tamper, " rdinit=/nowhere root=/dev/nvme0n1p2 rootwait", nvme=True)
        self.check(console, shown=[fatal(10)], hidden=[FORGED_INIT, UP])


if __name__ == "__main__":
    unittest.main()
