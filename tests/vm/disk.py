# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Changes a disk image as somebody with the disk in his hands would: no kernel, no mounts, no seal in the way.

The root file system is written through debugfs at the partition's offset, the ESP through mtools.
"""

import dataclasses
import os
import re
import shutil
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

import fsverity

ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
ROOT = uuid.UUID("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")

_EXTENTS_FLAG, _VERITY_FLAG = 0x80000, 0x100000


@dataclasses.dataclass(frozen=True)
class Partition:
    number: int
    offset: int  # bytes
    size: int


def partitions(image):
    """{partition type: Partition}, from the GPT."""
    found = {}
    with open(image, "rb") as file:
        file.seek(512)
        header = file.read(92)
        if header[:8] != b"EFI PART":
            raise ValueError(f"{image}: no GPT")
        entries_at, count, size = struct.unpack_from("<QII", header, 72)
        file.seek(entries_at * 512)
        table = file.read(count * size)
    for index in range(count):
        kind = uuid.UUID(bytes_le=table[index * size : index * size + 16])
        first, last = struct.unpack_from("<QQ", table, index * size + 32)
        if kind.int:
            found[kind] = Partition(index + 1, first * 512, (last - first + 1) * 512)
    return found


def _run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Disk:
    """A copy of `original` at `path` that may be tampered with."""

    def __init__(self, original, path):
        self.path = Path(path)
        _run("cp", "--reflink=auto", "--sparse=always", str(original), str(path))
        self.partitions = partitions(path)
        self._root_offset = self.partitions[ROOT].offset

    # --- root file system ---

    def debugfs(self, *commands):
        """Runs debugfs commands in order and returns what they print; any complaint is an error."""
        device = f"{self.path}?offset={self._root_offset}"
        done = subprocess.run(
            ["debugfs", "-w", "-f", "-", device], input="\n".join(commands) + "\n", capture_output=True, text=True,
            env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "DEBUGFS_PAGER": "cat"},
        )  # fmt: skip
        complaints = [line for line in done.stderr.splitlines() if not line.startswith("debugfs ")]
        if complaints or done.returncode:
            raise RuntimeError(f"debugfs {commands}: {complaints}")
        return re.sub(r"^debugfs: .*\n", "", done.stdout, flags=re.MULTILINE)

    def read(self, path):
        with tempfile.NamedTemporaryFile() as out:
            self.debugfs(f'dump "{path}" {out.name}')
            return Path(out.name).read_bytes()

    def inode(self, path):
        return int(re.search(r"Inode: (\d+)", self.debugfs(f'stat "{path}"')).group(1))

    def flip_bit(self, path, offset):
        """Flips the lowest bit of one byte in the file's blocks, past the end of the file too (Merkle tree)."""
        self.flip_bits(path, [offset])

    def flip_bits(self, path, offsets):
        blocks = self.debugfs(*(f'bmap "{path}" {offset // fsverity.BLOCK}' for offset in offsets)).split()
        with self.path.open("r+b") as file:
            for offset, block in zip(offsets, map(int, blocks), strict=True):
                if not block:
                    raise ValueError(f"{path} has no block at {offset}")
                place = self._root_offset + block * fsverity.BLOCK + offset % fsverity.BLOCK
                file.seek(place)
                old = file.read(1)[0]
                file.seek(place)
                file.write(bytes([old ^ 1]))

    def remove(self, path):
        self.debugfs(f'rm "{path}"')

    def move(self, path, new_path):
        self.debugfs(f'ln "{path}" "{new_path}"', f'unlink "{path}"')

    def exchange(self, one, other):
        """Lets two names change their files: both keep valid verity, but not under their own digests."""
        first, second = self.inode(one), self.inode(other)
        self.debugfs(f'unlink "{one}"', f'unlink "{other}"', f'ln <{first}> "{other}"', f'ln <{second}> "{one}"')

    def write(self, path, data, mode=0o100644):
        """Puts a plain file in the place of `path`."""
        with tempfile.NamedTemporaryFile() as content:
            content.write(data)
            content.flush()
            self._remove_if_there(path)
            self.debugfs(f'write {content.name} "{path}"', f'sif "{path}" mode 0{mode:o}')

    def write_sealed(self, path, data):
        """Puts a file with valid verity of its own in the place of `path`."""
        self.write(path, fsverity.ext4_bytes(data))
        flags = _EXTENTS_FLAG | _VERITY_FLAG
        self.debugfs(f'sif "{path}" size {len(data)}', f'sif "{path}" flags 0x{flags:x}')

    def symlink(self, path, target):
        self._remove_if_there(path)
        self.debugfs(f'symlink "{path}" "{target}"')

    def node(self, path, kind):
        """A fifo (`p`) or a character device (`c 1 3`)."""
        self._remove_if_there(path)
        folder, _, name = path.rpartition("/")
        self.debugfs(f'cd "{folder}"', f'mknod "{name}" {kind}')  # it does not take a path

    def set_xattr(self, path, name, value):
        with tempfile.NamedTemporaryFile() as content:
            content.write(value)
            content.flush()
            self.debugfs(f'ea_set -f {content.name} "{path}" {name}')

    def folder(self, path):
        """Makes a folder, in the place of what is there unless it is one already."""
        if self._kind(path) == "directory":
            return
        self._remove_if_there(path)
        self.debugfs(f'mkdir "{path}"')

    def hard_link(self, path, target):
        self._remove_if_there(path)
        self.debugfs(f'ln "{target}" "{path}"')

    def plant_in_etc(self, image_digest, name, data, mode=0o100644):
        """Puts a file into the writable layer of a deployment's /etc and returns its path."""
        folder = "/state/deploy"
        self.folder(folder)
        for part in (image_digest, "etc", "upper"):
            folder += f"/{part}"
            self.folder(folder)
        self.folder(folder.replace("/upper", "/work"))
        self.write(f"{folder}/{name}", data, mode)
        return f"{folder}/{name}"

    def bootc_deployment(self, image_digest):
        """state/deploy as bootc makes it: a folder for /etc, /var a link to the common one."""
        for path in ("/state/deploy", f"/state/deploy/{image_digest}", f"/state/deploy/{image_digest}/etc"):
            self.folder(path)
        self.symlink(f"/state/deploy/{image_digest}/var", "../../os/default/var")

    def overwrite_root(self, offset, data):
        """Writes into the root partition itself, `offset` bytes from its start."""
        with self.path.open("r+b") as file:
            file.seek(self._root_offset + offset)
            file.write(data)

    def reformat_root(self, *command):
        """Makes another file system on the root partition with the `command` that takes a file as its last argument."""
        partition = self.partitions[ROOT]
        with tempfile.NamedTemporaryFile() as part:
            part.truncate(partition.size)
            path = os.environ["PATH"] + ":/usr/sbin:/sbin"
            subprocess.run([*command, part.name], check=True, capture_output=True, env={**os.environ, "PATH": path})
            self.write_partition(ROOT, part.name)

    def copy_root(self, folder, features):
        """An ext4 with these features in place of the root partition, with all of `folder` and a place for state."""
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch, "root")
            shutil.copytree(folder, root / "composefs", symlinks=True)
            (root / "state/os/default/var").mkdir(parents=True)
            self.reformat_root("mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-b", "4096", "-d", str(root))

    def write_partition(self, kind, content):
        """Puts the file `content` in the place of a partition's bytes."""
        partition = self.partitions[kind]
        _run("dd", f"if={content}", f"of={self.path}", "bs=1M", "oflag=seek_bytes", "status=none",
             f"seek={partition.offset}", "conv=notrunc")  # fmt: skip

    def _kind(self, path):
        """directory, regular, symlink, ...; None if nothing is there."""
        try:
            return re.search(r"Type: (\w+)", self.debugfs(f'stat "{path}"')).group(1)
        except RuntimeError:
            return None

    def _remove_if_there(self, path):
        kind = self._kind(path)
        if kind:
            self.debugfs(f'unlink "{path}"' if kind == "directory" else f'rm "{path}"')

    # --- ESP ---

    def _esp(self):
        return f"{self.path}@@{self.partitions[ESP].offset}"

    def esp_files(self):
        """Paths of all files on the ESP."""
        return sorted(line.split("::", 1)[1] for line in _run("mdir", "-/", "-b", "-i", self._esp(), "::").split("\n")
                      if "::" in line and not line.endswith("/"))  # fmt: skip

    def esp_read(self, path):
        with tempfile.TemporaryDirectory() as scratch:
            _run("mcopy", "-i", self._esp(), f"::{path}", f"{scratch}/file")
            return Path(scratch, "file").read_bytes()

    def overwrite_esp(self, offset, data):
        """Writes into the ESP itself, `offset` bytes from its start."""
        with self.path.open("r+b") as file:
            file.seek(self.partitions[ESP].offset + offset)
            file.write(data)

    def esp_remove(self, path):
        _run("mdel", "-i", self._esp(), f"::{path}")

    def esp_folder(self, path):
        """Makes a folder; that it is there already is fine."""
        subprocess.run(["mmd", "-D", "s", "-i", self._esp(), f"::{path}"], capture_output=True)

    def esp_write(self, path, data):
        with tempfile.NamedTemporaryFile() as content:
            content.write(data)
            content.flush()
            _run("mcopy", "-o", "-i", self._esp(), content.name, f"::{path}")
