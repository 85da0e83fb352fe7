# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The power is cut while a host is upgraded, rolled back and cleaned up: a machine does all of that once on a disk
whose writes are logged, and the disk is looked at as each power cut could have left it.

By default at every flush, and with some of the writes in flight lost before each second one; with SEALROOT_EXHAUSTIVE
with many more of these."""

import dataclasses
import json
import os
import random
import sys
import tempfile
import time
import unittest
from pathlib import Path

import product
from harness import BootTest
from machines import on_this_system, secure_boot

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from bootable_images import UP, BootableImages  # noqa: E402
from cut_host import STEPS, CutHost  # noqa: E402
from small_host import Images  # noqa: E402

EXHAUSTIVE = bool(os.environ.get("SEALROOT_EXHAUSTIVE"))
RERUNS = 8
SEEDS = 40 if EXHAUSTIVE else 1


# After the power came back: the command that was interrupted, once more.
RERUN = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/sysroot /run/esp
mount -t ext4 /dev/ubda2 /run/sysroot && mount -t vfat /dev/ubda1 /run/esp
echo "SEALROOT-CHECK mounts=$?"
host="--sysroot /run/sysroot --esp /run/esp --proc-cmdline {cmdline}"
sealroot() {{ {sealroot} "$@"; }}
check() {{ name=$1; shift; "$@" >/run/out 2>&1; echo "SEALROOT-CHECK $name=$? $(tail -n 1 /run/out)"; }}
check again {command}
check gc sealroot gc $host
check fsck sealroot fsck /run/sysroot/composefs
echo "SEALROOT-CHECK status=$(sealroot status --json $host | tr -d '\n')"
umount /run/esp /run/sysroot
echo SEALROOT-CHECK end=1
"""


class CutTest(BootTest):
    maxDiff = None
    two_disks = False

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-power-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.product = product.load()
        (cls.folder / "images").mkdir()
        log = cls.logs / f"{cls.__name__}-machine.log"
        cls.host = CutHost(cls.folder, cls.product.kernel, log, cls.make_images(cls.folder / "images"), cls.two_disks)

    def test_P2_machine_did_every_step_without_a_power_cut(self):
        self.check(self.host.console, shown=[f"^SEALROOT-CHECK {step.name}=0 " for step in STEPS])
        self.assertEqual([step.name for step in STEPS], [name for _, name in self.host.ends])

    def test_P2_log_holds_all_that_was_written(self):
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            self.assertEqual([], self.host.differences(Path(scratch)))
        self.assertEqual(list(range(len(self.host.disks))), self.host.log.disks)


class PowerCut(CutTest):
    make_images = Images

    def check_cut(self, cut):
        step = self.host.step_at(cut.position)
        with (
            self.subTest(step=step.name, position=cut.position, cut=cut.name),
            tempfile.TemporaryDirectory(dir=self.folder) as scratch,
        ):
            disk = self.host.disk_after(cut, Path(scratch))
            self.assertEqual([], disk.replay_journal())
            required = self.host.required_at(cut.position)
            self.check_bootable(disk, required, step.allowed)
            if cut.name != "whole":
                self.assertEqual([], disk.repair_esp())
                self.check_bootable(disk, required, step.allowed)
            self.assertEqual([], disk.check_file_system())
            self.assertEqual([], disk.check_repository(Path(scratch)))

    def check_bootable(self, disk, required, allowed):
        """What must be whole is, and what is called a program and is not whole is nothing that firmware starts."""
        whole, findings = disk.prove()
        self.assertEqual([], findings)
        self.assertLessEqual(set(required), whole)
        self.assertLessEqual(whole, set(allowed))

    def test_P2_cut_at_any_flush_leaves_old_or_new_and_both_whole(self):
        started = time.monotonic()
        positions = self.host.log.boundaries()
        for position in positions:
            self.check_cut(self.host.log.whole(position))
        print(f"{len(positions)} flushes, {time.monotonic() - started:.0f} s", flush=True)

    def test_P2_cut_with_writes_lost_since_the_last_flush_leaves_old_or_new_and_both_whole(self):
        started, tried = time.monotonic(), 0
        for position in self.host.log.boundaries()[:: 1 if EXHAUSTIVE else 2]:
            for seed in range(SEEDS if self.host.log.in_flight(position - 1) else 0):
                self.check_cut(self.host.log.lost(position - 1, seed))
                tried += 1
        print(f"{tried} states with lost writes, {time.monotonic() - started:.0f} s", flush=True)

    def test_P2_after_a_cut_the_same_command_completes_on_the_file_systems_as_they_are(self):
        """With a kernel that mounts them: its own replay of the journal, its own measurement of each object."""
        rows = [(position, cut) for position in self.host.log.boundaries()
                for cut in (self.host.log.whole(position), self.host.log.lost(position - 1, 0))
                if self.host.step_at(position).command.startswith("sealroot ")]  # fmt: skip
        random.Random(1).shuffle(rows)
        for position, cut in rows if EXHAUSTIVE else rows[:RERUNS]:
            with (
                self.subTest(step=self.host.step_at(position).name, position=position, cut=cut.name),
                tempfile.TemporaryDirectory(dir=self.folder) as scratch,
            ):
                folder = Path(scratch)
                self.check_rerun(cut, self.host.disk_after(cut, folder), folder)

    def check_rerun(self, cut, disk, scratch):
        step = self.host.step_at(cut.position)
        (scratch / "cmdline").write_text(self.host.signed.replace("DIGEST", self.host.images.digest(step.booted)))
        script = scratch / "script"
        command = step.command.replace("oci:/sources/3", f"oci:{self.host.sources['3']}")
        command = command.replace("oci:/sources/2", f"oci:{self.host.sources['2']}")
        script.write_text(RERUN.format(sealroot=os.environ["SEALROOT"], command=command, cmdline=scratch / "cmdline"))
        script.chmod(0o755)
        machine = on_this_system(self.product.linux, scratch, script, disk.disk.path, keeps_disk=True)
        console = self.boot_once(dataclasses.replace(machine, timeout_seconds=60), ["^SEALROOT-CHECK end=1"], "rerun")
        self.check(console, shown=[f"^SEALROOT-CHECK {name}=0" for name in ("again", "gc", "fsck", "mounts")],
                   hidden=["FAT-fs .* error", "EXT4-fs error"])  # fmt: skip
        status = json.loads(console.value("status"))
        (following,) = (each["version"] for each in status["deployments"] if each["next"])
        whole, findings = disk.prove()
        self.assertEqual(([], [], {following}), (status["problems"], findings, {following} & whole))
        if self.host.is_settled(cut.position):
            versions = {each["version"] for each in status["deployments"]}
            self.assertEqual((step.ends[0], set(step.ends), set(step.ends)), (following, versions, whole))


class PowerCutOfTwoDisks(PowerCut):
    """The ESP on one disk, the root on another: neither's flush makes durable what the other one has in memory."""

    two_disks = True

    def test_P2_cut_when_one_disk_keeps_all_and_the_other_nothing_since_its_last_flush(self):
        started, tried = time.monotonic(), 0
        for position in self.host.log.boundaries():
            for disk in self.host.log.disks:
                if self.host.log.in_flight(position - 1, disk):
                    self.check_cut(self.host.log.lost_on(position - 1, disk))
                    tried += 1
        print(f"{tried} states that only one disk kept, {time.monotonic() - started:.0f} s", flush=True)


@unittest.skipUnless(os.environ.get("SEALROOT_VM_ALL"), "takes some minutes: scripts/test --vm-all")
class Booted(CutTest):
    """A few of the disks in a machine with Secure Boot. What its kernel and firmware make of them counts."""

    @classmethod
    def make_images(cls, folder):
        return BootableImages(folder, cls.product.kernel, cls.product.keys)

    def positions(self):
        """In the middle of the first and the second upgrade's new entry, and of the removal and the rollback."""
        ends = [0, *(at for at, _ in self.host.ends)]
        flushes = self.host.log.boundaries()
        within = [[at for at in flushes if start < at <= end] for start, end in zip(ends, ends[1:])]
        return [each[len(each) // 2] for each in (within[0], within[2], within[3])] + [within[2][-4]]

    def test_P2_disks_after_a_cut_boot_under_secure_boot(self):
        for number, position in enumerate(self.positions()):
            cut = self.host.log.lost(position - 1, 0) if number % 2 else self.host.log.whole(position)
            step = self.host.step_at(cut.position)
            with (
                self.subTest(step=step.name, position=position, cut=cut.name),
                tempfile.TemporaryDirectory(dir=self.folder) as scratch,
            ):
                disk = self.host.disk_after(cut, Path(scratch)).disk
                console = self.boot(secure_boot(self.product.variables, disk.path), [UP, "FATAL"], str(position))
                version = console.value("version")
                self.check(console, shown=["root verified sha512:", UP], hidden=["FATAL"])
                self.assertIn(version, step.allowed)
                print(f"{step.name} cut at {position} ({cut.name}): version {version} is up", flush=True)


class BootedOfTwoDisks(Booted):
    """What two disks kept, put together to one: the pivot looks for the root where the ESP is."""

    two_disks = True


if __name__ == "__main__":
    unittest.main()
