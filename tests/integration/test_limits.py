#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Input that is small to write and large to read: stopped by a limit that the message names, within bounds of memory
and CPU time. Everything is made while it is read, nothing of it is stored."""

import contextlib
import gzip
import itertools
import json
import lzma
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]
from small_image import base_entries, tar_bytes, write_image  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
MIB = 1 << 20
ZEROS = bytes(64 * MIB)
MEMORY = 256 * MIB
CPU_SECONDS = 10


def header(name, size=0, kind=b"0"):
    """A ustar header of these bytes; `size` may be more than there is."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108], block[108:116], block[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    block[124:136] = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    block[136:148], block[148:156], block[156:157], block[257:265] = b"0" * 11 + b"\0", b" " * 8, kind, b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def pax(records, name=b"f", kind=b"0"):
    lines = []
    for key, value in records:
        length = len(key) + len(value) + 3
        length += len(str(length + len(str(length))))
        lines.append(b"%d %s=%s\n" % (length, key, value))
    body = b"".join(lines)
    return header(b"pax", len(body), b"x") + body + bytes(-len(body) % 512) + header(name, 0, kind)


def endless(piece):
    return itertools.repeat(piece)


def bomb(compress):
    """A file of 200 GiB of zeros, in members of 64 MiB."""
    start, zeros = compress(header(b"zeros", 200 << 30)), compress(ZEROS)
    return itertools.chain([start], endless(zeros))


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def numbered(make, step=1000):
    """make(0) + make(1) + ... in pieces of `step`."""
    return (b"".join(make(i) for i in range(start, start + step)) for start in itertools.count(0, step))


def empty_file(number, first=header(b"0" * 9)):
    """header(b"%09d" % number), made from the one of number 0."""
    name = b"%09d" % number
    block = bytearray(first)
    block[:9] = name
    block[148:154] = b"%06o" % (int(first[148:154], 8) + sum(name) - 9 * ord("0"))
    return bytes(block)


def small_file(number, first=header(b"0" * 9, 200)):
    """With a content of its own that becomes an object."""
    return empty_file(number, first) + b"%0200d" % number + bytes(312)


LONG_NAME = b"/".join([b"n" * 250] * 16)  # 4015 bytes
FOLDERS_OF_LONG_NAME = b"".join(pax([(b"path", LONG_NAME[: 251 * i + 250])], kind=b"5") for i in range(16))

# What it is, its bytes, what the message must say.
TARS = (
    ("T12 gzip bomb", lambda: bomb(lambda data: gzip.compress(data, 9, mtime=0)), "200 times"),
    ("T12 zstd bomb", lambda: bomb(zstd), "200 times"),
    ("T12 xz bomb", lambda: bomb(lambda data: lzma.compress(data, preset=0)), "200 times"),
    ("T12 gzip in gzip", lambda: [gzip.compress(gzip.compress(tar_bytes(base_entries())))], "archive is cut"),
    ("T12 10 million entries", lambda: numbered(empty_file), "more than 1000000 entries"),
    ("T12 path of 100000 folders", lambda: [pax([(b"path", b"d/" * 100000)])], "4096 bytes"),
    ("T12 long names",
     lambda: itertools.chain([FOLDERS_OF_LONG_NAME],
                             numbered(lambda i: pax([(b"path", LONG_NAME + b"/%09d" % i)]), 50)), "names, links and"),
    ("T12 long links", lambda: numbered(lambda i: pax([(b"linkpath", LONG_NAME)]), 50), "names, links and"),
    ("T12 million xattrs of one file",
     lambda: [pax([(b"SCHILY.xattr.user.%d" % i, b"v") for i in range(10**6)])], "extension records of"),
    ("T12 million xattrs of many files",
     lambda: numbered(lambda i: pax([(b"SCHILY.xattr.user.%d" % j, bytes(2000)) for j in range(400)], b"%d" % i), 1),
     "names, links and"),
    ("T12 PAX header of 8 GiB", lambda: [header(b"pax", 8 << 30, b"x"), ZEROS[:MIB]], "extension records of"),
    ("T12 GNU name of 1 GiB", lambda: [header(b"name", 1 << 30, b"L"), ZEROS[:MIB]], "extension records of"),
    ("T12 file of 8 EiB", lambda: [header(b"file", 1 << 62), ZEROS[:MIB]], "bytes"),
    ("T10 old GNU sparse map without end",
     lambda: itertools.chain([sparse_header()], endless((b"%011o\0%011o\0" % (0, 0) * 21 + b"\1" + bytes(7)) * 1000)),
     "archive"),
    ("T10 sparse map 1.0 without end",
     lambda: itertools.chain([sparse_1_0()], endless(b"0\n0\n" * 100000)), "sparse"),
)  # fmt: skip


def sparse_header():
    """Of an old GNU sparse file whose map goes on."""
    block = bytearray(header(b"sparse", 0, b"S"))
    block[257:265] = b"ustar  \0"
    block[482], block[483:495] = 1, b"%011o\0" % 1000
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def sparse_1_0():
    records = pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"sparse"),
                   (b"GNU.sparse.realsize", b"1000")])  # fmt: skip
    return records[:-512] + header(b"sparse", 100 << 30) + b"1000000000\n" + b"0\n0\n" * 1000


class Limits(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-limits-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def run_limited(self, *command, pieces=()):
        """Status, messages, peak memory in bytes and CPU seconds with `pieces` on standard input, as far as wanted."""
        limits = (lambda: resource.setrlimit(resource.RLIMIT_CPU, (6 * CPU_SECONDS, 6 * CPU_SECONDS)))
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, preexec_fn=limits)  # fmt: skip
        feeder = threading.Thread(target=feed, args=(process.stdin, pieces))
        feeder.start()
        message = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        process.stderr.close()
        feeder.join()
        used = usage.ru_utime + usage.ru_stime
        print(f"{self.what}: {usage.ru_maxrss // 1024} MiB, {used:.1f} s: {message[:160].strip()}", flush=True)
        return process.returncode, message, usage.ru_maxrss * 1024, used

    def refuse(self, text, *command, pieces=(), memory=MEMORY):
        status, message, peak, used = self.run_limited(*command, pieces=pieces)
        self.assertEqual(1, status, message)
        self.assertRegex(message, r"\A[^\n]*\n\Z")
        self.assertIn(text, message)
        self.assertLess(peak, memory)
        self.assertLess(used, CPU_SECONDS)

    def test_T12_tars_that_grow(self):
        for self.what, make, text in TARS:
            with self.subTest(self.what):
                self.refuse(text, SEALROOT, "digest", "--quiet", "tar:-", pieces=make())

    def test_memory_of_many_files(self):
        """More than 96 MB are known about them: it stands in a temporary file."""
        self.what = "600000 files"
        files = itertools.islice(numbered(small_file), 600)
        pieces = itertools.chain([header(b"usr/", kind=b"5")], files, [bytes(1024)])
        status, message, peak, _ = self.run_limited(SEALROOT, "digest", "--quiet", "--plain", "tar:-", pieces=pieces)
        self.assertEqual(0, status, message)
        self.assertLess(peak, 96_000_000)

    def test_N10_JSON_that_grows(self):
        for self.what, make, text in (
            ("N10 index of 1 GiB", lambda file: file.truncate(1 << 30), "4 MiB"),
            ("N10 100000 levels", lambda file: file.write(b"[" * 100000), "nested deeper"),
            ("N10 a million objects", lambda file: file.write(b"[" + b"{}," * 1390000 + b"{}]"), "100000 values"),
            ("N10 a million lists", lambda file: file.write(b"[" + b"[]," * 1390000 + b"[]]"), "100000 values"),
            ("N10 a million keys", lambda file: file.write(keys(300000)), "index"),
        ):
            with self.subTest(self.what):
                layout = self.scratch / "layout"
                write_image(layout, [tar_bytes(base_entries())])
                with (layout / "index.json").open("wb") as file:
                    make(file)
                self.refuse(text, SEALROOT, "digest", "--quiet", f"oci:{layout}", memory=64 * MIB)
                shutil.rmtree(layout)

    def test_T12_lines_of_a_dumpfile(self):
        program = self.scratch / "mkcomposefs"
        program.symlink_to(SEALROOT)
        root = b"/ 4096 40755 2 0 0 0 0.0 - - -\n"
        for self.what, pieces in (
            ("T12 line without end", itertools.chain([root], endless(b"x" * MIB))),
            ("T12 line of 2 MiB", [root, b"/" + b"n" * 2 * MIB + b" 0 100644 1 0 0 0 0.0 - - -\n"]),
        ):
            with self.subTest(self.what):
                self.refuse("line 2", program, "--from-file", "-", self.scratch / "image", pieces=pieces)


def keys(count):
    return json.dumps({f"key{i}": i for i in range(count)}).encode()[: 4 * MIB]


def feed(pipe, pieces):
    with contextlib.suppress(BrokenPipeError):
        with pipe:
            for piece in pieces:
                pipe.write(piece)


if __name__ == "__main__":
    unittest.main()
