#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What commands tell while they run: a line that moves on a terminal, plain lines in a log, nothing with --quiet."""

import json
import os
import pty
import subprocess
import tempfile
import unittest
from pathlib import Path

from small_image import base_entries, tar_bytes, write_image

SEALROOT = os.environ["SEALROOT"]
REDRAWN = b"\r\x1b[K"


def read_terminal(master):
    """All that was written to a terminal until its last writer left."""
    text = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: nobody has it open any more
            return text
        if not part:
            return text
        text += part


class Progress(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-progress-")
        self.addCleanup(scratch.cleanup)
        image = Path(scratch.name, "image")
        write_image(image, [tar_bytes([*base_entries(), ("usr/lib/data", os.urandom(1 << 20))])])
        self.command = [SEALROOT, "digest", "--arch", "amd64", f"oci:{image}"]

    def on_terminal(self, *options):
        """What stdout (a pipe) and stderr (a terminal) got."""
        master, slave = pty.openpty()
        with subprocess.Popen([*self.command, *options], stdout=subprocess.PIPE, stderr=slave) as process:
            os.close(slave)
            shown = read_terminal(master)
            out = process.stdout.read()
        os.close(master)
        self.assertEqual(0, process.returncode, shown)
        return out, shown

    def piped(self, *options):
        done = subprocess.run([*self.command, *options], capture_output=True, check=True)
        return done.stdout, done.stderr

    def test_terminal_gets_one_line_that_moves_and_ends(self):
        out, shown = self.on_terminal()
        self.assertRegex(out, rb"\A[0-9a-f]{128}\n\Z")
        self.assertTrue(shown.startswith(REDRAWN + b"reading oci:"), shown)
        self.assertRegex(shown, rb"  [0-9.]+ [KM]iB of [0-9.]+ [KM]iB")
        self.assertTrue(shown.endswith(b"\r\n"), shown)
        self.assertEqual(1, shown.count(b"\n"), "a phase takes one line")

    def test_pipe_gets_one_plain_line_a_phase(self):
        out, shown = self.piped()
        self.assertRegex(out, rb"\A[0-9a-f]{128}\n\Z")
        self.assertRegex(shown, rb"\Areading oci:[^\n\r\x1b]*\n\Z")

    def test_form_can_be_chosen(self):
        self.assertIn(REDRAWN, self.piped("--progress=tty")[1])
        self.assertNotIn(REDRAWN, self.on_terminal("--progress=plain")[1])
        self.assertEqual(b"", self.on_terminal("--progress=none")[1])
        lines = [json.loads(line) for line in self.on_terminal("--progress=json")[1].splitlines()]
        self.assertEqual(lines[-1]["total"], lines[-1]["done"])
        for options in (("--progress=xml",), ("--progress=json", "-q")):
            done = subprocess.run([*self.command, *options], capture_output=True, check=False)
            self.assertEqual(2, done.returncode, done.stderr)

    def test_quiet_says_nothing_anywhere(self):
        self.assertEqual(b"", self.on_terminal("--quiet")[1])
        self.assertEqual(b"", self.piped("-q")[1])


if __name__ == "__main__":
    unittest.main()
