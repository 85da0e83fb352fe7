#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""build.json is enough to build it again, and says the truth about what lies beside it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "vm")]
import product  # noqa: E402
from test_build import content_of, run  # noqa: E402

SEALROOT = os.environ["SEALROOT"]


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def options_of(record, files):
    """The command line of docs/build-json.md; `files` has those that the record can't hold, by option."""
    arguments = []
    for name, value in record["options"].items():
        option = f"--{name}"
        if value == "file":
            value = files[option]
        if value is True:
            arguments.append(option)
        elif value is not False and value is not None:
            for item in value if isinstance(value, list) else [value]:
                arguments += [option, str(item)]
    return arguments


class Record(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.product = product.load()
        cls.source = f"oci:{cls.product.folder / 'demo'}"

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-record-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def build(self, name, *options, signed=True, epoch=None):
        keys = ("--key", self.product.keys / "db.key", "--cert", self.product.keys / "db.crt") if signed else ()
        environment = {**os.environ, **({"SOURCE_DATE_EPOCH": str(epoch)} if epoch is not None else {})}
        run(SEALROOT, "build", self.source, "--quiet", *keys, "-o", self.scratch / name, *options, env=environment)
        return product.Sealed(self.scratch / name)

    def build_again(self, sealed, **files):
        options = options_of(sealed.record, {f"--{name.replace('_', '-')}": path for name, path in files.items()})
        signed = sealed.record["uki"]["signer"] is not None
        return self.build("again", *options, signed=signed, epoch=sealed.record["source_date_epoch"])

    def assert_same(self, first, second):
        self.assertEqual(content_of(first.folder), content_of(second.folder))

    def test_rebuild_with_defaults_only(self):
        first = self.build("first")
        self.assert_same(first, self.build_again(first))

    def test_rebuild_with_every_option(self):
        profile = self.scratch / "own.conf"
        splash = self.scratch / "splash.bmp"
        splash.write_bytes(b"BM" + bytes(100))
        profile.write_text(f"[UKI]\nCmdline=quiet\nSplash={splash}\n")
        initrd = self.scratch / "initrd"
        initrd.write_bytes(b"070701" + bytes(506))
        kernel = self.scratch / "vmlinuz"
        shutil.copyfile(next(self.product.kernel.glob("usr/lib/modules/*/vmlinuz"), None)
                        or next(self.product.kernel.glob("boot/vmlinuz-*")), kernel)  # fmt: skip
        first = self.build(
            "first", "--digest", "sha256", "--xattrs", "keep-user-xattrs", "--selinux", "off", "--kernel", kernel,
            "--initrd", initrd, "--uki-config", profile, "--cmdline", "console=ttyS0 panic=-1", "--image-id", "other",
            "--image-version", "8.1", "--etc", "transient", "--var", "transient", "--on-failure", "poweroff",
            "--allow-cmdline", "systemd.unit=rescue.target", "--allow-cmdline", "x=*", "--unsigned", "--unsealed",
            "--disk-size", "1G", signed=False, epoch=1_700_000_000)  # fmt: skip
        again = self.build_again(first, kernel=kernel, initrd=initrd, uki_config=profile)
        self.assert_same(first, again)
        inputs = {entry["name"]: entry["sha256"] for entry in first.record["inputs"]}
        expected = {"--uki-config": sha256(profile), "--initrd": sha256(initrd), "Splash": sha256(splash)}
        self.assertEqual(expected, inputs)
        self.assertEqual(sha256(kernel), first.record["kernel"]["sha256"])

    def test_every_option_that_changes_a_byte_is_recorded(self):
        """Whoever adds an option decides: it is recorded, or it can't change the output."""
        harmless = {"help", "output", "store", "threads", "key", "cert", "pcr-private-key",
                    "pcr-public-key", "max-entries", "deny-setuid", "deny-devices", "json", "progress", "quiet",
                    "authfile", "creds", "tls-verify", "cert-dir",
                    "token-realm", "stall-timeout"}
        text = run(SEALROOT, "build", "--help", text=True).stdout
        lines = [line.strip().replace(",", " ") for line in text.splitlines() if line.strip().startswith("-")]
        named = {word.removeprefix("--").split("=")[0] for line in lines for word in line.split()
                 if word.startswith("--")}  # fmt: skip
        self.assertEqual(named - harmless, set(self.build("out").record["options"]))

    def test_what_it_says_of_the_files_beside_it(self):
        sealed = self.build("out")
        record, objects = sealed.record, sealed.folder / sealed.record["objects"]["file"]
        self.assertEqual(record["disk"]["sha256"], sha256(sealed.disk))
        self.assertEqual(record["uki"]["sha256"], sha256(sealed.uki))
        self.assertEqual(record["objects"]["sha256"], sha256(objects))
        lines = [line.split() for line in objects.read_text().splitlines()]
        self.assertEqual(sorted(lines), lines)
        self.assertEqual(record["objects"]["count"], len(lines))
        self.assertEqual(record["objects"]["size"], sum(int(size) for _, size in lines))
        for digest, size in lines:
            stored = sealed.folder / "composefs" / "objects" / digest[:2] / digest[2:]
            self.assertEqual(int(size), stored.stat().st_size)
        self.assertEqual("CN=sealroot test db", record["uki"]["signer"]["subject"])


if __name__ == "__main__":
    unittest.main()
