# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Three versions of a Debian that can upgrade itself, sealed and in a registry: the third fails its health check."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from product import SOURCE, run

sys.path.insert(0, str(SOURCE / "scripts" / "lib"))
import oci_layout  # noqa: E402

SEALROOT = os.environ.get("SEALROOT", "sealroot")
# To the host that starts the emulator.
GATEWAY = "10.0.2.2"
COMMAND_LINE = "console=ttyS0 panic=-1 systemd.show_status=no loglevel=6"
EPOCH = 1_735_689_600

_NETWORK = f"[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway={GATEWAY}\nLinkLocalAddressing=no\n"
_UNITS = "usr/lib/systemd/system"


def write(folder, files, mode=0o644):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)


def add_program(folder):
    """sealroot with the libraries of this system, out of the way of the image's own."""
    place = folder / "usr/lib/upgrade-test/lib"
    place.mkdir(parents=True)
    listed = subprocess.run(["ldd", SEALROOT], check=True, capture_output=True, text=True).stdout
    libraries = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    for library in [SEALROOT, *libraries]:
        shutil.copy(library, place)
    loader = next(Path(library).name for library in libraries if Path(library).name.startswith("ld-"))
    script = f'#!/bin/sh\nd=/usr/lib/upgrade-test/lib\nexec $d/{loader} --library-path $d $d/sealroot "$@"\n'
    write(folder, {"usr/bin/sealroot": script}, 0o755)


def make_layer(folder, registry, certificate, drive):
    """What all versions have: sealroot with its units, a network, and a unit that drives the test."""
    add_program(folder)
    run("cmake", "--install", os.environ["SEALROOT_BUILD"], "--prefix", "/usr", "--component", "units",
        env={**os.environ, "DESTDIR": str(folder)}, stdout=subprocess.DEVNULL)  # fmt: skip
    write(folder, {
        "usr/lib/sealroot/db.crt": certificate.read_text(),
        "usr/lib/systemd/network/50-vm.network": _NETWORK,
        "usr/lib/upgrade-test/source": f"docker://{registry}/os:latest",
        "etc/containers/registries.conf": f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n',
        # The report of debian_product.py gives its place to the drive.
        f"{_UNITS}/sealroot-report.service.d/50-drive.conf":
            "[Unit]\nWants=network-online.target\nAfter=network-online.target systemd-bless-boot.service "
            "sealroot-soft-rebooted.service\n",
        # Two boots less than by default.
        f"{_UNITS}/sealroot-upgrade.service.d/50-tries.conf":
            "[Service]\nExecStart=\nExecStart=sealroot upgrade --quiet --tries 1\n",
    })  # fmt: skip
    write(folder, {"usr/lib/systemd/sealroot-report": (SOURCE / "tests/vm/upgrade" / drive).read_text()}, 0o755)
    for target, unit in (("multi-user", "systemd-networkd"), ("network-online", "systemd-networkd-wait-online")):
        wants = folder / f"{_UNITS}/{target}.target.wants/{unit}.service"
        wants.parent.mkdir(exist_ok=True)
        wants.symlink_to(f"../{unit}.service")


def make_version(folder, version, healthy):
    write(folder, {"usr/lib/upgrade-test/version": f"{version}\n"})
    write(folder, {"usr/lib/sealroot/health.d/50-version": f"#!/bin/sh\nexit {0 if healthy else 1}\n"}, 0o755)


class Versions:
    """Sealed container images `oci:` of versions by name; the layers below are packed once."""

    def __init__(self, folder, keys, registry, debian_tar, drive):
        self.folder, self.keys, self.store = folder, keys, None
        make_layer(folder / "layer", registry, keys / "db.crt", drive)
        self.layout = oci_layout.Layout(folder / "plain")
        self.below = [self.layout.add_layer(source, EPOCH) for source in (debian_tar, folder / "layer")]

    def seal(self, version, healthy=True, kernel=None):
        """The source of the sealed image; in one with a `kernel` that differs from it in a bit."""
        make_version(self.folder / f"layer-{version}", version, healthy)
        if kernel:
            place = self.folder / f"layer-{version}/usr/lib/modules" / kernel.parent.name
            place.mkdir(parents=True)
            content = bytearray(kernel.read_bytes())
            content[len(content) // 2] ^= 1
            (place / "vmlinuz").write_bytes(content)
        layers, diff_ids = zip(*self.below, self.layout.add_layer(self.folder / f"layer-{version}", EPOCH))
        config = self.layout.add_json({"architecture": "amd64", "os": "linux",
                                       "rootfs": {"type": "layers", "diff_ids": list(diff_ids)}},
                                      oci_layout.CONFIG_TYPE)  # fmt: skip
        manifest = self.layout.add_json({"schemaVersion": 2, "mediaType": oci_layout.MANIFEST_TYPE, "config": config,
                                         "layers": list(layers)}, oci_layout.MANIFEST_TYPE)  # fmt: skip
        index = {"schemaVersion": 2, "mediaType": oci_layout.INDEX_TYPE, "manifests": [manifest]}
        (self.layout.out / "index.json").write_text(json.dumps(index))
        (self.layout.out / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        out = self.folder / f"sealed-{version}"
        store = ("--store", self.store) if self.store else ()
        run(SEALROOT, "build", f"oci:{self.layout.out}", "--quiet", "--no-disk", "--key", self.keys / "db.key",
            "--cert", self.keys / "db.crt", "--cmdline", COMMAND_LINE, "--image-version", version, *store, "-o",
            self.folder / f"out-{version}", "--oci-out", f"oci:{out}", stdout=subprocess.DEVNULL)  # fmt: skip
        self.store = self.store or self.folder / f"out-{version}/composefs"
        return f"oci:{out}"
