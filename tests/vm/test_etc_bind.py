# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A disk built with `--etc bind`: /etc is a plain copy on the root partition."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from demo import UP
from product import Sealed
from sealed_uml import Row, SealedUmlTest


class EtcBind(SealedUmlTest):
    @classmethod
    def use_build(cls):
        """The product of this class, built with its own option."""
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-etc-")
        cls.addClassCleanup(scratch.cleanup)
        out = Path(scratch.name, "out")
        subprocess.run([os.environ["SEALROOT"], "build", f"oci:{cls.product.folder / 'demo'}", "--quiet", "--unsigned",
                        "--etc", "bind", "-o", out], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return Sealed(out)

    def test_etc_is_a_copy_that_can_be_changed(self):
        shown = (UP, "^SEALROOT-CHECK hostname=sealroot-demo$", "^SEALROOT-CHECK mount:/etc=ext4 rw,",
                 "^SEALROOT-CHECK write:/etc=ok$")  # fmt: skip
        self.run_rows([Row("bind", shown=shown, hidden=("FATAL",))])


if __name__ == "__main__":
    unittest.main()
