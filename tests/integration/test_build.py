# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot build` of the demo image, judged by programs we did not write."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "vm")]
import product  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
# As in a container without capabilities: nobody's uid, and nothing to gain more with.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs")
ELSEWHERE = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "HOME": "/nonexistent"}


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr}")
    return done


def content_of(folder):
    """Every path below `folder` with its mode and what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = oct(path.stat().st_mode)
        else:
            with path.open("rb") as file:
                found[name] = (oct(path.stat().st_mode), hashlib.file_digest(file, "sha256").hexdigest())
    return found


def unpack(layout, tree):
    """The layers of a container image that has no whiteouts, unpacked over each other."""
    blobs = layout / "blobs" / "sha256"
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"].removeprefix("sha256:")).read_text())
    tree.mkdir()
    for layer in manifest["layers"]:
        run("tar", "-xpf", blobs / layer["digest"].removeprefix("sha256:"), "-C", tree)


def cut(source, part, target):
    """Copies a partition out of a disk."""
    with source.open("rb") as disk, target.open("wb") as out:
        disk.seek(part["offset"])
        for start in range(0, part["size"], 1 << 22):
            out.write(disk.read(min(1 << 22, part["size"] - start)))


class Build(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.demo = cls.product.folder / "demo"
        cls.sealed = cls.product.sealed()

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-build-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.scratch.chmod(0o777)
        for name in ("db.key", "db.crt"):
            shutil.copyfile(self.product.keys / name, self.scratch / name)

    def build(self, source, name, *options, command=(), **run_options):
        out = self.scratch / name
        run(*command, SEALROOT, "build", source, "--quiet", "--key", self.scratch / "db.key", "--cert",
            self.scratch / "db.crt", "--image-version", "7", "-o", out, *options, **run_options)  # fmt: skip
        return product.Sealed(out)

    @unittest.skipIf(os.getuid() != 0, "only root can become another user")
    def test_same_bytes_for_another_user_with_other_threads_in_another_place(self):
        copy = self.scratch / "demo"
        shutil.copytree(self.demo, copy)
        first = self.build(f"oci:{self.demo}", "first", "--threads", "1")
        second = self.build(f"oci:{copy}", "second", "--threads", "5", command=NOBODY, env=ELSEWHERE, cwd="/")
        self.assertEqual(65534, (second.folder / "build.json").stat().st_uid)
        self.assertEqual(content_of(first.folder), content_of(second.folder))

    @unittest.skipIf(os.getuid() != 0, "dir: needs the files to be root's own")
    def test_every_transport_gives_the_same_image(self):
        tree, tar, archive = (self.scratch / name for name in ("tree", "tree.tar", "demo.tar"))
        unpack(self.demo, tree)
        run("tar", "-C", tree, "--sort=name", "--format=pax", "-cf", tar, ".")
        run("tar", "-C", self.demo, "-cf", archive, "index.json", "oci-layout", "blobs")
        for program in ("gzip", "zstd", "xz"):
            run(program, "-1", "-k", "-q", tar)
        digests = {"oci": self.sealed.record["image"]["digest"]}
        for number, source in enumerate((f"tar:{tar}", f"tar:{tar}.gz", f"tar:{tar}.zst", f"tar:{tar}.xz",
                                         f"oci-archive:{archive}", f"dir:{tree}", "tar:-")):  # fmt: skip
            with tar.open("rb") as stdin:
                sealed = self.build(source, str(number), "--no-disk", stdin=stdin)
            digests[source] = sealed.record["image"]["digest"]
        self.assertEqual(1, len(set(digests.values())), digests)

    def test_programs_we_did_not_write_agree(self):
        record, certificate = self.sealed.record, self.product.keys / "db.crt"
        image = self.sealed.folder / "composefs" / "images" / self.sealed.image_digest
        run("fsck.erofs", image)
        self.assertIn(self.sealed.image_digest, run("fsverity", "digest", "--hash-alg=sha512", image, text=True).stdout)
        run("sbverify", "--cert", certificate, self.sealed.uki)
        run("osslsigncode", "verify", "-CAfile", certificate, "-in", self.sealed.uki)
        self.assertEqual(record["uki"]["sha256"], hashlib.sha256(self.sealed.uki.read_bytes()).hexdigest())
        run("sfdisk", "--verify", self.sealed.disk)
        cut(self.sealed.disk, record["disk"]["root"], self.scratch / "root.img")
        run("e2fsck", "-fn", self.scratch / "root.img")
        cut(self.sealed.disk, record["disk"]["esp"], self.scratch / "esp.img")
        run("fsck.vfat", "-n", self.scratch / "esp.img")

    def test_store_is_added_to_and_named_by_a_ref(self):
        first = self.build(f"oci:{self.demo}", "first", "--no-disk")
        store = self.scratch / "store"
        (first.folder / "composefs").rename(store)
        second = self.build(f"oci:{self.demo}", "second", "--no-disk", "--store", store, "--image-version", "8")
        self.assertFalse((second.folder / "composefs").exists())
        refs = sorted(path.name for path in (store / "images" / "refs" / "sealroot" / "sealroot-demo").iterdir())
        self.assertEqual(["7", "8"], refs)
        self.assertEqual(first.record["image"], second.record["image"])

    def test_json_is_the_record_and_quiet_is_quiet(self):
        out = self.scratch / "out"
        result = run(SEALROOT, "build", f"oci:{self.demo}", "--json", "--quiet", "--unsigned", "--no-disk",
                     "--digest", "sha256", "-o", out, text=True)  # fmt: skip
        self.assertEqual(result.stdout, (out / "build.json").read_text())
        self.assertEqual("", result.stderr)
        record = json.loads(result.stdout)
        self.assertRegex(record["image"]["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertIn(f"composefs.digest=v1-sha256-12:{record['image']['digest'][7:]}", record["uki"]["cmdline"])
        self.assertIsNone(record["uki"]["signer"])


if __name__ == "__main__":
    unittest.main()
