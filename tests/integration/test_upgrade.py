#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`status`, `upgrade`, `switch`, `rollback`, `pin`, `history` and `gc` of a host made of directories."""

import ctypes
import fcntl
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
import unittest
from pathlib import Path

import small_image
from small_host import SECURE_BOOT, Host, Images, sealroot, succeeded

LOADER = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
SCRATCH = None
IMAGES = None


def setUpModule():
    global SCRATCH, IMAGES
    SCRATCH = tempfile.TemporaryDirectory(prefix="sealroot-upgrade-")
    unittest.addModuleCleanup(SCRATCH.cleanup)
    (Path(SCRATCH.name) / "images").mkdir()
    IMAGES = Images(Path(SCRATCH.name) / "images")


class OnHost(unittest.TestCase):
    """A host with version 1, booted."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=SCRATCH.name)
        self.addCleanup(folder.cleanup)
        self.host = Host(Path(folder.name))
        IMAGES.sealed("1")
        self.host.install(IMAGES.folder / "1.out")
        self.first = IMAGES.digest("1")

    def switch(self, source, *options):
        return self.host.run("switch", "--quiet", source, *options)

    def refused(self, done, reason, status=1):
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertEqual(1, done.stderr.count("\n"), done.stderr)

    def entry(self, name, counter=""):
        return f"web_{name}_{IMAGES.digest(name)[:16]}{counter}.efi"

    def deployment(self, name):
        image = f"sha512:{IMAGES.digest(name)}"
        return next(each for each in self.host.status()["deployments"] if each["image"] == image)

    def versions(self, key):
        return [each["version"] for each in self.host.status()["deployments"] if each[key]]

    def assert_sound(self):
        """Whatever boots next is signed, sealed and whole, and the repository intact."""
        status = self.host.status()
        following = next(each for each in status["deployments"] if each["next"])
        self.assertEqual("trusted", following["entries"][0]["signature"])
        self.assertNotIn("not sealed", following["seal"])
        repository = self.host.sysroot / "composefs"
        succeeded(sealroot("verify", "--repo", repository, following["image"]))
        succeeded(sealroot("fsck", repository))

    def untouched(self):
        return self.host.names(), sorted(path.name for path in (self.host.sysroot / "state/deploy").iterdir())


class Upgrade(OnHost):
    def test_a_new_version_is_staged_and_boots_next(self):
        record = json.loads(succeeded(self.switch(IMAGES.sealed("2"), "--json")))
        self.assertEqual(("2", "1", True), (record["version"], record["replaces"], record["staged"]))
        self.assertEqual(sorted(["web_1.efi", self.entry("2", "+3-0")]), self.host.names())
        self.assertEqual((["2"], ["1"], ["1"]), tuple(map(self.versions, ("staged", "booted", "rollback"))))
        self.assertTrue(self.deployment("2")["state_present"])
        self.assert_sound()
        self.assertEqual("sealed", self.deployment("2")["seal"])

    def test_state_is_as_the_pivot_wants_it(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        state = self.host.sysroot / "state/deploy" / IMAGES.digest("2")
        for path in ("", "etc", "etc/upper", "etc/work"):
            info = (state / path).stat()
            self.assertEqual((0o40755, os.geteuid()), (info.st_mode, info.st_uid), path)
        self.assertEqual("../../os/default/var", os.readlink(state / "var"))
        self.assertEqual([state.name, self.first], sorted([path.name for path in state.parent.iterdir()],
                                                          key=lambda name: name == self.first))  # fmt: skip

    def test_a_bound_etc_is_a_copy_of_the_images(self):
        link = small_image.link("etc/hard", "etc/motd", tarfile.LNKTYPE)
        mode = tarfile.TarInfo("etc/shadow")
        mode.mode, mode.mtime = 0, 1234567890
        entries = IMAGES.entries("9", extra=[link, small_image.link("etc/soft", "/away"), mode])
        succeeded(self.switch(IMAGES.sealed("9", entries, "--etc", "bind")))
        etc = self.host.sysroot / "state/deploy" / IMAGES.digest("9") / "etc"
        self.assertEqual(b"m" * 200, (etc / "motd").read_bytes())
        self.assertTrue((etc / "motd").samefile(etc / "hard"))
        self.assertEqual("/away", os.readlink(etc / "soft"))
        info = (etc / "shadow").stat()
        self.assertEqual((0o100000, 1234567890), (info.st_mode, int(info.st_mtime)))

    def test_check_says_what_would_happen_and_deploys_nothing(self):
        before = self.untouched()
        record = json.loads(succeeded(self.switch(IMAGES.sealed("2"), "--check", "--json")))
        self.assertEqual(("2", True, False, False),
                         tuple(record[key] for key in ("version", "check", "staged", "already_there")))  # fmt: skip
        self.assertEqual(before, self.untouched())

    def test_the_same_again_changes_nothing(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        before = self.host.names(), succeeded(self.host.run("history"))
        record = json.loads(succeeded(self.switch(IMAGES.sealed("2"), "--json")))
        self.assertTrue(record["already_there"])
        self.assertEqual(before, (self.host.names(), succeeded(self.host.run("history"))))

    def test_upgrade_follows_the_source_of_the_booted_deployment(self):
        self.refused(self.host.run("upgrade"), "sealroot switch SOURCE", status=2)
        place = self.host.folder / "registry"
        shutil.copytree(IMAGES.sealed("2").removeprefix("oci:"), place)
        succeeded(self.switch(f"oci:{place}"))
        self.host.boot_next()
        shutil.rmtree(place)
        shutil.copytree(IMAGES.sealed("3").removeprefix("oci:"), place)
        succeeded(self.host.run("upgrade", "--quiet"))
        self.assertEqual(["3"], self.versions("staged"))

    def test_two_deployments_are_kept_and_the_old_one_goes_with_all_it_had(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        self.host.boot_next()
        succeeded(self.switch(IMAGES.sealed("3")))
        self.assertEqual([self.entry("2"), self.entry("3", "+3-0")], self.host.names())
        self.assertFalse((self.host.sysroot / "state/deploy" / self.first).exists())
        self.assertEqual(1, json.loads(succeeded(self.host.run("gc", "--json")))["removed_objects"] > 0)
        self.assertFalse((self.host.sysroot / "composefs/images" / self.first).is_symlink())
        self.assert_sound()

    def test_an_unsealed_image_is_refused(self):
        (IMAGES.folder / "plain").mkdir(exist_ok=True)
        small_image.write_image(IMAGES.folder / "plain", [small_image.tar_bytes(IMAGES.entries("2"))])
        self.refused(self.switch(f"oci:{IMAGES.folder / 'plain'}"), "it is not sealed")

    def test_leftovers_of_a_killed_run_go(self):
        (self.host.esp / "EFI/Linux" / (".new-" + "0" * 32)).write_bytes(b"half")
        (self.host.sysroot / "state/sealroot" / (".new-" + "0" * 32) / "etc").mkdir(parents=True)
        succeeded(self.switch(IMAGES.sealed("2")))
        self.assertNotIn(".new", str(self.host.names()))
        self.assertEqual({"deploy", "failed", "history"},
                         {path.name for path in (self.host.sysroot / "state/sealroot").iterdir()})  # fmt: skip

    def test_half_an_entry_of_the_same_image_is_replaced(self):
        (self.host.esp / "EFI/Linux" / self.entry("2", "+3-0")).write_bytes(b"MZ half")
        succeeded(self.switch(IMAGES.sealed("2")))
        self.assertEqual(["2"], self.versions("staged"))


class Unsealed(OnHost):
    """Hosts and images made with `build --unsealed`: u1, u2, u3."""

    @staticmethod
    def unsealed(number):
        return IMAGES.sealed(f"u{number}", IMAGES.entries(str(number), extra=[("usr/lib/u", b"u" * 99)]), "--unsealed")

    def unsealed_host(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=SCRATCH.name)
        self.addCleanup(folder.cleanup)
        self.unsealed(1)
        self.host = Host(Path(folder.name))
        self.host.install(IMAGES.folder / "u1.out")

    def test_unsealed_host_upgrades_and_rolls_back(self):
        self.unsealed_host()
        done = self.switch(self.unsealed(2))
        self.assertIn("next boot: web 2", succeeded(done))
        self.assertIn("warning: the new version is UNSEALED", done.stderr)
        self.assertEqual(IMAGES.digest("u2"), self.host.boot_next())
        self.assertEqual({"not sealed"}, {each["seal"].split(":")[0] for each in self.host.status()["deployments"]})
        succeeded(self.host.run("rollback"))
        self.assertEqual(IMAGES.digest("u1"), self.host.boot_next(bless=False))

    def test_unsealed_host_that_does_not_run_upgrades_too(self):
        self.unsealed_host()
        succeeded(sealroot("switch", "--quiet", self.unsealed(2), "--sysroot", self.host.sysroot, "--esp",
                           self.host.esp, "--cert", IMAGES.folder / "db.crt"))  # fmt: skip

    def test_a_sealed_deployment_ends_it(self):
        self.unsealed_host()
        succeeded(self.switch(IMAGES.sealed("2")))
        self.refused(self.switch(self.unsealed(3)), "signed, but not sealed: UNSEALED")
        self.host.boot_next()
        self.refused(self.switch(self.unsealed(3)), "signed, but not sealed: UNSEALED")
        self.refused(self.host.run("rollback", "1"), "its UKI is not sealed: UNSEALED")

    def test_sealed_host_never_becomes_unsealed(self):
        before = self.untouched()
        self.refused(self.switch(self.unsealed(2)), "signed, but not sealed: UNSEALED")
        self.assertEqual(before, self.untouched())
        # Nor if somebody writes such an entry to the ESP, which the firmware would boot.
        self.unsealed(1)
        entries = self.host.esp / "EFI/Linux"
        shutil.copy(next((IMAGES.folder / "u1.out").glob("*.efi")), entries / "zzz.efi")
        self.refused(self.switch(self.unsealed(2)), "signed, but not sealed: UNSEALED")
        (entries / "web_1.efi").unlink()
        self.refused(self.switch(self.unsealed(2)), "signed, but not sealed: UNSEALED")


class Refused(OnHost):
    """Nothing gets onto the ESP, and the state is as it was."""

    def check(self, source, reason, *options):
        before = self.untouched()
        self.refused(self.switch(source, *options), reason)
        self.assertEqual(before, self.untouched())
        succeeded(sealroot("fsck", self.host.sysroot / "composefs"))

    def test_O4_image_signed_by_another_key_is_refused(self):
        source = IMAGES.sealed("evil", IMAGES.entries("2"), key="stranger")
        self.check(source, "UKI 'system.efi' of the container image: ")
        # Naming the key does not help: the image that runs says whom it believes.
        done = self.switch(source, "--cert", IMAGES.folder / "stranger.crt")
        self.refused(done, "the booted image pins its certificates", status=2)

    def test_O4_image_without_a_signature_is_refused(self):
        def unsign(uki):
            size = int.from_bytes(uki[0x3C:0x40], "little") + 24 + 112 + 32  # directory entry of the certificate table
            return uki[:size] + bytes(8) + uki[size + 8 :]

        self.check(IMAGES.sealed("unsigned", IMAGES.entries("2"), spoil=unsign), "of the container image: ")

    def test_O4_changed_uki_is_refused(self):
        def flip(uki):
            return uki[:70000] + bytes([uki[70000] ^ 1]) + uki[70001:]

        self.check(IMAGES.sealed("flipped", IMAGES.entries("2"), spoil=flip), "of the container image: ")

    def test_I3_uki_of_another_tree_is_refused(self):
        out = IMAGES.build("other", IMAGES.entries("2", extra=[("usr/lib/backdoor", b"b" * 100)]))
        uki = next(out.glob("*.efi")).read_bytes()
        self.check(IMAGES.sealed("mixed", IMAGES.entries("2"), spoil=lambda _: uki), "uki digest mismatch: ")

    def test_I1_image_whose_folders_are_links_is_refused(self):
        for folder in ("etc", "var", "sysroot", "boot"):
            with self.subTest(folder):
                spoilt = [entry for entry in IMAGES.entries("2") if isinstance(entry, tarfile.TarInfo) or
                          not (entry[0] == folder or entry[0].startswith(folder + "/"))]  # fmt: skip
                place = IMAGES.folder / f"link-{folder}"
                spoilt.append(small_image.link(folder, "usr"))
                small_image.write_image(place, [small_image.tar_bytes(spoilt)])
                self.check(f"oci:{place}", f"/{folder}")

    def test_I2_uki_that_is_no_plain_single_file_is_refused(self):
        rows = {
            "symlink": lambda uki: [("usr/a.efi", uki), small_image.link("boot/EFI/Linux/a.efi", "/usr/a.efi")],
            "hardlink": lambda uki: [("usr/a.efi", uki),
                                     small_image.link("boot/EFI/Linux/a.efi", "usr/a.efi", tarfile.LNKTYPE)],
            "directory": lambda _: [("boot/EFI/Linux/a.efi", None)],
            "two": lambda uki: [("boot/EFI/Linux/a.efi", uki), ("boot/EFI/Linux/b.efi", uki)],
            "case": lambda uki: [("boot/EFI/Linux/a.efi", uki), ("boot/EFI/Linux/A.efi", uki)],
            "backslash": lambda uki: [("boot/EFI/Linux/..\\x.efi", uki)],
            "device": lambda uki: [("boot/EFI/Linux/CON:.efi", uki)],
            "no-efi": lambda uki: [("boot/EFI/Linux/uki", uki)],
        }  # fmt: skip
        reasons = {"symlink": "not a regular file", "hardlink": "hard links", "directory": "not a regular file",
                   "two": "exactly one", "case": "exactly one"}  # fmt: skip
        for name, layer in rows.items():
            with self.subTest(name):
                source = IMAGES.sealed(f"i2-{name}", IMAGES.entries("2"), layer=layer)
                self.check(source, reasons.get(name, "no name of a boot entry"))

    def test_I2_the_name_on_the_esp_is_ours(self):
        source = IMAGES.sealed("named", IMAGES.entries("2"),
                               layer=lambda uki: [("boot/EFI/Linux/" + "l" * 240 + "+9-0.efi", uki)])  # fmt: skip
        succeeded(self.switch(source))
        self.assertEqual(["web_1.efi", f"web_2_{IMAGES.digest('named')[:16]}+3-0.efi"], self.host.names())

    def test_N9_older_version_is_refused_unless_asked_for(self):
        source = IMAGES.sealed("0.9")
        self.check(source, "version '0.9' is older than '1', which is here: --allow-downgrade")
        succeeded(self.switch(source, "--allow-downgrade"))
        self.assertEqual(["0.9"], self.versions("next"))
        self.assertEqual([self.entry("0.9", "+3-0"), "web_1+0-0.efi"], self.host.names())
        self.assert_sound()

    def test_N9_a_version_staged_before_counts_too(self):
        succeeded(self.switch(IMAGES.sealed("3")))
        self.check(IMAGES.sealed("2"), "version '2' is older than '3'")

    def test_nothing_is_believed_without_a_certificate(self):
        folder = self.host.folder / "unpinned"
        folder.mkdir()
        host = Host(folder)
        host.install(IMAGES.build("unpinned", IMAGES.entries("1", pinned=False)))
        done = host.run("switch", "--quiet", IMAGES.sealed("2"))
        self.refused(done, "no certificate to check the UKI with", status=2)
        succeeded(host.run("switch", "--quiet", IMAGES.sealed("2"), "--cert", IMAGES.folder / "db.crt"))
        self.assertEqual(2, len(host.names()))


class Space(OnHost):
    """P5: the space is checked before anything is written."""

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a tmpfs of limited size")
    def test_P5_esp_of_any_size_holds_whole_entries_only(self):
        IMAGES.sealed("2")
        size = IMAGES.uki_size("1")
        place = self.host.folder / "small-esp"
        place.mkdir()
        outcomes = set()
        for pages in [*range(0, 16), size // 4096 - 1, size // 4096, *range(size // 4096 + 1, size // 4096 + 8), 2000]:
            with self.subTest(pages=pages):
                shutil.rmtree(self.host.sysroot)
                shutil.rmtree(self.host.efivars)
                total = (size + 4095) // 4096 + 8 + pages
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={total * 4096}", "sealroot-test", place], check=True)
                try:
                    self.host.esp = place
                    self.host.install(IMAGES.folder / "1.out")
                    done = self.switch(IMAGES.sealed("2"))
                    outcomes.add(done.returncode)
                    if done.returncode:
                        self.refused(done, "bytes are needed for the UKI")
                        self.assertEqual(["web_1.efi"], self.host.names())
                    else:
                        self.assertEqual(["web_1.efi", self.entry("2", "+3-0")], self.host.names())
                    self.assert_sound()
                finally:
                    subprocess.run(["umount", place], check=True)
        self.assertEqual({0, 1}, outcomes)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a tmpfs of limited size")
    def test_P5_old_entries_go_first_if_that_makes_room(self):
        place = self.host.folder / "small-esp"
        place.mkdir()
        IMAGES.sealed("2"), IMAGES.sealed("3")
        shutil.rmtree(self.host.sysroot)
        shutil.rmtree(self.host.efivars)
        room = (IMAGES.uki_size("1") // 4096 + 1) * 2 + 20
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room * 4096}", "sealroot-test", place], check=True)
        try:
            self.host.esp = place
            self.host.install(IMAGES.folder / "1.out")
            succeeded(self.switch(IMAGES.sealed("2")))
            self.host.boot_next()
            succeeded(self.host.run("pin", "1"))
            self.refused(self.switch(IMAGES.sealed("3")), "unpin a deployment")
            succeeded(self.host.run("unpin", "1"))
            record = json.loads(succeeded(self.switch(IMAGES.sealed("3"), "--json")))
            self.assertEqual([f"sha512:{self.first}"], record["removed"])
            self.assert_sound()
        finally:
            subprocess.run(["umount", place], check=True)


class Choose(OnHost):
    def stage_and_boot(self, *names):
        for name in names:
            succeeded(self.switch(IMAGES.sealed(name), "--keep", "9"))
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
        succeeded(self.switch(IMAGES.sealed("2")))
        succeeded(self.host.run("rollback"))
        self.assertEqual((["1"], []), (self.versions("next"), self.versions("staged")))

    def test_rollback_to_one_that_is_named_with_any_number_of_deployments(self):
        self.stage_and_boot("2", "3", "4")
        for name in (IMAGES.digest("2"), IMAGES.digest("2")[:8], "2", self.entry("2")):
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
        shutil.copytree(IMAGES.sealed("2").removeprefix("oci:"), place)
        succeeded(self.switch(f"oci:{place}"))
        self.host.boot_next()
        succeeded(self.host.run("rollback"))
        done = self.host.run("upgrade", "--quiet")
        self.assertEqual((0, ["1"]), (done.returncode, self.versions("next")))
        self.assertIn("was rolled back on this host: --retry", done.stderr)
        succeeded(self.host.run("upgrade", "--quiet", "--retry"))
        self.assertEqual(["2"], self.versions("next"))

    def test_a_version_that_failed_to_boot_is_not_staged_again_by_itself(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        failed = self.host.esp / "EFI/Linux" / self.entry("2", "+0-3")
        (self.host.esp / "EFI/Linux" / self.entry("2", "+3-0")).rename(failed)
        self.assertEqual((["1"], ["2"]), (self.versions("next"), self.versions("failed")))
        done = self.host.run("upgrade", "--quiet")
        self.assertEqual((0, ["1"]), (done.returncode, self.versions("next")))
        self.assertIn("failed to boot on this host: --retry", done.stderr)
        succeeded(self.host.run("gc", "--keep-deployments", "1"))
        self.assertEqual(["web_1.efi"], self.host.names())
        done = self.switch(IMAGES.sealed("2"), "--check")
        self.assertIn("failed to boot on this host: --retry", done.stderr)
        succeeded(self.switch(IMAGES.sealed("2"), "--retry"))
        self.assertEqual(["2"], self.versions("staged"))

    def test_switch_to_another_system_boots_it_whatever_its_name(self):
        entries = IMAGES.entries("1", image_id="zebra")
        succeeded(self.switch(IMAGES.sealed("zebra", entries)))
        status = self.host.status()
        self.assertEqual(["zebra"], [each["image_id"] for each in status["deployments"] if each["next"]])
        self.assertEqual(["web"], [each["image_id"] for each in status["deployments"] if each["rollback"]])

    def test_two_builds_of_one_version_are_told_apart(self):
        for name in ("1a", "1b"):
            succeeded(self.switch(IMAGES.sealed(name, IMAGES.entries("1", extra=[("usr/" + name, b"x" * 99)]))))
            self.assertEqual(f"sha512:{IMAGES.digest(name)}", self.host.status()["next"])

    def test_failed_entries_are_out_of_the_way_when_a_trial_fails(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        folder = self.host.esp / "EFI/Linux"
        (folder / self.entry("2", "+3-0")).rename(folder / self.entry("2", "+0-3"))
        succeeded(self.switch(IMAGES.sealed("zebra", IMAGES.entries("1", image_id="zebra")), "--keep", "9"))
        zebra = next(folder.glob("zebra*"))
        zebra.rename(folder / zebra.name.replace("+3-0", "+0-3"))
        self.assertEqual(f"sha512:{self.first}", self.host.status()["next"])

    def test_pinned_deployments_stay(self):
        succeeded(self.host.run("pin"))
        self.stage_and_boot("2")
        succeeded(self.switch(IMAGES.sealed("3")))
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
        succeeded(self.switch(IMAGES.sealed("2")))
        self.assertEqual(["2"], self.versions("staged"))

    def test_a_default_that_somebody_set_is_shown_and_stands_in_the_way_of_rollback(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        (self.host.efivars / f"LoaderEntryDefault{LOADER}").write_bytes(b"\x07\0\0\0" + "web_2*\0".encode("utf-16-le"))
        done = self.host.run("rollback")
        self.assertIn("LoaderEntryDefault", done.stderr)
        self.assertIn("LoaderEntryDefault chooses 'web_2*'", succeeded(self.host.run("status")))

    def test_hosts_of_bootc_are_recognised_and_left_alone(self):
        (self.host.esp / "EFI/Linux/bootc").mkdir()
        self.assertEqual("bootc", self.host.status()["managed_by"])
        for command in (("gc",), ("switch", IMAGES.sealed("2")), ("rollback",), ("pin", "1")):
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
        succeeded(self.switch(IMAGES.sealed("2")))
        refs = self.host.sysroot / "composefs/images/refs"
        rows = {"loop": "loop", "dangling": "../" + "0" * 128, "new\nline": "../nothing", "away": "/etc", "up": "../../.."}
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
        succeeded(self.switch(IMAGES.sealed("2")))
        shutil.rmtree(self.host.sysroot / "composefs/images/refs")
        shutil.rmtree(self.host.sysroot / "composefs/streams/refs")
        succeeded(self.host.run("gc"))
        for name in ("1", "2"):
            succeeded(sealroot("verify", "--repo", self.host.sysroot / "composefs", IMAGES.digest(name)))

    def test_what_a_killed_staging_left_goes(self):
        """Refs of an image that never became a deployment, and the record of one that is gone."""
        done = succeeded(self.switch(IMAGES.sealed("2")))
        image = IMAGES.digest("2")
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
        succeeded(self.switch(IMAGES.sealed("2")))
        before = self.objects(), self.untouched()
        succeeded(self.host.run("gc", "--dry-run", "--keep-deployments", "1"))
        self.assertEqual(before, (self.objects(), self.untouched()))


class Together(OnHost):
    def test_P6_who_comes_second_is_told_to_try_again(self):
        (self.host.sysroot / "state/sealroot").mkdir()
        lock = os.open(self.host.sysroot / "state/sealroot", os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (("switch", IMAGES.sealed("2")), ("rollback",), ("pin",), ("unpin",), ("gc",)):
            done = self.host.run(*command)
            self.refused(done, "another sealroot changes this host; try again later", status=75)
        self.host.status()

    def test_P6_upgrades_rollbacks_and_gc_at_once_leave_a_sound_host(self):
        succeeded(self.switch(IMAGES.sealed("2")))
        IMAGES.sealed("3")
        statuses = []

        def work(command):
            for _ in range(6):
                statuses.append(self.host.run(*command).returncode)

        commands = (("switch", "--quiet", IMAGES.sealed("3")), ("rollback",), ("gc",),
                    ("switch", "--quiet", "--allow-downgrade", IMAGES.sealed("2")))  # fmt: skip
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
                self.host.run("switch", "--quiet", IMAGES.sealed("2"))
                self.host.run("gc")
        finally:
            stop.set()
            thread.join()
        self.assertGreater(rounds, 100)
        self.assertEqual(before, sorted(str(path) for path in outside.rglob("*")))
        self.assertEqual("alive", (outside / "canary").read_text())


if __name__ == "__main__":
    unittest.main()
