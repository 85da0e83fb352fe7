# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Systems built with other options than the usual product, booted once each."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import cpio
from demo import UP
from product import Sealed
from sealed_uml import Row, SealedUmlTest

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
