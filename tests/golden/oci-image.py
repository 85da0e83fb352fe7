#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Writes oci-image.tar: an OCI image of three layers (gzip in two members, zstd, plain) with every type of entry.

usage: oci-image.py OUTPUT.tar     needs zstd

oci-image.digests holds what cfsctl 0.9.4 computes for it, one "ALGORITHM FORM DIGEST" a line:
    cfsctl --repo R init --insecure --algorithm fsverity-ALGORITHM-12
    cfsctl --repo R oci pull oci-archive:oci-image.tar t
    cfsctl --repo R oci compute-id [--bootable] t
"""
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile

FILES = {}


def put(data):
    name = hashlib.sha256(data).hexdigest()
    FILES["blobs/sha256/" + name] = data
    return "sha256:" + name


def tar_of(entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for e in entries:
            info = tarfile.TarInfo(e["name"])
            info.type = e.get("type", tarfile.REGTYPE)
            info.mode = e.get("mode", 0o755 if info.type == tarfile.DIRTYPE else 0o644)
            info.mtime = e.get("mtime", 1700000000)
            info.uid, info.gid = e.get("owner", (0, 0))
            info.devmajor, info.devminor = e.get("device", (0, 0))
            info.linkname = e.get("link", "")
            info.pax_headers = e.get("pax", {})
            content = e.get("content", b"")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def layer(entries, compression):
    raw = tar_of(entries)
    packed = raw
    if compression == "gzip":
        half = len(raw) // 2
        packed = gzip.compress(raw[:half], mtime=0) + gzip.compress(raw[half:], mtime=0)
    elif compression == "zstd":
        packed = subprocess.run(["zstd", "-c"], input=raw, stdout=subprocess.PIPE, check=True).stdout
    kind = "application/vnd.oci.image.layer.v1.tar" + (compression and "+" + compression)
    descriptor = {"mediaType": kind, "digest": put(packed), "size": len(packed)}
    return descriptor, "sha256:" + hashlib.sha256(raw).hexdigest()


def data(size, seed):
    return bytes((i * seed + (i >> 8)) & 0xFF for i in range(size))


D, S, L = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
CAPABILITY = "\x01\x00\x00\x02\x00\x20" + "\x00" * 14
LAYERS = [
    layer([
        dict(name="./", type=D, mtime=5),
        dict(name="./usr/", type=D, mtime=1700000001.25, mode=0o751, pax={"SCHILY.xattr.user.foo": "bar"}),
        dict(name="usr/bin", type=D),
        dict(name="usr/bin/a", content=data(100000, 3), mode=0o4755),
        dict(name="usr/bin/b", type=L, link="usr/bin/a"),
        dict(name="usr/bin/c", type=S, link="../bin/a"),
        dict(name="usr/bin/inline", content=b"x" * 64),
        dict(name="usr/bin/object", content=b"x" * 65),
        dict(name="usr/bin/empty"),
        dict(name="usr/" + "\u00e9" * 70, content=b"utf8"),
        dict(name="usr/" + "n" * 150, content=b"long"),
        dict(name="usr/capable", content=data(5000, 5),
             pax={"SCHILY.xattr.security.capability": CAPABILITY, "SCHILY.xattr.user.k": "v"}),
        dict(name="boot", type=D),
        dict(name="boot/vmlinuz", content=data(9999, 7)),
        dict(name="sysroot", type=D, mtime=77),
        dict(name="run", type=D),
        dict(name="run/x", content=b"hello"),
        dict(name="etc", type=D),
        dict(name="etc/passwd", content=data(300, 11)),
        dict(name="etc/old", content=data(300, 13)),
        dict(name="var", type=D),
        dict(name="var/lib", type=D),
        dict(name="var/lib/x", content=b"1"),
        dict(name="var/opaque", type=D),
        dict(name="var/opaque/1", content=b"1"),
        dict(name="tmp", type=D, mode=0o1777),
        dict(name="dev", type=D),
        dict(name="dev/null", type=tarfile.CHRTYPE, device=(1, 3)),
        dict(name="dev/disk", type=tarfile.BLKTYPE, device=(259, 70000)),
        dict(name="dev/whiteout", type=tarfile.CHRTYPE),
        dict(name="dev/fifo", type=tarfile.FIFOTYPE),
        dict(name="etc/owned", owner=(3000000000, 2999999999), content=b"q"),
    ], "gzip"),
    layer([
        dict(name="etc/.wh.old"),
        dict(name="etc/", type=D, mtime=1700000100, mode=0o711),
        dict(name="etc/new", content=data(1234, 17)),
        dict(name="var/opaque", type=D),
        dict(name="var/opaque/.wh..wh..opq"),
        dict(name="var/opaque/3", content=b"3"),
        dict(name="usr/bin/d", type=L, link="usr/bin/a"),
        dict(name="usr/bin/a", content=data(777, 19)),
        dict(name="var/lib", type=S, link="/nowhere"),
    ], "zstd"),
    layer([
        dict(name="usr/bin/.wh.b"),
        dict(name="usr/bin/c", type=D),
        dict(name="usr/bin/c/in", content=b"z"),
        dict(name="usr/bin/e", type=L, link="usr/bin/d"),
    ], ""),
]


def main():
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"a": "b"}},
                         "rootfs": {"type": "layers", "diff_ids": [d for _, d in LAYERS]}, "history": []}).encode()
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": kind,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": put(config), "size": len(config)},
        "layers": [d for d, _ in LAYERS]}).encode()
    index = {"schemaVersion": 2, "manifests": [
        {"mediaType": kind, "digest": put(manifest), "size": len(manifest),
         "annotations": {"org.opencontainers.image.ref.name": "latest"}}]}
    FILES["index.json"] = json.dumps(index).encode()
    FILES["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    with open(sys.argv[1], "wb") as out:
        out.write(tar_of([dict(name=name, content=content) for name, content in sorted(FILES.items())]))


main()
