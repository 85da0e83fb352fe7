# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What sealroot and four other readers make of a tar, in one form: path -> Node. Each reader is a function that takes
the archive and a scratch folder, and returns None where it refuses the archive."""

import functools
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections import namedtuple
from pathlib import Path

SEALROOT = os.environ["SEALROOT"]
GO = shutil.which("go") or shutil.which("/usr/local/go/bin/go")

# content: sha256 of a file, target of a symlink, rdev of a device; same: the first of the names of one inode.
Node = namedtuple("Node", "kind mode uid gid seconds nanoseconds content xattrs same")
KINDS = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.FIFOTYPE: "p"}
ROOT = b"usr/t"  # what is compared
# bsdtar's exit status is 1 for names that are not UTF-8, which it unpacks all the same.
NOT_UTF8 = rb"(.*(can't be converted from UTF-8|Error exit delayed)[^\n]*\n)+"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, check=False, **options)


def wanted_xattr(name):
    return name.startswith("user.") or name == "security.capability"


def named_once(nodes):
    """`same` as the first name in byte order; `nodes` has any mark of the inode there."""
    first = {}
    for path in sorted(nodes):
        first.setdefault(nodes[path].same, path)
    return {path: node._replace(same=first[node.same]) for path, node in nodes.items()
            if path == ROOT or path.startswith(ROOT + b"/")}  # fmt: skip


# sealroot


def unescape(text):
    return re.sub(rb"\\(x..|.)", lambda found: bytes([int(found[1][1:], 16)]) if len(found[1]) == 3
                  else {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}[found[1]], text)  # fmt: skip


def read_dump_line(line, store):
    path, size, mode, _nlink, uid, gid, rdev, mtime, payload, content, _digest, *xattrs = line.split(b" ")
    bits = int(mode, 8)
    seconds, nanoseconds = mtime.split(b".")
    kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
            stat.S_IFIFO: "p"}[stat.S_IFMT(bits)]  # fmt: skip
    what = b""
    if kind == "f":
        data = unescape(content) if content != b"-" else b""
        if payload != b"-":
            data = (store / "objects" / payload.decode()).read_bytes()
        assert len(data) == int(size)
        what = hashlib.sha256(data).hexdigest()
    elif kind == "l":
        what = unescape(payload)
    elif kind in "cb":
        device = int(rdev)
        what = (device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00)
    pairs = dict(pair.split(b"=", 1) for pair in xattrs)
    named = {unescape(key).decode(): unescape(value) for key, value in pairs.items()}
    name = unescape(path).strip(b"/")
    return name, Node(kind, bits & 0o7777, int(uid), int(gid), int(seconds), int(nanoseconds), what, named, name)


def sealroot(archive, scratch):
    store = scratch / "store"
    rules = ("--plain", "--xattrs", "keep-user-xattrs")
    done = run(SEALROOT, "digest", *rules, "--quiet", "--store", store, f"tar:{archive}")
    if done.returncode != 0:
        assert re.fullmatch(rb"sealroot: [^\n]+\n", done.stderr), done.stderr
        return None
    dump = run(SEALROOT, "dump", "--store", store, done.stdout.decode().strip())
    nodes = {}
    links = []
    for line in dump.stdout.splitlines():
        fields = line.split(b" ")
        if fields[2].startswith(b"@"):
            links.append((unescape(fields[0]).strip(b"/"), unescape(fields[8]).strip(b"/")))
        else:
            path, node = read_dump_line(line, store)
            nodes[path] = node
    for path, target in links:
        nodes[path] = nodes[target]
    return named_once(nodes)


# Readers that list


def add_entry(nodes, name, node, link=None):
    """As unpacking does: a later entry replaces an earlier one, directories keep their children."""
    path = b"/".join(part for part in name.split(b"/") if part not in (b"", b"."))
    if link is not None:
        node = nodes[b"/".join(part for part in link.split(b"/") if part not in (b"", b"."))]
    if node.kind != "d":
        for below in [other for other in nodes if other.startswith(path + b"/")]:
            del nodes[below]
    nodes[path] = node


def python(archive, _scratch):
    nodes = {}
    try:
        with tarfile.open(archive, encoding="utf-8", errors="surrogateescape") as opened:
            for number, entry in enumerate(opened):
                raw = {name: getattr(entry, name).encode("utf-8", "surrogateescape") for name in ("name", "linkname")}
                what = b""
                kind = KINDS.get(entry.type, "f")
                if kind == "l":
                    what = raw["linkname"]
                elif kind in "cb":
                    what = (entry.devmajor, entry.devminor)
                elif kind == "f" and not entry.islnk():
                    what = hashlib.sha256(opened.extractfile(entry).read()).hexdigest()
                whole, _, part = str(entry.pax_headers.get("mtime", entry.mtime)).partition(".")
                xattrs = {key[13:]: value.encode("utf-8", "surrogateescape")
                          for key, value in entry.pax_headers.items()
                          if key.startswith("SCHILY.xattr.") and wanted_xattr(key[13:])}  # fmt: skip
                node = Node(kind, entry.mode & 0o7777, entry.uid, entry.gid, int(whole), int(f"{part:0<9}"[:9]), what,
                            xattrs, number)  # fmt: skip
                add_entry(nodes, raw["name"], node, raw["linkname"] if entry.islnk() else None)
    except (tarfile.TarError, KeyError, OSError, ValueError, EOFError, OverflowError, AttributeError):
        return None
    return named_once(nodes)


@functools.cache
def go_program():
    """The folder that holds it; it goes with this process."""
    folder = tempfile.TemporaryDirectory(prefix="sealroot-go-")
    source = Path(__file__).with_name("list_tar.go")
    built = run(GO, "build", "-o", folder.name, source, env={**os.environ, "GO111MODULE": "off"})
    assert built.returncode == 0, built.stderr
    return folder


def go(archive, _scratch):
    if GO is None:
        return "absent"
    with open(archive, "rb") as opened:
        listed = run(Path(go_program().name, "list_tar"), stdin=opened)
    if listed.returncode != 0:
        return None
    nodes = {}
    for number, line in enumerate(listed.stdout.splitlines()):
        entry = json.loads(line)
        kind = KINDS.get(entry["type"].encode(), "f")
        link = bytes.fromhex(entry["link"])
        what = entry["sha256"] if kind == "f" else b""
        if kind == "l":
            what = link
        elif kind in "cb":
            what = (entry["major"], entry["minor"])
        xattrs = {key: bytes.fromhex(value) for key, value in entry["xattrs"].items() if wanted_xattr(key)}
        node = Node(kind, entry["mode"], entry["uid"], entry["gid"], entry["seconds"], entry["nanoseconds"], what,
                    xattrs, number)  # fmt: skip
        try:
            add_entry(nodes, bytes.fromhex(entry["name"]), node, link if entry["type"] == "1" else None)
        except KeyError:
            return None
    return named_once(nodes)


# Readers that unpack: only root can own what others own


def unpacked(folder):
    nodes = {}
    top = os.fsencode(folder)
    for parent, folders, files in os.walk(top):
        for name in [*folders, *files]:
            full = os.path.join(parent, name)
            info = os.lstat(full)
            kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
                    stat.S_IFIFO: "p"}[stat.S_IFMT(info.st_mode)]  # fmt: skip
            what = b""
            if kind == "f":
                with open(full, "rb") as opened:
                    what = hashlib.file_digest(opened, "sha256").hexdigest()
            elif kind == "l":
                what = os.readlink(full)
            elif kind in "cb":
                what = (os.major(info.st_rdev), os.minor(info.st_rdev))
            xattrs = {name: os.getxattr(full, name, follow_symlinks=False)
                      for name in os.listxattr(full, follow_symlinks=False) if wanted_xattr(name)}  # fmt: skip
            seconds, nanoseconds = divmod(info.st_mtime_ns, 10**9)
            mode = None if kind == "l" else stat.S_IMODE(info.st_mode)  # Linux has none for links
            nodes[os.path.relpath(full, top)] = Node(kind, mode, info.st_uid, info.st_gid, seconds,
                                                     nanoseconds, what, xattrs, info.st_ino)  # fmt: skip
    return named_once(nodes)


def unpacking(*command, times_of_folders=True):
    """`times_of_folders`: whether those stay as the archive says when a later entry adds a name to the folder."""

    def reader(archive, scratch):
        if os.getuid() != 0 or shutil.which(command[0]) is None:
            return "absent"
        folder = scratch / command[0]
        folder.mkdir()
        done = run(*command, archive, "-C", folder, env={**os.environ, "LC_ALL": "C.UTF-8"})
        if done.returncode != 0 and not re.fullmatch(NOT_UTF8, done.stderr):
            return None
        nodes = unpacked(folder)
        if not times_of_folders:
            nodes = {path: node._replace(seconds=None, nanoseconds=None) if node.kind == "d" else node
                     for path, node in nodes.items()}  # fmt: skip
        return nodes

    return reader


JUDGES = {
    # -P: else a link with `..` is a file until the end, and one that comes later with the same name is lost.
    "GNU tar": unpacking(
        "tar", "-P", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf", times_of_folders=False
    ),
    "bsdtar": unpacking("bsdtar", "--numeric-owner", "-xpf"),
    "Python": python,
    "Go": go,
}
