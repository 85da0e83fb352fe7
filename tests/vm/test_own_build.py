# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Systems built with other options than the usual product, booted once each."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import cpio
from demo import UP, demo_object, reads
from product import Sealed
from sealed_uml import Row, SealedUmlTest, refused

KNOWN = "^SEALROOT-CHECK hostname=sealroot-demo$"


class OwnBuild(SealedUmlTest):
    """Builds the demo image with `options`, which may put files they name into `scratch`."""

    @classmethod
    def options(cls, scratch):
        raise NotImplementedError

    @classmethod
    def use_build(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-own-")
        cls.addClassCleanup(scratch.cleanup)
        out = Path(scratch.name, "out")
        subprocess.run([os.environ["SEALROOT"], "build", f"oci:{cls.product.folder / 'demo'}", "--quiet", "--unsigned",
                        "-o", out, *cls.options(Path(scratch.name))],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return Sealed(out)


class EtcBind(OwnBuild):
    @classmethod
    def options(cls, scratch):
        return ["--etc", "bind"]

    def test_etc_is_a_copy_that_can_be_changed(self):
        shown = (UP, KNOWN, "^SEALROOT-CHECK mount:/etc=ext4 rw,", "^SEALROOT-CHECK write:/etc=ok$")
        self.run_rows([Row("bind", shown=shown, hidden=("FATAL",))])


class Unsealed(OwnBuild):
    """Built for file systems without fs-verity: it boots from one, and says on every console what it is not."""

    SAYS = (UP, "sealroot-pivot: UNSEALED: built without fs-verity", "sealroot-pivot: root UNSEALED sha512:", KNOWN)

    @classmethod
    def options(cls, scratch):
        return ["--unsealed"]

    def without_verity(self, disk):
        disk.copy_root(self.sealed.folder / "composefs", "^verity")

    def forged(self, disk):
        self.without_verity(disk)
        disk.write(demo_object("replaced"), b"forged\n" * 1000)

    def test_it_boots_without_verity_and_nothing_is_verified(self):
        other = lambda disk: disk.exchange(self.image, demo_object("tree"))
        self.run_rows([
            Row("ext4 without verity", self.without_verity, shown=self.SAYS, hidden=("FATAL", "verity=require")),
            Row("forged file", self.forged, shown=(*self.SAYS, reads("replaced", "ok")), hidden=("FATAL",)),
            refused("another image with verity", other, 13),
            refused("token", None, 10, tokens="{digest} rd.break"),
        ])  # fmt: skip

    def test_inspect_and_doctor_and_verify_name_it(self):
        def output(*arguments):
            return subprocess.run([os.environ["SEALROOT"], *arguments], capture_output=True, text=True, check=False)

        record = json.loads(output("inspect", "--json", self.sealed.uki).stdout)
        self.assertFalse(record["sealed"])
        self.assertIn("UNSEALED", record["not_sealed_because"])
        self.assertTrue(record["initramfs"]["sealed_config"]["unsealed"])
        self.assertTrue(self.sealed.record["options"]["unsealed"])
        self.assertRegex(output("doctor", self.sealed.disk).stdout, "(?m)^warn.*seal.*UNSEALED")


class StillSealed(SealedUmlTest):
    """A sealed system does not become an unsealed one; that no token does it is in test_command_line.py."""

    def test_C4_nothing_on_the_disk_makes_it_unsealed(self):
        def tamper(disk):
            disk.copy_root(self.sealed.folder / "composefs", "^verity")
            for path in ("/sealroot.conf", "/composefs/sealroot.conf"):
                disk.write(path, self.config.encode() + b"unsealed=yes\n")

        self.run_rows([refused("C4 planted config", tamper, 12)])


class OwnInitrd(OwnBuild):
    @classmethod
    def options(cls, scratch):
        """An initramfs of the user's own: the pivot, no modules, and a file to know it by."""
        files = {"init": (0o755, Path(os.environ["SEALROOT_PIVOT"]).read_bytes()), "modules.load": (0o644, b""),
                 "whose": (0o644, b"mine")}  # fmt: skip
        folders = ("dev", "proc", "run", "sys", "sysroot")
        (scratch / "initrd").write_bytes(cpio.archive(files, folders))
        return ["--initrd", scratch / "initrd"]

    def test_initramfs_of_the_users_own_boots_the_sealed_root(self):
        self.assertEqual(b"mine", cpio.last_file(self.initrd, "whose"))
        self.run_rows([Row("initrd", shown=(UP, KNOWN, "sealroot-pivot: root verified sha512:"), hidden=("FATAL",))])


if __name__ == "__main__":
    unittest.main()
