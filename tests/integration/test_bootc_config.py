# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""dracut/50sealroot/sealroot-bootc-config: setup-root-conf.toml into a config that the pivot takes."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "dracut/50sealroot/sealroot-bootc-config"
PIVOT = os.environ["SEALROOT_PIVOT"]
DIGEST = "ab" + "1" * 126


class BootcConfig(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-bootc-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def translate(self, toml):
        path = self.folder / "setup-root-conf.toml"
        path.unlink(missing_ok=True)
        if toml is not None:
            path.write_text(toml)
        return subprocess.run(["sh", SCRIPT, path], capture_output=True, text=True, check=False)

    def plan(self, config, command_line):
        """What the pivot would do, or None if it refuses."""
        (self.folder / "conf").write_text(config)
        (self.folder / "line").write_text(command_line + "\n")
        done = subprocess.run([PIVOT, "--dry-run", "--config", self.folder / "conf", "--cmdline", self.folder / "line"],
                              capture_output=True, text=True, check=False)  # fmt: skip
        return done.stdout if done.returncode == 0 else None

    def test_each_file_means_what_it_means_to_composefs_rs(self):
        rows = [
            (None, "overlay", "bind"),
            ("", "overlay", "bind"),
            ('[etc]\nmount = "bind"\n', "bind", "bind"),
            ("[etc]\nmount='transient'\n[var]\nmount = 'none'\n", "transient", "none"),
            ("# comment\n[etc]  # comment\n  transient = true # comment\n", "transient", "bind"),
            ('[etc]\ntransient = true\nmount = "overlay"\n', "overlay", "bind"),
            ('[etc]\nmount = "overlay"\ntransient = true\n', "overlay", "bind"),
            ("[root]\ntransient = false\n[var]\ntransient = true", "overlay", "transient"),
        ]
        for toml, etc, var in rows:
            with self.subTest(toml):
                done = self.translate(toml)
                self.assertEqual((0, ""), (done.returncode, done.stderr))
                self.assertIn(f"\netc={etc}\nvar={var}\n", done.stdout)
                for form in ("composefs=", "composefs.digest=v1-sha512-12:"):
                    self.assertIn(f"measure sha512:{DIGEST}", self.plan(done.stdout, f"rw {form}{DIGEST} quiet"))
                self.assertIsNone(self.plan(done.stdout, f"rw composefs=?{DIGEST}"))

    def test_what_it_does_not_know_is_an_error_that_names_the_line(self):
        rows = {
            "[root]\ntransient = true\n": "line 2: a transient root",
            '[var]\nmount = "overlay"\n': "line 2: [var] can't be `overlay`",
            '[etc]\nmount = "writable"\n': "line 2: [etc] can't be `writable`",
            '[root]\nmount = "bind"\n': "line 2: not understood",
            "[etc]\ntransient = yes\n": "line 2: not true or false",
            'etc.mount = "bind"\n': "line 1: not understood",
            "[usr]\n": "line 1: not understood",
            "[etc]\nmount = bind\n": "line 2: not understood",
        }
        for toml, reason in rows.items():
            with self.subTest(toml):
                done = self.translate(toml)
                self.assertEqual((1, ""), (done.returncode, done.stdout))
                self.assertIn(reason, done.stderr)


if __name__ == "__main__":
    unittest.main()
