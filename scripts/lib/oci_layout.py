#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Writes an OCI image layout from layers: `oci_layout.py --version V OUT LAYER...`.

A LAYER is a folder (its files become root's, in byte order, with one fixed time) or a tar file (taken as it is).
The same input gives the same bytes: no clock, no owner and no order of the file system gets in.
"""

import argparse
import gzip
import hashlib
import json
import os
import tarfile
import time
from pathlib import Path

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"


class Hashed:
    """A writable stream that digests what passes through it."""

    def __init__(self, target):
        self.target, self.sha256, self.size = target, hashlib.sha256(), 0

    def write(self, data):
        self.sha256.update(data)
        self.size += len(data)
        return self.target.write(data)

    def flush(self):
        self.target.flush()

    def digest(self):
        return "sha256:" + self.sha256.hexdigest()


def sorted_paths(folder):
    """All paths below `folder`, parents first, in byte order."""
    paths = [Path(top) / name for top, folders, files in os.walk(folder) for name in folders + files]
    return sorted(paths, key=lambda path: os.fsencode(path.relative_to(folder)).split(b"/"))


def write_folder(folder, stream, epoch):
    """Writes `folder` as a tar to `stream`; files with one inode become hard links."""
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted_paths(folder):
            entry = archive.gettarinfo(path, str(path.relative_to(folder)))
            entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime = 0, 0, "", "", epoch
            if entry.isreg():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)


def copy_tar(path, stream):
    with path.open("rb") as content:
        while data := content.read(1 << 20):
            stream.write(data)


class Layout:
    def __init__(self, out):
        self.out = out
        (out / "blobs" / "sha256").mkdir(parents=True)

    def add_blob(self, data, media_type):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        (self.out / "blobs" / "sha256" / digest[7:]).write_bytes(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def add_json(self, value, media_type):
        return self.add_blob(json.dumps(value, indent=1, sort_keys=True).encode(), media_type)

    def add_layer(self, source, epoch):
        """Returns the layer's descriptor and its diff ID."""
        temporary = self.out / "blobs" / "sha256" / ".layer"
        with temporary.open("wb") as file:
            blob = Hashed(file)
            # Level 1: kernel modules are compressed already, and the demo is there to be quick.
            with gzip.GzipFile(filename="", fileobj=blob, mode="wb", compresslevel=1, mtime=0) as packed:
                plain = Hashed(packed)
                if source.is_dir():
                    write_folder(source, plain, epoch)
                else:
                    copy_tar(source, plain)
        temporary.rename(temporary.with_name(blob.digest()[7:]))
        return {"mediaType": LAYER_TYPE, "digest": blob.digest(), "size": blob.size}, plain.digest()


def write_layout(out, sources, version, epoch):
    layout = Layout(out)
    layers, diff_ids = zip(*(layout.add_layer(source, epoch) for source in sources))
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    config = layout.add_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": created,
            "config": {"Labels": {"org.opencontainers.image.version": version}},
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
            "history": [{"created": created, "created_by": "scripts/demo-image"} for _ in sources],
        },
        CONFIG_TYPE,
    )
    manifest = layout.add_json(
        {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": list(layers)}, MANIFEST_TYPE
    )
    manifest["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    manifest["platform"] = {"architecture": "amd64", "os": "linux"}
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [manifest]}
    (out / "index.json").write_text(json.dumps(index, indent=1, sort_keys=True))
    (out / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", required=True, help="label org.opencontainers.image.version")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    parser.add_argument("layers", type=Path, nargs="+", metavar="LAYER", help="folder or tar file, lowest first")
    options = parser.parse_args()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "1735689600"))  # 2025-01-01
    write_layout(options.out, options.layers, options.version, epoch)


if __name__ == "__main__":
    main()
