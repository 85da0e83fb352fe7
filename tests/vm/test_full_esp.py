# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""An upgrade on ESPs of all sizes, from one that holds no more than the system that runs to one with room for both:
real FAT, mounted by the kernel of user-mode Linux, which runs this very build of sealroot on this system's own files.

By default some of the sizes, with SEALROOT_EXHAUSTIVE each step of 4 KiB."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import product
from harness import BootTest
from machines import on_this_system

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from small_host import Host, Images  # noqa: E402

EXHAUSTIVE = bool(os.environ.get("SEALROOT_EXHAUSTIVE"))
STEP_KIB = 4
SAMPLES = 8

SCRIPT = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/esp
mount -t vfat /dev/ubda /run/esp
cp -a {host}/sysroot /run/sysroot
{sealroot} switch --quiet {source} --sysroot /run/sysroot --esp /run/esp --proc-cmdline {host}/cmdline >/run/out 2>&1
echo "SEALROOT-CHECK status=$? $(tail -n 1 /run/out)"
umount /run/esp
echo "SEALROOT-CHECK end=$?"
"""


def run(*command):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "MTOOLSRC": "/dev/null"}
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, env=environment).stdout


def files_on(esp):
    """{path: content} of all files."""
    with tempfile.TemporaryDirectory() as scratch:
        run("mcopy", "-s", "-Q", "-i", esp, "::/", scratch)
        found = [path for path in Path(scratch).rglob("*") if path.is_file()]
        return {str(path.relative_to(scratch)): path.read_bytes() for path in found}


class FullEsp(BootTest):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-esp-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        (cls.folder / "images").mkdir()
        cls.images = Images(cls.folder / "images")
        cls.images.sealed("1")
        cls.source = cls.images.sealed("2")
        cls.host = Host(cls.folder / "host")
        cls.host.install(cls.images.folder / "1.out")
        cls.linux = product.load().linux

    def sizes(self):
        """KiB, from where the first system just fits to beyond where the second one does; many where that changes."""
        one = (self.images.uki_size("1") + self.images.uki_size("2")) // 2048
        every = list(range((one + 40) // STEP_KIB * STEP_KIB, 2 * one + 120, STEP_KIB))
        near = [size for size in every if 2 * one <= size <= 2 * one + 60]
        return every if EXHAUSTIVE else sorted({*every[:: len(every) // SAMPLES], *near})

    def test_P5_new_entry_is_whole_or_the_esp_is_as_it_was(self):
        outcomes = [self.try_size(size) for size in self.sizes()]
        self.assertEqual(sorted(outcomes), outcomes, "what fits once must fit on any larger ESP")
        self.assertEqual({False, True}, set(outcomes))
        print(f"{len(outcomes)} sizes of the ESP, {sum(outcomes)} of them with room", flush=True)

    def test_P2_what_a_power_cut_left_of_an_entry_does_not_take_its_room(self):
        one = self.images.uki_size("2")
        begun = Path(self.folder, "begun")
        begun.write_bytes(bytes(512) + b"x" * (one - 512))
        for name in (f"web_2_{self.images.digest('2')[:16]}+3-0.efi", "web_5_0123456789abcdef+3-0.efi"):
            self.assertTrue(self.try_size(2 * one // 1024 + 60, {f"EFI/Linux/{name}": begun}))

    def try_size(self, size, left=()):
        """Whether the new entry is there on an ESP of `size` KiB. The files `left` there must be gone then."""
        with self.subTest(KiB=size), tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            esp, script = Path(scratch, "esp"), Path(scratch, "script")
            with esp.open("wb") as file:
                file.truncate(size * 1024)
            run("mkfs.fat", "-n", "ESP", esp)
            run("mcopy", "-s", "-i", esp, *self.host.esp.iterdir(), "::/")
            before = files_on(esp)
            for path in left:
                run("mcopy", "-i", esp, left[path], f"::/{path}")
            script.write_text(SCRIPT.format(host=self.host.folder, source=self.source, sealroot=os.environ["SEALROOT"]))
            script.chmod(0o755)
            machine = on_this_system(self.linux, scratch, script, esp, keeps_disk=True)
            console = self.boot_once(machine, ["^SEALROOT-CHECK end="], str(size))
            self.check(console, shown=["^SEALROOT-CHECK end=0"], hidden=["FAT-fs .* error"])
            run("fsck.fat", "-n", esp)
            return self.check_outcome(console.value("status"), before, files_on(esp))

    def check_outcome(self, outcome, before, after):
        status, _, message = outcome.partition(" ")
        if status == "0":
            new = {path: content for path, content in after.items() if path not in before}
            uki = next((self.images.folder / "2.out").glob("*.efi")).read_bytes()
            self.assertEqual([f"EFI/Linux/web_2_{self.images.digest('2')[:16]}+3-0.efi"], list(new))
            self.assertEqual([uki], list(new.values()))
            self.assertEqual(before | new, after)
            return True
        self.assertEqual("1", status, message)
        self.assertRegex(message, r"^sealroot: ESP '/run/esp': \d+ bytes are needed for the UKI, \d+ can be had: make ")
        self.assertEqual(before, after)
        return False


if __name__ == "__main__":
    unittest.main()
