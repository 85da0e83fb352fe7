#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`upgrade` and `switch` of a host made of directories: what is staged, and what is refused."""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import small_image
from on_host import OnHost, setUpModule  # noqa: F401
from small_host import Host, sealroot, succeeded


class Upgrade(OnHost):
    def test_a_new_version_is_staged_and_boots_next(self):
        record = json.loads(succeeded(self.switch(self.images.sealed("2"), "--json")))
        self.assertEqual(("2", "1", True), (record["version"], record["replaces"], record["staged"]))
        self.assertEqual(sorted(["web_1.efi", self.entry("2", "+3-0")]), self.host.names())
        self.assertEqual((["2"], ["1"], ["1"]), tuple(map(self.versions, ("staged", "booted", "rollback"))))
        self.assertTrue(self.deployment("2")["state_present"])
        self.assert_sound()
        self.assertEqual("sealed", self.deployment("2")["seal"])

    def test_state_is_as_the_pivot_wants_it(self):
        succeeded(self.switch(self.images.sealed("2")))
        state = self.host.sysroot / "state/deploy" / self.images.digest("2")
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
        entries = self.images.entries("9", extra=[link, small_image.link("etc/soft", "/away"), mode])
        succeeded(self.switch(self.images.sealed("9", entries, "--etc", "bind")))
        etc = self.host.sysroot / "state/deploy" / self.images.digest("9") / "etc"
        self.assertEqual(b"m" * 200, (etc / "motd").read_bytes())
        self.assertTrue((etc / "motd").samefile(etc / "hard"))
        self.assertEqual("/away", os.readlink(etc / "soft"))
        info = (etc / "shadow").stat()
        self.assertEqual((0o100000, 1234567890), (info.st_mode, int(info.st_mtime)))

    def test_check_says_what_would_happen_and_deploys_nothing(self):
        before = self.untouched()
        record = json.loads(succeeded(self.switch(self.images.sealed("2"), "--check", "--json")))
        self.assertEqual(("2", True, False, False),
                         tuple(record[key] for key in ("version", "check", "staged", "already_there")))  # fmt: skip
        self.assertEqual(before, self.untouched())

    def test_the_same_again_changes_nothing(self):
        succeeded(self.switch(self.images.sealed("2")))
        before = self.host.names(), succeeded(self.host.run("history"))
        record = json.loads(succeeded(self.switch(self.images.sealed("2"), "--json")))
        self.assertTrue(record["already_there"])
        self.assertEqual(before, (self.host.names(), succeeded(self.host.run("history"))))

    def test_upgrade_follows_the_source_of_the_booted_deployment(self):
        self.refused(self.host.run("upgrade"), "sealroot switch SOURCE", status=2)
        place = self.host.folder / "registry"
        shutil.copytree(self.images.sealed("2").removeprefix("oci:"), place)
        succeeded(self.switch(f"oci:{place}"))
        self.host.boot_next()
        shutil.rmtree(place)
        shutil.copytree(self.images.sealed("3").removeprefix("oci:"), place)
        succeeded(self.host.run("upgrade", "--quiet"))
        self.assertEqual(["3"], self.versions("staged"))

    def test_two_deployments_are_kept_and_the_old_one_goes_with_all_it_had(self):
        succeeded(self.switch(self.images.sealed("2")))
        self.host.boot_next()
        succeeded(self.switch(self.images.sealed("3")))
        self.assertEqual([self.entry("2"), self.entry("3", "+3-0")], self.host.names())
        self.assertFalse((self.host.sysroot / "state/deploy" / self.first).exists())
        self.assertEqual(1, json.loads(succeeded(self.host.run("gc", "--json")))["removed_objects"] > 0)
        self.assertFalse((self.host.sysroot / "composefs/images" / self.first).is_symlink())
        self.assert_sound()

    def test_an_unsealed_image_is_refused(self):
        (self.images.folder / "plain").mkdir(exist_ok=True)
        small_image.write_image(self.images.folder / "plain", [small_image.tar_bytes(self.images.entries("2"))])
        self.refused(self.switch(f"oci:{self.images.folder / 'plain'}"), "it is not sealed")

    def test_leftovers_of_a_killed_run_go(self):
        (self.host.esp / "EFI/Linux" / (".new-" + "0" * 32)).write_bytes(b"half")
        (self.host.sysroot / "state/sealroot" / (".new-" + "0" * 32) / "etc").mkdir(parents=True)
        succeeded(self.switch(self.images.sealed("2")))
        self.assertNotIn(".new", str(self.host.names()))
        self.assertEqual({"deploy", "failed", "history"},
                         {path.name for path in (self.host.sysroot / "state/sealroot").iterdir()})  # fmt: skip

    def test_half_an_entry_of_the_same_image_is_replaced(self):
        (self.host.esp / "EFI/Linux" / self.entry("2", "+3-0")).write_bytes(b"MZ half")
        succeeded(self.switch(self.images.sealed("2")))
        self.assertEqual(["2"], self.versions("staged"))


class Unsealed(OnHost):
    """Hosts and images made with `build --unsealed`: u1, u2, u3."""

    def unsealed(self, number):
        entries = self.images.entries(str(number), extra=[("usr/lib/u", b"u" * 99)])
        return self.images.sealed(f"u{number}", entries, "--unsealed")

    def unsealed_host(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=self.scratch)
        self.addCleanup(folder.cleanup)
        self.unsealed(1)
        self.host = Host(Path(folder.name))
        self.host.install(self.images.folder / "u1.out")

    def test_unsealed_host_upgrades_and_rolls_back(self):
        self.unsealed_host()
        done = self.switch(self.unsealed(2))
        self.assertIn("next boot: web 2", succeeded(done))
        self.assertIn("warning: the new version is UNSEALED", done.stderr)
        self.assertEqual(self.images.digest("u2"), self.host.boot_next())
        self.assertEqual({"not sealed"}, {each["seal"].split(":")[0] for each in self.host.status()["deployments"]})
        succeeded(self.host.run("rollback"))
        self.assertEqual(self.images.digest("u1"), self.host.boot_next(bless=False))

    def test_unsealed_host_that_does_not_run_upgrades_too(self):
        self.unsealed_host()
        succeeded(sealroot("switch", "--quiet", self.unsealed(2), "--sysroot", self.host.sysroot, "--esp",
                           self.host.esp, "--cert", self.images.folder / "db.crt"))  # fmt: skip

    def test_a_sealed_deployment_ends_it(self):
        self.unsealed_host()
        succeeded(self.switch(self.images.sealed("2")))
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
        shutil.copy(next((self.images.folder / "u1.out").glob("*.efi")), entries / "zzz.efi")
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
        source = self.images.sealed("evil", self.images.entries("2"), key="stranger")
        self.check(source, "UKI 'system.efi' of the container image: ")
        # Naming the key does not help: the image that runs says whom it believes.
        done = self.switch(source, "--cert", self.images.folder / "stranger.crt")
        self.refused(done, "the booted image pins its certificates", status=2)

    def test_O4_image_without_a_signature_is_refused(self):
        def unsign(uki):
            size = int.from_bytes(uki[0x3C:0x40], "little") + 24 + 112 + 32  # directory entry of the certificate table
            return uki[:size] + bytes(8) + uki[size + 8 :]

        self.check(self.images.sealed("unsigned", self.images.entries("2"), spoil=unsign), "of the container image: ")

    def test_O4_changed_uki_is_refused(self):
        def flip(uki):
            return uki[:70000] + bytes([uki[70000] ^ 1]) + uki[70001:]

        self.check(self.images.sealed("flipped", self.images.entries("2"), spoil=flip), "of the container image: ")

    def test_I3_uki_of_another_tree_is_refused(self):
        out = self.images.build("other", self.images.entries("2", extra=[("usr/lib/backdoor", b"b" * 100)]))
        uki = next(out.glob("*.efi")).read_bytes()
        self.check(self.images.sealed("mixed", self.images.entries("2"), spoil=lambda _: uki), "uki digest mismatch: ")

    def test_I1_image_whose_folders_are_links_is_refused(self):
        for folder in ("etc", "var", "sysroot", "boot"):
            with self.subTest(folder):
                spoilt = [entry for entry in self.images.entries("2") if isinstance(entry, tarfile.TarInfo) or
                          not (entry[0] == folder or entry[0].startswith(folder + "/"))]  # fmt: skip
                place = self.images.folder / f"link-{folder}"
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
                source = self.images.sealed(f"i2-{name}", self.images.entries("2"), layer=layer)
                self.check(source, reasons.get(name, "no name of a boot entry"))

    def test_I2_the_name_on_the_esp_is_ours(self):
        source = self.images.sealed("named", self.images.entries("2"),
                               layer=lambda uki: [("boot/EFI/Linux/" + "l" * 240 + "+9-0.efi", uki)])  # fmt: skip
        succeeded(self.switch(source))
        self.assertEqual(["web_1.efi", f"web_2_{self.images.digest('named')[:16]}+3-0.efi"], self.host.names())

    def test_N9_older_version_is_refused_unless_asked_for(self):
        source = self.images.sealed("0.9")
        self.check(source, "version '0.9' is older than '1', which is here: --allow-downgrade")
        succeeded(self.switch(source, "--allow-downgrade"))
        self.assertEqual(["0.9"], self.versions("next"))
        self.assertEqual([self.entry("0.9", "+3-0"), "web_1+0-0.efi"], self.host.names())
        self.assert_sound()

    def test_N9_a_version_staged_before_counts_too(self):
        succeeded(self.switch(self.images.sealed("3")))
        self.check(self.images.sealed("2"), "version '2' is older than '3'")

    def test_nothing_is_believed_without_a_certificate(self):
        folder = self.host.folder / "unpinned"
        folder.mkdir()
        host = Host(folder)
        host.install(self.images.build("unpinned", self.images.entries("1", pinned=False)))
        done = host.run("switch", "--quiet", self.images.sealed("2"))
        self.refused(done, "no certificate to check the UKI with", status=2)
        succeeded(host.run("switch", "--quiet", self.images.sealed("2"), "--cert", self.images.folder / "db.crt"))
        self.assertEqual(2, len(host.names()))


class Space(OnHost):
    """P5: the space is checked before anything is written."""

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a tmpfs of limited size")
    def test_P5_esp_of_any_size_holds_whole_entries_only(self):
        self.images.sealed("2")
        size = self.images.uki_size("1")
        place = self.host.folder / "small-esp"
        place.mkdir()
        outcomes = set()
        for pages in [*range(0, 16), size // 4096 - 1, size // 4096, *range(size // 4096 + 1, size // 4096 + 8), 2000]:
            with self.subTest(pages=pages):
                shutil.rmtree(self.host.sysroot)
                shutil.rmtree(self.host.efivars)
                total = (size + 4095) // 4096 + 8 + pages
                subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={total * 4096}", "sealroot-test", place],
                               check=True)  # fmt: skip
                try:
                    self.host.esp = place
                    self.host.install(self.images.folder / "1.out")
                    done = self.switch(self.images.sealed("2"))
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
        self.images.sealed("2"), self.images.sealed("3")
        shutil.rmtree(self.host.sysroot)
        shutil.rmtree(self.host.efivars)
        room = (self.images.uki_size("1") // 4096 + 1) * 2 + 20
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room * 4096}", "sealroot-test", place], check=True)
        try:
            self.host.esp = place
            self.host.install(self.images.folder / "1.out")
            succeeded(self.switch(self.images.sealed("2")))
            self.host.boot_next()
            succeeded(self.host.run("pin", "1"))
            self.refused(self.switch(self.images.sealed("3")), "unpin a deployment")
            succeeded(self.host.run("unpin", "1"))
            record = json.loads(succeeded(self.switch(self.images.sealed("3"), "--json")))
            self.assertEqual([f"sha512:{self.first}"], record["removed"])
            self.assert_sound()
        finally:
            subprocess.run(["umount", place], check=True)


if __name__ == "__main__":
    unittest.main()
