# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot mount` under a kernel with fs-verity: the repository on the demo's sealed disk, mounted by hand.

User-mode Linux runs this very build of sealroot on this system's own files; each row is one shell script.
"""

import hashlib
import os
import tarfile
import tempfile
import unittest
from pathlib import Path

import product
from demo import demo_content, demo_object
from disk import Disk
from harness import BootTest
from machines import on_this_system

# Results are printed as `SEALROOT-CHECK name=value`; the init that ends is what ends the machine.
SCRIPT = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/disk /run/place /run/upper /run/work
mount {options} /dev/ubda2 /run/disk
mount_image() {{
  {sealroot} mount --repo /run/disk/composefs "$@" {digest} /run/place 2>/run/error
  status=$?
  case $status in 0) echo SEALROOT-CHECK mount=ok;; *) echo "SEALROOT-CHECK mount=refused $status";; esac
  cat /run/error
}}
check() {{ name=$1; shift; echo "SEALROOT-CHECK $name=$("$@" 2>&1 | tail -n 1)"; }}
{script}
echo SEALROOT-CHECK end=1
"""
DEMO = "/run/place/usr/share/sealroot-demo"
ALL_MOUNTED = "check options grep ' /run/place ' /proc/mounts"


def reads(name):
    return f"check {name} md5sum {DEMO}/{name}"


def content(name):
    return f"^SEALROOT-CHECK {name}={hashlib.md5(demo_content(name)).hexdigest()} "


class Mount(BootTest):
    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.sealed = cls.product.sealed()
        cls.digest = cls.sealed.image_digest

    def run_script(self, *lines, shown=(), hidden=(), tamper=None, row="", options="-o ro"):
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as folder:
            scratch = Path(folder)
            disk = Disk(self.sealed.disk, scratch / "disk.raw")
            if tamper:
                tamper(disk)
            script = scratch / "script"
            script.write_text(
                SCRIPT.format(
                    sealroot=os.environ["SEALROOT"], digest=self.digest, script="\n".join(lines), options=options
                )
            )
            script.chmod(0o755)
            machine = on_this_system(self.product.linux, scratch, script, disk.path)
            self.check(self.boot(machine, ["^SEALROOT-CHECK end=1"], row), ("^SEALROOT-CHECK end=1", *shown), hidden)

    def test_sealed_image_is_mounted_with_verity_and_read_only(self):
        self.run_script(
            "mount_image",
            ALL_MOUNTED,
            reads("intact"),
            "check write touch /run/place/x",
            "umount /run/place",
            "check left ls -A /run/place",
            "check mounts grep -c /run/place /proc/mounts",
            shown=(
                "^SEALROOT-CHECK mount=ok$",
                content("intact"),
                "write=.*Read-only file system$",
                "^SEALROOT-CHECK left=$",
                "^SEALROOT-CHECK mounts=0$",
                rf"options=composefs:{self.digest} /run/place overlay ro,.*verity=require",
            ),
        )

    def test_digest_of_the_kernel_is_what_counts(self):
        self.run_script(
            "mount_image --json >/run/record",
            "cat /run/record",
            shown=('"measured": "kernel"', f'"digest": "sha512:{self.digest}"', '"verity": "require"'),
        )

    def test_R1_bit_flipped_in_object_is_an_io_error(self):
        self.run_script(
            "mount_image",
            reads("flipped"),
            reads("intact"),
            tamper=lambda disk: disk.flip_bit(demo_object("flipped"), 0),
            shown=("flipped=.*Input/output error$", "FILE CORRUPTED", content("intact")),
        )

    def test_R4_object_without_verity_is_an_io_error_unless_told_in_words(self):
        tamper = lambda disk: disk.write(demo_object("unsealed"), demo_content("unsealed"))
        self.run_script(
            "mount_image",
            reads("unsealed"),
            reads("intact"),
            tamper=tamper,
            row="require",
            shown=("unsealed=.*Input/output error$", "has no fs-verity digest", content("intact")),
        )
        self.run_script(
            "mount_image --insecure-no-verity",
            reads("unsealed"),
            tamper=tamper,
            row="insecure",
            shown=(content("unsealed"),),
        )

    def test_R7_image_without_verity_is_refused_unless_told_in_words(self):
        path = "/composefs/objects/" + self.digest[:2] + "/" + self.digest[2:]
        same = lambda disk: disk.write(path, disk.read(path))
        self.run_script(
            "mount_image",
            "check left ls -A /run/place",
            tamper=same,
            row="require",
            shown=(
                "^SEALROOT-CHECK mount=refused 1$",
                "has no fs-verity, so it could change",
                "^SEALROOT-CHECK left=$",
            ),
        )
        self.run_script(
            "mount_image --insecure-no-verity",
            reads("intact"),
            tamper=same,
            row="insecure",
            shown=("^SEALROOT-CHECK mount=ok$", content("intact")),
        )

    def test_R6_image_with_another_content_is_refused(self):
        path = "/composefs/objects/" + self.digest[:2] + "/" + self.digest[2:]

        def forge(disk, seal):
            data = bytearray(disk.read(path))
            data[1152 + 4] ^= 1
            (disk.write_sealed if seal else disk.write)(path, bytes(data))

        for row, seal, options in (("sealed", True, ""), ("unsealed", False, "--insecure-no-verity")):
            self.run_script(
                f"mount_image {options}",
                tamper=lambda disk, seal=seal: forge(disk, seal),
                row=row,
                shown=("^SEALROOT-CHECK mount=refused 1$", "has digest sha512:.*, expected is sha512:"),
            )

    def test_mapped_users_own_the_files_and_verity_still_holds(self):
        self.run_script(
            "mount_image --map-users 0:100000:65536",
            f"check owner stat -c %u:%g {DEMO}/intact",
            reads("intact"),
            reads("flipped"),
            "check root stat -c %u:%g /run/place",
            tamper=lambda disk: disk.flip_bit(demo_object("flipped"), 0),
            shown=(
                "^SEALROOT-CHECK owner=100000:100000$",
                content("intact"),
                "flipped=.*Input/output error$",
                "^SEALROOT-CHECK root=100000:100000$",
            ),
        )

    def test_user_namespace_sees_its_own_root_as_the_owner(self):
        inside = (
            f"setpriv --reuid=100000 --regid=100000 --clear-groups unshare --map-root-user stat -c %u:%g {DEMO}/intact"
        )
        self.run_script(
            "mount_image --map-users 0:100000:65536", f"check inside {inside}", shown=("^SEALROOT-CHECK inside=0:0$",)
        )

    def test_changes_go_to_the_upper_directory(self):
        self.run_script(
            "mount_image --upperdir /run/upper --workdir /run/work",
            "echo changed > /run/place/etc/new",
            "check new cat /run/upper/etc/new",
            reads("intact"),
            shown=("^SEALROOT-CHECK new=changed$", content("intact")),
        )

    def test_T4_device_0_0_of_an_image_is_an_entry_and_hides_nothing(self):
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as folder:
            tar = Path(folder) / "root.tar"
            with tarfile.open(tar, "w") as archive:
                kinds = {"usr": tarfile.DIRTYPE, "usr/below": tarfile.REGTYPE, "usr/hide": tarfile.CHRTYPE}
                for name, kind in kinds.items():
                    entry = tarfile.TarInfo(name)
                    entry.type, entry.mode = kind, 0o755
                    archive.addfile(entry)
            sealroot = os.environ["SEALROOT"]
            self.run_script(
                f"image=$({sealroot} digest -q --plain --store /run/repo tar:{tar})",
                f"check mount {sealroot} mount --insecure-no-verity --repo /run/repo $image /run/place",
                ALL_MOUNTED,
                "check names echo $(ls /run/place/usr)",
                "check stat stat -c %F /run/place/usr/hide",
                shown=("options=.* overlay ", "^SEALROOT-CHECK names=below hide$", "^SEALROOT-CHECK stat=regular empty file$"),
            )


if __name__ == "__main__":
    unittest.main()
