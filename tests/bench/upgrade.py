# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What the upgrade of a host is measured with: two sealed images with one base layer, a host that runs the first, and
the registry of the CNCF on loopback.

    version 1   base | /sysroot | UKI
    version 2   base | /sysroot | each fiftieth file of the base with another last byte | UKI
"""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import oci_layout  # noqa: E402

NAME = "bench.example/os"  # stands for the registry of the moment in registries.conf
SERVED = re.compile(r'"GET /v2/\S+ HTTP/[0-9.]+" 20[06] (\d+)')


def with_changes(archive):
    """Each member of an open tar and None, or for each fiftieth file its content with another last byte."""
    count = 0
    for member in archive:
        data = None
        if member.isreg() and member.size > 64:
            count += 1
            if count % 50 == 0:
                data = bytearray(archive.extractfile(member).read())
                data[-1] ^= 0xFF
        yield member, data


def make_changed_layer(source, target):
    with tarfile.open(source) as old, tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for member, data in with_changes(old):
            if data:
                layer.addfile(member, io.BytesIO(data))


def make_mount_point_layer(target):
    """What a base image does not have and a system that boots needs."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        folder = tarfile.TarInfo("sysroot")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        layer.addfile(folder)


def build(sealroot, folder, version, layers):
    """A system and its sealed container image, of layers that are tars."""
    source = folder / f"{version}.source"
    oci_layout.write_layout(source, layers, version, 1735689600)
    subprocess.run([sealroot, "build", "--quiet", f"oci:{source}", "--no-disk", "--image-id", "bench", "--key",
                    folder / "db.key", "--cert", folder / "db.crt", "-o", folder / f"{version}.out", "--oci-out",
                    folder / f"{version}.oci"], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    shutil.rmtree(source)


def host_options(host):
    return f"--sysroot {host}/sysroot --esp {host}/esp --cert {host}/db.crt"


def make_host(sealroot, folder):
    """A host that was switched to version 1; its source is the registry that will serve version 2."""
    host = folder / "host"
    (host / "sysroot").mkdir(parents=True)
    (host / "esp/EFI/Linux").mkdir(parents=True)
    shutil.copy(folder / "db.crt", host)
    (folder / "1.out/composefs").rename(host / "sysroot/composefs")
    subprocess.run([sealroot, "switch", "--quiet", f"oci:{folder / '1.oci'}", *shlex.split(host_options(host))],
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    record = next((host / "sysroot/state/sealroot/deploy").iterdir())
    text = json.loads(record.read_text())
    record.write_text(json.dumps(text | {"source": f"docker://{NAME}:latest"}))


def make_inputs(sealroot, base, folder):
    """1.oci, 2.oci, host, and db.key that they are signed with."""
    folder.mkdir()
    subprocess.run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
                    "/CN=bench/", "-keyout", folder / "db.key", "-out", folder / "db.crt"],
                   check=True, capture_output=True)  # fmt: skip
    mount_point, changed = folder / "sysroot.tar", folder / "changed.tar"
    make_mount_point_layer(mount_point)
    make_changed_layer(base, changed)
    build(sealroot, folder, "1", [base, mount_point])
    build(sealroot, folder, "2", [base, mount_point, changed])
    make_host(sealroot, folder)
    for version in ("1", "2"):
        shutil.rmtree(folder / f"{version}.out")


def layers_of(layout):
    """Descriptors of an OCI layout's layers, lowest first."""
    blobs = layout / "blobs/sha256"
    root = json.loads((layout / "index.json").read_text())["manifests"][0]
    return json.loads((blobs / root["digest"].partition(":")[2]).read_text())["layers"]


def new_layer_bytes(inputs):
    """Of what version 2 has and version 1 has not."""
    known = {layer["digest"] for layer in layers_of(inputs / "1.oci")}
    return sum(layer["size"] for layer in layers_of(inputs / "2.oci") if layer["digest"] not in known)


class Registry:
    """docker-registry, its files in `folder`; it holds version 2 as `latest`."""

    def __init__(self, sealroot, folder, image):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        folder.mkdir(exist_ok=True)
        config, self.log, self.conf = folder / "config.yml", folder / "log", folder / "registries.conf"
        config.write_text(f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n"
                          f"http: {{addr: {self.address}}}\n")  # fmt: skip
        self.conf.write_text(f'[[registry]]\nprefix = "{NAME.split("/")[0]}"\nlocation = "{self.address}"\n'
                             "insecure = true\n")  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        self.wait()
        subprocess.run([sealroot, "push", "--quiet", f"oci:{image}", f"docker://{NAME}:latest"], check=True,
                       stdout=subprocess.DEVNULL,
                       env=os.environ | {"CONTAINERS_REGISTRIES_CONF": str(self.conf)})  # fmt: skip

    def wait(self):
        host, port = self.address.split(":")
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.05)
        sys.exit("bench: docker-registry does not start: " + self.log.read_text())

    def served_bytes(self):
        """Bytes of all manifests and blobs that it has given away."""
        return sum(map(int, SERVED.findall(self.log.read_text())))

    def stop(self):
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def serving(sealroot, folder, image):
    registry = Registry(sealroot, folder, image)
    try:
        yield registry
    finally:
        registry.stop()


def commands(sealroot, mkcomposefs, inputs, registry):
    """Ours, and fetching the whole image to make a composefs image of it."""
    environment = f"CONTAINERS_REGISTRIES_CONF={registry.conf}"
    result = {"sealroot": f"{environment} {sealroot} upgrade --quiet {host_options('{host}')}"}
    if mkcomposefs and shutil.which("skopeo"):
        blobs = [layer["digest"].partition(":")[2] for layer in layers_of(inputs / "2.oci")]
        unpack = "".join(
            f" && tar -xz --same-owner --numeric-owner -C {{work}}/tree -f {{work}}/dir/{blob}" for blob in blobs)  # fmt: skip
        result["skopeo + tar + mkcomposefs"] = (
            "skopeo --insecure-policy copy --quiet --src-tls-verify=false "
            f"docker://{registry.address}/os:latest dir:{{work}}/dir && mkdir {{work}}/tree{unpack}"
            f" && {mkcomposefs} --digest-store={{work}}/store {{work}}/tree {{work}}/image"
            " && sync -f {work}")  # fmt: skip
    return result
