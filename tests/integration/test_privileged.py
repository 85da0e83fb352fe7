#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What in an image is privileged: listed as getcap has it, and refused where a pipeline says so."""

import io
import json
import os
import struct
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

SEALROOT = os.environ["SEALROOT"]
CAPABILITY = "security.capability"


def sealroot(*arguments):
    return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True)


def capability(magic, permitted, inheritable, *root):
    low = 0xFFFFFFFF
    return struct.pack(f"<{5 + len(root)}I", magic, permitted & low, inheritable & low, permitted >> 32,
                       inheritable >> 32, *root)


PING = capability(0x02000001, 1 << 13, 0)


def write_tar(path, entries):
    """Each entry: name, mode, type and the bytes of its capabilities or None."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode, kind, value in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.type = mode, kind
            content = name.encode() * 20 if kind == tarfile.REGTYPE else b""
            info.size = len(content)
            if kind == tarfile.CHRTYPE:
                info.devmajor, info.devminor = 1, 3
            if value is not None:
                info.pax_headers["SCHILY.xattr." + CAPABILITY] = value.decode("utf-8", "surrogateescape")
            tar.addfile(info, io.BytesIO(content))


class Privileged(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-privileged-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def image_of(self, *entries):
        """The options that name a tar with these, and the image that was made of it."""
        tar, store = self.scratch / "root.tar", self.scratch / "store"
        write_tar(tar, [("usr", 0o755, tarfile.DIRTYPE, None), *entries])
        made = sealroot("digest", "-q", "--plain", "--store", store, f"tar:{tar}")
        self.assertEqual((0, ""), (made.returncode, made.stderr))
        return f"tar:{tar}", (made.stdout.strip(), "--repo", store)

    def test_T5_setuid_setgid_and_capabilities_are_listed(self):
        _, image = self.image_of(("usr/shared", 0o2775, tarfile.DIRTYPE, None),
                                 ("usr/plain", 0o755, tarfile.REGTYPE, None),
                                 ("usr/ping", 0o755, tarfile.REGTYPE, PING),
                                 ("usr/su", 0o4755, tarfile.REGTYPE, None),
                                 ("usr/wall", 0o2755, tarfile.REGTYPE, None))
        lines = sealroot("inspect", "--privileged", *image).stdout.splitlines()
        self.assertEqual(["-rwxr-xr-x 0 0 160 /usr/ping  cap_net_raw=ep", "-rwsr-xr-x 0 0 120 /usr/su",
                          "-rwxr-sr-x 0 0 160 /usr/wall"], lines)
        records = json.loads(sealroot("inspect", "--privileged", "--json", *image).stdout)
        self.assertEqual(["/usr/ping", "/usr/su", "/usr/wall"], [record["path"] for record in records])
        self.assertEqual("cap_net_raw=ep", records[0]["capabilities"])

    def test_T5_deny_setuid_refuses_each_kind_and_names_it(self):
        kinds = (("usr/su", 0o4755, tarfile.REGTYPE, None), ("usr/wall", 0o2755, tarfile.REGTYPE, None),
                 ("usr/ping", 0o755, tarfile.REGTYPE, PING))
        for entry in kinds:
            source, _ = self.image_of(entry)
            result = sealroot("digest", "-q", "--plain", "--deny-setuid", source)
            self.assertEqual((1, ""), (result.returncode, result.stdout))
            self.assertIn(f"denied by --deny-setuid: '/{entry[0]}';", result.stderr)

    def test_T5_deny_setuid_counts_what_it_does_not_name_and_lets_directories_pass(self):
        source, _ = self.image_of(("usr/shared", 0o2775, tarfile.DIRTYPE, None))
        self.assertEqual(0, sealroot("digest", "-q", "--plain", "--deny-setuid", source).returncode)
        source, _ = self.image_of(*((f"usr/{i}", 0o4755, tarfile.REGTYPE, None) for i in range(5)))
        self.assertIn("'/usr/2' and 2 more;", sealroot("digest", "-q", "--deny-setuid", "--plain", source).stderr)

    def test_T4_deny_devices_refuses_a_device(self):
        source, _ = self.image_of(("usr/null", 0o666, tarfile.CHRTYPE, None))
        self.assertEqual(0, sealroot("digest", "-q", "--plain", "--deny-setuid", source).returncode)
        result = sealroot("digest", "-q", "--plain", "--deny-devices", source)
        self.assertEqual(1, result.returncode)
        self.assertIn("device nodes denied by --deny-devices: '/usr/null';", result.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root may set the capabilities that getcap reads")
    def test_capabilities_read_as_getcap_prints_them(self):
        thirds = [sum(1 << number for number in range(41) if number % 3 == third) for third in range(3)]  # all names
        values = [PING, capability(0x02000000, 1 << 10, 0), capability(0x02000001, 1 << 13, 1 << 13),
                  *(capability(0x02000000, third, 0) for third in thirds),
                  capability(0x02000000, 0, 1 << 21), capability(0x02000001, 3, 1)]
        entries = [(f"usr/{number}", 0o755, tarfile.REGTYPE, value) for number, value in enumerate(values)]
        _, image = self.image_of(*entries)
        ours = [record["capabilities"]
                for record in json.loads(sealroot("inspect", "--privileged", "--json", *image).stdout)]
        for number, value in enumerate(values):
            file = self.scratch / str(number)
            file.write_text("x")
            os.setxattr(file, CAPABILITY, value)
            theirs = subprocess.run(["/usr/sbin/getcap", file], check=True, capture_output=True, text=True).stdout
            theirs = theirs.strip().removeprefix(f"{file} ")
            self.assertEqual(theirs, ours[number])


if __name__ == "__main__":
    unittest.main()
