#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""SELinux labels of an image with a real policy: libselinux's matchpathcon judges each, and cfsctl, named by CFSCTL,
the digest."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
import selinux_policy  # noqa: E402
from small_image import base_entries, tar_bytes, write_image  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
CFSCTL = os.environ.get("CFSCTL", "")
FILES = "etc/selinux/default/contexts/files"
# The letter in file_contexts: tar's type, matchpathcon's name. A tar holds no sockets.
TYPES = {
    "-": (tarfile.REGTYPE, "file"),
    "d": (tarfile.DIRTYPE, "dir"),
    "l": (tarfile.SYMTYPE, "lnk_file"),
    "p": (tarfile.FIFOTYPE, "pipe"),
    "c": (tarfile.CHRTYPE, "chr_file"),
    "b": (tarfile.BLKTYPE, "blk_file"),
}
EMPTIED = ("boot", "run", "sysroot")  # by the rules for images that boot


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def example(regex):
    """A path that the expression probably matches: groups and sets become one of what they may be."""
    for pattern, text in ((r"\(\?[:!=<][^)]*\)", ""), (r"\(([^()|]*)(\|[^()]*)?\)", r"\1"), (r"\[\^/\]", "n"),
                          (r"\[(.)[^]]*\]", r"\1")):  # fmt: skip
        regex = re.sub(pattern, text, regex)
    regex = re.sub(r"(?<!\\)\.", "x", regex)
    return re.sub(r"(?<!\\)[?*+()|^$]|\{[^}]*\}|\\", "", regex)


def paths_of(rules):
    """Path -> type: one for each rule, sometimes one below it, and all directories on the way."""
    wanted = {}
    for number, rule in enumerate(rules):
        kind = rule[1][1] if len(rule) == 3 else "-ld"[number % 3]
        path = example(rule[0]).strip("/")
        wanted.setdefault(path, kind if kind in TYPES else "-")
        if number % 5 == 0:
            wanted.setdefault(f"{path}/sub", "-")
    paths = {}
    for path, kind in sorted(wanted.items()):
        parts = path.split("/")
        if not path or parts[0] in EMPTIED or any(part in ("", ".", "..") or len(part) > 200 for part in parts):
            continue
        for depth in range(1, len(parts)):
            paths["/".join(parts[:depth])] = "d"
        paths.setdefault(path, kind)
    return paths


def archive(paths, contents):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, kind in sorted(paths.items()):
            info = tarfile.TarInfo(path)
            info.type, info.mode = TYPES[kind][0], 0o755
            info.linkname = "target" if kind == "l" else ""
            content = contents.get(path, b"")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def labels_in(dumpfile):
    """Path -> (mode, label)"""
    labels = {}
    for line in dumpfile.splitlines():
        fields = line.split(" ")
        found = [field[len("security.selinux=") :] for field in fields[11:] if field.startswith("security.selinux=")]
        path = re.sub(r"\\x(..)", lambda match: chr(int(match[1], 16)), fields[0]).replace("\\\\", "\\")
        labels[path] = (fields[2].lstrip("@"), found[0] if found else "<<none>>")
    return labels


class Labels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-labels-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        policy = selinux_policy.debian_policy(cls.scratch)
        if policy is None:
            raise unittest.SkipTest("apt can't download selinux-policy-default")
        cls.contexts, cls.aliases = policy
        cls.contents = {
            "etc/selinux/config": b"SELINUX=enforcing\n# SELINUXTYPE=mls\nSELINUXTYPE=default\n",
            f"{FILES}/file_contexts": cls.contexts.encode(),
            f"{FILES}/file_contexts.subs_dist": cls.aliases.encode(),
            f"{FILES}/file_contexts.homedirs": b"/home/[^/]+\t-d\tsystem_u:object_r:user_home_dir_t:s0\n"
            b"/home/[^/]+/.+\tsystem_u:object_r:user_home_t:s0\n",
        }
        cls.paths = paths_of([line.split() for line in cls.contexts.splitlines()])
        for name in (*(name for name, _ in base_entries()), "home", "home/user", "bin/x", "lib64/ld.so",
                     "lib/systemd/y", "etc/systemd/system/z", "home/user/f", "usr/lib/os-release",
                     *cls.contents):  # fmt: skip
            parts = name.split("/")
            for depth in range(1, len(parts)):
                cls.paths["/".join(parts[:depth])] = "d"
            cls.paths[name] = "d" if (name, None) in base_entries() or name in ("home", "home/user") else "-"
        links = [("usr/bin/hardlink", "etc/selinux/config"), ("var/lib/hardlink", "etc/selinux/config")]
        cls.image = cls.scratch / "image"
        write_image(cls.image, [archive(cls.paths, cls.contents), tar_bytes([cls.hard_link(*pair) for pair in links])])
        cls.store = cls.scratch / "store"
        start = time.monotonic()
        cls.record = json.loads(cls.digest("--json", "--store", cls.store))
        cls.seconds = time.monotonic() - start

    @staticmethod
    def hard_link(name, target):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.LNKTYPE, target
        return info

    @classmethod
    def digest(cls, *options):
        return run(SEALROOT, "digest", "--quiet", "--arch", "amd64", f"oci:{cls.image}", *options)

    def test_libselinux_gives_every_path_the_same_label(self):
        if not shutil.which("matchpathcon"):
            self.skipTest("no matchpathcon (package selinux-utils)")
        folder = self.scratch / "contexts"
        folder.mkdir()
        for name, content in self.contents.items():
            (folder / Path(name).name).write_bytes(content)
        ours = labels_in(run(SEALROOT, "dump", "--store", self.store, self.record["digest"].partition(":")[2]))
        differences, compared = [], 0
        for kind, (_, name) in TYPES.items():
            paths = sorted(f"/{path}" for path, its in self.paths.items() if its == kind and f"/{path}" in ours)
            for start in range(0, len(paths), 1000):
                part = paths[start : start + 1000]
                theirs = run("matchpathcon", "-n", "-f", folder / "file_contexts", "-m", name, *part).splitlines()
                self.assertEqual(len(part), len(theirs))
                compared += len(part)
                differences += [(path, kind, ours[path][1], label) for path, label in zip(part, theirs)
                                if ours[path][1] != label]  # fmt: skip
        self.assertGreater(compared, 5000)
        self.assertEqual([], differences[:20], f"{len(differences)} of {compared} labels differ")

    def test_the_policy_is_named_and_counts_without_a_store_too(self):
        self.assertEqual("default", self.record["selinux_policy"])
        self.assertEqual(self.record, json.loads(self.digest("--json")))

    def test_mode_off_and_mode_require(self):
        off = json.loads(self.digest("--json", "--selinux", "off"))
        self.assertIsNone(off["selinux_policy"])
        self.assertNotEqual(self.record["digest"], off["digest"])
        self.assertEqual(self.record, json.loads(self.digest("--json", "--selinux", "require")))
        plain = self.scratch / "plain"
        write_image(plain, [tar_bytes(base_entries())])
        command = [SEALROOT, "digest", "--quiet", "--arch", "amd64", f"oci:{plain}", "--selinux", "require"]
        refused = subprocess.run(command, check=False, capture_output=True, text=True)
        self.assertEqual(1, refused.returncode)
        self.assertRegex(refused.stderr, r"\Asealroot: SELinux labels: the image names no policy[^\n]*\n\Z")

    @unittest.skipUnless(CFSCTL, "CFSCTL does not name the program cfsctl")
    def test_cfsctl_computes_the_same_digest(self):
        repository = self.scratch / "cfsctl"
        run(CFSCTL, "init", "--insecure", repository)
        run(CFSCTL, "--repo", repository, "oci", "pull", "--bootable", f"oci:{self.image}", "labelled")
        inspected = json.loads(run(CFSCTL, "--repo", repository, "oci", "inspect", "labelled"))
        self.assertEqual("sha512:" + inspected["composefs_boot_erofs"], self.record["digest"])


if __name__ == "__main__":
    unittest.main()
