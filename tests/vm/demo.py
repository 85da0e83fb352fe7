# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The demo image seen from outside: what its console says, and where its files are on the sealed disk.

Everything named here is a regular expression for harness.BootTest.check() unless it says otherwise.
"""

from fsverity import digest, object_path

# Sizes as in scripts/demo-image; the name is the content, so that tests find the objects by their digests.
DEMO_FILES = {"intact": 5000, "flipped": 9000, "tree": 300000, "descriptor": 6000, "replaced": 7000, "donor": 7000,
              "unsealed": 8000, "removed": 5500}  # fmt: skip

UP = "^SEALROOT-DEMO: up"
DECIDED = ("^SEALROOT-CHECK report=", "sealroot-pivot: FATAL", "Kernel panic")
# Nothing that could be typed at.
SHELL = r"(?m)^(/ ?|~ ?|sh[0-9.-]*)?[#$] $"


def demo_content(name):
    line = f"sealroot demo file {name}\n".encode()
    return (line * (DEMO_FILES[name] // len(line) + 1))[: DEMO_FILES[name]]


def demo_object(name):
    """Path on the root partition of the object of a demo file."""
    return object_path(digest(demo_content(name)))


def fatal(code, reason=""):
    """The pivot's refusal."""
    return rf"sealroot-pivot: FATAL: .*{reason}.* \(code {code}\)"


def reads(name, result):
    return rf"^SEALROOT-CHECK read:{name}={result}$"
