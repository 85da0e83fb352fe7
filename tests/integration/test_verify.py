#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot verify` and `du`; `ls`, `dump`, `cat` and `fsck` on repositories and flat stores of the C tools."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import small_image

SEALROOT = os.environ["SEALROOT"]
MKCOMPOSEFS = str(Path(SEALROOT).with_name("mkcomposefs"))
LARGE = {"usr/bin/one": b"1" * 1000, "usr/bin/two": b"2" * 3000}


def sealroot(*arguments):
    return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True)


class RepositoryTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-verify-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.store = self.scratch / "store"
        self.digest = self.add("a.tar", [*small_image.base_entries(), *LARGE.items()])

    def add(self, name, entries):
        """Adds the image of a tar with these entries to the repository; its digest."""
        (self.scratch / name).write_bytes(small_image.tar_bytes(entries))
        done = sealroot("digest", "--quiet", f"tar:{self.scratch / name}", "--digest", "sha256", "--store", self.store)
        self.assertEqual("", done.stderr)
        return done.stdout.strip()

    def object_of(self, path):
        records = json.loads(sealroot("ls", "--json", "--repo", self.store, self.digest, path).stdout)
        return records[0]["digest"]

    def file_of(self, digest):
        return self.store / "objects" / digest[:2] / digest[2:]


class Verify(RepositoryTest):
    def verify(self, *arguments):
        return sealroot("verify", "--repo", self.store, *arguments)

    def test_intact_image_is_said_to_be_intact(self):
        done = self.verify(self.digest)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertRegex(
            done.stdout, rf"^sha256:{self.digest}: intact; 2 files in 2 objects, 3.9 KiB, [0-9]+ with fs-verity\n$"
        )
        record = json.loads(self.verify("--json", f"sha256:{self.digest}").stdout)
        self.assertEqual((True, 2, 4000, []), (record["ok"], record["objects"], record["bytes"], record["findings"]))

    def test_each_broken_path_is_named_with_the_reason(self):
        one, two = self.object_of("/usr/bin/one"), self.object_of("/usr/bin/two")
        self.file_of(one).unlink()
        self.file_of(two).unlink()
        self.file_of(two).write_bytes(b"2" * 2999 + b"x")
        done = self.verify(self.digest)
        first, second, last = done.stdout.splitlines()
        self.assertEqual(1, done.returncode)
        self.assertTrue(first.startswith(f"'/usr/bin/one': object objects/{one[:2]}/{one[2:]}: "), first)
        self.assertTrue(first.endswith(": no such file"), first)
        self.assertTrue(
            second.startswith(f"'/usr/bin/two': object objects/{two[:2]}/{two[2:]}: its 3000 bytes give another digest")
        )
        self.assertIn("damaged; 2 files in 2 objects", last)
        self.assertEqual("sealroot: verify: 2 defects\n", done.stderr)
        findings = json.loads(self.verify("--json", self.digest).stdout)["findings"]
        self.assertEqual(["/usr/bin/one", "/usr/bin/two"], [finding["path"] for finding in findings])
        self.assertEqual(f"sha256:{one}", findings[0]["object"])

    def test_wrong_size_is_told_though_the_digest_is_right(self):
        one = self.object_of("/usr/bin/one")
        dump = sealroot("dump", "--repo", self.store, self.digest).stdout
        (self.scratch / "dump").write_text(dump.replace("/usr/bin/one 1000 ", "/usr/bin/one 1001 "))
        image = self.scratch / "image"
        subprocess.run([MKCOMPOSEFS, "--from-file", self.scratch / "dump", image], check=True)
        done = self.verify(image)
        self.assertEqual(1, done.returncode)
        self.assertIn(
            f"'/usr/bin/one': object objects/{one[:2]}/{one[2:]} has 1000 bytes, the image says 1001\n", done.stdout
        )

    def test_damaged_image_is_told(self):
        path = self.file_of(self.digest)
        content = bytearray(path.read_bytes())
        content[2000] ^= 1
        path.unlink()
        path.write_bytes(content)
        done = self.verify(self.digest)
        self.assertEqual(1, done.returncode)
        self.assertTrue(
            done.stdout.startswith(f"image: object objects/{self.digest[:2]}/{self.digest[2:]}: its "), done.stdout
        )

    def test_other_digest_than_expected_is_a_defect(self):
        done = self.verify("--digest", "ab" * 32, self.digest)
        self.assertEqual(1, done.returncode)
        self.assertIn(f"image: has digest sha256:{self.digest}, expected is sha256:{'ab' * 32}\n", done.stdout)
        self.assertEqual(0, self.verify("--digest", self.digest, self.digest).returncode)

    def test_repository_and_digest_must_be_given_right(self):
        self.assertEqual(2, sealroot("verify", self.digest).returncode)
        self.assertEqual(2, self.verify("--digest", "zz", self.digest).returncode)


class Usage(RepositoryTest):
    def test_bytes_are_counted_in_all_and_for_one_image_alone(self):
        other = self.add(
            "b.tar", [*small_image.base_entries(), ("usr/bin/two", LARGE["usr/bin/two"]), ("usr/bin/three", b"3" * 500)]
        )
        (self.store / "images/refs/b").symlink_to(f"../{other}")
        record = json.loads(sealroot("du", "--json", "--repo", self.store).stdout)
        images = {image["image"]: image for image in record["images"]}
        first, second = images[f"sha256:{self.digest}"], images[f"sha256:{other}"]
        size = self.file_of(self.digest).stat().st_size
        self.assertEqual((3, size + 4000), (first["total"]["objects"], first["total"]["bytes"]))
        self.assertEqual((2, size + 1000), (first["unique"]["objects"], first["unique"]["bytes"]))
        self.assertEqual((1, 3000), (first["shared"]["objects"], first["shared"]["bytes"]))
        self.assertEqual(["b"], second["refs"])
        self.assertEqual((5, 0), (record["in_images"]["objects"], record["in_no_image"]["objects"]))
        self.assertEqual(record["total"], record["in_images"])
        stored = sum(path.stat().st_blocks * 512 for path in (self.store / "objects").glob("*/*"))
        self.assertEqual(stored, record["total"]["stored"])

    def test_one_image_by_its_ref(self):
        self.add("b.tar", small_image.base_entries())
        (self.store / "images/refs/a").symlink_to(f"../{self.digest}")
        lines = sealroot("du", "--repo", self.store, "a").stdout.splitlines()
        self.assertEqual(5, len(lines))
        self.assertTrue(lines[1].endswith(f"  sha256:{self.digest[:17]} 'a'"), lines[1])
        self.assertEqual(1, sealroot("du", "--repo", self.store, "none").returncode)


class Look(RepositoryTest):
    def test_dump_and_cat_print_records(self):
        record = json.loads(sealroot("dump", "--json", "--repo", self.store, self.digest).stdout)
        self.assertEqual((1, "/"), (record["format"], record["entries"][0]["path"]))
        record = json.loads(sealroot("cat", "--json", "--repo", self.store, self.digest, "/usr/bin/one").stdout)
        self.assertEqual(
            ("/usr/bin/one", "file", "0644", "1" * 1000),
            tuple(record[key] for key in ("path", "type", "mode", "content")),
        )

    def test_image_is_named_by_digest_or_ref(self):
        (self.store / "images/refs/a").symlink_to(f"../{self.digest}")
        expected = sealroot("ls", "--repo", self.store, self.digest).stdout
        self.assertIn("/usr/bin/one\n", expected)
        for name in (
            "a",
            "refs/a",
            f"sha256:{self.digest}",
            f"v1-sha256-12:{self.digest}",
            self.store / "images" / self.digest,
        ):
            self.assertEqual(expected, sealroot("ls", "--repo", self.store, name).stdout, name)


class FlatStore(RepositoryTest):
    """What `mkcomposefs --digest-store` leaves: objects, and nothing else."""

    def setUp(self):
        super().setUp()
        tree = self.scratch / "tree"
        (tree / "usr").mkdir(parents=True)
        (tree / "usr" / "file").write_bytes(b"f" * 5000)
        self.flat, self.image = self.scratch / "flat", self.scratch / "image"
        subprocess.run([MKCOMPOSEFS, f"--digest-store={self.flat}", tree, self.image], check=True)
        self.object = next(self.flat.glob("*/*"))

    def test_flat_store_is_read(self):
        self.assertEqual("f" * 5000, sealroot("cat", "--repo", self.flat, self.image, "/usr/file").stdout)
        self.assertEqual(0, sealroot("verify", "--repo", self.flat, self.image).returncode)
        self.assertEqual(0, sealroot("diff", "--repo", self.flat, self.image, self.image).returncode)
        done = sealroot("fsck", self.flat)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        self.assertTrue(done.stdout.startswith("1 objects, 4.9 KiB, "), done.stdout)

    def test_damage_is_named_by_its_place_in_the_flat_store(self):
        self.object.unlink()
        self.object.write_bytes(b"g" * 5000)
        place = self.object.relative_to(self.flat)
        self.assertTrue(sealroot("fsck", self.flat).stdout.startswith(f"'{place}': its 5000 bytes give another digest"))
        self.assertTrue(
            sealroot("verify", "--repo", self.flat, self.image).stdout.startswith(
                f"'/usr/file': object {place}: its 5000 bytes"
            )
        )

    def test_flat_store_is_not_changed(self):
        self.assertNotEqual(0, sealroot("gc", self.flat).returncode)
        self.assertTrue(self.object.exists())

    def test_other_directories_are_no_stores(self):
        shutil.rmtree(self.flat)
        self.flat.mkdir()
        done = sealroot("fsck", self.flat)
        self.assertEqual(1, done.returncode)
        self.assertIn("meta.json", done.stderr)


if __name__ == "__main__":
    unittest.main()
