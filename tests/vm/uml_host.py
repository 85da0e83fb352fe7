# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A host under user-mode Linux that lives from boot to boot: what it writes stays on its disk, and it runs this very
build of sealroot from the system that started it.

The test is the firmware and says which boot entry is taken. What is done in a boot is a script on the ESP.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import product
from disk import Disk
from sealed_uml import Row, SealedUmlTest
from upgrade_machine import libraries

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import small_image  # noqa: E402
from small_host import Images, sealroot, succeeded  # noqa: E402

SEALROOT = os.environ.get("SEALROOT", "sealroot")
ENDED = ("^SEALROOT-CHECK end=", "sealroot-pivot: FATAL", "Kernel panic")
INIT = """#!/usr/bin/busybox sh
[ -e /proc/self ] || mount -t proc proc /proc
[ -e /dev/ubda ] || mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mkdir /run/host
mount -t hostfs -o / none /run/host
mount -t vfat /dev/ubda1 /efi
sh /efi/script
sync
umount /efi
echo "SEALROOT-CHECK end=$?"
exec poweroff -f
"""
APPLETS = ("cat", "chmod", "find", "ls", "md5sum", "mkdir", "mount", "poweroff", "rm", "sh", "sort", "stat", "sync",
           "tr", "umount", "wc")  # fmt: skip
PROGRAM = """sealroot() {{
  LOCPATH=/run/host/usr/lib/locale /run/host{loader} --library-path {folders} /run/host{sealroot} "$@" >/run/out 2>&1
  echo "SEALROOT-CHECK $1=$? $(tr '\\n' ';' </run/out)"
}}
"""


def _program():
    """Shell function that calls the build under test and shows what came of it."""
    found = [Path(library) for library in libraries(SEALROOT)]
    loader = next(library for library in found if library.name.startswith("ld-"))
    # Links lead from the root, which in the machine is another one.
    folders = ":".join(sorted({f"/run/host{library.parent.resolve()}" for library in found}))
    return PROGRAM.format(loader=loader.resolve(), folders=folders, sealroot=Path(SEALROOT).resolve())


class UmlImages(Images):
    """With a busybox that does what the ESP says."""

    def entries(self, version, *options, **more):
        folders = [(name, None) for name in ("dev", "efi", "proc", "sys", "usr/sbin")]
        programs = [("usr/bin/busybox", Path(shutil.which("busybox")).read_bytes(), 0o755),
                    ("usr/sbin/init", INIT.encode(), 0o755)]  # fmt: skip
        links = {"bin": "usr/bin", "sbin": "usr/sbin", **{f"usr/bin/{name}": "busybox" for name in APPLETS}}
        return [*super().entries(version, *options, **more), *folders, *programs,
                *(small_image.link(*link) for link in links.items())]  # fmt: skip


class UmlHost(SealedUmlTest):
    """One host for each test, with version 1 of `images` on its disk."""

    options = ()  # of `sealroot build`

    @classmethod
    def use_build(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-host-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        (cls.folder / "images").mkdir()
        cls.images = UmlImages(cls.folder / "images")
        source = cls.folder / "1.tar"
        source.write_bytes(small_image.tar_bytes(cls.entries("1")))
        out, keys = cls.folder / "out", cls.images.folder
        succeeded(sealroot("build", f"tar:{source}", "--quiet", "--key", keys / "db.key", "--cert", keys / "db.crt",
                           "-o", out, *cls.options))  # fmt: skip
        return product.Sealed(out)

    @classmethod
    def entries(cls, version):
        return cls.images.entries(version)

    def setUp(self):
        self.disk = Disk(self.sealed.disk, self.folder / f"{self._testMethodName}.raw")
        self.addCleanup(self.disk.path.unlink)

    def boot_host(self, version, *lines, shown=(), hidden=("FATAL",)):
        """Takes the boot entry of this version and runs the lines of shell."""
        (path,) = (path for path in self.disk.esp_files() if re.match(rf"/EFI/Linux/web_{version}[_.]", path))
        self.take_uki(self.disk.esp_read(path))
        self.disk.esp_write("/script", (_program() + "\n".join(lines) + "\n").encode())
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            machine = self.machine(Row(version), Path(scratch), [self.disk.path], keeps_disks=True)
            console = self.boot_once(machine, ENDED, version)
        self.check(console, shown=("^SEALROOT-CHECK end=0", *shown), hidden=hidden)
        return console
