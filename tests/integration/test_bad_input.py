# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What `sealroot build` says of input it can't use: one line, the right exit status, and nothing left behind."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "vm")]
import product  # noqa: E402
from small_image import base_entries, blob, link, tar_bytes, write_image  # noqa: E402

SEALROOT = os.environ["SEALROOT"]


def good(folder):
    return write_image(folder, [tar_bytes(base_entries())])


def with_entries(*entries):
    return lambda folder: write_image(folder, [tar_bytes(base_entries()), tar_bytes(entries)])


def etc_is_a_link(folder):
    entries = [entry for entry in base_entries() if entry[0] != "etc"]
    write_image(folder, [tar_bytes([*entries, link("etc", "usr/etc")])])


def spoil_layer(change):
    return lambda folder: change(blob(folder, good(folder)["layers"][0]))


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def layer_type(media_type):
    return lambda folder: write_image(folder, [tar_bytes(base_entries())], layer_type=media_type)


def edit(change):
    return lambda folder: write_image(folder, [tar_bytes(base_entries())], edit_manifest=change)


# What is wrong, how it is made, what the one line must say.
IMAGES = (
    ("no kernel", good, "no kernel in the image"),
    ("missing blob", spoil_layer(Path.unlink), "layer"),
    ("truncated layer", spoil_layer(truncate), "size"),
    ("corrupt layer", spoil_layer(flip), "layer"),
    ("size mismatch", edit(lambda manifest: manifest["layers"][0].update(size=3)), "size"),
    ("digest mismatch", spoil_layer(lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x")), "layer"),
    ("a diff ID without layer", edit(lambda manifest: manifest.update(layers=[])), "diff"),
    ("digest that is a path", edit(lambda manifest: manifest["layers"][0].update(digest="sha256:../../x")), "digest"),
    ("unknown media type", layer_type("application/vnd.example.layer"), "application/vnd.example.layer"),
    ("foreign layer", edit(lambda manifest: manifest["layers"][0].update(urls=["https://example.org/"])), "urls"),
    ("name with ..", with_entries(("usr/../../etc/passwd", b"x")), ".."),
    ("parent is a link", with_entries(link("usr/link", "/etc"), ("usr/link/x", b"x")), "usr/link"),
    ("hard link out of the tree", with_entries(link("usr/x", "../../etc/passwd", tarfile.LNKTYPE)), ".."),
    ("hard link to nothing", with_entries(link("usr/x", "usr/none", tarfile.LNKTYPE)), "usr/none"),
    ("missing parent", with_entries(("opt/x", b"x")), "opt"),
    ("/etc is a link", etc_is_a_link, "/etc"),
)


class BadInput(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-bad-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.product = product.load()

    def build(self, source, *options, keys=True, command=(), stdin=b""):
        signing = ("--key", self.product.keys / "db.key", "--cert", self.product.keys / "db.crt") if keys else ()
        line = [*command, SEALROOT, "build", source, "--quiet", "-o", self.scratch / "out", *signing, *options]
        return subprocess.run([str(part) for part in line], capture_output=True, input=stdin, check=False)

    def assert_refused(self, result, text, status=1, left=()):
        message = result.stderr.decode()
        self.assertEqual(status, result.returncode, message)
        self.assertEqual(b"", result.stdout)
        self.assertIn(text, message)
        if status == 1:
            self.assertRegex(message, r"\Asealroot: [^\n]*\n\Z")
        names = sorted(path.name for path in self.scratch.iterdir())
        self.assertEqual(sorted(left), names, "something was left behind")

    def test_container_images(self):
        for what, make, text in IMAGES:
            with self.subTest(what):
                layout = self.scratch / "image"
                make(layout)
                self.addCleanup(shutil.rmtree, layout, ignore_errors=True)
                self.assert_refused(self.build(f"oci:{layout}"), text, left=["image"])
                shutil.rmtree(layout)

    def test_truncated_tar_on_stdin(self):
        data = tar_bytes([*base_entries(), ("usr/lib/big", b"x" * 9000)])
        for length in (100, 700, data.index(b"x" * 9000) + 5000):
            with self.subTest(length=length):
                self.assert_refused(self.build("tar:-", stdin=data[:length]), "tar")

    def test_missing_source(self):
        for source in ("oci:none", "oci-archive:none", "tar:none", "dir:none"):
            with self.subTest(source):
                self.assert_refused(self.build(source), "none")

    def test_wrong_usage_is_status_2(self):
        for source, options, text in (
            ("nothing:x", (), "oci:"),
            ("docker:example.org/x", (), "write docker://"),
            ("oci:x", ("--digest", "sha1"), "sha1"),
            ("oci:x", ("--unsigned",), "--unsigned"),
            ("oci:x", ("--bogus",), "--bogus"),
            ("oci:x", ("--uki-config", "bogus"), "bogus"),
        ):
            with self.subTest(source=source, options=options):
                self.assert_refused(self.build(source, *options), text, status=2)
        self.assert_refused(self.build("oci:x", keys=False), "--key", status=2)

    def test_key_of_another_certificate(self):
        stranger = self.product.keys / "stranger.crt"
        result = self.build("oci:x", "--key", self.product.keys / "db.key", "--cert", stranger, keys=False)
        self.assert_refused(result, "certificate")

    def test_output_folder_that_is_not_empty_stays_as_it_is(self):
        (self.scratch / "out").mkdir()
        (self.scratch / "out" / "precious").write_text("data")
        self.assert_refused(self.build(f"oci:{self.product.folder / 'demo'}"), "not empty", left=["out"])
        self.assertEqual("data", (self.scratch / "out" / "precious").read_text())

    def test_disk_full(self):
        """In a tmpfs of 24 MB, in a mount namespace of its own."""
        script = f'mount -t tmpfs -o size=24m none {self.scratch}; "$@"; status=$?; ls -A {self.scratch}; exit $status'
        namespace = ("unshare", "--mount") if os.getuid() == 0 else ("unshare", "--mount", "--map-root-user")
        if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("this system lets nobody make a mount namespace (a chroot, a container)")
        result = self.build(f"oci:{self.product.folder / 'demo'}", command=(*namespace, "sh", "-c", script, "sh"))
        self.assert_refused(result, "No space left on device")


if __name__ == "__main__":
    unittest.main()
