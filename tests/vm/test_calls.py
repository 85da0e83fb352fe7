# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""How much the pivot asks of the kernel, counted by a tracer: the figures are printed."""

import os
import tempfile
import unittest
from pathlib import Path

from sealed_uml import Row, SealedUmlTest


class Calls(SealedUmlTest):
    def files_over(self):
        files = {"init": Path(os.environ["SEALROOT_VM_COUNT_CALLS"]), "pivot": Path(os.environ["SEALROOT_PIVOT"])}
        return {name: (0o755, path.read_bytes()) for name, path in files.items()}

    def test_a_boot_takes_at_most_80_system_calls(self):
        """Without the modules, which user-mode Linux has built in: three for each."""
        for state in (("etc=overlay", "var=bind"), ("etc=transient", "var=transient"), ("etc=none", "var=none")):
            with self.subTest(state), tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
                row = Row(" ".join(state), config=state)
                console = self.boot(self.prepare(row, Path(scratch)), ["SEALROOT-CHECK count="], row.name)
                self.check(console, shown=["^SEALROOT-CHECK count=done$", "root verified sha512:"])
                count = int(console.value("system-calls"))
                print(f"{' '.join(state)}: {count} system calls, {os.stat(os.environ['SEALROOT_PIVOT']).st_size} bytes")
                self.assertLessEqual(count, 80)


if __name__ == "__main__":
    unittest.main()
