#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What commands print with --json has the fields that docs/json.md lists, no more and no fewer."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from small_host import BOOT_FILES, SEALROOT, Host, Images, sealroot, sign, succeeded
from small_image import base_entries, link, tar_bytes

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "json.md"
ROW = re.compile(r"\| `([^`]+)` \|(.*?)\|(.*)\|$")
LINK = re.compile(r"\]\(#([a-z]+)\)")


class Field:
    """What may be below a path: fields by name, and whether each of them may be missing."""

    def __init__(self):
        self.fields, self.optional = {}, False

    def add(self, path, optional):
        """Adds `path`, and returns its last part."""
        at = self
        for name in path:
            made = name not in at.fields
            at = at.fields.setdefault(name, Field())
            if made:
                at.optional = optional  # a record may be missing if its first field may
        at.optional = optional if not at.fields else at.optional
        return at


def sections():
    found = {}
    for part in DOCUMENT.read_text().split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        found[title.lower()] = [match.groups() for line in text.splitlines() if (match := ROW.match(line))]
    return found


def described(title, all_sections, at=None, seen=()):
    """The fields of a section, with those of the sections it refers to."""
    at = at or Field()
    for path, when, meaning in all_sections[title]:
        parts = path.replace("[]", "").strip(".").split(".")
        targets = LINK.findall(meaning)
        if targets and parts[-1] == "*":
            below = at.add(parts[:-1], bool(when.strip())) if len(parts) > 1 else at
            for target in targets:
                described(target, all_sections, below)
                if len(targets) > 1:  # one or the other
                    for name in [row[0].replace("[]", "").split(".")[0] for row in all_sections[target]]:
                        below.fields[name].optional = True
        else:
            at.add(parts, bool(when.strip()))
    if title == "change":
        for name, field in described("name", all_sections).fields.items():
            field.optional = True
            at.fields.setdefault(name, field)
    return at


def differences(value, field, path=""):
    """Where a JSON value has other fields than `field` says."""
    if isinstance(value, list):
        return [found for each in value for found in differences(each, field, path + "[]")]
    if not isinstance(value, dict) or list(value) == ["error"]:
        return []
    if not field.fields:
        return [f"{path}: a record that is not described"]
    any_name = field.fields.get("*")
    found = [f"{path}.{name}: missing" for name, each in field.fields.items()
             if name != "*" and not each.optional and name not in value]  # fmt: skip
    for name, each in value.items():
        known = field.fields.get(name, any_name)
        found += [f"{path}.{name}: not described"] if known is None else differences(each, known, f"{path}.{name}")
    return found


class Json(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-json-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.images = Images(cls.scratch)
        cls.sections = sections()
        loader = sign(BOOT_FILES / "systemd-bootx64.efi", cls.scratch / "db.key", cls.scratch / "loader.efi")
        extra = [("usr/lib/link", None), link("usr/lib/link", "os-release")]
        cls.first = cls.images.sealed("1", cls.images.entries("1", extra=extra[1:]))
        cls.second = cls.images.sealed("2", [*cls.images.entries("2"), ("etc/new", b"n" * 100)])
        assert loader

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="place-", dir=self.scratch)
        self.addCleanup(place.cleanup)
        self.place = Path(place.name)

    def fits(self, title, text):
        value = json.loads(text)
        self.assertEqual([], differences(value, described(title, self.sections)), title)
        return value

    def printed(self, title, *arguments, status=0):
        done = sealroot(*arguments, "--json")
        self.assertEqual(status, done.returncode, done.stderr)
        return self.fits(title, done.stdout)

    def store(self, name="store"):
        tar = self.place / "content.tar"
        tar.write_bytes(tar_bytes([*base_entries(), ("usr/bin/one", b"1" * 1000), ("usr/bin/small", b"s"),
                                   link("usr/bin/link", "one")]))  # fmt: skip
        return self.place / name, f"tar:{tar}"

    def test_repository_and_image(self):
        store, source = self.store()
        digest = self.printed("digest", "digest", "-q", source, "--store", store)["digest"]
        self.printed("digest", "digest", "-q", self.first)
        for title in ("ls", "dump"):
            self.printed(title, title, "--repo", store, digest)
        for path in ("/usr/bin/one", "/usr/bin/small"):
            self.printed("cat", "cat", "--repo", store, digest, path)
        self.printed("du", "du", "--repo", store)
        self.printed("gc", "gc", store, "--dry-run")
        self.printed("fsck", "fsck", store)
        self.printed("verify", "verify", "-q", "--repo", store, digest)
        self.printed("diff", "diff", source, self.first, status=1)
        self.printed("diff", "diff", "--repo", store, digest, source)
        self.printed("explain", "explain", "--repo", store, digest, source)
        self.printed("explain", "explain", "--repo", store, digest, self.first, status=1)
        self.printed("explain", "explain", "sha512:" + "0" * 128, source, status=3)
        named = next((store / "objects").glob("*/*"))
        named.chmod(0o644)
        named.write_bytes(b"damaged")
        self.printed("fsck", "fsck", store, status=1)
        self.printed("push", "push", "-q", self.first, f"oci:{self.place / 'pushed'}")

    def test_programs_and_disks(self):
        disk = self.place / "disk.raw"
        certificate = ("--cert", self.scratch / "db.crt")
        loader = ("--boot-loader", self.scratch / "loader.efi")
        self.printed("install", "install", "-q", self.first, "--check", "--image", disk, *certificate, *loader)
        self.printed("install", "install", "-q", self.first, "--image", disk, *certificate, *loader)
        self.printed("inspect", "inspect", disk, *certificate)
        self.printed("verify", "verify", "-q", disk, *certificate)
        self.printed("verify", "verify", "-q", disk, "--cert", self.scratch / "stranger.crt", status=1)
        uki = next((self.images.folder / "1.out").glob("*.efi"))
        self.printed("inspect", "inspect", uki)
        self.printed("inspect", "inspect", uki, "--cert", self.scratch / "stranger.crt")
        self.printed("inspect", "inspect", BOOT_FILES / "systemd-bootx64.efi")
        self.printed("uki pcr11", "uki", "pcr11", uki)
        self.fits("doctor", sealroot("doctor", disk, "--json").stdout)

    def test_host(self):
        host = Host(self.place)
        host.install(self.images.folder / "1.out")

        def printed(title, *arguments):
            return self.fits(title, succeeded(host.run(*arguments, "--json")))

        printed("status", "status")
        upper = host.sysroot / "state/deploy" / self.images.digest("1") / "etc/upper"
        (upper / "new").write_text("local")
        changes = ("--quiet", "--etc-policy", "keep-local")
        self.assertEqual("/etc/new", printed("upgrade", "switch", self.second, "--check", *changes)["etc"][0]["path"])
        printed("upgrade", "switch", self.second, *changes)
        (host.esp / "EFI/Linux/other.efi").write_bytes(b"x")
        (host.esp / "loader/entries").mkdir()
        (host.esp / "loader/entries/other.conf").write_text("title other\nlinux /other\n")
        printed("status", "status")
        printed("upgrade", "upgrade", "--quiet")
        printed("factory-reset", "factory-reset", "--check")
        printed("pin", "pin")
        printed("pin", "unpin")
        printed("rollback", "rollback", "1")
        (host.esp / "EFI/Linux/other.efi").unlink()
        printed("gc", "gc", "--dry-run")
        self.assertLess(3, len(printed("history", "history")))

    def test_progress(self):
        done = subprocess.run([SEALROOT, "digest", "--progress=json", self.first], check=True, capture_output=True)
        lines = [self.fits("progress", line) for line in done.stderr.splitlines()]
        self.assertEqual({1}, {line["version"] for line in lines})
        self.assertEqual([lines[-1]["done"]] * 2, [lines[-1]["total"], max(line["done"] for line in lines)])

    def test_every_command_that_prints_records_is_described(self):
        known = set(self.sections)
        usage = succeeded(sealroot("--help"))
        for name in re.findall(r"^  ([a-z-]+) +[A-Z]", usage, re.MULTILINE):
            if "--json" in sealroot(name, "--help").stdout:
                same = {"switch": "upgrade", "unpin": "pin"}.get(name, name)
                self.assertIn(same, known)


if __name__ == "__main__":
    unittest.main()
