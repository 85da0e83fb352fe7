# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The product's own initramfs and disk under user-mode Linux.

User-mode Linux has a command line and a kernel of its own, so one file is put over the signed initrd: the sealed config
with that command line, and no modules to load. All the rest, the pivot first of all, is what the product built.
"""

import dataclasses
import re
import tempfile
from pathlib import Path

import cpio
import pe
import product
from disk import Disk
from fsverity import object_path
from demo import DECIDED, SHELL, UP, fatal
from harness import BootTest
from machines import UserModeLinux

@dataclasses.dataclass(frozen=True)
class Row:
    """One boot: what was done to the disk or the command line, and what the console must and must not show."""

    name: str
    tamper: object = None  # called with the Disk
    shown: tuple = ()
    hidden: tuple = ()
    tokens: str = "{digest}"  # command line as booted; {digest} is the signed token
    config: tuple = ()  # sealed config lines in place of the product's, as key=value
    second_disk: bool = False


def refused(name, tamper, code, reason="", **more):
    """A row that never reaches the system, and where the refusal names its cause."""
    return Row(name, tamper, shown=(fatal(code, reason),), hidden=(UP, SHELL), **more)


def sealed_config(original, lines):
    """The sealed config with `lines` (key=value) in the place of those with the same keys."""
    keys = {line.partition("=")[0] for line in lines}
    kept = [line for line in original.splitlines() if line.partition("=")[0] not in keys]
    return "\n".join([*kept, *lines, ""])


class SealedUmlTest(BootTest):
    """Runs rows; each gets a copy of the sealed disk and a machine of its own."""

    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.sealed = cls.use_build()
        cls.take_uki(cls.sealed.uki.read_bytes())
        cls.image = object_path(cls.sealed.image_digest)

    @classmethod
    def take_uki(cls, uki):
        """Boots of this class are from now on those of this UKI."""
        cls.initrd = pe.section(uki, ".initrd")
        cls.config = cpio.last_file(cls.initrd, "sealroot.conf").decode()
        cls.digest_token = "composefs.digest=" + re.search("^digest=(.*)$", cls.config, re.MULTILINE).group(1)

    @classmethod
    def use_build(cls):
        """What the rows boot."""
        return cls.product.sealed()

    def run_rows(self, rows):
        for row in rows:
            with self.subTest(row.name), tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
                self.check(self.run_row(row, Path(scratch)), row.shown, row.hidden)

    def config_for(self, machine, row):
        """/sealroot.conf as booted: the product's, with the command line of this machine."""
        lines = [f"cmdline={machine.command_line(self.digest_token)}", "on-failure=poweroff", *row.config]
        return sealed_config(self.config, [*lines, *(f"allow={token}" for token in machine.own_tokens)])

    def files_over(self):
        """Files put over the signed initramfs besides, {name: (permissions, bytes)}."""
        return {}

    def run_row(self, row, scratch):
        return self.boot(self.prepare(row, scratch), DECIDED, row.name)

    def prepare(self, row, scratch):
        """The machine of a row; its disk and what it writes to that stay in `scratch`."""
        disk = Disk(self.sealed.disk, scratch / "disk.raw")
        if row.tamper:
            row.tamper(disk)
        return self.machine(row, scratch, [disk.path, self.sealed.disk] if row.second_disk else [disk.path])

    def machine(self, row, scratch, disks, keeps_disks=False):
        initrd = scratch / "initrd"
        tokens = row.tokens.format(digest=self.digest_token)
        machine = UserModeLinux(self.product.linux, scratch, initrd, disks, tokens, keeps_disks)
        config = self.config_for(machine, row).encode()
        over = {"sealroot.conf": (0o644, config), "modules.load": (0o644, b""), **self.files_over()}
        initrd.write_bytes(self.initrd + bytes(-len(self.initrd) % 4) + cpio.archive(over))
        return machine.machine()
