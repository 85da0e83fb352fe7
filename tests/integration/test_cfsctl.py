# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""sealroot and the real `cfsctl`, named by CFSCTL, on each other's repositories."""

import gzip
import hashlib
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
from small_image import blob, tar_bytes, write_image  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
CFSCTL = os.environ.get("CFSCTL", "")
TAG = "tests/demo:1.0%"  # every character that a file name can't have, or that says how others are written


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout!r}{done.stderr!r}")
    return done.stdout


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def objects_of(repository):
    return {name for name in files_of(repository) if name.startswith("objects/") and name.count("/") == 2}


def fsck(repository):
    return json.loads(run(SEALROOT, "fsck", "--json", repository))


def make_image(folder):
    """The demo image with one layer more, of files that the form that boots leaves out and of names in PAX headers."""
    demo = product.load().folder / "demo"
    manifest = json.loads(blob(demo, json.loads((demo / "index.json").read_text())["manifests"][0]).read_bytes())
    layers = [gzip.decompress(blob(demo, layer).read_bytes()) for layer in manifest["layers"]]
    long_name = "usr/share/" + "n" * 120
    extra = [("boot/left-out", b"x" * 1000), (long_name, b"y" * 65), ("usr/share/same", b"y" * 65),
             ("usr/share/inline", b"z" * 64)]  # fmt: skip
    write_image(folder, [*layers, tar_bytes(extra)])


def build(image, out, *options):
    usual = ("--arch", "amd64", "--json", "--quiet", "--no-disk", "--unsigned")
    return json.loads(run(SEALROOT, "build", f"oci:{image}", *usual, "-o", out, *options))


@unittest.skipUnless(CFSCTL, "CFSCTL does not name the program cfsctl")
class Cfsctl(unittest.TestCase):
    algorithm = "sha512"

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-cfsctl-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.image = cls.scratch / "image"
        make_image(cls.image)
        cls.pulled = cls.pull("pulled")
        cls.record = build(cls.image, cls.scratch / "out", "--digest", cls.algorithm, "--tag", TAG)
        cls.built = cls.scratch / "out/composefs"

    @classmethod
    def pull(cls, name, *options):
        repository = cls.scratch / name
        run(CFSCTL, *options, "init", "--insecure", "--algorithm", f"fsverity-{cls.algorithm}-12", repository)
        run(CFSCTL, "--repo", repository, "oci", "pull", "--bootable", f"oci:{cls.image}", TAG)
        return repository

    def cfsctl(self, repository, *command):
        return run(CFSCTL, "--repo", repository, *command).decode()

    def copy(self, repository):
        target = self.scratch / self.id().rpartition(".")[2]
        shutil.copytree(repository, target, symlinks=True)
        return target

    def assert_both_content(self, repository):
        self.assertIn("status: ok", self.cfsctl(repository, "fsck"))
        self.assertIn("status: ok", self.cfsctl(repository, "oci", "fsck"))
        self.assertEqual([], fsck(repository)["damages"])

    # What we built.

    def test_cfsctl_finds_no_fault_with_what_we_built(self):
        self.assert_both_content(self.built)

    def test_cfsctl_knows_the_image_we_built_as_the_one_it_pulled(self):
        for command in (("images", "--json"), ("inspect", TAG), ("dump", TAG)):
            with self.subTest(command):
                self.assertEqual(self.cfsctl(self.pulled, "oci", *command), self.cfsctl(self.built, "oci", *command))

    def test_layers_are_what_cfsctl_records_of_them(self):
        for layer in self.record["source"]["layers"]:
            diff_id = layer["diff_id"]
            both = (self.pulled, self.built)
            with self.subTest(diff_id):
                tar = run(CFSCTL, "--repo", self.built, "oci", "layer", diff_id)
                self.assertEqual(diff_id, "sha256:" + hashlib.sha256(tar).hexdigest())
                theirs, ours = (self.cfsctl(repository, "oci", "layer", "--dumpfile", diff_id) for repository in both)
                self.assertEqual(theirs, ours)
                theirs, ours = (
                    json.loads(self.cfsctl(repository, "oci", "layer", "--json", diff_id)) for repository in both
                )
                self.assertEqual(theirs["size"], ours["size"])
                self.assertEqual(theirs["entryCount"], ours["entryCount"])
                self.assertEqual(theirs["splitstream"]["inlineSize"], ours["splitstream"]["inlineSize"])

    def test_cfsctl_computes_our_digest_from_our_streams(self):
        for command in (("--bootable",), ()):
            computed = self.cfsctl(self.built, "oci", "compute-id", *command, TAG).split()[-1]
            expected = self.cfsctl(self.pulled, "oci", "compute-id", *command, TAG).split()[-1]
            with self.subTest(command):
                self.assertEqual(expected, computed)
                self.assertTrue((self.built / "images" / computed).is_symlink())
        linked = self.cfsctl(self.built, "oci", "linked-erofs-images", computed)
        self.assertEqual(self.cfsctl(self.pulled, "oci", "linked-erofs-images", computed), linked)
        boot = self.cfsctl(self.built, "oci", "compute-id", "--bootable", TAG).split()[-1]
        self.assertEqual(f"{self.algorithm}:{boot}", self.record["image"]["digest"])

    def test_cfsctl_gc_removes_nothing_of_what_we_built(self):
        repository = self.copy(self.built)
        self.cfsctl(repository, "gc")
        self.assertEqual(files_of(self.built), files_of(repository))
        run(SEALROOT, "gc", repository)
        self.assertEqual(files_of(self.built), files_of(repository))

    def test_cfsctl_mounts_what_we_built(self):
        """In a mount namespace of its own, with overlayfs and erofs of this kernel. Objects have no fs-verity here."""
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
            self.skipTest("mounting needs root")
        digest = self.record["image"]["digest"].partition(":")[2]
        mounted = self.scratch / "mounted"
        mounted.mkdir(exist_ok=True)
        script = '"$1" --repo "$2" --insecure mount "$3" "$4" && cd "$4" && find . -type f -exec sha256sum {} + | sort'
        seen = run("unshare", "-m", "bash", "-euc", script, "bash", CFSCTL, self.built, digest, mounted).decode()
        path = "./usr/share/" + "n" * 120
        self.assertIn(f"{hashlib.sha256(b'y' * 65).hexdigest()}  {path}\n", seen)
        self.assertNotIn("left-out", seen)
        files = [entry for entry in json.loads(run(SEALROOT, "ls", "--json", "--repo", self.built, digest))
                 if entry["type"] == "file"]  # fmt: skip
        self.assertEqual(len(files), seen.count("\n"))

    def test_explain_finds_the_format_of_a_digest_that_cfsctl_computed(self):
        digest = run(CFSCTL, "--erofs-version", "2", "--repo", self.pulled, "oci", "compute-id", "--bootable", TAG)
        digest = digest.decode().split()[-1]
        self.assertNotIn(digest, self.record["image"]["digest"])
        done = subprocess.run([SEALROOT, "explain", "--json", "--digest", self.algorithm, digest, f"oci:{self.image}"],
                              check=False, capture_output=True)  # fmt: skip
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("V2", done.stdout.decode())

    def test_either_tag_alone_keeps_the_image(self):
        for program in (SEALROOT, CFSCTL):
            repository = self.scratch / f"one-tag-{Path(program).name}"
            shutil.copytree(self.built, repository, symlinks=True)
            shutil.rmtree(repository / "images/refs")
            run(program, *(["gc", repository] if program == SEALROOT else ["--repo", repository, "gc"]))
            self.assertEqual(objects_of(self.built), objects_of(repository))
            self.assert_both_content(repository)

    def test_cfsctl_copies_and_untags_what_we_built(self):
        target = self.scratch / "copied"
        run(CFSCTL, "init", "--insecure", "--algorithm", f"fsverity-{self.algorithm}-12", target)
        repository = self.copy(self.built)
        self.cfsctl(target, "oci", "copy", "--from", repository, TAG)
        self.assert_both_content(target)
        self.cfsctl(repository, "oci", "untag", TAG)
        shutil.rmtree(repository / "images/refs")
        self.cfsctl(repository, "gc")
        self.assertEqual(set(), objects_of(repository))

    def test_a_second_pull_by_cfsctl_finds_our_layers(self):
        repository = self.copy(self.built)
        told = self.cfsctl(repository, "oci", "pull", "--bootable", f"oci:{self.image}", "again")
        self.assertIn("objects  0 new", told)
        self.assert_both_content(repository)

    # What cfsctl pulled.

    def test_our_fsck_and_gc_keep_what_cfsctl_pulled(self):
        repository = self.copy(self.pulled)
        self.assertTrue(fsck(repository)["ok"])
        run(SEALROOT, "gc", repository)
        self.assert_both_content(repository)
        before = files_of(repository)
        self.cfsctl(repository, "gc")
        self.assertEqual(before, files_of(repository))

    def test_we_read_the_images_that_cfsctl_made_in_each_format(self):
        for version in ("1", "2"):
            with self.subTest(version):
                repository = self.pull(f"pulled-v{version}", "--erofs-version", version)
                self.assertTrue(fsck(repository)["ok"])
                inspected = json.loads(self.cfsctl(repository, "oci", "inspect", TAG))
                image = inspected["composefs_boot_erofs"]
                dump = run(SEALROOT, "dump", "--store", repository, image)
                self.assertIn(b"/usr/bin", dump)
                self.assertIn(b"os-release", run(SEALROOT, "ls", "--store", repository, image))
                release = run(SEALROOT, "cat", "--store", repository, image, "/usr/lib/os-release")
                self.assertIn(b"ID=", release)

    def test_a_build_of_what_cfsctl_pulled_adds_no_object(self):
        repository = self.copy(self.pulled)
        before = objects_of(repository)
        record = build(self.image, self.scratch / "again", "--store", repository, "--digest", self.algorithm)
        self.assertEqual(set(), objects_of(repository) - before)
        self.assert_both_content(repository)
        self.assertEqual(self.record["image"], record["image"])
        tags = {image["name"] for image in json.loads(self.cfsctl(repository, "oci", "images", "--json"))["images"]}
        self.assertEqual({TAG, record["container"]["tag"]}, tags)

    def test_both_gcs_empty_a_repository_whose_tag_is_gone(self):
        repository = self.copy(self.pulled)
        self.cfsctl(repository, "oci", "untag", TAG)
        run(SEALROOT, "gc", repository)
        self.assertEqual(0, fsck(repository)["objects"])

    def test_what_cfsctl_pulled_repairs_what_we_built(self):
        repository = self.copy(self.built)
        files = [path for path in (repository / "objects").rglob("*") if path.is_file()]
        victim = max(files, key=lambda path: path.stat().st_size)
        victim.unlink()
        victim.write_bytes(b"damaged")
        self.assertEqual(1, subprocess.run([SEALROOT, "fsck", repository], check=False, capture_output=True).returncode)
        run(SEALROOT, "fsck", repository, "--repair", f"repo:{self.pulled}")
        self.assertTrue(fsck(repository)["ok"])


class CfsctlSha256(Cfsctl):
    algorithm = "sha256"


if __name__ == "__main__":
    if not CFSCTL:
        print("skipped: CFSCTL does not name the program cfsctl")  # what ctest looks for
    unittest.main()
