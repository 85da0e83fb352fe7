#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""sealroot and the registry of the CNCF (Debian's docker-registry), beside skopeo."""

import base64
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from own_registry import Authority, Registry  # noqa: E402
from small_image import base_entries, blob, tar_bytes, write_image  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SECRET = "open sesame"
HAS_PEERS = all(map(shutil.which, ("docker-registry", "skopeo", "htpasswd")))


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class CncfRegistry:
    """A process of docker-registry on loopback, with its log."""

    def __init__(self, folder, tls=None, password=False):
        folder.mkdir()
        self.host, self.log = f"127.0.0.1:{free_port()}", folder / "log"
        config = [
            "version: 0.1", "log: {accesslog: {disabled: false}}", "storage:", f"  filesystem: {{rootdirectory: {folder}}}",
            "  delete: {enabled: true}", f"http:\n  addr: {self.host}",
        ]  # fmt: skip
        if tls is not None:
            config.append(f"  tls: {{certificate: {tls[0]}, key: {tls[1]}}}")
        if password:
            (folder / "htpasswd").write_text(run("htpasswd", "-Bbn", "user", SECRET))
            config.append(f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}")
        (folder / "config.yml").write_text("\n".join(config))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(self.host.partition(":")[2]))) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def requests(self, part):
        return [line for line in self.log.read_text().splitlines() if '" ' in line and part in line]


@unittest.skipUnless(HAS_PEERS, "docker-registry, skopeo or htpasswd is not installed")
class Cncf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-registry-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        authority = Authority(cls.folder)
        cls.trust = authority.trusted_by(cls.folder / "trust")
        cls.plain = cls.start("plain")
        cls.secured = cls.start("secured", tls=authority.issue("registry"), password=True)
        cls.layout = cls.folder / "image"
        run("tar", "-xf", GOLDEN / "oci-image.tar", "-C", cls.make(cls.layout))
        cls.auth = cls.folder / "auth.json"
        cls.auth.write_text(json.dumps(
            {"auths": {cls.secured.host: {"auth": base64.b64encode(f"user:{SECRET}".encode()).decode()}}}))  # fmt: skip
        cls.secure_options = ("--cert-dir", cls.trust, "--authfile", cls.auth)
        cls.expected = cls.digest(f"oci:{cls.layout}")
        cls.copy_in(cls.layout, cls.plain, "os/web:1")

    @staticmethod
    def make(folder):
        folder.mkdir()
        return folder

    @classmethod
    def start(cls, name, **options):
        registry = CncfRegistry(cls.folder / name, **options)
        cls.addClassCleanup(registry.stop)
        return registry

    @classmethod
    def copy_in(cls, layout, registry, name, *options):
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", *options, f"oci:{layout}",
            f"docker://{registry.host}/{name}")  # fmt: skip

    @classmethod
    def sealroot(cls, *arguments, **variables):
        environment = {"PATH": os.environ["PATH"], "HOME": str(cls.folder), "CONTAINERS_REGISTRIES_CONF": "/dev/null",
                       **{name: str(value) for name, value in variables.items()}}  # fmt: skip
        return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True,
                              env=environment)  # fmt: skip

    @classmethod
    def digest(cls, source, *options, **variables):
        done = cls.sealroot("digest", "--quiet", "--arch", "amd64", source, *options, **variables)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def test_digest_is_that_of_the_layout(self):
        for form in ((), ("--plain",), ("--digest", "sha256")):
            self.assertEqual(self.digest(f"oci:{self.layout}", *form),
                             self.digest(f"docker://{self.plain.host}/os/web:1", "--tls-verify=false", *form))  # fmt: skip

    def test_by_digest_and_as_docker_schema_2(self):
        inspected = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{self.plain.host}/os/web:1"))
        name = f"docker://{self.plain.host}/os/web@{inspected['Digest']}"
        self.assertEqual(self.expected, self.digest(name, "--tls-verify=false"))
        layout = self.folder / "gzip"  # of zstd Docker's first formats know nothing
        write_image(layout, [tar_bytes(base_entries()), tar_bytes([("usr/x", b"x" * 100)])])
        self.copy_in(layout, self.plain, "os/docker:1", "--format", "v2s2")
        self.assertEqual(self.digest(f"oci:{layout}"),
                         self.digest(f"docker://{self.plain.host}/os/docker:1", "--tls-verify=false"))  # fmt: skip

    def test_tls_and_password(self):
        name = f"docker://{self.secured.host}/os/web:1"
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--authfile", self.auth, "--dest-cert-dir", self.trust,
            f"oci:{self.layout}", name)  # fmt: skip
        self.assertEqual(self.expected, self.digest(name, *self.secure_options))
        self.assertEqual(self.expected, self.digest(name, "--cert-dir", self.trust, REGISTRY_AUTH_FILE=self.auth))
        for options, reason in ((("--cert-dir", self.trust), "log in first"),
                                (("--authfile", self.auth), "certificate"),
                                (("--cert-dir", self.trust, "--authfile", self.wrong_password()), "access denied")):  # fmt: skip
            done = self.sealroot("digest", "--quiet", name, *options)
            self.assertEqual((1, True), (done.returncode, reason in done.stderr), done.stderr)

    def test_creds_are_for_the_registry_that_was_named(self):
        secured, trust = f"docker://{self.secured.host}/os/creds:1", ("--cert-dir", self.trust)
        self.push(f"oci:{self.layout}", secured, *trust, "--creds", f"user:{SECRET}")
        self.assertEqual(self.expected, self.digest(secured, *trust, "--creds", f"user:{SECRET}"))
        config = self.folder / "creds.conf"
        config.write_text(f"""
            [[registry]]
            prefix = "creds.example"
            location = "{self.secured.host}"
        """)
        elsewhere = {"CONTAINERS_REGISTRIES_CONF": config}
        plain = f"docker://{self.plain.host}/os/web:1"
        for arguments, variables, status, reason in (
            (("digest", secured, *trust, "--creds", "user:x"), {}, 1, "access denied"),
            (("digest", secured, *trust, "--creds", "user"), {}, 1, "access denied"),
            (("digest", secured, *trust, "--creds", f":{SECRET}"), {}, 2, "expected USER[:PASSWORD]"),
            (("digest", "docker://creds.example/os/creds:1", *trust, "--creds", f"user:{SECRET}"), elsewhere, 1,
             "access denied without a password"),
            (("push", secured, f"docker://{self.plain.host}/x:1", *trust, "--tls-verify=false", "--creds",
              f"user:{SECRET}"), {}, 1, "access denied without a password"),
            (("diff", secured, plain, "--creds", f"user:{SECRET}"), {}, 2, "for which of the two registries"),
        ):  # fmt: skip
            done = self.sealroot(*arguments, **variables)
            self.assertEqual((status, True), (done.returncode, reason in done.stderr), done.stderr)
            self.assertNotIn(SECRET, done.stdout + done.stderr)
        self.push(secured, f"docker://{self.plain.host}/creds:1", *trust, "--tls-verify=false", "--src-creds",
                  f"user:{SECRET}")  # fmt: skip

    def wrong_password(self):
        path = self.folder / "wrong.json"
        path.write_text(json.dumps({"auths": {self.secured.host: {"auth": base64.b64encode(b"user:x").decode()}}}))
        return path

    def test_credential_helper_is_asked_without_a_shell(self):
        programs = self.make(self.folder / "programs")
        helper = programs / "docker-credential-mine"
        helper.write_text(
            f"#!/bin/sh\nread host\necho \"$1 $host\" >{self.folder}/asked\n"
            f'echo \'{{"ServerURL":"","Username":"user","Secret":"{SECRET}"}}\'\n'
        )
        helper.chmod(0o755)
        config = self.folder / "helpers.json"
        config.write_text(json.dumps({"credHelpers": {self.secured.host: "mine"}}))
        name = f"docker://{self.secured.host}/v2-has-nothing:1"
        done = self.sealroot("digest", "--quiet", name, "--cert-dir", self.trust, "--authfile", config,
                             PATH=f"{programs}:{os.environ['PATH']}")  # fmt: skip
        self.assertIn("not found", done.stderr)
        self.assertEqual(f"get {self.secured.host}\n", (self.folder / "asked").read_text())
        config.write_text(json.dumps({"credHelpers": {self.secured.host: "../mine; touch x"}}))
        done = self.sealroot("digest", "--quiet", name, "--cert-dir", self.trust, "--authfile", config)
        self.assertEqual((2, True), (done.returncode, "not a name" in done.stderr), done.stderr)

    def test_mirrors_locations_and_blocks_of_registries_conf(self):
        config = self.folder / "registries.conf"
        config.write_text(f"""
            [[registry]]
            prefix = "registry.example/os"
            location = "{self.plain.host}/os"
            insecure = true
            [[registry]]
            prefix = "mirrored.example"
            location = "127.0.0.1:1/nothing"
            [[registry.mirror]]
            location = "127.0.0.1:1/down"
            [[registry.mirror]]
            location = "{self.plain.host}"
            insecure = true
            [[registry]]
            prefix = "registry.example/secret"
            blocked = true
        """)
        for name in ("registry.example/os/web:1", "mirrored.example/os/web:1"):
            self.assertEqual(self.expected, self.digest(f"docker://{name}", CONTAINERS_REGISTRIES_CONF=config))
        done = self.sealroot("digest", "docker://registry.example/secret/x", CONTAINERS_REGISTRIES_CONF=config)
        self.assertEqual((2, True), (done.returncode, "blocks 'registry.example/secret'" in done.stderr), done.stderr)

    def test_what_is_not_there(self):
        for name, reason in (("os/web:none", "manifest unknown"), ("none:1", "not found")):
            done = self.sealroot("digest", "--quiet", f"docker://{self.plain.host}/{name}", "--tls-verify=false")
            self.assertEqual((1, True), (done.returncode, reason in done.stderr), done.stderr)

    def push(self, source, target, *options):
        done = self.sealroot("push", "--quiet", "--json", "--arch", "amd64", source, target, *options)
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def inspect(self, name, *options):
        return json.loads(run("skopeo", "inspect", "--raw", *options, name))

    def test_pushed_image_is_byte_for_byte_what_skopeo_gets(self):
        layout = self.folder / "large"
        write_image(layout, [tar_bytes(base_entries()), tar_bytes([("usr/x", random.Random(4).randbytes(20 << 20))])])
        name = f"docker://{self.secured.host}/pushed/web:7"
        pushed = self.push(f"oci:{layout}", name, *self.secure_options)
        own = json.loads((layout / "index.json").read_text())["manifests"][0]
        self.assertEqual(own["digest"], pushed["manifest"])
        self.assertEqual(f"{self.secured.host}/pushed/web@{own['digest']}", pushed["name"])
        self.assertEqual(json.loads(blob(layout, own).read_text()),
                         self.inspect(name, "--cert-dir", self.trust, "--authfile", self.auth))  # fmt: skip
        copy = self.folder / "pulled-by-skopeo"
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--src-cert-dir", self.trust, "--authfile", self.auth,
            name, f"oci:{copy}")  # fmt: skip
        for path in (layout / "blobs/sha256").iterdir():
            self.assertEqual(path.read_bytes(), (copy / "blobs/sha256" / path.name).read_bytes())

    def test_second_push_sends_nothing(self):
        layout = self.folder / "again"
        write_image(layout, [tar_bytes(base_entries()), tar_bytes([("usr/again", b"x" * 1000)])])
        sent = [self.push(f"oci:{layout}", f"docker://{self.plain.host}/again:{tag}", "--tls-verify=false")["sent"]
                for tag in "123"]  # fmt: skip
        self.assertEqual([True, 0, 0], [sent[0] > 0, *sent[1:]])

    def test_push_from_a_registry_to_layout_archive_and_registry(self):
        name = f"docker://{self.plain.host}/os/web:1"
        digest = self.push(name, f"oci:{self.folder / 'fetched'}:v1", "--tls-verify=false")["manifest"]
        self.assertEqual(self.expected, self.digest(f"oci:{self.folder / 'fetched'}:v1"))
        self.push(name, f"oci-archive:{self.folder / 'fetched.tar'}", "--tls-verify=false")
        self.assertEqual(self.expected, self.digest(f"oci-archive:{self.folder / 'fetched.tar'}"))
        other = f"docker://{self.plain.host}/elsewhere@{digest}"
        self.assertEqual(digest, self.push(name, other, "--tls-verify=false")["manifest"])
        self.assertEqual(self.expected, self.digest(other, "--tls-verify=false"))

    def test_push_within_a_registry_mounts_blobs(self):
        layout = self.folder / "mounted"
        write_image(layout, [tar_bytes(base_entries()), tar_bytes([("usr/mounted", b"x" * 1000)])])
        source = f"docker://{self.secured.host}/mount/from:1"
        self.push(f"oci:{layout}", source, *self.secure_options)
        target = f"docker://{self.secured.host}/mount/to:1"
        self.assertEqual(0, self.push(source, target, *self.secure_options)["sent"])
        asked = self.secured.requests("POST /v2/mount/to/blobs/uploads/")
        self.assertEqual([True] * 3, ["mount=sha256" in line and '" 201 ' in line for line in asked], asked)
        self.assertEqual([], self.secured.requests("GET /v2/mount/from/blobs/"))
        self.assertEqual(self.digest(source, *self.secure_options), self.digest(target, *self.secure_options))

    def test_blobs_that_a_registry_does_not_mount_are_sent(self):
        layout = self.folder / "unmounted"
        write_image(layout, [tar_bytes(base_entries()), tar_bytes([("usr/unmounted", b"x" * 1000)])])
        with Registry(layout).running() as source:  # mounts nothing, answers 404 to uploads
            done = self.sealroot("push", "--quiet", source.image, f"docker://{source.host}/other:1",
                                 "--tls-verify=false", "--arch", "amd64")  # fmt: skip
            asked = [path for command, path, _ in source.log if command == "POST"]
        self.assertEqual((1, True), (done.returncode, "not found" in done.stderr), done.stderr)
        self.assertEqual([True, False], ["mount=" in path for path in asked[:1] + asked[-1:]], asked)

    def test_push_that_can_not_be(self):
        wrong = f"docker://{self.plain.host}/x@sha256:{'0' * 64}"
        for source, target, status, reason in (
            (f"oci:{self.layout}", wrong, 2, "has the digest"),
            (f"oci:{self.layout}", "dir:/tmp/x", 2, "not a container image"),
            (f"oci:{self.layout}", f"oci:{self.layout}", 1, "is not empty"),
            ("tar:x", wrong, 2, "not a container image"),
        ):
            done = self.sealroot("push", source, target, "--tls-verify=false", "--arch", "amd64")
            self.assertEqual((status, True), (done.returncode, reason in done.stderr), done.stderr)

    def test_image_of_many_blobs_is_fetched_whole_and_in_order(self):
        layout = self.folder / "many"
        content = random.Random(2).randbytes(300_000)
        layers = [tar_bytes([(f"usr/{number % 7}", content[number * 1000 :])]) for number in range(40)]
        write_image(layout, [tar_bytes(base_entries()), *layers])
        self.copy_in(layout, self.plain, "os/many:1")
        self.assertEqual(self.digest(f"oci:{layout}"),
                         self.digest(f"docker://{self.plain.host}/os/many:1", "--tls-verify=false"))  # fmt: skip


if __name__ == "__main__":
    unittest.main()
