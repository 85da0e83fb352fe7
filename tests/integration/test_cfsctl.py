# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""sealroot and the real `cfsctl`, named by CFSCTL, on each other's repositories."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "vm")]
import product  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
CFSCTL = os.environ.get("CFSCTL", "")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@unittest.skipUnless(CFSCTL, "CFSCTL does not name the program cfsctl")
class Cfsctl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-cfsctl-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        demo = product.load().folder / "demo"
        cls.pulled = cls.scratch / "pulled"
        run(CFSCTL, "init", "--insecure", cls.pulled)
        run(CFSCTL, "--repo", cls.pulled, "oci", "pull", "--bootable", f"oci:{demo}", "demo")
        cls.inspected = json.loads(run(CFSCTL, "--repo", cls.pulled, "oci", "inspect", "demo"))
        out = cls.scratch / "out"
        built = run(SEALROOT, "build", f"oci:{demo}", "--json", "--quiet", "--no-disk", "--unsigned", "-o", out)
        cls.record = json.loads(built)
        cls.built = out / "composefs"

    def copy(self, repository):
        target = self.scratch / self.id().rpartition(".")[2]
        shutil.copytree(repository, target, symlinks=True)
        return target

    def test_same_digest_for_the_boot_form(self):
        self.assertEqual("sha512:" + self.inspected["composefs_boot_erofs"], self.record["image"]["digest"])

    def test_our_fsck_and_gc_keep_what_cfsctl_pulled(self):
        repository = self.copy(self.pulled)
        self.assertTrue(json.loads(run(SEALROOT, "fsck", "--json", repository))["ok"])
        run(SEALROOT, "gc", repository)
        self.assertIn("status: ok", run(CFSCTL, "--repo", repository, "fsck"))
        self.assertIn("status: ok", run(CFSCTL, "--repo", repository, "oci", "fsck"))
        before = files_of(repository)
        run(CFSCTL, "--repo", repository, "gc")
        self.assertEqual(before, files_of(repository))

    def test_both_gcs_empty_a_repository_whose_tag_is_gone(self):
        repository = self.copy(self.pulled)
        run(CFSCTL, "--repo", repository, "oci", "untag", "demo")
        run(SEALROOT, "gc", repository)
        self.assertEqual(0, json.loads(run(SEALROOT, "fsck", "--json", repository))["objects"])

    def test_cfsctl_gc_keeps_what_our_refs_need(self):
        repository = self.copy(self.built)
        run(CFSCTL, "--repo", repository, "gc")
        self.assertEqual(files_of(self.built), files_of(repository))
        self.assertIn("status: ok", run(CFSCTL, "--repo", repository, "fsck"))
        self.assertTrue(json.loads(run(SEALROOT, "fsck", "--json", repository))["ok"])

    def test_what_cfsctl_pulled_repairs_what_we_built(self):
        repository = self.copy(self.built)
        victim = max((path for path in (repository / "objects").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
        victim.unlink()
        victim.write_bytes(b"damaged")
        self.assertEqual(1, subprocess.run([SEALROOT, "fsck", repository], check=False, capture_output=True).returncode)
        run(SEALROOT, "fsck", repository, "--repair", f"repo:{self.pulled}")
        self.assertTrue(json.loads(run(SEALROOT, "fsck", "--json", repository))["ok"])


if __name__ == "__main__":
    unittest.main()
