#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`--arch`: systems for another architecture than that of the build host.

The pivot inside the program is for one architecture, so another has to be given; kernel, stub and boot loader have to
be in the container image. Here they are this host's stub with another machine type in its header: nothing runs it.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from small_image import base_entries, tar_bytes, write_image

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "vm")]
import pe  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
STUBS = Path("/usr/lib/systemd/boot/efi")
MACHINE_ARM64 = 0xAA64
ROOT_ARM64 = "B921B045-1DF0-41C3-AF44-4C6F280D3FAE"


def for_arm64(program):
    image = bytearray(program)
    struct.pack_into("<H", image, struct.unpack_from("<I", image, 0x3C)[0] + 4, MACHINE_ARM64)
    return bytes(image)


def machine_of(image):
    return struct.unpack_from("<H", image, struct.unpack_from("<I", image, 0x3C)[0] + 4)[0]


@unittest.skipUnless((STUBS / "linuxx64.efi.stub").exists(), "this host has no stub for x64 to make one from")
class OtherArchitecture(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-arch-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.initrd = self.scratch / "initrd"
        self.initrd.write_bytes(b"an initramfs for arm64")
        self.pivot = self.scratch / "pivot"
        self.pivot.write_bytes(b"\x7fELF\x02\x01".ljust(18, b"\0") + (183).to_bytes(2, "little") + bytes(44))

    def write_image(self, *parts):
        """A container image for arm64 with a kernel and those of stub and boot loader that are named."""
        stub, loader = (for_arm64((STUBS / name).read_bytes()) for name in ("linuxx64.efi.stub", "systemd-bootx64.efi"))
        self.kernel = stub
        found = {"stub": ("linuxaa64.efi.stub", stub), "loader": ("systemd-bootaa64.efi", loader)}
        folders = ("usr/lib/modules", "usr/lib/modules/6.12-arm64", "usr/lib/systemd", "usr/lib/systemd/boot",
                   "usr/lib/systemd/boot/efi")  # fmt: skip
        entries = [*base_entries(), *((name, None) for name in folders),
                   ("usr/lib/modules/6.12-arm64/vmlinuz", self.kernel),
                   *((f"usr/lib/systemd/boot/efi/{found[part][0]}", found[part][1]) for part in parts)]  # fmt: skip
        shutil.rmtree(self.scratch / "image", ignore_errors=True)
        write_image(self.scratch / "image", [tar_bytes(entries)], architecture="arm64")

    def build(self, *options):
        command = [SEALROOT, "build", f"oci:{self.scratch / 'image'}", "--arch", "arm64", "--unsigned", "--quiet", "-o",
                   self.scratch / "out", *options]  # fmt: skip
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)

    def assert_refused(self, result, status, text):
        self.assertEqual(status, result.returncode, result.stderr)
        self.assertRegex(result.stderr, r"\Asealroot: [^\n]*\n\Z")
        self.assertIn(text, result.stderr)
        self.assertFalse((self.scratch / "out").exists())

    def test_needs_a_pivot_of_that_architecture(self):
        self.write_image("stub", "loader")
        self.assert_refused(self.build("--initrd", self.initrd), 2, "give one built for that architecture with --pivot")
        self.pivot.write_bytes(Path(SEALROOT).read_bytes())
        self.assert_refused(self.build("--pivot", self.pivot), 2, "not a program for arm64")

    def test_needs_stub_and_boot_loader_of_that_architecture(self):
        for parts, missing in ((("loader",), "linuxaa64.efi.stub"), (("stub",), "systemd-bootaa64.efi")):
            with self.subTest(missing):
                self.write_image(*parts)
                self.assert_refused(self.build("--initrd", self.initrd, "--pivot", self.pivot), 1, missing)

    def test_image_for_another_architecture_is_refused(self):
        write_image(self.scratch / "image", [tar_bytes(base_entries())])
        self.assert_refused(self.build("--initrd", self.initrd, "--pivot", self.pivot), 1, "wanted is linux/arm64")

    def test_gives_uki_and_disk_of_that_architecture(self):
        self.write_image("stub", "loader")
        result = self.build("--initrd", self.initrd, "--pivot", self.pivot, "--json")
        self.assertEqual(0, result.returncode, result.stderr)
        record = json.loads(result.stdout)
        uki = (self.scratch / "out" / record["uki"]["file"]).read_bytes()
        self.assertEqual(MACHINE_ARM64, machine_of(uki))
        self.assertEqual(self.kernel, pe.section(uki, ".linux"))
        self.assertTrue(pe.section(uki, ".initrd").startswith(self.initrd.read_bytes()))
        self.assertEqual("arm64", record["options"]["arch"])
        disk = self.scratch / "out" / "disk.raw"
        table = json.loads(subprocess.run(["sfdisk", "--json", disk], capture_output=True, check=True).stdout)
        self.assertEqual(ROOT_ARM64, table["partitiontable"]["partitions"][1]["type"])
        esp = f"{disk}@@{record['disk']['esp']['offset']}"
        listing = subprocess.run(["mdir", "-b", "-i", esp, "::EFI/BOOT"], capture_output=True, text=True, check=True)
        self.assertIn("BOOTAA64.EFI", listing.stdout)


if __name__ == "__main__":
    unittest.main()
