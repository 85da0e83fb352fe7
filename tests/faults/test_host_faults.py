#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A host whose upgrade, switch, rollback or gc is killed before any of its system calls, or told that one failed: what
boots next is signed, sealed and whole, fsck has nothing to say, and the same command run again completes.

A sample of the calls, unless SEALROOT_EXHAUSTIVE is set: then each one."""

import errno
import os
import re
import shutil
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "integration")]
from fault_runner import EXHAUSTIVE, FaultRunner, sealroot, tree_of  # noqa: E402
from small_host import BOOT_FILES, Host, Images, succeeded  # noqa: E402
from test_install import sign  # noqa: E402

SAMPLES = {"kill-change": 25, "kill-any": 15, errno.ENOSPC: 15, errno.EIO: 15}


class HostJob:
    """One command on a host that was prepared once."""

    prepared = ()  # images, each switched to and booted, on top of image 1
    arguments = ()

    def __init__(self, scratch, images):
        self.images = images
        self.template = scratch / f"{type(self).__name__}-template"
        self.work = scratch / "work"
        self.host = Host(self.work)
        self.at_template = Host(self.template)
        self.at_template.install(images.folder / "1.out")
        for name in self.prepared:
            succeeded(self.at_template.run("switch", "--quiet", "--keep", "9", images.sealed(name)))
            self.at_template.boot_next()

    def reset(self):
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.template, self.work, symlinks=True)

    def command(self):
        return (*self.arguments, *self.host.options())


class Upgrade(HostJob):
    """Image 1 has to go for it."""

    prepared = ("2",)

    def __init__(self, scratch, images):
        self.arguments = ("switch", "--quiet", "--threads", "2", images.sealed("3"))
        super().__init__(scratch, images)


class SwitchToAnotherSystem(HostJob):
    """Sorted behind what is there, which must be held back."""

    prepared = ("2",)

    def __init__(self, scratch, images):
        source = images.sealed("zebra", images.entries("1", image_id="zebra"))
        self.arguments = ("switch", "--quiet", "--threads", "2", source)
        super().__init__(scratch, images)


class Rollback(HostJob):
    prepared = ("2", "3")
    arguments = ("rollback", "1", "--threads", "2")


class Gc(HostJob):
    prepared = ("2", "3", "4")
    arguments = ("gc",)


class FactoryReset(HostJob):
    """Of a host that does not run, so that what was replaced goes at once."""

    prepared = ("2",)
    arguments = ("factory-reset", "--yes")

    def __init__(self, scratch, images):
        super().__init__(scratch, images)
        for folder in ("state/os/default/var", f"state/deploy/{images.digest('2')}/etc/upper"):
            (self.at_template.sysroot / folder / "mine").write_text("mine")

    def command(self):
        return (*self.arguments, "--sysroot", self.host.sysroot, "--esp", self.host.esp)


JOBS = (Upgrade, SwitchToAnotherSystem, Rollback, Gc, FactoryReset)


class Install:
    """A disk image; what else is in the folder is of runs that were killed."""

    def __init__(self, scratch, images):
        self.work = scratch / "installed"
        self.disk = self.work / "disk.raw"
        self.certificate = images.folder / "db.crt"
        loader = scratch / "loader.efi"
        sign(BOOT_FILES / "systemd-bootx64.efi", images.folder / "db.key", loader)
        self.arguments = ("install", images.sealed("1"), "--quiet", "--threads", "2", "--cert", self.certificate,
                          "--boot-loader", loader, "--image", self.disk)  # fmt: skip

    def reset(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()

    def command(self):
        return self.arguments


class HostFaults(FaultRunner, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.scratch / "images").mkdir()
        images = Images(cls.scratch / "images")
        images.sealed("1")
        cls.jobs = [kind(cls.scratch, images) for kind in JOBS]
        cls.install = Install(cls.scratch, images)

    maxDiff = None

    def samples(self, action):
        return 10**9 if EXHAUSTIVE else SAMPLES[action]

    def tree(self, job):
        """What is there when all is done and gc has run; the history may lack what was interrupted."""
        self.assertEqual(0, job.host.run("gc").returncode)
        history = "sysroot/state/sealroot/history"
        return {path: what for path, what in tree_of(job.work).items() if path != history}

    def assert_bootable(self, job):
        """What boots next has a whole chain, and so has each entry that may boot after it."""
        status = job.host.status()
        self.assertEqual([], status["problems"])
        self.assertEqual([], status["other_entries"])
        tried = [each for each in status["deployments"] if each["entries"]]
        self.assertEqual(1, sum(each["next"] for each in tried))
        repository = job.host.sysroot / "composefs"
        for each in tried:
            self.assertEqual("trusted", each["entries"][0]["signature"])
            self.assertNotIn("not sealed", each["seal"])
            done = sealroot("verify", "--repo", repository, each["image"])
            self.assertEqual(0, done.status, done.stdout + done.stderr)
        done = sealroot("fsck", repository)
        self.assertEqual(0, done.status, done.stdout + done.stderr)

    def assert_completes(self, job, expected):
        self.assert_bootable(job)
        done = sealroot(*job.command())
        self.assertEqual((0, ""), (done.status, done.stderr))
        self.assert_bootable(job)
        self.assertEqual(expected, self.tree(job))

    def without_fault(self, job):
        job.reset()
        done = sealroot(*job.command())
        self.assertEqual((0, ""), (done.status, done.stderr))
        return self.tree(job)

    def test_P1_after_a_kill_at_any_system_call_the_host_boots_and_a_rerun_completes(self):
        for job in self.jobs:
            expected = self.without_fault(job)

            def check(done, _hit, job=job, expected=expected):
                self.assertEqual(137, done.status, done.stderr)
                self.assert_completes(job, expected)

            for action in ("kill-change", "kill-any"):
                print(self.sweep(job, action, self.samples(action), check), flush=True)

    def test_P1_after_a_kill_at_any_system_call_of_install_the_disk_is_whole_or_not_there(self):
        job = self.install
        job.reset()
        self.assertEqual(0, sealroot(*job.command()).status)
        expected = job.disk.read_bytes()

        def check(done, _hit):
            self.assertEqual(137, done.status, done.stderr)
            if not job.disk.exists():
                self.assertEqual((0, ""), sealroot(*job.command())[::2])
            self.assertEqual(expected, job.disk.read_bytes())

        for action in ("kill-change", "kill-any"):
            print(self.sweep(job, action, self.samples(action), check), flush=True)

    def test_P4_after_an_error_of_any_write_the_host_boots_and_a_rerun_completes(self):
        for job in self.jobs:
            expected = self.without_fault(job)
            for number in (errno.ENOSPC, errno.EIO):

                def check(done, _hit, job=job, expected=expected, number=number):
                    self.assertIn(done.status, (0, 1), done.stderr)
                    if done.status:
                        self.assertRegex(done.stderr, r"\Asealroot: [^\n]+\n\Z")
                    for line in done.stderr.splitlines():
                        self.assertRegex(line, re.escape(os.strerror(number)) + "$|standard output$")
                    self.assert_completes(job, expected)

                print(self.sweep(job, number, self.samples(number), check), flush=True)


if __name__ == "__main__":
    unittest.main()
