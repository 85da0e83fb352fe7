#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`switch` and `upgrade` of a host made of directories from a registry: what is fetched, and what is refused."""

import json
import os
import tempfile
import unittest
from pathlib import Path

import small_image
from own_registry import Registry, Reply
from small_host import BOOT_FILES, Host, Images, sealroot, sign, succeeded


class FromRegistry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-upgrade-registry-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        (cls.scratch / "images").mkdir()
        cls.images = Images(cls.scratch / "images")
        cls.images.sealed("1")
        cls.base = small_image.tar_bytes([("usr/base", os.urandom(2 << 20))])
        for version in ("2", "3"):
            cls.layered(version)

    @classmethod
    def layered(cls, version):
        """A sealed image of three layers, of which those of all versions have the lowest in common."""
        entries = [("usr/lib/of-version", version.encode() * 5000)]
        system = cls.images.entries(version, extra=[("usr/base", cls.content_of_base()), *entries])
        out = cls.images.build(version, system)
        uki = next(out.glob("*.efi")).read_bytes()
        boot = [("boot/EFI", None), ("boot/EFI/Linux", None), ("boot/EFI/Linux/system.efi", uki)]
        rest = [entry for entry in system if entry[0] not in ("usr/base", "usr/lib/of-version")]
        common, own = [entry for entry in rest if "version" not in entry[0] and entry[0] != "usr/lib/os-release"], entries
        own = [*own, *[entry for entry in rest if entry not in common]]
        layers = [[*common, ("usr/base", cls.content_of_base())], own, boot]
        small_image.write_image(cls.images.folder / f"{version}.oci", [small_image.tar_bytes(layer) for layer in layers])

    @classmethod
    def content_of_base(cls):
        return cls.base[512 : 512 + (2 << 20)]

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="host-", dir=self.scratch)
        self.addCleanup(folder.cleanup)
        self.host = Host(Path(folder.name))
        self.host.install(self.images.folder / "1.out")

    def serve(self, version, *rules):
        registry = Registry(self.images.folder / f"{version}.oci", rules)
        running = registry.running()
        running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        return registry

    def run_host(self, *arguments):
        return self.host.run(*arguments, "--quiet", "--tls-verify=false")

    def layers(self, version):
        folder = self.images.folder / f"{version}.oci"
        root = json.loads((folder / "index.json").read_text())["manifests"][0]
        return [layer["digest"] for layer in json.loads(small_image.blob(folder, root).read_bytes())["layers"]]

    def fetched(self, registry):
        return {path.rpartition("/")[2] for _, path, _ in registry.requests("/blobs/")}

    def test_only_layers_that_are_new_are_fetched(self):
        registry = self.serve("2")
        succeeded(self.run_host("switch", registry.image))
        self.assertLessEqual(set(self.layers("2")), self.fetched(registry))
        self.host.boot_next()
        registry.layout, registry.log = self.images.folder / "3.oci", []
        record = json.loads(succeeded(self.run_host("upgrade", "--json")))
        self.assertEqual(("3", True), (record["version"], record["staged"]))
        self.assertEqual(set(self.layers("3")) - set(self.layers("2")), self.fetched(registry) & set(self.layers("3")))
        succeeded(sealroot("verify", "--repo", self.host.sysroot / "composefs", f"sha512:{self.images.digest('3')}"))
        succeeded(sealroot("fsck", self.host.sysroot / "composefs"))

    def test_first_upgrade_after_install_fetches_only_layers_that_are_new(self):
        registry = self.serve("2")
        loader = self.scratch / f"{self.id()}.efi"
        sign(BOOT_FILES / "systemd-bootx64.efi", self.images.folder / "db.key", loader)
        disk = self.host.folder / "disk.raw"
        succeeded(sealroot("install", registry.image, "--quiet", "--tls-verify=false", "--image", disk, "--cert",
                           self.images.folder / "db.crt", "--boot-loader", loader))  # fmt: skip
        installed = Host(self.host.folder / "installed")
        installed.folder.mkdir()
        installed.install_from_disk(disk)
        succeeded(sealroot("fsck", installed.sysroot / "composefs"))
        registry.layout, registry.log = self.images.folder / "3.oci", []
        record = json.loads(succeeded(installed.run("upgrade", "--json", "--quiet", "--tls-verify=false")))
        self.assertEqual(("3", True), (record["version"], record["staged"]))
        self.assertEqual(set(self.layers("3")) - set(self.layers("2")), self.fetched(registry) & set(self.layers("3")))
        again = json.loads(succeeded(installed.run("gc", "--dry-run", "--json")))
        self.assertEqual([], again["removed_names"], again)

    def test_nothing_is_read_of_an_image_that_is_here(self):
        registry = self.serve("2")
        succeeded(self.run_host("switch", registry.image))
        self.host.boot_next()
        registry.log = []
        record = json.loads(succeeded(self.run_host("upgrade", "--json")))
        self.assertEqual((True, True), (record["already_there"], record["staged"]))
        self.assertEqual(set(), self.fetched(registry))

    def test_N9_image_that_was_replaced_is_not_gone_back_to(self):
        registry = self.serve("2")
        succeeded(self.run_host("switch", registry.image))
        self.host.boot_next()
        registry.layout = self.images.folder / "3.oci"
        succeeded(self.run_host("upgrade"))
        before = self.host.names()
        registry.layout = self.images.folder / "2.oci"  # its deployment is still here
        done = self.run_host("upgrade")
        self.assertEqual((1, True), (done.returncode, "is older than" in done.stderr), done.stderr)
        self.assertEqual(before, self.host.names())

    def test_repository_that_lies_about_a_layer_is_seen_through(self):
        registry = self.serve("2")
        succeeded(self.run_host("switch", registry.image))
        self.host.boot_next()
        streams = self.host.sysroot / "composefs/streams"
        first, second = sorted(path for path in streams.iterdir() if path.name.startswith("oci-layer-"))[:2]
        target = os.readlink(first)
        first.unlink()
        first.symlink_to(os.readlink(second))
        second.unlink()
        second.symlink_to(target)
        registry.layout = self.images.folder / "3.oci"
        record = json.loads(succeeded(self.run_host("upgrade", "--json")))
        self.assertEqual(f"sha512:{self.images.digest('3')}", record["image"])

    def test_N9_older_image_is_not_taken(self):
        registry = self.serve("3")
        succeeded(self.run_host("switch", registry.image))
        self.host.boot_next()
        before = self.host.names()
        registry.layout = self.images.folder / "2.oci"
        done = self.run_host("upgrade")
        self.assertEqual((1, True), (done.returncode, "is older than" in done.stderr), done.stderr)
        self.assertEqual(before, self.host.names())
        succeeded(self.run_host("upgrade", "--allow-downgrade"))

    def test_O4_registry_that_changes_a_layer_puts_nothing_on_the_esp(self):
        before = self.host.names()
        first = self.layers("2")[0]
        evil = small_image.gzip.compress(small_image.tar_bytes([("usr/evil", b"x")]), mtime=0)
        registry = self.serve("2", lambda path, _: Reply(body=evil) if path.endswith(first) else None)
        done = self.run_host("switch", registry.image)
        self.assertEqual((1, True), (done.returncode, "mismatch" in done.stderr), done.stderr)
        self.assertEqual(before, self.host.names())


if __name__ == "__main__":
    unittest.main()
