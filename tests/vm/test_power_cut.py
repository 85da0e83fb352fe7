# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The power is cut while a host is upgraded, rolled back and cleaned up: a machine does all of that once on a disk
whose writes are logged, and the disk is looked at as each power cut could have left it.

By default at every flush, with some sectors lost at each second one; with SEALROOT_EXHAUSTIVE with more of them."""

import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

import product
from harness import BootTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from cut_host import STEPS, CutHost  # noqa: E402

EXHAUSTIVE = bool(os.environ.get("SEALROOT_EXHAUSTIVE"))
SEEDS = 40 if EXHAUSTIVE else 1


class PowerCut(BootTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-power-", dir=place)
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.host = CutHost(cls.folder, product.load().kernel, cls.logs / "power-cut-machine.log")

    def check_cut(self, cut):
        step = self.host.step_at(cut.position)
        with (
            self.subTest(step=step.name, position=cut.position, cut=cut.name),
            tempfile.TemporaryDirectory(dir=self.folder) as scratch,
        ):
            disk = self.host.disk_after(cut, Path(scratch, "disk.raw"))
            self.assertEqual([], disk.replay_journal())
            whole, findings = disk.prove()
            self.assertEqual([], findings)
            self.assertLessEqual(set(step.required), whole)
            self.assertLessEqual(whole, set(step.allowed))
            self.assertEqual([], disk.check_file_system())
            self.assertEqual([], disk.check_repository(Path(scratch)))

    def test_P2_machine_did_every_step_without_a_power_cut(self):
        self.check(self.host.console, shown=[f"^SEALROOT-CHECK {step.name}=0 " for step in STEPS])
        self.assertEqual([step.name for step in STEPS], [name for _, name in self.host.ends])

    def test_P2_cut_at_any_flush_leaves_old_or_new_and_both_whole(self):
        started = time.monotonic()
        positions = self.host.log.boundaries()
        for position in positions:
            self.check_cut(self.host.log.whole(position))
        print(f"{len(positions)} flushes, {time.monotonic() - started:.0f} s", flush=True)

    def test_P2_cut_with_writes_lost_since_the_last_flush_leaves_old_or_new_and_both_whole(self):
        started, tried = time.monotonic(), 0
        for position in self.host.log.boundaries():
            for seed in range(SEEDS if self.host.log.in_flight(position - 1) else 0):
                self.check_cut(self.host.log.lost(position - 1, seed))
                tried += 1
        print(f"{tried} states with lost writes, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
