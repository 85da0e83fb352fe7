# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""sealroot under the names of the C tools: what it prints and how it exits, on its own and beside mkcomposefs,
composefs-info and composefs-dump when the environment variable MKCOMPOSEFS names the first of them."""

import gzip
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

OURS = Path(os.environ["SEALROOT"]).parent
THEIRS = Path(os.environ["MKCOMPOSEFS"]).parent if "MKCOMPOSEFS" in os.environ else None
GOLDEN = Path(__file__).resolve().parents[1] / "golden"

TREE = """\
/ 4096 40755 3 0 0 0 1.0 - - -
/a=b\\x20c 4 100644 2 0 0 0 2.5 - \\x2d\\n\\x00x - user.k\\x3d=\\x3dv
/d 4096 40755 2 7 8 0 -1.0 - - -
/d/big 5000000000 100755 1 0 0 0 1.0 ab/cd - {digest}
/d/gone 0 20644 1 0 0 0 1.0 - - -
/d/link 3 120777 1 0 0 0 1.0 ../x - -
/d/tty 0 20600 1 0 0 259 1.0 - - -
/e 4 @100644 2 0 0 0 1.0 /a=b\\x20c - -
""".format(digest="ab" * 32)


class Tools(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_tool(self, tool, *arguments, tools=OURS, given=None):
        result = subprocess.run([tools / tool, *map(str, arguments)], cwd=self.folder, capture_output=True, input=given)
        return result.returncode, result.stdout, result.stderr

    def make(self, *options, text=TREE):
        status, out, err = self.run_tool("mkcomposefs", *options, "--from-file", "-", "image", given=text.encode())
        self.assertEqual((status, err), (0, b""))
        return out


class OwnOutput(Tools):
    def test_ls_shows_targets_and_objects_but_no_whiteouts_of_the_image(self):
        self.make()
        status, out, _ = self.run_tool("composefs-info", "ls", "image")
        self.assertEqual(status, 0)
        self.assertEqual(out.decode().split("\n"),
                         ["/a=b c", "/d/\t", "/d/big\t@ ab/cd", "/d/gone", "/d/link\t-> ../x", "/d/tty", "/e", ""])

    def test_dump_gives_the_same_image_again(self):
        for version in ("--max-version=0", "--min-version=1"):
            self.make(version)
            _, dump, _ = self.run_tool("composefs-info", "dump", "image")
            status, again, _ = self.run_tool("mkcomposefs", version, "--from-file", "-", "-", given=dump)
            self.assertEqual((status, again), (0, (self.folder / "image").read_bytes()))

    def test_filters_choose_names_of_the_root(self):
        self.make()
        _, out, _ = self.run_tool("composefs-info", "--filter=e", "ls", "image")
        self.assertEqual(out, b"/e\n")

    def test_objects_and_those_that_are_missing(self):
        self.make()
        self.assertEqual(self.run_tool("composefs-info", "objects", "image", "image")[:2], (0, b"ab/cd\n"))
        self.assertEqual(self.run_tool("composefs-info", "missing-objects", "--basedir=.", "image")[1], b"ab/cd\n")
        (self.folder / "ab").mkdir()
        (self.folder / "ab/cd").touch()
        self.assertEqual(self.run_tool("composefs-info", "missing-objects", "--basedir=.", "image")[:2], (0, b""))

    def test_measure_file_gives_the_digest_that_mkcomposefs_prints(self):
        digest = self.make("--print-digest")
        self.assertRegex(digest, rb"^[0-9a-f]{64}\n$")
        self.assertEqual(self.run_tool("composefs-info", "measure-file", "image")[:2], (0, digest))

    def test_composefs_dump_copies_an_image(self):
        self.make()
        self.assertEqual(self.run_tool("composefs-dump", "image", "copy"), (0, b"", b""))
        self.assertEqual((self.folder / "copy").read_bytes(), (self.folder / "image").read_bytes())

    def test_a_directory_and_its_digest_store(self):
        source = self.folder / "source"
        (source / "d/.wh.name").mkdir(parents=True)
        (source / "small").write_text("hi")
        (source / "big").write_bytes(bytes(70000))
        (source / "d/again").hardlink_to(source / "big")
        status, out, err = self.run_tool("mkcomposefs", "--digest-store=store", "--use-epoch", "source", "image")
        self.assertEqual((status, out, err), (0, b"", b""))
        objects = [path for path in (self.folder / "store").rglob("*") if path.is_file()]
        self.assertEqual([path.read_bytes() for path in objects], [bytes(70000)])
        dump = self.run_tool("composefs-info", "dump", "image")[1].decode()
        self.assertIn("/d/again 70000 100644 1 ", dump)
        self.assertIn(" 0.0 - hi -\n", dump)
        missing = self.run_tool("composefs-info", "missing-objects", "--basedir=store", "image")
        self.assertEqual(missing, (0, b"", b""))

    def test_wrong_use_is_told_with_exit_status_1(self):
        self.make()
        for tool, arguments, message in (
                ("mkcomposefs", (), "No source path specified\nUsage: mkcomposefs"),
                ("mkcomposefs", (".",), "No destination path specified\nUsage: "),
                ("mkcomposefs", (".", "a", "b"), "Too many arguments\nUsage: "),
                ("mkcomposefs", ("--bogus",), "Usage: "),
                ("mkcomposefs", ("--threads=0", ".", "a"), "Invalid threads count 0\n"),
                ("mkcomposefs", ("--min-version=2", ".", "a"), "mkcomposefs: cannot write file: Invalid argument\n"),
                ("mkcomposefs", ("--from-file", "none", "a"), "mkcomposefs: open `none`: No such file or directory\n"),
                ("composefs-info", (), "No command specified\nusage: "),
                ("composefs-info", ("dump",), "No image path specified\nusage: "),
                ("composefs-info", ("eat", "image"), "composefs-info: Unknown command 'eat'\n"),
                ("composefs-info", ("dump", "none"),
                 "composefs-info: Failed to open 'none': No such file or directory\n"),
                ("composefs-info", ("dump", "/dev/null"), "composefs-info: Failed to load '/dev/null': "),
                ("composefs-dump", ("image",), "No destination path specified\nusage: ")):
            with self.subTest(tool=tool, arguments=arguments):
                status, out, err = self.run_tool(tool, *arguments)
                self.assertEqual((status, out), (1, b""))
                self.assertTrue(err.decode().startswith(message), err)


@unittest.skipUnless(THEIRS, "MKCOMPOSEFS names no mkcomposefs: not compared")
class SideBySide(Tools):
    def compare(self, tool, *arguments):
        ours = self.run_tool(tool, *arguments)[:2]
        self.assertEqual(ours, self.run_tool(tool, *arguments, tools=THEIRS)[:2], arguments)
        return ours[0]

    def test_golden_dumpfiles(self):
        for path in sorted(GOLDEN.glob("*.dump.gz")):
            if path.name == "cfsctl-sha512.dump.gz":
                continue  # they cut SHA-512 digests off
            (self.folder / "tree.dump").write_bytes(gzip.decompress(path.read_bytes()))
            for version in ((), ("--max-version=0",), ("--min-version=1",)):
                with self.subTest(dumpfile=path.name, version=version):
                    status = self.compare("mkcomposefs", *version, "--print-digest", "--from-file", "tree.dump", "-")
                    if status != 0:
                        continue
                    self.run_tool("mkcomposefs", *version, "--from-file", "tree.dump", "image")
                    for command in (("dump",), ("ls",), ("objects",), ("missing-objects", "--basedir=/"),
                                    ("measure-file",), ("dump", "--filter=usr", "--filter=b")):
                        self.compare("composefs-info", *command, "image")

    def test_a_directory(self):
        source = self.folder / "source"
        (source / "d/.wh.name").mkdir(parents=True)
        (source / "small").write_text("hi")
        (source / "big").write_bytes(bytes(70000))
        (source / "again").hardlink_to(source / "big")
        (source / "d/link").symlink_to("../big")
        os.mkfifo(source / "d/fifo")
        for option in ("--use-epoch", "--skip-devices", "--skip-xattrs", "--user-xattrs", "--threads=1"):
            self.compare("mkcomposefs", option, "--print-digest-only", "source")


if __name__ == "__main__":
    unittest.main()
