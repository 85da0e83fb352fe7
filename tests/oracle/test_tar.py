#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Tars of every kind that tools write, and some that none should, read by sealroot, GNU tar, bsdtar, Python and Go: we
see what they see, or refuse."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from tar_judges import JUDGES, run, sealroot  # noqa: E402

IS_ROOT = os.getuid() == 0

BLOCK = 512
MUTATIONS = 10**9 if os.environ.get("SEALROOT_EXHAUSTIVE") else 40


def write_source(folder):
    """A tree with all that a tar can hold, below usr/t."""
    top = folder / "usr" / "t"
    top.mkdir(parents=True)
    (top / "empty").touch()
    (top / "small").write_bytes(b"small")
    (top / "block").write_bytes(b"b" * 512)
    (top / "large").write_bytes(bytes(range(256)) * 300)
    (top / "sub").mkdir(0o700)
    (top / "sub" / "file").write_bytes(b"x" * 513)
    (top / "link").symlink_to("sub/../small")
    (top / "dangling").symlink_to("/nowhere/at all")
    os.link(top / "large", top / "sub" / "hard")
    os.mkfifo(top / "fifo", 0o640)
    (top / "setuid").write_bytes(b"s")
    (top / "setuid").chmod(0o6755)
    (top / "sticky").mkdir()
    (top / "sticky").chmod(0o1777)
    for name in ("file", "setuid", "sub", "small"):
        if (top / name).exists():
            os.utime(top / name, ns=(10**18 + 123456789, 10**18 + 123456789))
    if IS_ROOT:
        os.mknod(top / "null", 0o20666, os.makedev(1, 3))
        os.mknod(top / "disk", 0o60660, os.makedev(259, 70000))
        os.chown(top / "small", 1000, 1001)
        (top / "setuid").chmod(0o6755)


def write_extras(folder):
    """What ustar has no room for."""
    top = folder / "usr" / "t"
    deep = top / ("d" * 90) / ("e" * 200)
    deep.mkdir(parents=True)
    (deep / ("f" * 255)).write_bytes(b"deep")
    (top / "long-link").symlink_to("l" * 150)
    os.link(deep / ("f" * 255), top / "hard-to-deep")
    (top / "caf\u00e9").write_bytes(b"utf-8")
    with open(os.fsencode(top) + b"/latin\xe9", "wb") as file:
        file.write(b"latin-1")
    (top / "old").write_bytes(b"1969")
    os.utime(top / "old", (-5, -5))
    (top / "late").write_bytes(b"2500")
    os.utime(top / "late", (16725225600, 16725225600))
    if IS_ROOT:
        (top / "owned").touch()
        os.chown(top / "owned", 3000000, 4000000)


def write_sparse(folder):
    with open(folder / "usr" / "t" / "sparse", "wb") as file:
        for start in range(0, 60):
            file.seek(start * 131072 + 65536)
            file.write(bytes([start + 1]) * 4096)
        file.truncate(9000000)
    with open(folder / "usr" / "t" / "hole", "wb") as file:
        file.truncate(100000)


def write_xattrs(folder):
    top = folder / "usr" / "t"
    try:
        os.setxattr(top / "small", "user.text", b"value")
        os.setxattr(top / "small", "user.binary", bytes(range(256)))
        os.setxattr(top / "sub", "user.empty", b"")
        if IS_ROOT:
            capability = bytes.fromhex("0100000202040000000000000000000000000000")
            os.setxattr(top / "setuid", "security.capability", capability)
    except OSError:
        return
    if shutil.which("setfacl"):
        run("setfacl", "-m", "u:1234:r", top / "large")


def gnu(*options):
    return lambda source, archive: run("tar", "-C", source, *options, "-cf", archive, "usr")


def bsd(*options):
    return lambda source, archive: run("bsdtar", "-C", source, *options, "-cf", archive, "usr")


def python_tar(kind):
    def write(source, archive):
        with tarfile.open(archive, "w", format=kind, encoding="utf-8", errors="surrogateescape") as opened:
            opened.add(source / "usr", "usr")
        return subprocess.CompletedProcess((), 0, b"", b"")

    return write


def appended(source, archive):
    """Each name twice, the second time with another content."""
    run("tar", "-C", source, "-cf", archive, "usr")
    (source / "usr" / "t" / "small").write_bytes(b"other")
    (source / "usr" / "t" / "link").unlink()
    (source / "usr" / "t" / "link").write_bytes(b"was a link")
    return run("tar", "-C", source, "-rf", archive, "usr")


XATTRS = ("--xattrs", "--xattrs-include=*")
SIMPLE = (write_source,)
FULL = (write_source, write_extras)
# Name, what the tree has, how it is written.
ARCHIVES = (
    ("GNU tar ustar", SIMPLE, gnu("--format=ustar")),
    ("GNU tar v7", SIMPLE, gnu("--format=v7", "--exclude=fifo", "--exclude=null", "--exclude=disk")),
    ("GNU tar oldgnu", FULL, gnu("--format=oldgnu")),
    ("GNU tar gnu", FULL, gnu("--format=gnu")),
    ("GNU tar gnu incremental names", FULL, gnu("--format=gnu", "--sort=name", "--owner=0", "--group=0")),
    ("GNU tar pax", FULL, gnu("--format=posix")),
    ("GNU tar pax xattrs", (*FULL, write_xattrs), gnu("--format=posix", *XATTRS)),
    ("GNU tar pax ACLs", (*FULL, write_xattrs), gnu("--format=posix", "--acls", *XATTRS)),
    ("GNU tar sparse old GNU", (*SIMPLE, write_sparse), gnu("--format=gnu", "--sparse")),
    ("GNU tar sparse 0.0", (*FULL, write_sparse), gnu("--format=posix", "--sparse", "--sparse-version=0.0")),
    ("GNU tar sparse 0.1", (*FULL, write_sparse), gnu("--format=posix", "--sparse", "--sparse-version=0.1")),
    ("GNU tar sparse 1.0", (*FULL, write_sparse), gnu("--format=posix", "--sparse", "--sparse-version=1.0")),
    ("GNU tar appended", SIMPLE, appended),
    ("bsdtar ustar", SIMPLE, bsd("--format=ustar")),
    ("bsdtar gnutar", FULL, bsd("--format=gnutar")),
    ("bsdtar pax", (*FULL, write_xattrs), bsd("--format=pax")),
    ("bsdtar pax sparse", (*FULL, write_sparse), bsd("--format=pax", "--read-sparse")),
    ("bsdtar restricted pax", (*FULL, write_xattrs), bsd("--format=paxr")),
    ("Python ustar", SIMPLE, python_tar(tarfile.USTAR_FORMAT)),
    ("Python gnu", FULL, python_tar(tarfile.GNU_FORMAT)),
    ("Python pax", FULL, python_tar(tarfile.PAX_FORMAT)),
)


class Tar(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-tar-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def scratch_for(self, name):
        folder = self.scratch / name.replace(" ", "-")
        folder.mkdir()
        return folder

    def compare(self, name, archive, ours, folder):
        for judge, read in JUDGES.items():
            with self.subTest(archive=name, judge=judge):
                theirs = read(archive, folder)
                if theirs == "absent":
                    continue
                self.assertIsNotNone(theirs, f"{judge} refuses it")
                self.assert_same(theirs, ours)

    def assert_same(self, theirs, ours):
        self.assertEqual(sorted(theirs), sorted(ours))
        for path, node in ours.items():
            for field in node._fields:
                if getattr(theirs[path], field) is not None:  # else this judge can't tell
                    self.assertEqual(getattr(theirs[path], field), getattr(node, field), f"{path} {field}")

    def test_T9_we_read_what_every_tool_writes_as_the_judges_do(self):
        for name, parts, write in ARCHIVES:
            with self.subTest(archive=name):
                folder = self.scratch_for(name)
                for part in parts:
                    part(folder)
                archive = folder / "archive.tar"
                written = write(folder, archive)
                self.assertEqual(0, written.returncode, written.stderr)
                ours = sealroot(archive, folder)
                self.assertIsNotNone(ours)
                self.assertGreater(len(ours), 10)
                self.compare(name, archive, ours, folder)

    def refuses_or_agrees(self, name, data):
        """True if we read it."""
        folder = self.scratch_for(name)
        archive = folder / "archive.tar"
        archive.write_bytes(data)
        ours = sealroot(archive, folder)
        if ours is not None:
            for judge, read in JUDGES.items():
                with self.subTest(archive=name, judge=judge):
                    theirs = read(archive, folder)
                    if theirs not in (None, "absent"):
                        self.assert_same(theirs, ours)
        shutil.rmtree(folder)
        return ours is not None

    def test_T9_every_byte_of_every_header_changed_is_refused_or_read_as_the_judges_do(self):
        """Each byte of the headers replaced in turn by some that mean something, with a checksum that fits."""
        data = small_archive()
        headers = [start for start in range(0, len(data), BLOCK) if data[start + 257 : start + 262] == b"ustar"]
        places = [(start + at, byte) for start in headers for at in range(BLOCK) for byte in b"\0 /09xLS\x80\xff"]
        read = 0
        step = max(1, len(places) // MUTATIONS)
        for at, byte in places[::step]:
            changed = bytearray(data)
            changed[at] = byte
            fix_checksum(changed, at - at % BLOCK)
            read += self.refuses_or_agrees(f"byte {at} is {byte}", bytes(changed))
        print(f"{len(places[::step])} archives, {read} of them read")
        self.assertGreater(read, 0)


def small_archive():
    """Two folders, a file, a link, a hard link, with PAX and GNU records."""
    out = io.BytesIO()
    long = "usr/t/" + "n" * 120
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, content, link in (
            ("usr", tarfile.DIRTYPE, b"", ""),
            ("usr/t", tarfile.DIRTYPE, b"", ""),
            ("usr/t/file", tarfile.REGTYPE, b"content", ""),
            (long, tarfile.REGTYPE, b"c" * 600, ""),
            ("usr/t/link", tarfile.SYMTYPE, b"", "file"),
            ("usr/t/hard", tarfile.LNKTYPE, b"", "usr/t/file"),
            ("usr/t/last", tarfile.REGTYPE, b"last", ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, link, len(content), 0o755
            info.mtime = 1000000000
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def fix_checksum(data, start):
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + BLOCK])


if __name__ == "__main__":
    unittest.main()
