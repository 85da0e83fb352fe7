#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot digest` of the container image in tests/golden, whose digests cfsctl made."""

import json
import os
import subprocess
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

    def test_json_names_digest_form_and_source(self):
        record = json.loads(digest(SOURCE, "--json", "--plain").stdout)
        self.assertEqual(("plain", "oci-archive"), (record["form"], record["source"]["transport"]))
        self.assertEqual("sha512:" + digest(SOURCE, "--plain").stdout.strip(), record["digest"])


if __name__ == "__main__":
    unittest.main()
