# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Variables of OVMF, read and written offline with Debian's virt-fw-vars."""

import json
import os
import struct
import subprocess
import tempfile
import uuid
import zlib
from pathlib import Path

import pe

OWNER = "5ea1d007-0000-4000-8000-000000000001"  # GUID of who enrolled the keys; any will do
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
DATABASE = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
_SHA256_LIST = uuid.UUID("c1c41626-504c-4092-aca9-41f936934328")
_KEPT, _AUTHENTICATED = 0x7, 0x27  # attributes


def run(package, source, *options):
    """Runs virt-fw-vars of the unpacked Debian `package` on the variables `source`."""
    environment = {**os.environ, "PYTHONPATH": f"{package}/usr/lib/python3/dist-packages"}
    python = "/usr/bin/python3"  # the one that Debian's python3-cryptography belongs to
    subprocess.run([python, "-m", "virt.firmware.vars", "-i", source, *map(str, options)], env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def read(package, source):
    """{name: content} of all variables."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "json")
        run(package, source, "--output-json", out)
        return {each["name"]: bytes.fromhex(each["data"]) for each in json.loads(out.read_text())["variables"]}


def changed(package, source, out, variables, *options):
    """Writes `out`: `source` with `variables` [(name, guid, attributes, content)] besides."""
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch, "json")
        text.write_text(json.dumps({"version": 2, "variables": [
            {"name": name, "guid": guid, "attr": attributes, "data": content.hex()}
            for name, guid, attributes, content in variables]}))  # fmt: skip
        run(package, source, *options, "--set-json", text, "-o", out)


def revoked(program):
    """The variable dbx that takes one signed `program` back."""
    entry = uuid.UUID(OWNER).bytes_le + pe.authenticode(program)
    content = _SHA256_LIST.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry
    return ("dbx", DATABASE, _AUTHENTICATED, content)


def boot_next(number):
    """The variable that makes one boot entry go first, once."""
    return ("BootNext", GLOBAL, _KEPT, struct.pack("<H", number))


def kept_log(variables):
    """The kernel's log as efi_pstore keeps it in parts, the last lines in the first."""
    parts = sorted((name for name in variables if name.startswith("dump-type")),
                   key=lambda name: int(name.split("-")[2]), reverse=True)  # fmt: skip
    texts = [zlib.decompress(variables[name], -15) if name.endswith("-C") else variables[name] for name in parts]
    return b"".join(texts).decode("utf-8", "replace")
