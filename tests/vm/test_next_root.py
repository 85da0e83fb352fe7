# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What `--soft-reboot` makes in /run/nextroot, and what it refuses to make: real fs-verity and overlayfs under
user-mode Linux, on the partitions of an installed disk. In the place of systemd is a script that looks at it and then
says no, so all must be gone afterwards. test_soft_reboot.py has the real one.

The system is this one's own files in a new root, with the disk's partitions in /sysroot and /efi, and a kernel command
line as if the firmware had booted version 1."""

import dataclasses
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

import product
from fsverity import digest, object_path
from harness import BootTest
from machines import on_this_system

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from small_host import BOOT_FILES, Images, sealroot, sign, succeeded  # noqa: E402

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
mount -t proc proc /proc
mount -t tmpfs run /run
root=/run/root
mkdir $root
mount -t tmpfs root $root
for path in /*; do
  case $path in /proc | /run | /sysroot | /efi | /sys) continue ;; esac
  if [ -L $path ]; then cp -a $path $root/; continue; fi
  [ -d $path ] || continue
  mkdir $root$path
  mount --bind $path $root$path
done
mkdir $root/proc $root/run $root/sysroot $root/efi
mount -t proc proc $root/proc
mount -t tmpfs run $root/run
mount --bind {cmdline} $root/proc/cmdline
mount -t ext4 /dev/ubda2 $root/sysroot
mount -t vfat /dev/ubda1 $root/efi
mount --make-rshared $root  # as systemd has it
exec chroot $root {steps}
"""

STEPS = """#!/bin/sh
export PATH={folder}:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
check() {{ echo "SEALROOT-CHECK $name-$1=$2"; }}
attempt() {{
  name=$1
  echo "$name" >/run/name
  shift
  {sealroot} "$@" --soft-reboot=required >/run/output 2>&1
  check status "$? $(tail -n 1 /run/output)"
  check left "$(grep -c /run/nextroot /proc/self/mountinfo) $(ls -A /run/sealroot)"
}}
upgrade() {{ attempt "$1" upgrade --quiet; }}
deployed=/sysroot/state/deploy/{digest}
entry() {{ ls /efi/EFI/Linux/*_2_*; }}
attempt staged switch --quiet {source}
echo mine >$deployed/etc/upper/motd
upgrade kept

mv {object} /sysroot/aside
upgrade missing-object
cp /sysroot/aside {object}
upgrade unsealed-object
cp {image} {object}
upgrade foreign-object
mv -f /sysroot/aside {object}
mv {image} /sysroot/aside
cp {first} {image}
upgrade foreign-image
mv -f /sysroot/aside {image}

mv $deployed/etc $deployed/aside
ln -s aside $deployed/etc
upgrade link-for-state
rm $deployed/etc
mv $deployed/aside $deployed/etc
chmod 0777 $deployed/etc/upper
upgrade open-state
chmod 0755 $deployed/etc/upper

cp "$(entry)" /run/uki
printf XXXX | dd of="$(entry)" bs=1 seek=4096 conv=notrunc 2>/dev/null
attempt tampered-uki rollback 2
cp /run/uki "$(entry)"
upgrade again
touch /run/slow
upgrade never-entered
rm /run/slow
name=staged-anew
{sealroot} upgrade --quiet >/run/output 2>&1
check status "$? $(tail -n 1 /run/output)"
check left "$(grep -c /run/nextroot /proc/self/mountinfo) $(ls -A /run/sealroot)"
echo "SEALROOT-CHECK end=done"
exec sleep 100
"""

# In the place of systemd's. It has no environment to speak of.
SYSTEMCTL = """#!/bin/sh
check() { echo "SEALROOT-CHECK $(cat /run/name)-$1=$2" >/dev/console; }
check asked "$*"
check mark "$(cat /run/sealroot/soft-rebooted)"
check root "$(awk '$5 == "/run/nextroot"' /proc/self/mountinfo | tail -n 1)"
check shared "$(grep /run/nextroot /proc/self/mountinfo | grep -c shared:)"
check places "$(awk '$5 ~ "^/run/nextroot/" {print $5}' /proc/self/mountinfo | sort | tr '\\n' ' ')"
check version "$(head -c 3 /run/nextroot/usr/lib/version)"
check motd "$(head -c 4 /run/nextroot/etc/motd)"
check write "$(touch /run/nextroot/usr/new 2>&1 | grep -c Read-only)"
check state "$(touch /run/nextroot/etc/new /run/nextroot/var/new && echo ok)"
[ -e /run/slow ] && exit 0
echo "systemd says no" >&2
exit 1
"""
SYSTEMD_SAYS_NO = "1 sealroot: soft reboot: systemctl: 'systemd says no'"
GONE = "0 "  # mounts, and files that mark a soft reboot
REFUSED = {
    "missing-object": "'/usr/lib/version': ",
    "unsealed-object": "'/usr/lib/version': .*fs-verity",
    "foreign-object": "'/usr/lib/version': ",
    "foreign-image": "image [0-9a-f]+: ",
    "link-for-state": "/run/nextroot: state dir: symlink: state/deploy/[0-9a-f]+/etc",
    "open-state": "/run/nextroot: state dir: writable by others: upper",
    "tampered-uki": "its UKI is not signed by a pinned certificate",
}


class NextRoot(BootTest):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-next-root-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        (cls.folder / "images").mkdir()
        images = Images(cls.folder / "images")
        target = [("usr/lib/systemd", None), ("usr/lib/systemd/system", None),
                  ("usr/lib/systemd/system/soft-reboot.target", b"[Unit]\n")]  # fmt: skip
        cls.sources = [images.sealed(version, images.entries(version, extra=target)) for version in "12"]
        cls.digests = [images.digest(version) for version in "12"]
        cls.disk = cls.folder / "disk.raw"
        loader = cls.folder / "loader.efi"
        sign(BOOT_FILES / "systemd-bootx64.efi", images.folder / "db.key", loader)
        succeeded(sealroot("install", cls.sources[0], "--quiet", "--image", cls.disk, "--cert",
                           images.folder / "db.crt", "--boot-loader", loader))  # fmt: skip
        uki = next((images.folder / "1.out").glob("*.efi"))
        record = json.loads(succeeded(sealroot("inspect", "--json", uki)))
        cls.command_line = record["cmdline"]["secure_boot_on"]["text"] + "\n"

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def run_steps(self):
        """The console of all steps."""
        first, second = self.digests
        steps = self.write("steps", STEPS.format(
            folder=self.folder, sealroot=os.environ["SEALROOT"], source=self.sources[1], digest=second,
            object=f"/sysroot{object_path(digest(b'2' * 100))}", image=f"/sysroot{object_path(second)}",
            first=f"/sysroot{object_path(first)}"))  # fmt: skip
        self.write("systemctl", SYSTEMCTL)
        cmdline = self.write("cmdline", self.command_line)
        init = self.write("init", INIT.format(cmdline=cmdline, steps=steps))
        machine = on_this_system(product.load().linux, self.folder, init, self.disk)
        return self.boot(dataclasses.replace(machine, timeout_seconds=60), ["^SEALROOT-CHECK end=", "Kernel panic"])

    def check_new_root(self, console, name, motd):
        """What systemd was asked to go over to."""
        digest_of_root = self.digests[1]
        values = {key: console.value(f"{name}-{key}") for key in
                  ("asked", "mark", "shared", "places", "version", "motd", "write", "state")}  # fmt: skip
        self.assertEqual({"asked": "soft-reboot", "mark": digest_of_root, "shared": "0", "version": "222", "motd": motd,
                          "places": "/run/nextroot/etc /run/nextroot/sysroot /run/nextroot/var ", "write": "1",
                          "state": "ok"}, values)  # fmt: skip
        root = console.value(f"{name}-root")
        self.assertRegex(root, f" ro,[a-z]+ - overlay composefs:{digest_of_root} ro,")
        self.assertIn("redirect_dir=on,metacopy=on,verity=require", root)

    def test_only_what_would_boot_is_composed_and_nothing_is_left_of_it(self):
        console = self.run_steps()
        for name, motd in (("staged", "mmmm"), ("kept", "mine"), ("again", "mine")):
            with self.subTest(name):
                self.check_new_root(console, name, motd)
                self.assertEqual(SYSTEMD_SAYS_NO, console.value(f"{name}-status"))
        for name, reason in REFUSED.items():
            with self.subTest(name):
                self.assertRegex(console.value(f"{name}-status") or "", f"^1 sealroot: .*{reason}")
                self.assertIsNone(console.value(f"{name}-asked"))
        with self.subTest("prepared, but systemd does not go there"):
            self.assertRegex(console.value("never-entered-status"), "^0 ")
            self.assertRegex(console.value("never-entered-left"), "^[1-9][0-9]* soft-rebooted")
            self.assertRegex(console.value("staged-anew-status"), "^0 ")
        for name in ("staged", "kept", *REFUSED, "again", "staged-anew"):
            with self.subTest(f"left of {name}"):
                self.assertEqual(GONE, console.value(f"{name}-left"))
        self.check(console, shown=["^SEALROOT-CHECK end=done"])


if __name__ == "__main__":
    unittest.main()
