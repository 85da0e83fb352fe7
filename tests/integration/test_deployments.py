#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`status`, `rollback`, `pin`, `history` and `gc` of a host made of directories, alone and at the same time."""

import ctypes
import fcntl
import json
import os
import shutil
import threading
import unittest

from on_host import OnHost, setUpModule  # noqa: F401
from small_host import SECURE_BOOT, sealroot, succeeded

LOADER = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


class Choose(OnHost):
    def stage_and_boot(self, *names):
        for name in names:
            succeeded(self.switch(self.images.sealed(name), "--keep", "9"))
            self.host.boot_next()

    def test_rollback_goes_back_and_forth(self):
        self.stage_and_boot("2")
        succeeded(self.host.run("rollback"))
        self.assertEqual((["1"], ["2"]), (self.versions("next"), self.versions("booted")))
        self.assertEqual(["web_1.efi", self.entry("2", "+0-0")], self.host.names())
        self.assertEqual(["2"], self.versions("held_back"))
        succeeded(self.host.run("rollback"))  # what runs has no counter
        self.assertEqual(["web_1.efi", self.entry("2")], self.host.names())
        self.assertEqual(["2"], self.versions("next"))
        self.assert_sound()

    def test_rollback_of_what_is_staged_goes_to_what_runs(self):
        succeeded(self.switch(self.images.sealed("2")))
        succeeded(self.host.run("rollback"))
        self.assertEqual((["1"], []), (self.versions("next"), self.versions("staged")))

    def test_rollback_to_one_that_is_named_with_any_number_of_deployments(self):
        self.stage_and_boot("2", "3", "4")
        for name in (self.images.digest("2"), self.images.digest("2")[:8], "2", self.entry("2")):
            succeeded(self.host.run("rollback", name))
            self.assertEqual(["2"], self.versions("next"))
            succeeded(self.host.run("rollback", "4"))
        self.refused(self.host.run("rollback", "7"), "there is none", status=2)
        self.assertEqual(4, len(self.host.status()["deployments"]))

    def test_rollback_to_a_damaged_deployment_is_refused(self):
        self.stage_and_boot("2")
        objects = self.host.sysroot / "composefs/objects"
        content = b"1" * 100  # usr/lib/version of image 1, which 2 does not have
        victim = next(path for path in objects.glob("*/*") if path.read_bytes() == content)
        victim.unlink()
        before = self.host.names()
        self.refused(self.host.run("rollback"), "'/usr/lib/version'")
        self.assertEqual(before, self.host.names())

    def test_a_rolled_back_version_is_not_staged_again_by_itself(self):
        place = self.host.folder / "registry"
        shutil.copytree(self.images.sealed("2").removeprefix("oci:"), place)
        succeeded(self.switch(f"oci:{place}"))
        self.host.boot_next()
        succeeded(self.host.run("rollback"))
        done = self.host.run("upgrade", "--quiet")
        self.assertEqual((0, ["1"]), (done.returncode, self.versions("next")))
        self.assertIn("was rolled back on this host: --retry", done.stderr)
        succeeded(self.host.run("upgrade", "--quiet", "--retry"))
        self.assertEqual(["2"], self.versions("next"))

    def test_a_version_that_failed_to_boot_is_not_staged_again_by_itself(self):
        succeeded(self.switch(self.images.sealed("2")))
        failed = self.host.esp / "EFI/Linux" / self.entry("2", "+0-3")
        (self.host.esp / "EFI/Linux" / self.entry("2", "+3-0")).rename(failed)
        self.assertEqual((["1"], ["2"]), (self.versions("next"), self.versions("failed")))
        done = self.host.run("upgrade", "--quiet")
        self.assertEqual((0, ["1"]), (done.returncode, self.versions("next")))
        self.assertIn("failed to boot on this host: --retry", done.stderr)
        succeeded(self.host.run("gc", "--keep-deployments", "1"))
        self.assertEqual(["web_1.efi"], self.host.names())
        done = self.switch(self.images.sealed("2"), "--check")
        self.assertIn("failed to boot on this host: --retry", done.stderr)
        succeeded(self.switch(self.images.sealed("2"), "--retry"))
        self.assertEqual(["2"], self.versions("staged"))

    def test_switch_to_another_system_boots_it_whatever_its_name(self):
        entries = self.images.entries("1", image_id="zebra")
        succeeded(self.switch(self.images.sealed("zebra", entries)))
        status = self.host.status()
        self.assertEqual(["zebra"], [each["image_id"] for each in status["deployments"] if each["next"]])
        self.assertEqual(["web"], [each["image_id"] for each in status["deployments"] if each["rollback"]])

    def test_two_builds_of_one_version_are_told_apart(self):
        for name in ("1a", "1b"):
            entries = self.images.entries("1", extra=[("usr/" + name, b"x" * 99)])
            succeeded(self.switch(self.images.sealed(name, entries)))
            self.assertEqual(f"sha512:{self.images.digest(name)}", self.host.status()["next"])

    def test_failed_entries_are_out_of_the_way_when_a_trial_fails(self):
        succeeded(self.switch(self.images.sealed("2")))
        folder = self.host.esp / "EFI/Linux"
        (folder / self.entry("2", "+3-0")).rename(folder / self.entry("2", "+0-3"))
        succeeded(self.switch(self.images.sealed("zebra", self.images.entries("1", image_id="zebra")), "--keep", "9"))
        zebra = next(folder.glob("zebra*"))
        zebra.rename(folder / zebra.name.replace("+3-0", "+0-3"))
        self.assertEqual(f"sha512:{self.first}", self.host.status()["next"])

    def test_pinned_deployments_stay(self):
        succeeded(self.host.run("pin"))
        self.stage_and_boot("2")
        succeeded(self.switch(self.images.sealed("3")))
        succeeded(self.host.run("gc"))
        self.assertEqual({"1", "2", "3"}, {each["version"] for each in self.host.status()["deployments"]})
        succeeded(self.host.run("unpin", "1"))
        succeeded(self.host.run("gc"))
        self.assertEqual({"2", "3"}, {each["version"] for each in self.host.status()["deployments"]})

    def test_history_tells_what_was_done(self):
        self.stage_and_boot("2")
        succeeded(self.host.run("rollback"))
        succeeded(self.host.run("pin", "1"))
        events = json.loads(succeeded(self.host.run("history", "--json")))
        self.assertEqual([("stage", "2"), ("rollback", "1"), ("pin", "1")],
                         [(event["action"], event["version"]) for event in events])  # fmt: skip
        history = self.host.sysroot / "state/sealroot/history"
        history.write_bytes(b'\x1b[31m\n{"action": "\\u001b[2J"}\n{"cut')
        shown = succeeded(self.host.run("history"))
        self.assertIn("\\x1b[2J", shown)
        self.assertNotIn("\x1b", shown)
        succeeded(self.host.run("unpin", "1"))


class Status(OnHost):
    def test_C1_secure_boot_off_is_said(self):
        (self.host.efivars / SECURE_BOOT).write_bytes(b"\x06\x00\x00\x00\x00")
        self.assertEqual("not sealed: SB off", self.deployment("1")["seal"])
        self.assertIn("not sealed: SB off", succeeded(self.host.run("status")))

    def test_R13_what_the_seal_does_not_cover_is_said(self):
        self.assertEqual(["etc=persistent (not covered by seal)", "var=persistent (not covered by seal)"],
                         self.deployment("1")["not_covered"])  # fmt: skip

    def test_another_command_line_than_the_signed_one_is_said(self):
        self.host.cmdline.write_text(self.host.cmdline.read_text().replace(" --", " init=/bin/sh --"))
        self.assertIn("another command line", self.deployment("1")["seal"])

    def test_one_broken_entry_hides_no_other(self):
        linux = self.host.esp / "EFI/Linux"
        (linux / "web_2.efi").write_bytes(b"MZ")
        (linux / "web_3.efi").write_bytes((linux / "web_1.efi").read_bytes()[:-5000])
        status = self.host.status()
        self.assertEqual(["1"], self.versions("next"))
        broken = [entry for entry in status["other_entries"] if "defect" in entry]
        self.assertLessEqual({"web_2.efi"}, {entry["file"] for entry in broken})
        succeeded(self.switch(self.images.sealed("2")))
        self.assertEqual(["2"], self.versions("staged"))

    def test_a_default_that_somebody_set_is_shown_and_stands_in_the_way_of_rollback(self):
        succeeded(self.switch(self.images.sealed("2")))
        (self.host.efivars / f"LoaderEntryDefault{LOADER}").write_bytes(b"\x07\0\0\0" + "web_2*\0".encode("utf-16-le"))
        done = self.host.run("rollback")
        self.assertIn("LoaderEntryDefault", done.stderr)
        self.assertIn("LoaderEntryDefault chooses 'web_2*'", succeeded(self.host.run("status")))

    def test_hosts_of_bootc_are_recognised_and_left_alone(self):
        (self.host.esp / "EFI/Linux/bootc").mkdir()
        self.assertEqual("bootc", self.host.status()["managed_by"])
        for command in (("gc",), ("switch", self.images.sealed("2")), ("rollback",), ("pin", "1")):
            self.refused_by_bootc(*command)
        (self.host.esp / "EFI/Linux/bootc").rmdir()
        origin = self.host.sysroot / "state/deploy" / self.first / f"{self.first}.origin"
        origin.write_text("[origin]\n")
        self.refused_by_bootc("gc")

    def refused_by_bootc(self, *command):
        before = self.untouched()
        done = self.host.run(*command)
        self.assertEqual(2, done.returncode, done.stdout)
        self.assertIn("managed by bootc", done.stderr)
        self.assertEqual(before, self.untouched())

    def test_hosts_of_others_are_told_apart(self):
        done = sealroot("status", "--sysroot", self.host.folder, "--esp", self.host.esp)
        self.refused(done, "was not made by sealroot")
        self.refused(sealroot("status", "--sysroot", self.host.sysroot), "--esp DIR", status=2)

    def test_two_images_on_the_command_line_are_refused(self):
        self.host.cmdline.write_text(f"composefs={'a' * 128} composefs={'b' * 128}\n")
        self.refused(self.host.run("status"), "names several images")


class Garbage(OnHost):
    def objects(self):
        return sorted(path.name for path in (self.host.sysroot / "composefs/objects").glob("*/*"))

    def test_O7_planted_refs_delete_nothing(self):
        succeeded(self.switch(self.images.sealed("2")))
        refs = self.host.sysroot / "composefs/images/refs"
        rows = {"loop": "loop", "dangling": "../" + "0" * 128, "new\nline": "../nothing", "away": "/etc",
                "up": "../../.."}  # fmt: skip
        for name, target in rows.items():
            with self.subTest(name):
                (refs / name).symlink_to(target)
                before = self.objects(), self.untouched()
                done = self.host.run("gc", "--keep-deployments", "1")
                self.refused(done, "gc: root unreadable, nothing deleted")
                self.assertEqual(before, (self.objects(), self.untouched()))
                (refs / name).unlink()
        for i in range(2000):
            (refs / f"many{i}").symlink_to("../" + self.first)
        succeeded(self.host.run("gc"))
        self.assert_sound()

    def test_O7_refs_that_are_gone_do_not_matter(self):
        succeeded(self.switch(self.images.sealed("2")))
        shutil.rmtree(self.host.sysroot / "composefs/images/refs")
        shutil.rmtree(self.host.sysroot / "composefs/streams/refs")
        succeeded(self.host.run("gc"))
        for name in ("1", "2"):
            succeeded(sealroot("verify", "--repo", self.host.sysroot / "composefs", self.images.digest(name)))

    def test_what_a_killed_staging_left_goes(self):
        """Refs of an image that never became a deployment, and the record of one that is gone."""
        done = succeeded(self.switch(self.images.sealed("2")))
        image = self.images.digest("2")
        shutil.rmtree(self.host.sysroot / "state/deploy" / image)
        (self.host.esp / "EFI/Linux" / self.entry("2", "+3-0")).unlink()
        repository, own = self.host.sysroot / "composefs", self.host.sysroot / "state/sealroot/deploy"
        (own / (".new-" + "0" * 32)).write_text("half")
        self.assertTrue((repository / "images/refs/sealroot/deploy" / image).is_symlink(), done)
        self.assertTrue((repository / f"streams/refs/oci/sealroot%2F{image}").is_symlink())
        succeeded(self.host.run("gc"))
        self.assertEqual([], [*own.iterdir(), *(repository / "images/refs/sealroot/deploy").iterdir()])
        self.assertFalse((repository / f"streams/refs/oci/sealroot%2F{image}").is_symlink())
        self.assertFalse((repository / "images" / image).is_symlink())
        self.assert_sound()

    def test_a_boot_entry_or_pin_that_cannot_be_read_stops_gc(self):
        for path, content in ((self.host.esp / "EFI/Linux/cut.efi", b"MZ"),
                              (self.host.sysroot / "state/sealroot/pins/x", b"")):  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            before = self.objects()
            self.refused(self.host.run("gc"), "gc: root unreadable, nothing deleted")
            self.assertEqual(before, self.objects())
            path.unlink()
        succeeded(self.host.run("gc"))

    def test_dry_run_removes_nothing(self):
        succeeded(self.switch(self.images.sealed("2")))
        before = self.objects(), self.untouched()
        succeeded(self.host.run("gc", "--dry-run", "--keep-deployments", "1"))
        self.assertEqual(before, (self.objects(), self.untouched()))


class Together(OnHost):
    def test_P6_who_comes_second_is_told_to_try_again(self):
        (self.host.sysroot / "state/sealroot").mkdir()
        lock = os.open(self.host.sysroot / "state/sealroot", os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (("switch", self.images.sealed("2")), ("rollback",), ("pin",), ("unpin",), ("gc",)):
            done = self.host.run(*command)
            self.refused(done, "another sealroot changes this host; try again later", status=75)
        self.host.status()

    def test_P6_upgrades_rollbacks_and_gc_at_once_leave_a_sound_host(self):
        succeeded(self.switch(self.images.sealed("2")))
        self.images.sealed("3")
        statuses = []

        def work(command):
            for _ in range(6):
                statuses.append(self.host.run(*command).returncode)

        commands = (("switch", "--quiet", self.images.sealed("3")), ("rollback",), ("gc",),
                    ("switch", "--quiet", "--allow-downgrade", self.images.sealed("2")))  # fmt: skip
        threads = [threading.Thread(target=work, args=(command,)) for command in commands]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(set(statuses), {0, 75, 1, 2})
        self.assertIn(0, statuses)
        self.assert_sound()

    def test_O6_links_swapped_in_lead_nowhere(self):
        """Somebody exchanges folders of store, state and ESP for links while an upgrade and a gc run."""
        outside = self.host.folder / "outside"
        outside.mkdir()
        (outside / "canary").write_text("alive")
        for folder in ("objects", "images", "streams", "refs", "EFI/Linux", "deploy"):
            (outside / folder).mkdir(parents=True)
        before = sorted(str(path) for path in outside.rglob("*"))
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
        swapped = [self.host.sysroot / "composefs/images", self.host.sysroot / "state/deploy",
                   self.host.esp / "EFI/Linux", self.host.sysroot / "state/sealroot"]  # fmt: skip
        (self.host.sysroot / "state/sealroot").mkdir()
        links = []
        for place in swapped:
            links.append(place.with_name(place.name + ".link"))
            links[-1].symlink_to(outside)
        stop = threading.Event()
        rounds = 0

        def race():
            nonlocal rounds
            while not stop.is_set():
                for place, link in zip(swapped, links):
                    for _ in range(2):
                        renameat2(-100, bytes(place), -100, bytes(link), 2)
                rounds += 1

        thread = threading.Thread(target=race)
        thread.start()
        try:
            for _ in range(15):
                self.host.run("switch", "--quiet", self.images.sealed("2"))
                self.host.run("gc")
        finally:
            stop.set()
            thread.join()
        self.assertGreater(rounds, 100)
        self.assertEqual(before, sorted(str(path) for path in outside.rglob("*")))
        self.assertEqual("alive", (outside / "canary").read_text())


if __name__ == "__main__":
    unittest.main()
