#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The demo after packages and build: keys, a container image, the seal, three boots. Run by scripts/demo."""

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "vm"))
import fsverity  # noqa: E402
import machines  # noqa: E402
import product  # noqa: E402
from disk import Disk  # noqa: E402
from harness import boot  # noqa: E402
from demo import demo_object  # noqa: E402

STEPS = 8
VICTIM = "flipped"  # a file of the demo image, /usr/share/sealroot-demo/NAME
BOOT_SECONDS = {"busybox": 90, "debian": 400}
UP = r"^SEALROOT-DEMO: up"
FATAL = r"sealroot-pivot: FATAL"
REPORT_DONE = r"^SEALROOT-CHECK report=done"


class Step:
    """One line of what is done; on a terminal the seconds count up behind it."""

    def __init__(self, number, text):
        self.line = f"[{number}/{STEPS}] {text}"
        self.ended = threading.Event()

    def _count(self):
        started = time.monotonic()
        while not self.ended.wait(1):
            print(f"\r{self.line}  {time.monotonic() - started:.0f} s", end="", flush=True)

    def __enter__(self):
        print(self.line, end="" if sys.stdout.isatty() else "\n", flush=True)
        self.counter = threading.Thread(target=self._count, daemon=True)
        if sys.stdout.isatty():
            self.counter.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        if sys.stdout.isatty():
            self.counter.join()
            print(flush=True)


def show(console, *texts):
    """Prints the console's lines that hold one of `texts`; every text must be there."""
    for text in texts:
        line = re.search(rf"^.*{text}.*$", console.text, re.MULTILINE)
        if not line:
            sys.exit(f"demo: the machine never showed: {text}\nits console is in {console.log}")
        # A kernel's time stamp says nothing here, and the digests are long.
        short = re.sub(r"^\[ *[0-9.]+\] ", "", line.group(0).strip())
        print("      | " + re.sub(r"([0-9a-f]{16})[0-9a-f]{48,}", r"\1...", short))


class Demo:
    def __init__(self, options):
        self.sealroot, self.distro, self.out = options.sealroot.resolve(), options.distro, options.out.resolve()

    def prepare(self):
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        with Step(3, "making keys and a firmware that trusts nothing else"):
            product.make_keys(self.out / "keys")
            product.make_variables(self.out / "keys", self.out / "vars.fd")
        with Step(4, f"making a container image: {self.distro} and Debian's 6.12 cloud kernel"):
            subprocess.run([SOURCE / "scripts/demo-image", "--distro", self.distro, self.out / "image"], check=True,
                           stderr=subprocess.DEVNULL)  # fmt: skip

    def seal(self):
        arguments = ["build", "oci:image:latest", "--key", "keys/db.key", "--cert", "keys/db.crt", "--on-failure",
                     "poweroff", "-o", "sealed"]  # fmt: skip
        print(f"[5/{STEPS}] sealing it: sealroot {' '.join(arguments)}", flush=True)
        subprocess.run([self.sealroot, *arguments], cwd=self.out, check=True)
        self.sealed = product.Sealed(self.out / "sealed")

    def boot(self, disk, until, name):
        machine = machines.secure_boot(self.out / "vars.fd", disk)
        machine = dataclasses.replace(machine, timeout_seconds=BOOT_SECONDS[self.distro])
        return boot(machine, until, self.out / f"{name}.log")

    def boot_sealed(self):
        with Step(6, "booting it under UEFI Secure Boot"):
            console = self.boot(self.sealed.disk, [REPORT_DONE, FATAL], "sealed")
        show(console, "EFI stub: UEFI Secure Boot is enabled", "Kernel is locked down", "sealroot-pivot: root verified",
             r"SEALROOT-CHECK mount:/=overlay", UP, f"SEALROOT-CHECK read:{VICTIM}=ok")  # fmt: skip

    def boot_with_changed_file(self):
        with Step(7, f"changing one bit of the file {VICTIM} on the disk, booting again"):
            disk = Disk(self.sealed.disk, self.out / "changed-file.raw")
            disk.flip_bit(demo_object(VICTIM), 0)
            console = self.boot(disk.path, [REPORT_DONE, FATAL], "changed-file")
        show(console, UP, "FILE CORRUPTED!", f"SEALROOT-CHECK read:{VICTIM}=Input/output error",
             "SEALROOT-CHECK read:intact=ok")  # fmt: skip

    def boot_with_changed_image(self):
        with Step(8, "replacing the image on the disk by another one, booting again"):
            disk = Disk(self.sealed.disk, self.out / "changed-image.raw")
            path = fsverity.object_path(self.sealed.image_digest)
            image = bytearray(disk.read(path))
            image[1152 + 4] ^= 1  # the mode of the root directory
            disk.write_sealed(path, bytes(image))
            console = self.boot(disk.path, [UP, FATAL], "changed-image")
        show(console, FATAL)
        if re.search(UP, console.text, re.MULTILINE):
            sys.exit("demo: a replaced image was booted")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sealroot", type=Path, required=True)
    parser.add_argument("--distro", choices=BOOT_SECONDS, default="busybox")
    parser.add_argument("--out", type=Path, required=True)
    demo = Demo(parser.parse_args())
    demo.prepare()
    demo.seal()
    demo.boot_sealed()
    demo.boot_with_changed_file()
    demo.boot_with_changed_image()
    print("done: the signed system boots, what was changed is refused")
    print(f"      keys, container image, disk and console logs are in {demo.out}")


if __name__ == "__main__":
    main()
