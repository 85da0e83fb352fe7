# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A registry of our own that serves an OCI layout, rightly but for what a test lets it do wrong, and keeps a log."""

import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
NAME = "os/web"


class Reply:
    """What a request is answered with. `body` is bytes or an iterator of bytes (then chunked, or as `length` says)."""

    def __init__(self, status=200, body=b"", headers=(), length=None, cut=None):
        self.status, self.body, self.headers, self.length, self.cut = status, body, dict(headers), length, cut


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        server.log.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        reply = next((reply for rule in server.rules if (reply := rule(self.path, self.headers)) is not None), None)
        self.send(reply or server.usual(self.path, self.headers))

    do_HEAD = do_POST = do_PUT = do_GET

    def send(self, reply):
        self.send_response(reply.status)
        is_stream = not isinstance(reply.body, bytes)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if is_stream:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_stream:
            for piece in reply.body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.server.sent += len(piece)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
            if reply.cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True


class Registry(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, layout, rules=(), tls=None, host="127.0.0.1"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.layout, self.rules, self.log, self.sent = layout, list(rules), [], 0
        if tls is not None:
            context = tls if isinstance(tls, ssl.SSLContext) else server_context(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"{host}:{self.server_port}"
        self.scheme = "http" if tls is None else "https"
        self.image = f"docker://{self.host}/{NAME}"

    def handle_error(self, *_):
        pass  # clients that go away in the middle are what is tested

    def blob(self, digest):
        path = self.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
        return path.read_bytes() if path.is_file() else None

    @property
    def root(self):
        return json.loads((self.layout / "index.json").read_text())["manifests"][0]

    def usual(self, path, headers):
        what, _, reference = path.removeprefix(f"/v2/{NAME}/").partition("/")
        if path == "/v2/":
            return Reply(body=b"{}")
        if what == "manifests":
            digest = reference if reference.startswith("sha256:") else self.root["digest"]
            data = self.blob(digest)
            if data is not None:
                kind = json.loads(data).get("mediaType", MANIFEST_TYPE)
                return Reply(body=data, headers={"Content-Type": kind, "Docker-Content-Digest": digest})
        if what == "blobs" and (data := self.blob(reference)) is not None:
            return ranged(data, headers)
        return Reply(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no such thing"}]}')

    def requests(self, part):
        return [entry for entry in self.log if part in entry[1]]

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


def ranged(data, headers):
    """A blob, or the part of it that the client asks for."""
    wanted = headers.get("Range")
    if wanted is None:
        return Reply(body=data)
    start = int(wanted.removeprefix("bytes=").rstrip("-"))
    if start >= len(data):
        return Reply(416, headers={"Content-Range": f"bytes */{len(data)}"})
    return Reply(206, data[start:], {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def openssl(*arguments, **options):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, **options)  # fmt: skip


class Authority:
    """A CA in a folder, and the certificates that it gives."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout",
                self.key, "-out", self.certificate)  # fmt: skip

    def issue(self, name, alternative="IP:127.0.0.1,DNS:localhost", start="20200101000000Z", end="20990101000000Z"):
        """Certificate and key for a server."""
        base = self.folder / f"{self.name}-{name}"
        certificate, key, request = (base.with_suffix(suffix) for suffix in (".pem", ".key", ".csr"))
        config = base.with_suffix(".cnf")
        (self.folder / "index.txt").write_text("")
        config.write_text(
            f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
            f"rand_serial=yes\npolicy=p\ndefault_md=sha256\nx509_extensions=e\nunique_subject=no\n"
            f"[p]\ncommonName=supplied\n[e]\nsubjectAltName={alternative}\n"
        )
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("ca", "-batch", "-notext", "-config", config, "-cert", self.certificate, "-keyfile", self.key, "-in",
                request, "-out", certificate, "-startdate", start, "-enddate", end)  # fmt: skip
        return certificate, key

    def trusted_by(self, folder):
        """A folder for --cert-dir."""
        folder.mkdir()
        (folder / "ca.crt").write_bytes(self.certificate.read_bytes())
        return folder
