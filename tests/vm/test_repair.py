# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot fsck` on a file system with fs-verity: what the kernel measures counts, and repairs are sealed again.

The machine is user-mode Linux with this system's files as its root (read only) and the sealed disk, one of whose
objects was damaged while the machine was off.
"""

import json
import os
import tempfile
import unittest
from pathlib import Path

import disk
import product
from harness import BootTest
from machines import UserModeLinux

SEALROOT = os.environ.get("SEALROOT", "")

# What a step prints is one line `SEALROOT-CHECK name=...`.
INIT = r"""#!/bin/bash
mount -t proc proc /proc
mount -t tmpfs tmpfs /mnt
mkdir /mnt/disk
mount {partition} /mnt/disk || echo "SEALROOT-CHECK bad=mount"
repository=/mnt/disk/composefs
check() {{
  local name=$1 report
  shift
  report=$("{sealroot}" fsck --json "$repository" "$@" 2>/mnt/error | tr -d '\n')
  echo "SEALROOT-CHECK $name=$report"
  echo "SEALROOT-CHECK $name-error=$(head -n 1 /mnt/error)"
}}
check before
check repaired --repair "{source}"
echo 3 >/proc/sys/vm/drop_caches
umount /mnt/disk && mount {partition} /mnt/disk
check after
echo "SEALROOT-CHECK measured=$(fsverity measure $repository/objects/{object})"
echo "SEALROOT-CHECK repair=done"
exec sleep 1000
"""


class Repair(BootTest):
    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.sealed = cls.product.sealed()
        # The largest file of the image (streams are smaller): its damaged block lies deep below the Merkle tree's root.
        cls.object = max((cls.sealed.folder / "composefs/objects").glob("*/*"), key=lambda path: path.stat().st_size)
        cls.name = f"{cls.object.parent.name}/{cls.object.name}"

    def run_machine(self, source, tamper):
        """The checks' reports by name, after `tamper` was done to the disk."""
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            damaged = disk.Disk(self.sealed.disk, Path(scratch) / "disk.raw")
            tamper(damaged)
            partition = f"/dev/ubda{disk.partitions(damaged.path)[disk.ROOT].number}"
            init = Path(scratch) / "init"
            text = INIT.format(partition=partition, sealroot=SEALROOT, source=source(Path(scratch)), object=self.name)
            init.write_text(text)
            init.chmod(0o755)
            machine = UserModeLinux.with_host_files(self.product.linux, scratch, init, [damaged.path])
            console = self.boot(machine, until=["CHECK repair=done"])
            self.check(console, shown=["CHECK repair=done"], hidden=["CHECK bad=.*"])
            reports = {name: json.loads(console.value(name) or "{}") for name in ("before", "repaired", "after")}
            return reports, console

    def check_repair(self, source, tamper, reason):
        reports, console = self.run_machine(source, tamper)
        damaged = [damage["path"] for damage in reports["before"]["damages"]]
        self.assertEqual([f"objects/{self.name}"], damaged, console.text)
        self.assertIn(reason, reports["before"]["damages"][0]["reason"])
        self.assertEqual((True, 1), (reports["repaired"]["ok"], reports["repaired"]["restored"]), console.text)
        after = reports["after"]
        self.assertTrue(after["ok"])
        self.assertEqual(after["objects"], after["sealed"])
        self.assertIn(self.name.replace("/", ""), console.value("measured"))

    def flip_bit(self, damaged):
        damaged.flip_bit(f"/composefs/objects/{self.name}", self.object.stat().st_size // 2)

    def test_a_flipped_bit_is_found_by_the_kernel_and_restored_from_the_container_image(self):
        self.check_repair(lambda _: f"oci:{self.product.folder / 'demo'}", self.flip_bit, "Input/output error")

    def test_a_flipped_bit_is_restored_from_another_repository(self):
        self.check_repair(lambda _: f"repo:{self.sealed.folder / 'composefs'}", self.flip_bit, "Input/output error")

    def test_a_missing_object_is_restored_from_a_folder(self):
        def folder(scratch):
            path = scratch / "files"
            path.mkdir()
            (path / "anything").write_bytes(self.object.read_bytes())
            return f"dir:{path}"

        reports, console = self.run_machine(folder, lambda damaged: damaged.remove(f"/composefs/objects/{self.name}"))
        self.assertTrue(all(self.name in damage["reason"] for damage in reports["before"]["damages"]), console.text)
        self.assertEqual((True, 1), (reports["repaired"]["ok"], reports["repaired"]["restored"]), console.text)
        self.assertEqual(reports["after"]["objects"], reports["after"]["sealed"])

    def test_an_object_without_verity_is_damage_and_gets_it_back(self):
        content = self.object.read_bytes()
        self.check_repair(lambda _: f"repo:{self.sealed.folder / 'composefs'}",
                          lambda damaged: damaged.write(f"/composefs/objects/{self.name}", content),
                          "has no fs-verity")  # fmt: skip


if __name__ == "__main__":
    unittest.main()
