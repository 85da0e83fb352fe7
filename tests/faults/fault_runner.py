# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Running sealroot with one fault at a chosen system call (fail_syscall.cpp), and going through all of them."""

import os
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

SEALROOT = os.environ["SEALROOT"]
FAIL_SYSCALL = os.environ["FAIL_SYSCALL"]
EXHAUSTIVE = bool(os.environ.get("SEALROOT_EXHAUSTIVE"))
SAMPLES = 10**9 if EXHAUSTIVE else 20
# What sealroot needs from whoever runs it must not differ between the runs.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": "1700000000", "LC_ALL": "C.UTF-8"}
UNSUPPORTED = 77

Run = namedtuple("Run", "status stdout stderr")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False, env=ENVIRONMENT)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def sealroot(*arguments):
    return run(SEALROOT, *arguments)


def tree_of(folder):
    """Every path below `folder`, with its mode and size or target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        what = os.readlink(path) if path.is_symlink() else info.st_size if path.is_file() else ""
        found[str(path.relative_to(folder))] = (oct(info.st_mode), what)
    return found


class FaultRunner:
    """For a TestCase, which gets a folder `scratch` that goes at its end. A job has reset() and command()."""

    @classmethod
    def setUpClass(cls):
        # Memory where there is some: the disk of a shared machine makes each sync wait.
        place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-faults-", dir=place)
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.report = cls.scratch / "report"

    def run_with_fault(self, action, call, job):
        """Runs the job with one fault. Also returns how many calls were counted and which one was hit."""
        done = run(FAIL_SYSCALL, self.report, action, call, SEALROOT, *job.command())
        if done.status == UNSUPPORTED:
            self.skipTest("this kernel or container has no seccomp notifications")
        counted, hit = self.report.read_text().split()
        return done, int(counted), hit

    def sweep(self, job, action, samples, check):
        """Calls check(done, hit) for each fault; returns how many there were."""
        job.reset()
        _, count, _ = self.run_with_fault(action, 0, job)
        step = max(1, count // samples)
        tried = 0
        for call in range(1, count + 1, step):
            with self.subTest(job=type(job).__name__, action=action, call=call):
                job.reset()
                done, _, hit = self.run_with_fault(action, call, job)
                if hit != "none":  # with threads the number of calls differs a little from run to run
                    check(done, hit)
                    tried += 1
        return f"{type(job).__name__} {action}: {tried} of {count} calls"
