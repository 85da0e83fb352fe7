#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The container image that `sealroot build --oci-out` makes, as skopeo, cfsctl and sealroot itself see it."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "vm")]
import product  # noqa: E402
from small_image import base_entries, blob, tar_bytes, write_image  # noqa: E402
from test_build import content_of, run  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
CFSCTL = os.environ.get("CFSCTL", "")


def make_image(folder):
    """The demo image with a UKI already in /boot, which is closed to others."""
    demo = product.load().folder / "demo"
    manifest = json.loads(blob(demo, json.loads((demo / "index.json").read_text())["manifests"][0]).read_bytes())
    layers = [gzip.decompress(blob(demo, layer).read_bytes()) for layer in manifest["layers"]]
    boot = tarfile.TarInfo("boot")
    boot.type, boot.mode, boot.mtime = tarfile.DIRTYPE, 0o700, 1_600_000_000
    more = [boot, ("boot/EFI", None), ("boot/EFI/Linux", None), ("boot/EFI/Linux/old.efi", b"MZ old")]
    write_image(folder, [*layers, tar_bytes(more)])


def digest(source, *options):
    return run(SEALROOT, "digest", "--quiet", "--arch", "amd64", *options, source).stdout.decode().strip()


def manifest_of(layout):
    return json.loads(blob(layout, json.loads((layout / "index.json").read_text())["manifests"][0]).read_bytes())


class OciOut(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-oci-out-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.image = cls.scratch / "image"
        make_image(cls.image)
        cls.source = f"oci:{cls.image}"
        cls.record = cls.build("out", f"oci:{cls.scratch / 'sealed'}:v1")
        cls.sealed = cls.scratch / "sealed"

    @classmethod
    def build(cls, name, target, *options, source=None):
        usual = ("--quiet", "--json", "--arch", "amd64", "--unsigned", "--no-disk", "--image-id", "web",
                 "--image-version", "42")  # fmt: skip
        done = run(SEALROOT, "build", source or cls.source, *usual, "-o", cls.scratch / name, "--oci-out", target,
                   *options)  # fmt: skip
        return json.loads(done.stdout)

    def test_sealed_image_has_the_image_digest_of_its_source(self):
        for options in ((), ("--digest", "sha256"), ("--xattrs", "keep-user-xattrs")):
            self.assertEqual(digest(self.source, *options), digest(f"oci:{self.sealed}:v1", *options))
        self.assertEqual(self.record["image"]["digest"], "sha512:" + digest(f"oci:{self.sealed}"))

    @unittest.skipUnless(CFSCTL, "CFSCTL does not name the program cfsctl")
    def test_cfsctl_computes_the_same_for_both(self):
        repository = self.scratch / "repository"
        run(CFSCTL, "init", "--insecure", "--algorithm", "fsverity-sha512-12", repository)
        found = set()
        for name, layout in (("source", self.image), ("sealed", self.sealed)):
            run(CFSCTL, "--repo", repository, "oci", "pull", f"oci:{layout}", name)
            found.add(run(CFSCTL, "--repo", repository, "oci", "compute-id", "--bootable", name).stdout.decode().strip())
        self.assertEqual({self.record["image"]["digest"].removeprefix("sha512:")}, found)

    def test_source_blobs_are_carried_byte_for_byte_and_one_layer_added(self):
        before, after = manifest_of(self.image), manifest_of(self.sealed)
        self.assertEqual(before["layers"], after["layers"][:-1])
        for layer in before["layers"]:
            self.assertEqual(blob(self.image, layer).read_bytes(), blob(self.sealed, layer).read_bytes())
        with tarfile.open(blob(self.sealed, after["layers"][-1])) as layer:
            names = {entry.name: entry for entry in layer}
            uki = names["boot/EFI/Linux/web_42.efi"]
            self.assertEqual((self.scratch / "out/web_42.efi").read_bytes(), layer.extractfile(uki).read())
        self.assertEqual({"boot", "boot/EFI", "boot/EFI/Linux", "boot/EFI/Linux/.wh..wh..opq", uki.name}, set(names))
        self.assertEqual((0o700, 0o644, 0), (names["boot"].mode, uki.mode, uki.uid))
        self.assertEqual({self.record["source_date_epoch"]},
                         {int(entry.mtime) for name, entry in names.items() if name != "boot"})  # fmt: skip

    def test_annotations_name_version_and_digest(self):
        self.assertEqual(
            {"org.opencontainers.image.version": "42",
             "composefs.merged.bootable.erofs.v1.fsverity-sha512-12":
                 self.record["image"]["digest"].removeprefix("sha512:")},
            manifest_of(self.sealed)["annotations"])  # fmt: skip

    def test_record_tells_what_was_made(self):
        index = json.loads((self.sealed / "index.json").read_text())["manifests"][0]
        recorded, manifest = self.record["sealed_container"], manifest_of(self.sealed)
        self.assertEqual(index["digest"], recorded["manifest"])
        self.assertEqual(manifest["config"]["digest"], recorded["config"])
        self.assertEqual(manifest["layers"][-1]["digest"], recorded["layer"]["digest"])
        config = json.loads(blob(self.sealed, manifest["config"]).read_bytes())
        self.assertEqual(config["rootfs"]["diff_ids"][-1], recorded["layer"]["diff_id"])
        self.assertEqual("v1", index["annotations"]["org.opencontainers.image.ref.name"])

    def test_same_bytes_again_and_as_an_archive(self):
        self.build("again", self.scratch / "plain", source=f"oci:{self.image}")
        first, second = content_of(self.sealed), content_of(self.scratch / "plain")
        self.assertEqual(first.pop("index.json") is None, second.pop("index.json") is None)  # the tag is another
        self.assertEqual(first, second)
        archives = [self.scratch / f"{number}.tar" for number in (1, 2)]
        for archive in archives:
            self.build(f"out-{archive.stem}", f"oci-archive:{archive}:v1")
        self.assertEqual(*(hashlib.sha256(archive.read_bytes()).hexdigest() for archive in archives))
        with tarfile.open(archives[0]) as archive:
            archive.extractall(self.scratch / "unpacked", filter="data")
        self.assertEqual({name for name in content_of(self.sealed) if name.count("/") != 1},
                         {name for name in content_of(self.scratch / "unpacked") if name.count("/") != 1})  # fmt: skip
        self.assertEqual((self.sealed / "index.json").read_bytes(),
                         (self.scratch / "unpacked" / "index.json").read_bytes())  # fmt: skip

    def test_image_sealed_twice_has_one_uki(self):
        self.build("twice", self.scratch / "resealed", "--image-version", "43", source=f"oci:{self.sealed}:v1")
        listed = json.loads(run(SEALROOT, "digest", "--json", "--quiet", "--arch", "amd64",
                                f"oci:{self.scratch / 'resealed'}").stdout)  # fmt: skip
        self.assertEqual(self.record["image"]["digest"], listed["digest"])

    @unittest.skipUnless(shutil.which("skopeo"), "skopeo is not installed")
    def test_skopeo_takes_it_and_changes_nothing(self):
        copy = self.scratch / "copy"
        run("skopeo", "copy", "--quiet", f"oci:{self.sealed}:v1", f"oci:{copy}:v1")
        self.assertEqual(manifest_of(self.sealed), manifest_of(copy))

    def refused(self, source, target):
        return subprocess.run([SEALROOT, "build", source, "--quiet", "--unsigned", "-o", str(self.scratch / "refused"),
                               "--oci-out", str(target)], check=False, capture_output=True, text=True)  # fmt: skip

    def test_what_can_not_be_done_is_wrong_usage(self):
        tar = self.scratch / "root.tar"
        tar.write_bytes(tar_bytes(base_entries()))
        for source, target, reason in ((f"tar:{tar}", self.scratch / "x", "is not a container image"),
                                       (self.source, f"tar:{tar}", "expected DIR, oci:DIR"),
                                       (self.source, f"oci-archive:{tar}", "not a directory")):  # fmt: skip
            done = self.refused(source, target)
            self.assertEqual((2, True), (done.returncode, reason in done.stderr), done.stderr)
        done = self.refused(self.source, self.sealed)
        self.assertEqual((1, True), (done.returncode, "is not empty" in done.stderr), done.stderr)

    def test_failed_build_leaves_nothing(self):
        target = self.scratch / "never"
        broken = self.scratch / "broken"
        write_image(broken, [tar_bytes(base_entries())])  # no kernel
        self.assertEqual(1, self.refused(f"oci:{broken}", target).returncode)
        self.assertEqual([], [path.name for path in self.scratch.iterdir() if "never" in path.name])


if __name__ == "__main__":
    unittest.main()
