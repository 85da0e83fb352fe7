#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""sealroot killed before each of its system calls, or told that one of them failed: what is on the disk afterwards is
a repository that fsck has nothing to say about, and the same command run again does what it would have done.

Kills at calls that change a file system, and errors, are tried at each one. Kills at the other calls, which leave the
same state as the kill before, are sampled unless SEALROOT_EXHAUSTIVE is set."""

import errno
import json
import os
import re
import shutil
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "integration")]
from fault_runner import SAMPLES, FaultRunner, sealroot, tree_of  # noqa: E402
from small_image import base_entries, tar_bytes, write_image  # noqa: E402

# Without fs-verity, and with a file left over, the work is done all the same.
HARMLESS = ("ioctl", "unlinkat", "unlink", "rmdir")
BOOT_FILES = Path("/usr/lib/systemd/boot/efi")

def write_inputs(folder):
    """Two small systems that share files: one as a tar, the other, which is changed a little, as a container image.
    Any program of UEFI will do for a kernel that is never booted."""
    kernel = next(BOOT_FILES.glob("systemd-boot*.efi")).read_bytes()
    common = [("usr/lib/modules", None), ("usr/lib/modules/1", None), ("usr/lib/modules/1/vmlinuz", kernel)]
    common += [(f"usr/lib/file{i}", bytes([i]) * (100 + i)) for i in range(3)]
    common += [("usr/lib/large", b"x" * 1500000)]
    (folder / "first.tar").write_bytes(tar_bytes([*base_entries(), *common]))
    write_image(folder / "second", [tar_bytes([*base_entries(), *common]), tar_bytes([("usr/lib/new", b"n" * 5000)])])
    (folder / "initrd").write_bytes(b"initramfs")


class Job:
    """One command of sealroot. `start` makes the state it finds; all below `work` belongs to it."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.work = scratch / "work"
        self.repository = self.work / "repository"

    def reset(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        self.start()

    def start(self):
        pass

    def again(self):
        """Before the command is run once more."""


class NewRepository(Job):
    def command(self):
        return ("digest", f"tar:{self.scratch / 'first.tar'}", "--quiet", "--threads", "2", "--store", self.repository)


class AddToRepository(Job):
    def start(self):
        kept = self.scratch / "kept"
        if not kept.exists():
            sealroot("digest", f"tar:{self.scratch / 'first.tar'}", "--quiet", "--store", kept)
        shutil.copytree(kept, self.repository, symlinks=True)

    def command(self):
        return ("build", f"oci:{self.scratch / 'second'}", "--quiet", "--unsigned", "--no-disk", "--initrd",
                self.scratch / "initrd", "--store", self.repository, "-o", self.work / "out")  # fmt: skip

    def again(self):
        # What was finished before the kill is the user's now; a build does not overwrite it.
        shutil.rmtree(self.work / "out", ignore_errors=True)


class Gc(AddToRepository):
    """What the tar alone needs goes, what the container image needs has a ref."""

    def start(self):
        both = self.scratch / "both"
        if not both.exists():
            super().start()
            sealroot(*super().command())
            shutil.move(self.repository, both)
            shutil.rmtree(self.work / "out")
        shutil.copytree(both, self.repository, symlinks=True)

    def command(self):
        return ("gc", self.repository)


JOBS = (NewRepository, AddToRepository, Gc)


class Faults(FaultRunner, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        write_inputs(cls.scratch)

    def without_fault(self, job):
        """Its output, and what is there when all is done and gc has run."""
        job.reset()
        done = sealroot(*job.command())
        self.assertEqual((0, ""), (done.status, done.stderr))
        sealroot("gc", job.repository)
        return done.stdout, tree_of(job.work)

    def assert_intact(self, job):
        if not (job.repository / "meta.json").exists():
            return  # there is no repository yet
        done = sealroot("fsck", "--json", job.repository)
        self.assertEqual(0, done.status, done.stdout + done.stderr)

    def assert_completes(self, job, expected):
        stdout, tree = expected
        self.assert_intact(job)
        job.again()
        done = sealroot(*job.command())
        self.assertEqual((0, ""), (done.status, done.stderr))
        if not isinstance(job, Gc):  # which then has less to do
            self.assertEqual(stdout, done.stdout)
        self.assert_intact(job)
        self.assertEqual(0, sealroot("gc", job.repository).status)
        self.assertEqual(tree, tree_of(job.work))

    def test_P1_after_a_kill_at_any_system_call_fsck_is_content_and_a_rerun_completes(self):
        for kind in JOBS:
            job = kind(self.scratch)
            expected = self.without_fault(job)

            def check(done, _hit, job=job, expected=expected):
                self.assertEqual(137, done.status, done.stderr)
                self.assert_completes(job, expected)

            for action, samples in (("kill-change", 10**9), ("kill-any", SAMPLES)):
                print(self.sweep(job, action, samples, check), flush=True)

    def test_P4_an_error_of_any_write_is_one_clear_line_and_a_rerun_completes(self):
        for kind in JOBS:
            job = kind(self.scratch)
            expected = self.without_fault(job)
            for number in (errno.ENOSPC, errno.EIO):

                def check(done, hit, job=job, expected=expected, number=number):
                    self.assert_refused(job, done, hit, number, expected[0])
                    self.assert_completes(job, expected)

                print(self.sweep(job, number, 10**9, check), flush=True)

    def assert_refused(self, job, done, hit, number, stdout):
        if done.status == 0:
            self.assertIn(hit, HARMLESS, done.stdout)
            self.assertEqual(stdout, done.stdout)
            return
        self.assertEqual(1, done.status, done.stderr)
        self.assertRegex(done.stderr, r"\Asealroot: [^\n]+\n\Z")
        if "standard output" in done.stderr:
            return  # all was done but this
        self.assertRegex(done.stderr, re.escape(os.strerror(number)) + r"\n\Z")
        self.assertGreater(done.stderr.count(": "), 1, "where it happened is not said: " + done.stderr)
        self.assertLessEqual(set(job.work.iterdir()), {job.repository}, "something was left behind")


if __name__ == "__main__":
    unittest.main()
