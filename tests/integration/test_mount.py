#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot mount` on this machine's own kernel, without fs-verity; tests/vm has the rest."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import small_image

SEALROOT = os.environ["SEALROOT"]


def sealroot(*arguments):
    return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True)


class MountTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-mount-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.store, self.place = self.scratch / "store", self.scratch / "place"
        self.place.mkdir()
        content = self.scratch / "a.tar"
        content.write_bytes(small_image.tar_bytes([*small_image.base_entries(), ("usr/bin/one", b"1" * 1000)]))
        done = sealroot("digest", "--quiet", f"tar:{content}", "--store", self.store)
        self.assertEqual("", done.stderr)
        self.digest = done.stdout.strip()

    def in_namespace(self, script, *unshare):
        """Runs a shell script in a private mount namespace; $STORE, $IMAGE and $PLACE say where things are."""
        environment = {
            **os.environ,
            "SEALROOT": SEALROOT,
            "STORE": str(self.store),
            "IMAGE": self.digest,
            "PLACE": str(self.place),
        }
        command = ["unshare", "--mount", *unshare, "sh", "-ec", script]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@unittest.skipUnless(
    os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0,
    "mounting needs root",
)
class Mounted(MountTest):
    def setUp(self):
        super().setUp()
        done = self.in_namespace('"$SEALROOT" mount --insecure-no-verity --repo "$STORE" "$IMAGE" "$PLACE"')
        if "no such file system" in done.stderr:
            self.skipTest(done.stderr.strip())

    def test_files_can_be_read_and_not_changed(self):
        done = self.in_namespace(
            '"$SEALROOT" mount --json --insecure-no-verity --repo "$STORE" "$IMAGE" "$PLACE";'
            'cat "$PLACE/usr/bin/one"; echo;'
            'if touch "$PLACE/new" 2>&1; then echo changed; fi; umount "$PLACE"; ls -A "$PLACE";'
            'grep -c "$PLACE" /proc/mounts || true'
        )
        record, _, rest = done.stdout.partition("}\n")
        record = json.loads(record + "}")
        self.assertEqual(
            (f"sha512:{self.digest}", "user space", "off", True),
            tuple(record[key] for key in ("digest", "measured", "verity", "read_only")),
        )
        lines = rest.splitlines()
        self.assertEqual(("1" * 1000, "0"), (lines[0], lines[-1]), done)
        self.assertIn("Read-only file system", lines[1])
        self.assertEqual(3, len(lines), "nothing is left when it was unmounted")

    def test_changes_go_to_the_upper_directory(self):
        for name in ("upper", "work"):
            (self.scratch / name).mkdir()
        done = self.in_namespace(
            f'mount -t tmpfs none "{self.scratch}/upper"; mkdir "{self.scratch}/upper/u" "{self.scratch}/upper/w";'
            f'"$SEALROOT" mount --insecure-no-verity --repo "$STORE" --upperdir "{self.scratch}/upper/u" --workdir'
            f' "{self.scratch}/upper/w" "$IMAGE" "$PLACE"; echo new > "$PLACE/etc/new";'
            f'cat "{self.scratch}/upper/u/etc/new"'
        )
        self.assertEqual(("new\n", ""), (done.stdout, done.stderr))

    def test_owners_are_mapped(self):
        done = self.in_namespace(
            '"$SEALROOT" mount --insecure-no-verity --map-users 0:100000:65536 --repo "$STORE" "$IMAGE" "$PLACE";'
            'stat -c %u:%g "$PLACE/usr/bin/one"; cat "$PLACE/usr/bin/one" | wc -c'
        )
        self.assertEqual(("100000:100000\n1000\n", ""), (done.stdout, done.stderr))

    def test_image_without_verity_is_refused_and_nothing_stays_mounted(self):
        done = self.in_namespace(
            '"$SEALROOT" mount --repo "$STORE" "$IMAGE" "$PLACE" || echo status $?; ls -A "$PLACE"'
        )
        if done.stdout == "":
            self.skipTest("this file system has fs-verity")
        self.assertEqual("status 1\n", done.stdout)
        self.assertIn("has no fs-verity, so it could change while it is mounted", done.stderr)

    def test_wrong_digest_is_refused(self):
        done = self.in_namespace(
            '"$SEALROOT" mount --insecure-no-verity --repo "$STORE" --digest sha512:'
            + "ab" * 64
            + ' "$STORE/images/$IMAGE" "$PLACE" || echo status $?; ls -A "$PLACE"'
        )
        self.assertEqual("status 1\n", done.stdout)
        self.assertIn(f"has digest sha512:{self.digest}, expected is sha512:abab", done.stderr)


class Refused(MountTest):
    def test_without_privilege_one_line_says_what_is_needed(self):
        done = self.in_namespace(
            '"$SEALROOT" mount --insecure-no-verity --repo "$STORE" "$IMAGE" "$PLACE"', "-r", "--user"
        )
        if "unshare" in done.stderr:
            self.skipTest(done.stderr.strip())
        self.assertEqual(1, done.returncode)
        self.assertEqual(1, done.stderr.count("\n"))
        self.assertIn("needs the capability CAP_SYS_ADMIN", done.stderr)

    def test_wrong_usage_exits_with_2(self):
        for options in (("--map-users", "0:0"), ("--upperdir", "/tmp"), ("--digest", "zz")):
            self.assertEqual(
                2, sealroot("mount", "--repo", self.store, *options, self.digest, self.place).returncode, options
            )
        self.assertEqual(2, sealroot("mount", self.digest, self.place).returncode)


if __name__ == "__main__":
    unittest.main()
