#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Registries that lie, stall and lead astray: the rows N1 to N12 of the threats."""

import base64
import hashlib
import itertools
import json
import os
import random
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from own_registry import MANIFEST_TYPE, NAME, Authority, Registry, Reply, ranged  # noqa: E402
from small_image import base_entries, blob, tar_bytes, write_image  # noqa: E402

SEALROOT = os.environ["SEALROOT"]
EXHAUSTIVE = bool(os.environ.get("SEALROOT_EXHAUSTIVE"))
INSECURE = ("--tls-verify=false",)
MAX_RSS = 64 << 20
SECRET = "open sesame"


def big_file():
    """Bytes that gzip can't make smaller, so that a blob is larger than what a socket holds."""
    return random.Random(1).randbytes(3 << 20)


class Result:
    def __init__(self, status, stdout, stderr, max_rss):
        self.status, self.stdout, self.stderr, self.max_rss = status, stdout.strip(), stderr.strip(), max_rss


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-hostile-")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = Path(scratch.name)
        cls.layout = cls.folder / "image"
        entries = [tar_bytes(base_entries()), tar_bytes([("usr/big", big_file())]), tar_bytes([("usr/x", b"x" * 70)])]
        cls.manifest = write_image(cls.layout, entries)
        cls.layers = [layer["digest"] for layer in cls.manifest["layers"]]
        cls.root = json.loads((cls.layout / "index.json").read_text())["manifests"][0]
        cls.expected = cls.run_digest(f"oci:{cls.layout}").stdout
        cls.authority = Authority(cls.folder)
        cls.trust = ("--cert-dir", cls.authority.trusted_by(cls.folder / "trust"))
        cls.certificate = cls.authority.issue("good")
        cls.home = cls.folder / "home"
        cls.home.mkdir()

    @classmethod
    def run_digest(cls, source, *options, **environment):
        variables = {"PATH": os.environ["PATH"], "HOME": str(cls.folder / "home"), **environment,
                     "CONTAINERS_REGISTRIES_CONF": environment.get("CONTAINERS_REGISTRIES_CONF", "/dev/null")}  # fmt: skip
        command = [SEALROOT, "digest", "--quiet", "--arch", "amd64", source, *map(str, options)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(command, stdout=out, stderr=err, env=variables)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            return Result(child.returncode, out.read().decode(), err.read().decode(), usage.ru_maxrss * 1024)

    def ask(self, rules=(), options=INSECURE, suffix=":v1", tls=None, layout=None, **environment):
        """The result of a digest with a registry that keeps to these rules, and the registry."""
        with Registry(layout or self.layout, rules, tls).running() as registry:
            self.registry = registry
            return self.run_digest(registry.image + suffix, *options, **environment)

    def assert_refused(self, result, reason, status=1):
        self.assertEqual((status, ""), (result.status, result.stdout), result.stderr)
        self.assertIn(reason, result.stderr)
        self.assertEqual(1, len(result.stderr.splitlines()), result.stderr)

    def assert_right(self, result):
        self.assertEqual((0, self.expected), (result.status, result.stdout), result.stderr)

    def auth_file(self, host):
        path = self.folder / f"auth-{host.replace(':', '-')}.json"
        auth = base64.b64encode(f"user:{SECRET}".encode()).decode()
        path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        return path

    def test_registry_that_behaves(self):
        self.assert_right(self.ask())
        self.assert_right(self.ask(suffix="@" + self.root["digest"]))
        self.assert_right(self.ask(options=self.trust, tls=self.certificate))

    # N1

    def served_manifest(self, body, headers=None):
        kind = {"Content-Type": MANIFEST_TYPE}
        return [lambda path, _: Reply(body=body, headers={**kind, **(headers or {})}) if "/manifests/" in path else None]

    def test_N1_manifest_that_is_not_what_its_digest_says(self):
        data = blob(self.layout, self.root).read_bytes()
        for suffix, body, headers in (
            ("@" + self.root["digest"], data + b" ", {}),
            (":v1@" + self.root["digest"], data.replace(b"}", b"} ", 1), {}),
            (":v1", data, {"Docker-Content-Digest": "sha256:" + "0" * 64}),
        ):
            self.assert_refused(self.ask(self.served_manifest(body, headers), suffix=suffix), "manifest digest mismatch")
            self.assertEqual([], self.registry.requests("/blobs/"))

    def test_N1_manifest_of_an_index_that_changed(self):
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                 "manifests": [{**self.root, "platform": {"os": "linux", "architecture": "amd64"}}]}  # fmt: skip
        listed = Reply(body=json.dumps(index).encode(), headers={"Content-Type": index["mediaType"]})
        by_tag = lambda path, _: listed if path.endswith("/manifests/v1") else None  # noqa: E731
        self.assert_right(self.ask([by_tag]))
        data = blob(self.layout, self.root).read_bytes()
        changed = data.replace(b"sha256:0", b"sha256:1", 1) if b"sha256:0" in data else data[:-1] + b" "
        self.assert_refused(self.ask([by_tag, *self.served_manifest(changed)]), "manifest digest mismatch")
        self.assertEqual([], self.registry.requests("/blobs/"))

    # N2, N3

    def served_blob(self, number, reply):
        return [lambda path, headers: reply(headers) if path.endswith("/blobs/" + self.layers[number]) else None]

    def test_N2_blob_with_wrong_bytes_or_of_another_size(self):
        data = blob(self.layout, self.manifest["layers"][1]).read_bytes()
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 1
        endless = itertools.repeat(bytes(1 << 16))
        for name, reply, reason in (
            ("flipped", lambda _: Reply(body=bytes(flipped)), "blob digest mismatch"),
            ("short", lambda _: Reply(body=data[:-1]), "blob size mismatch"),
            ("empty", lambda _: Reply(body=b""), "blob size mismatch"),
            ("longer", lambda _: Reply(body=data + b"x"), "blob size mismatch"),
            ("endless", lambda _: Reply(body=itertools.chain([data], endless)), "blob size mismatch"),
        ):
            with self.subTest(name):
                result = self.ask(self.served_blob(1, reply))
                self.assert_refused(result, reason)
                self.assertIn(self.layers[1], result.stderr)
                self.assertLess(self.registry.sent, len(data) + (16 << 20))  # what sockets hold

    def test_N3_layer_of_another_diff_id(self):
        layout = self.folder / "wrong-diff-id"
        write_image(layout, [tar_bytes(base_entries())])
        root = json.loads((layout / "index.json").read_text())["manifests"][0]
        manifest = json.loads(blob(layout, root).read_bytes())
        config = json.loads(blob(layout, manifest["config"]).read_bytes())
        config["rootfs"]["diff_ids"] = ["sha256:" + "0" * 64]
        for document, kind in ((config, "config"), (manifest, None)):
            data = json.dumps(document).encode()
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            (layout / "blobs/sha256" / digest.removeprefix("sha256:")).write_bytes(data)
            (manifest["config"] if kind else root).update({"digest": digest, "size": len(data)})
        (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
        self.assert_refused(self.ask(layout=layout), "diff_id mismatch")

    # N4, N5

    def redirect(self, target, status=307):
        """Sends blobs elsewhere; `target` is an address that the path is put behind."""
        return [lambda path, _: Reply(status, headers={"Location": target + path}) if "/blobs/" in path else None]

    def challenge(self, value, accepted):
        """Everything but what `accepted` allows is answered with this challenge."""

        def rule(_, headers):
            if headers.get("Authorization") in accepted:
                return None
            return Reply(401, headers={"WWW-Authenticate": value})

        return rule

    def test_N4_redirects_are_followed_without_the_authorization(self):
        with Registry(self.layout, tls=self.certificate, host="localhost").running() as canary:
            basic = "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()
            for status in (301, 302, 303, 307, 308):
                with Registry(self.layout, tls=self.certificate).running() as registry:
                    registry.rules = [self.challenge('Basic realm="x"', {basic}),
                                      *self.redirect(f"https://{canary.host}", status)]  # fmt: skip
                    result = self.run_digest(registry.image, *self.trust, "--authfile", self.auth_file(registry.host),
                                             SSL_CERT_FILE=str(self.authority.certificate))  # fmt: skip
                    self.assert_right(result)
            self.assertEqual(5 * (len(self.layers) + 1), len(canary.log))
            self.assertEqual([], [headers for _, _, headers in canary.log if "authorization" in headers])

    def test_N4_redirects_to_where_nothing_may_be_fetched(self):
        with Registry(self.layout).running() as canary:
            for target, reason in (
                (f"http://{canary.host}", "redirect from https to http"),
                ("file:///etc/passwd?", "not of https or http"),
                ("ftp://127.0.0.1", "not of https or http"),
                ("gopher://127.0.0.1", "not of https or http"),
                ("https://169.254.169.254", "link-local"),
                ("https://[::ffff:169.254.169.254]", "link-local"),
                ("https://[fe80::1]", "link-local"),
                ("https://user:password@127.0.0.1", "has a user in it"),
            ):
                with self.subTest(target):
                    result = self.ask(self.redirect(target), options=self.trust, tls=self.certificate)
                    self.assert_refused(result, reason)
            self.assertEqual([], canary.log)

    def test_N4_no_more_than_ten_redirects(self):
        def around(count):
            def rule(path, _):
                address, _, hops = path.partition("?")
                hop = int(hops or 0)
                if "/blobs/" not in path or hop == count:
                    return self.registry_reply(address) if "/blobs/" in path else None
                return Reply(307, headers={"Location": f"{address}?{hop + 1}"})

            return [rule]

        self.registry_reply = lambda address: Reply(body=blob_at(self.layout, address))
        self.assert_right(self.ask(around(10)))
        self.assert_refused(self.ask(around(11)), "more than 10 redirects")

    def test_N5_credentials_do_not_go_where_a_registry_sends_them(self):
        tokens = lambda path, _: Reply(body=b'{"token":"t"}') if path.startswith("/token") else None  # noqa: E731
        for scheme, tls, options, reason in (
            ("https", self.certificate, (), "allow it with --token-realm"),
            ("http", None, (), "without TLS"),
        ):
            with Registry(self.layout, [tokens], tls, host="localhost").running() as canary:
                with Registry(self.layout, tls=self.certificate).running() as registry:
                    registry.rules = [self.challenge(f'Bearer realm="{scheme}://{canary.host}/token",service="s"', ())]
                    result = self.run_digest(registry.image, *self.trust, "--authfile", self.auth_file(registry.host),
                                             *options, SSL_CERT_FILE=str(self.authority.certificate))  # fmt: skip
                    self.assert_refused(result, reason)
                self.assertEqual([], canary.log)

    def test_N5_credentials_go_where_the_user_allows(self):
        with Registry(self.layout, tls=self.certificate, host="localhost").running() as realm:
            realm.rules = [lambda path, _: Reply(body=b'{"token":"t"}') if path.startswith("/token") else None]
            with Registry(self.layout, tls=self.certificate).running() as registry:
                challenge = f'Bearer realm="https://{realm.host}/token",service="a b"'
                registry.rules = [self.challenge(challenge, {"Bearer t"})]
                result = self.run_digest(registry.image, *self.trust, "--authfile", self.auth_file(registry.host),
                                         "--token-realm", realm.host,
                                         SSL_CERT_FILE=str(self.authority.certificate))  # fmt: skip
                self.assert_right(result)
            method, path, headers = realm.log[0]
            self.assertEqual(("GET", f"/token?service=a%20b&scope=repository%3A{NAME.replace('/', '%2F')}%3Apull"),
                             (method, path))  # fmt: skip
            self.assertEqual(f"user:{SECRET}", base64.b64decode(headers["authorization"].split()[1]).decode())

    def test_N5_password_is_not_sent_without_tls(self):
        with Registry(self.layout).running() as registry:
            registry.rules = [lambda path, _: None if path == "/v2/" else
                              Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})]  # fmt: skip
            result = self.run_digest(registry.image, *INSECURE, "--authfile", self.auth_file(registry.host))
            self.assert_refused(result, "not sent without TLS")
            self.assertEqual([], [headers for _, _, headers in registry.log if "authorization" in headers])

    def test_N5_tokens_are_not_fetched_from_the_surroundings_of_the_machine(self):
        rules = [self.challenge('Bearer realm="https://169.254.169.254/token"', ())]
        self.assert_refused(self.ask(rules, options=self.trust, tls=self.certificate), "link-local")

    def test_N5_token_that_would_end_the_header_is_refused(self):
        with Registry(self.layout, tls=self.certificate).running() as registry:
            registry.rules = [lambda path, _: Reply(body=b'{"token":"a\\r\\nX-Evil: 1"}') if path.startswith("/token")
                              else Reply(401, headers={"WWW-Authenticate":
                                                       f'Bearer realm="https://{registry.host}/token"'})]  # fmt: skip
            self.assert_refused(self.run_digest(registry.image, *self.trust), "has no token")

    # N6, N7, N8, N10

    def changed_manifest(self, change):
        document = json.loads(blob(self.layout, self.root).read_bytes())
        change(document)
        return json.dumps(document).encode()

    def test_N6_layer_that_is_to_be_fetched_elsewhere(self):
        body = self.changed_manifest(lambda it: it["layers"][0].update(urls=["https://127.0.0.1/x"]))
        self.assert_refused(self.ask(self.served_manifest(body)), "fetched from elsewhere")

    def test_N7_manifest_of_two_kinds(self):
        index_type = "application/vnd.oci.image.index.v1+json"
        data = blob(self.layout, self.root).read_bytes()
        for body, kind in (
            (self.changed_manifest(lambda it: it.update(manifests=[])), MANIFEST_TYPE),
            (data, index_type),
            (self.changed_manifest(lambda it: it.update(mediaType=index_type)), MANIFEST_TYPE),
            (self.changed_manifest(lambda it: it.update(mediaType="text/html")), MANIFEST_TYPE),
            (self.changed_manifest(lambda it: it.pop("mediaType")), "application/json"),
        ):
            result = self.ask(self.served_manifest(body, {"Content-Type": kind}))
            self.assert_refused(result, "ambiguous manifest")
            self.assertEqual([], self.registry.requests("/blobs/"))
        for kind in ("text/html", "application/vnd.docker.distribution.manifest.v1+json"):
            self.assert_refused(self.ask(self.served_manifest(data, {"Content-Type": kind})), "not the manifest")

    def test_N8_wrong_digests_never_become_an_address(self):
        wrong = ("sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "sha256:", "sha1:" + "0" * 40,
                 "sha256:" + "0" * 63, "sha256:" + "0" * 65, "", "md5:x", "sha256:" + "0" * 62 + "/.")  # fmt: skip
        for digest in wrong:
            self.assert_refused(self.ask(suffix="@" + digest), "image reference", status=2)
            self.assertEqual([], self.registry.log)
            body = self.changed_manifest(lambda it, digest=digest: it["layers"][0].update(digest=digest))
            self.assert_refused(self.ask(self.served_manifest(body)), "blob digest")
            self.assertEqual([], self.registry.requests("/blobs/"))

    def test_N8_wrong_references_are_wrong_usage(self):
        for name in ("", "/", "a//b", "a/../b", "a/B", "a/b:", "a/b:x y", "a/b:" + "x" * 129, "-h/a/b", "h:x/a", "a@b",
                     "http://h/a", "user@h/a", "h/a%2fb", "h/" + "a" * 256, "h/a?x=1", "h/a#x", "[::1/a"):  # fmt: skip
            with self.subTest(name):
                self.assertEqual(2, self.run_digest("docker://" + name).status)
        self.assertEqual(2, self.run_digest("docker:a/b").status)

    def test_N10_documents_that_would_exhaust_memory(self):
        spaces = itertools.repeat(b" " * (1 << 20), 1024)
        layers = self.changed_manifest(lambda it: it.update(layers=it["layers"][:1] * 128))
        twice = blob(self.layout, self.root).read_bytes().replace(b"{", b'{"schemaVersion":2,', 1)
        for name, body, reason in (
            ("a GiB", spaces, "larger than"),
            ("deep", b'{"layers":' + b"[" * 100000, "nested deeper"),
            ("twice", twice, "appears twice"),
            ("layers", layers, "128 layers"),
        ):
            with self.subTest(name):
                result = self.ask(self.served_manifest(body))
                self.assert_refused(result, reason)
                self.assertLess(result.max_rss, MAX_RSS)

    def test_N10_headers_that_would_exhaust_memory(self):
        many = {f"X-{number}": "x" * 4000 for number in range(99)}
        self.assert_refused(self.ask(self.served_manifest(b"{}", many)), "headers")
        self.assert_refused(self.ask(self.served_manifest(b"{}", {"X": "x" * 200_000})), self.registry.host)

    # N11

    def cut_once(self, offset):
        """The first answer with the big layer ends after so many bytes."""
        answers = itertools.count()

        def reply(headers):
            data = blob(self.layout, self.manifest["layers"][1]).read_bytes()
            if next(answers) > 0:
                return ranged(data, headers)
            return Reply(body=data, cut=offset)

        return self.served_blob(1, reply)

    def test_N11_transfer_that_is_cut_goes_on_where_it_was_cut(self):
        size = self.manifest["layers"][1]["size"]
        points = {0, 1, 511, 512, size - 1, size}
        count = 1000 if EXHAUSTIVE else 50
        points |= {round(size * number / count) for number in range(count)}
        for offset in sorted(points):
            with self.subTest(offset):
                self.assert_right(self.ask(self.cut_once(offset)))
                asked = [headers.get("range") for _, _, headers in self.registry.requests(self.layers[1])]
                self.assertIn(asked, ([None, f"bytes={offset}-"], [None, None], [None]))

    def test_N11_resumption_with_other_bytes_than_asked_for(self):
        size = self.manifest["layers"][1]["size"]
        data = blob(self.layout, self.manifest["layers"][1]).read_bytes()
        for name, answer, reason in (
            ("another start", lambda start: Reply(206, data[start - 1 :],
                                                  {"Content-Range": f"bytes {start - 1}-{size - 1}/{size}"}),
             "answers with others"),
            ("no range", lambda start: Reply(206, data[start:]), "answers with others"),
            ("other bytes", lambda start: Reply(206, bytes(size - start),
                                                {"Content-Range": f"bytes {start}-{size - 1}/{size}"}),
             "blob digest mismatch"),
            ("not satisfiable", lambda start: Reply(416), "status 416"),
            ("from the start", lambda _: Reply(body=data), None),
        ):  # fmt: skip
            with self.subTest(name):
                answers = iter([Reply(body=data, cut=100_000), answer(100_000)])
                result = self.ask(self.served_blob(1, lambda _, answers=answers: next(answers)))
                self.assert_refused(result, reason) if reason else self.assert_right(result)

    def test_N11_registry_that_has_no_time(self):
        for status, wait in ((429, 1), (500, 0), (502, 0), (503, 1)):
            answers = itertools.count()

            def busy(path, _, status=status, wait=wait, answers=answers):
                if "/manifests/" not in path or next(answers) > 1:
                    return None
                return Reply(status, headers={"Retry-After": str(wait)} if wait else {})

            started = time.monotonic()
            self.assert_right(self.ask([busy]))
            self.assertGreaterEqual(time.monotonic() - started, 2 * wait)
        always = [lambda path, _: Reply(503) if "/manifests/" in path else None]
        self.assert_refused(self.ask(always), "given up after 5 tries")
        later = [lambda path, _: Reply(429, headers={"Retry-After": "86400"}) if "/manifests/" in path else None]
        self.assert_refused(self.ask(later), "try again later")

    def test_N11_registry_that_stalls(self):
        def stalled():
            yield b"x" * 1000
            time.sleep(30)

        answers = itertools.count()
        data = blob(self.layout, self.manifest["layers"][1]).read_bytes()

        def once(headers):
            return Reply(body=stalled()) if next(answers) == 0 else ranged(data, headers)

        def first_bytes(headers):
            return Reply(body=itertools.chain([data[:1000]], stall())) if next(answers) == 0 else ranged(data, headers)

        def stall():
            time.sleep(30)
            yield b""

        options = (*INSECURE, "--stall-timeout", "1")
        started = time.monotonic()
        self.assert_right(self.ask(self.served_blob(1, first_bytes), options=options))
        answers = itertools.count()
        self.assert_refused(self.ask(self.served_blob(1, once), options=options), "mismatch")  # x are not its bytes
        self.assertLess(time.monotonic() - started, 25)

    # N12

    def test_N12_registries_that_can_not_prove_who_they_are(self):
        other = Authority(self.folder, "other")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.load_cert_chain(*self.certificate)
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        for name, tls in (
            ("expired", self.authority.issue("expired", end="20210101000000Z")),
            ("not yet valid", self.authority.issue("early", start="20980101000000Z")),
            ("other host", self.authority.issue("elsewhere", alternative="DNS:registry.example")),
            ("self-signed", (other.certificate, other.key)),
            ("of another authority", other.issue("stranger")),
            ("TLS 1.1", old),
        ):
            with self.subTest(name):
                result = self.ask(options=self.trust, tls=tls)
                self.assertEqual((1, ""), (result.status, result.stdout))
                self.assertIn(self.registry.host, result.stderr)
                self.assertEqual([], self.registry.log)
        self.assertEqual(1, self.ask(options=self.trust).status)  # without TLS
        self.assertEqual([], self.registry.log)


def blob_at(layout, address):
    return (layout / "blobs/sha256" / address.rpartition(":")[2]).read_bytes()


if __name__ == "__main__":
    unittest.main()
