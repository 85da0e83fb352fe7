# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Small container images, right ones and wrong ones, for the tests of `sealroot build`."""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))
import oci_layout  # noqa: E402

FOLDERS = ("boot", "etc", "run", "sysroot", "usr", "usr/lib", "usr/bin", "var")


def tar_bytes(entries):
    """A tar of `entries`: (name, content or None for a folder[, permissions]) or a ready TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, content, *permissions = entry
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.mode = permissions[0] if permissions else 0o755 if content is None else 0o644
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


def base_entries():
    return [(name, None) for name in FOLDERS] + [("usr/lib/os-release", b"ID=small\nVERSION_ID=1\n")]


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def write_image(folder, layers, layer_type=oci_layout.LAYER_TYPE, edit_manifest=lambda manifest: None,
                architecture="amd64"):  # fmt: skip
    """An OCI layout at `folder` with one gzip layer for each tar; `edit_manifest` may spoil the manifest."""
    layout = oci_layout.Layout(folder)
    packed = [gzip.compress(layer, 1, mtime=0) for layer in layers]
    diff_ids = ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]
    config = layout.add_json(
        {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}},
        oci_layout.CONFIG_TYPE,
    )
    document = {
        "schemaVersion": 2,
        "mediaType": oci_layout.MANIFEST_TYPE,
        "config": config,
        "layers": [layout.add_blob(data, layer_type) for data in packed],
    }
    edit_manifest(document)
    manifest = layout.add_json(document, oci_layout.MANIFEST_TYPE)
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return document


def blob(folder, descriptor):
    return folder / "blobs" / "sha256" / descriptor["digest"].removeprefix("sha256:")
