# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot gc` and what a system may boot: deployments beside the repository, boot entries and UKIs on an ESP."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SEALROOT = os.environ["SEALROOT"]
SOURCE = f"oci-archive:{Path(__file__).resolve().parents[1] / 'golden/oci-image.tar'}"


def run(*arguments):
    return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True)


class Roots(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-gc-")
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        self.repository = self.root / "composefs"
        # An image that no ref names.
        self.image = run("digest", "--quiet", "--arch", "amd64", SOURCE, "--store", self.repository).stdout.strip()
        run("gc", self.repository, "--keep", self.image)  # the kernel, which the form that boots leaves out
        self.all_objects = self.objects()

    def objects(self):
        return sorted(path.name for path in (self.repository / "objects").glob("*/*"))

    def gc(self, *options):
        return run("gc", "--json", self.repository, *options)

    def refused(self, reason, *options):
        done = self.gc(*options)
        self.assertEqual(1, done.returncode)
        self.assertIn("gc: root unreadable, nothing deleted: ", done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertEqual(self.all_objects, self.objects())

    def kept(self, *options):
        done = self.gc(*options)
        self.assertEqual("", done.stderr)
        self.assertEqual(self.all_objects, self.objects())
        return json.loads(done.stdout)

    def entry(self, text):
        entries = self.root / "esp/loader/entries"
        entries.mkdir(parents=True, exist_ok=True)
        (entries / "os.conf").write_text(text)
        return self.root / "esp"

    def test_without_a_root_all_goes(self):
        self.assertEqual(len(self.all_objects), self.kept("--dry-run")["removed_objects"])
        self.gc()
        self.assertEqual([], self.objects())

    def test_the_repository_may_be_named_by_the_option_of_other_commands(self):
        for command in (("gc", "--dry-run", "--repo"), ("fsck", "--repo"), ("gc", "--dry-run")):
            with self.subTest(command=command):
                done = run(*command, self.repository)
                self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_an_empty_name_is_no_host(self):
        for command in (("gc",), ("gc", "--repo"), ("fsck",)):
            with self.subTest(command=command):
                done = run(*command, "")
                self.assertEqual(1, done.returncode)
                self.assertIn("opening repository '': opening '': no such file", done.stderr)

    def test_a_deployment_beside_the_repository_keeps_its_image(self):
        (self.root / "state/deploy" / self.image / "etc").mkdir(parents=True)
        self.assertEqual(1, self.kept()["roots"])
        shutil.rmtree(self.root / "state/deploy" / self.image)
        self.gc()
        self.assertEqual([], self.objects())

    def test_deployments_elsewhere_count_when_named(self):
        folder = self.root / "elsewhere"
        (folder / self.image).mkdir(parents=True)
        self.assertEqual(0, self.kept("--deployments", folder)["removed_objects"])

    def test_a_folder_of_deployments_with_another_name_stops_gc(self):
        (self.root / "state/deploy/current").mkdir(parents=True)
        self.refused("'current': not named by a digest")

    def test_a_boot_entry_keeps_its_image(self):
        esp = self.entry(f"title OS\noptions quiet composefs.digest=v1-sha512-12:{self.image}\n")
        self.assertEqual(1, self.kept("--esp", esp)["roots"])

    def test_a_boot_entry_for_an_image_that_is_not_there_stops_gc(self):
        self.refused("object", "--esp", self.entry(f"options composefs={'0' * 128}\n"))

    def test_a_uki_that_cannot_be_read_stops_gc(self):
        esp = self.entry("title nothing\n")
        (esp / "EFI/Linux").mkdir(parents=True)
        (esp / "EFI/Linux/cut.efi").write_bytes(b"MZ")
        self.refused("'EFI/Linux/cut.efi'", "--esp", esp)

    def test_what_is_no_esp_stops_gc(self):
        self.refused("neither EFI/Linux nor loader/entries", "--esp", self.root)


if __name__ == "__main__":
    unittest.main()
