#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot digest` of the container image in tests/golden, whose digests cfsctl made."""

import io
import json
import os
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

SEALROOT = os.environ["SEALROOT"]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SOURCE = f"oci-archive:{GOLDEN / 'oci-image.tar'}"


def digest(*arguments):
    command = [SEALROOT, "digest", "--quiet", "--arch", "amd64", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


class Digest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-digest-")
        self.addCleanup(scratch.cleanup)
        self.store = Path(scratch.name) / "store"

    def test_digest_is_the_one_of_cfsctl(self):
        known = (GOLDEN / "oci-image.digests").read_text()
        for algorithm in ("sha256", "sha512"):
            for form, options in (("boot", ()), ("plain", ("--plain",))):
                result = digest(SOURCE, "--digest", algorithm, *options)
                self.assertEqual("", result.stderr)
                self.assertIn(f"{algorithm} {form} {result.stdout.strip()}", known.splitlines())

    def test_store_is_made_then_added_to_and_changes_no_digest(self):
        plain = digest(SOURCE).stdout
        for _ in range(2):
            self.assertEqual(plain, digest(SOURCE, "--store", self.store).stdout)
        self.assertEqual([plain.strip(), "refs"], sorted(path.name for path in (self.store / "images").iterdir()))
        self.assertTrue((self.store / "images" / plain.strip()).exists())

    def test_store_with_another_algorithm_is_wrong_usage(self):
        digest(SOURCE, "--store", self.store, "--digest", "sha256")
        result = digest(SOURCE, "--store", self.store)
        self.assertEqual(2, result.returncode)
        self.assertIn("give --digest sha256", result.stderr)

    def docker_archive(self, name):
        """Its layers may not be zstd, as one of the image is: in between they are unpacked."""
        archive, plain = Path(self.store.parent, "saved.tar"), Path(self.store.parent, "plain")
        copy = ["skopeo", "--insecure-policy", "copy", "-q"]
        subprocess.run([*copy, "--dest-decompress", SOURCE, f"dir:{plain}"], check=True)
        subprocess.run([*copy, f"dir:{plain}", f"docker-archive:{archive}:{name}"], check=True)
        return f"docker-archive:{archive}"

    def with_layers(self, archive, change):
        """The archive with another list of layers in its manifest.json."""
        changed = f"{archive}.changed"
        with tarfile.open(archive.partition(":")[2]) as old, tarfile.open(changed.partition(":")[2], "w") as new:
            links = {Path(member.linkname).name: member.name for member in old.getmembers() if member.issym()}
            for member in old.getmembers():
                content = old.extractfile(member).read() if member.isreg() else b""
                if member.name == "manifest.json":
                    saved = json.loads(content)
                    saved[0]["Layers"] = change(saved[0]["Layers"], links)
                    content = json.dumps(saved).encode()
                    member.size = len(content)
                new.addfile(member, io.BytesIO(content))
        return changed

    def test_docker_archive_gives_the_digest_of_the_same_image(self):
        archive = self.docker_archive("example.org/os/web:42")
        expected = digest(SOURCE).stdout
        for name in ("", ":example.org/os/web:42"):
            result = digest(archive + name, "--store", self.store)
            self.assertEqual((expected, ""), (result.stdout, result.stderr))
        other = digest(archive + ":example.org/os/web")
        self.assertEqual(1, other.returncode)
        self.assertIn("no image named 'example.org/os/web'; its names: 'example.org/os/web:42'", other.stderr)

    def test_docker_archive_needs_the_layers_of_its_config(self):
        result = digest(self.with_layers(self.docker_archive("x:1"), lambda layers, _: layers[:-1]))
        self.assertEqual(1, result.returncode)
        self.assertRegex(result.stderr, "'Layers' has [0-9]+ layers, the config [0-9]+ diff IDs")

    def test_docker_archive_with_layers_in_another_order_is_another_image(self):
        result = digest(self.with_layers(self.docker_archive("x:1"), lambda layers, _: layers[::-1]))
        self.assertEqual(1, result.returncode)
        self.assertIn("digest mismatch", result.stderr)

    def test_docker_archive_may_name_layers_by_links(self):
        archive = self.with_layers(self.docker_archive("x:1"), lambda layers, links: [links[each] for each in layers])
        self.assertEqual(digest(SOURCE).stdout, digest(archive).stdout)

    def test_json_names_digest_form_and_source(self):
        record = json.loads(digest(SOURCE, "--json", "--plain").stdout)
        self.assertEqual(("plain", "oci-archive"), (record["form"], record["source"]["transport"]))
        self.assertEqual("sha512:" + digest(SOURCE, "--plain").stdout.strip(), record["digest"])


if __name__ == "__main__":
    unittest.main()
