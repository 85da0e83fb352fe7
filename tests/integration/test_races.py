#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Several programs at work on one host at the same time: upgrades, gc, rollback, systemd-bless-boot; and somebody who
puts symlinks in the place of folders while they run.

Schedules come from fixed seeds: 30 of them, or 10000 with SEALROOT_EXHAUSTIVE (an hour of two processors)."""

import collections
import ctypes
import multiprocessing.pool
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from small_host import ENVIRONMENT, SEALROOT, Host, Images, sealroot, succeeded

EXHAUSTIVE = bool(os.environ.get("SEALROOT_EXHAUSTIVE"))
SCHEDULES, WORKERS = (10000, os.cpu_count()) if EXHAUSTIVE else (30, 1)
RACE_SECONDS = 600 if EXHAUSTIVE else 12
DEADLOCK_SECONDS = 120
BUSY = 75
BUSY_REASONS = "another sealroot changes this host|another program is at work|somebody else changes"
BUSY_LINE = rf"\Asealroot: [^\n]*({BUSY_REASONS})[^\n]*\n\Z"
RENAME_EXCHANGE = 2
AT_FDCWD = -100


def make_images(test):
    # Memory where there is some: the disk of a shared machine makes each sync wait.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    scratch = tempfile.TemporaryDirectory(prefix="sealroot-races-", dir=place)
    test.addClassCleanup(scratch.cleanup)
    test.folder = Path(scratch.name)
    (test.folder / "images").mkdir()
    test.images = Images(test.folder / "images")
    for name in "1234":
        test.images.sealed(name)


def install(images, folder, *versions):
    """A host that took these versions one after the other; the last one has booted, but is not blessed yet."""
    host = Host(folder)
    host.install(images.folder / "1.out")
    for name in versions:
        succeeded(host.run("switch", "--quiet", "--keep", "9", images.sealed(name)))
        digest = host.boot_next(bless=name != versions[-1])
    count_boot(host, digest)
    return host


def count_boot(host, digest):
    """As systemd-boot before it starts the entry."""
    entry = next((host.esp / "EFI/Linux").glob(f"*_{digest[:16]}+3-0.efi"))
    entry.rename(entry.with_name(entry.name.replace("+3-0", "+2-1")))


def copy_of(template, folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template.folder, folder, symlinks=True)
    return Host(folder)


class Schedules(unittest.TestCase):
    """On a host with versions 1 and 2."""

    @classmethod
    def setUpClass(cls):
        make_images(cls)
        cls.template = install(cls.images, cls.folder / "template", "2")

    def commands(self, host):
        def command(*arguments):
            return [SEALROOT, *map(str, arguments), *map(str, host.options())]

        # What another one renames at the same time is gone, which systemd-bless-boot takes as well.
        bless = "cd %s/EFI/Linux; for e in *_%s+*.efi; do mv -n $e ${e%%%%+*}.efi 2>/dev/null; done; true"
        return {
            # Version 2 runs, so that it is always there.
            "upgrade": command("switch", "--quiet", "--allow-downgrade", self.images.sealed("3")),
            "other upgrade": command("switch", "--quiet", self.images.sealed("4")),
            "gc": command("gc"),
            "rollback": command("rollback", "2"),
            "pin": command("pin", "2"),
            "status": command("status", "--json"),
            "bless": ["sh", "-c", bless % (host.esp, self.images.digest("2")[:16])],
        }

    def run_schedule(self, host, seed):
        """[(name, exit status, stderr)] of some commands, each started a little after the one before."""
        choice, commands = random.Random(seed), self.commands(host)
        names = ["upgrade", *choice.choices([*commands], k=choice.randrange(2, 6))]
        choice.shuffle(names)
        running = []
        for name in names:
            running.append((name, subprocess.Popen(commands[name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                                   text=True, env=ENVIRONMENT)))  # fmt: skip
            time.sleep(choice.choice((0, 0, 0.01, 0.05, 0.1)))
        deadline, results = time.monotonic() + DEADLOCK_SECONDS, []
        for name, process in running:
            try:
                results.append((name, process.wait(max(0.1, deadline - time.monotonic())), process.stderr.read()))
            except subprocess.TimeoutExpired:
                self.fail(f"{name} has not ended after {DEADLOCK_SECONDS} seconds: {names}")
            finally:
                process.kill()
                process.wait()
                process.stderr.close()
        return results

    def check_sound(self, host, results):
        for name, status, stderr in results:
            self.assertIn(status, (0, BUSY), f"{name}: {stderr}")
            if status == BUSY:
                self.assertRegex(stderr, BUSY_LINE)
        succeeded(sealroot("fsck", host.sysroot / "composefs"))
        status = host.status()
        self.assertEqual(([], []), (status["problems"], status["other_entries"]))
        for each in status["deployments"]:
            self.assertTrue(each["entries"], each)
            succeeded(sealroot("verify", "--repo", host.sysroot / "composefs", each["image"]))

    def try_schedule(self, seed):
        """(results, None), or what went wrong."""
        host = copy_of(self.template, self.folder / f"host-{threading.get_ident()}")
        try:
            results = self.run_schedule(host, seed)
            self.check_sound(host, results)
            succeeded(host.run("switch", "--quiet", "--retry", self.images.sealed("4")))
            succeeded(host.run("gc"))
            self.check_sound(host, [])
        except AssertionError as error:
            return [], f"seed {seed}: {error}"
        return results, None

    def test_P6_schedules_end_without_deadlock_and_losers_say_so(self):
        statuses = collections.Counter()
        with multiprocessing.pool.ThreadPool(WORKERS) as pool:
            for results, wrong in pool.imap_unordered(self.try_schedule, range(SCHEDULES)):
                with self.subTest():
                    self.assertIsNone(wrong)
                statuses.update(status for _, status, _ in results)
        print(f"{SCHEDULES} schedules, {statuses.total()} commands, {statuses[BUSY]} of them came too late", flush=True)


def swap_until(stop, pairs, seed, count):
    """Exchanges folders with symlinks and back until `stop` is set: as fast as it can be, and now and then slower, so
    that commands meet a symlink or get on to the next folder."""
    choice, libc = random.Random(seed), ctypes.CDLL(None, use_errno=True)
    names = [(str(place).encode(), str(link).encode()) for place, link in pairs]
    share = choice.choice((0.05, 0.2, 0.5))  # of the time that a slow exchange shows the symlink
    while not stop.is_set():
        place, link = choice.choice(names)
        for pause in (*[0] * 50, choice.uniform(0.0001, 0.004)):
            swaps = libc.renameat2(AT_FDCWD, place, AT_FDCWD, link, RENAME_EXCHANGE) == 0
            time.sleep(pause * share)
            swaps += libc.renameat2(AT_FDCWD, place, AT_FDCWD, link, RENAME_EXCHANGE) == 0
            time.sleep(pause * (1 - share))
            assert swaps in (0, 2), "a folder was left exchanged"
            count.value += swaps


def snapshot(folder):
    """All that a write or an unlink below `folder` would change."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        info = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (info.st_ino, info.st_mode, info.st_nlink, info.st_mtime_ns, info.st_ctime_ns, content)
    return found


class Symlinks(unittest.TestCase):
    """Folders of a host turn into symlinks to folders outside, which look the same, and back."""

    PLACES = ("sysroot/composefs", "sysroot/composefs/objects", "sysroot/composefs/images",
              "sysroot/composefs/images/refs", "sysroot/composefs/streams", "sysroot/state", "sysroot/state/deploy",
              "sysroot/state/sealroot", "sysroot/state/sealroot/deploy", "esp/EFI", "esp/EFI/Linux")  # fmt: skip

    @classmethod
    def setUpClass(cls):
        make_images(cls)
        cls.template = install(cls.images, cls.folder / "template", "2", "3")

    def pairs(self, host, outside, links):
        folders = [Path(place) for place in self.PLACES]
        objects = host.folder / "sysroot/composefs/objects"
        folders += [path.relative_to(host.folder) for path in sorted(objects.iterdir())[:8]]
        for number, folder in enumerate(folders):
            (links / str(number)).symlink_to(outside / folder)
            yield host.folder / folder, links / str(number)

    def race(self, number):
        """Runs the commands once while the folders are exchanged; how often they were."""
        host = copy_of(self.template, self.folder / "host")
        links = self.folder / f"links-{number}"
        links.mkdir()
        stop, count = multiprocessing.Event(), multiprocessing.Value("Q", 0)
        pairs = [*self.pairs(host, self.outside, links)]
        if number % 3:  # most of them, or one of them, so that commands come to the others
            pairs = [pairs[number // 3 % len(pairs)]]
        racer = multiprocessing.Process(target=swap_until, args=(stop, pairs, number, count))
        racer.start()
        try:
            for command in (("switch", "--quiet", self.images.sealed("4")), ("gc",), ("rollback", "2"), ("gc",)):
                done = host.run(*command)
                self.assertIn(done.returncode, (0, 1, 2, BUSY), done.stderr)
                self.outcomes[done.returncode] += 1
        finally:
            stop.set()
            racer.join()
        self.assertEqual(0, racer.exitcode)
        return host, count.value

    def test_O6_folders_exchanged_with_symlinks_lead_nobody_outside(self):
        self.outside = self.folder / "outside"
        shutil.copytree(self.template.folder, self.outside, symlinks=True)
        self.outcomes = collections.Counter()
        before, started, rounds, swaps = snapshot(self.outside), time.monotonic(), 0, 0
        while time.monotonic() - started < RACE_SECONDS:
            host, count = self.race(rounds)
            rounds, swaps = rounds + 1, swaps + count
            changed = {path for path, _ in before.items() ^ snapshot(self.outside).items()}
            self.assertEqual(set(), changed, f"round {rounds}")
        print(f"{rounds} rounds, folders exchanged with symlinks and back {swaps} times; "
              f"{self.outcomes[0]} of {self.outcomes.total()} commands succeeded all the same", flush=True)  # fmt: skip
        with self.subTest("and when it is over, all works again"):
            host.run("switch", "--quiet", "--retry", self.images.sealed("4"))
            succeeded(sealroot("fsck", host.sysroot / "composefs"))


if __name__ == "__main__":
    unittest.main()
