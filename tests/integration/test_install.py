#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot install`: disk images and disks out of sealed container images."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from small_host import BOOT_FILES, Images, sealroot, sign, succeeded

LOADER = "usr/lib/systemd/boot/efi/systemd-bootx64.efi"


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-install-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.images = Images(cls.scratch)
        unsigned = BOOT_FILES / "systemd-bootx64.efi"
        signed = sign(unsigned, cls.scratch / "db.key", cls.scratch / "loader.efi")
        folders = [(str(path), None) for path in reversed(Path(LOADER).parents[:4]) if str(path) != "usr/lib"]
        plain = [*folders, (LOADER, unsigned.read_bytes())]
        cls.source = cls.images.sealed("1", cls.images.entries("1", extra=[*plain, (LOADER + ".signed", signed)]))
        cls.without_loader = cls.images.sealed("2", cls.images.entries("2", extra=plain))
        cls.unpinned = cls.images.sealed("3", cls.images.entries("3", pinned=False, extra=plain))

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="out-", dir=self.scratch)
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)
        self.disk = self.place / "disk.raw"

    def install(self, source, *options, cert="db.crt"):
        return sealroot("install", "--quiet", source, "--cert", self.scratch / cert, *options)

    def refused(self, done, reason, status=1):
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertEqual([], [path for path in self.place.iterdir() if path != self.disk])

    def test_disk_image_is_proven_and_knows_its_source(self):
        succeeded(self.install(self.source, "--image", self.disk))
        self.assertEqual([self.disk], list(self.place.iterdir()))
        proof = json.loads(succeeded(sealroot("verify", "--json", self.disk, "--cert", self.scratch / "db.crt")))
        self.assertTrue(proof["proven"])
        record = json.loads(succeeded(sealroot("inspect", "--json", self.disk)))
        root = record["partitions"][1]
        image = self.images.digest("1")
        text = subprocess.run(["debugfs", "-R", f"cat /state/sealroot/deploy/{image}.json",
                               f"{self.disk}?offset={root['offset']}"], check=True, capture_output=True).stdout  # fmt: skip
        self.assertEqual((self.source, "1"), (json.loads(text)["source"], json.loads(text)["image_version"]))
        self.refused(self.install(self.source, "--image", self.disk), "is there already", status=2)

    def test_same_source_gives_the_same_disk(self):
        for name in ("a", "b"):
            succeeded(self.install(self.source, "--image", self.place / name))
        self.assertEqual((self.place / "a").read_bytes(), (self.place / "b").read_bytes())

    def test_check_writes_nothing(self):
        done = self.install(self.source, "--image", self.disk, "--check")
        self.assertIn("would install web 1", succeeded(done))
        self.assertEqual([], list(self.place.iterdir()))

    def test_nothing_is_signed_on_the_way(self):
        self.refused(self.install(self.without_loader, "--image", self.disk), "boot loader 'image:/usr/lib/systemd")
        succeeded(self.install(self.without_loader, "--image", self.disk, "--boot-loader", self.scratch / "loader.efi"))

    def test_another_certificate_is_refused(self):
        self.refused(self.install(self.source, "--image", self.disk, cert="stranger.crt"), "UKI 'system.efi'")

    def test_an_image_that_pins_no_certificate_is_told(self):
        loader = ("--boot-loader", self.scratch / "loader.efi")
        self.assertIn("does not pin it", succeeded(self.install(self.unpinned, "--image", self.disk, *loader)))

    def test_a_target_must_be_named(self):
        self.refused(self.install(self.source), "--image FILE or --disk DEVICE", status=2)
        self.refused(self.install(self.source, "--disk", self.scratch / "db.crt"), "not a block device", status=2)

    @unittest.skipUnless(os.geteuid() == 0, "needs root for a loop device")
    def test_disk_is_overwritten_only_if_asked_for(self):
        backing = self.scratch / "backing"
        with backing.open("wb") as file:
            file.truncate(320 << 20)
        attached = subprocess.run(["losetup", "--find", "--show", backing], check=False, capture_output=True, text=True)
        if attached.returncode != 0:
            self.skipTest("no loop device: " + attached.stderr)
        device = attached.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", device], check=True)
        options = ("--disk", device, "--workshop", self.place)
        succeeded(self.install(self.source, *options))
        self.assertEqual([], list(self.place.iterdir()))
        succeeded(sealroot("verify", device, "--cert", self.scratch / "db.crt"))
        self.refused(self.install(self.source, *options), "--wipe overwrites", status=2)
        with backing.open("r+b") as file:  # what must not be left of what was there
            file.seek(200 << 20)
            file.write(b"old" * 1000000)
        succeeded(self.install(self.source, "--wipe", *options))
        succeeded(sealroot("verify", device, "--cert", self.scratch / "db.crt"))
        root = json.loads(succeeded(sealroot("inspect", "--json", device)))["partitions"][1]
        done = subprocess.run(["e2fsck", "-fn", f"{device}?offset={root['offset']}"], check=False, capture_output=True)
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertNotIn(b"oldoldold", backing.read_bytes())


if __name__ == "__main__":
    unittest.main()
