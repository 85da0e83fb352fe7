# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""fs-verity in a few lines, apart from the product's: names of objects, and forged files with verity of their own.

Digest, tree and descriptor: https://docs.kernel.org/filesystems/fsverity.html; where ext4 keeps them: fs/ext4/verity.c.
"""

import hashlib
import struct

BLOCK = 4096
_ALGORITHMS = {"sha256": 1, "sha512": 2}


def _padded(data, size):
    return data + bytes(-len(data) % size)


def merkle(data, algorithm="sha512"):
    """Root hash and the levels of the tree, top level first, each a whole number of blocks."""
    if not data:
        return b"", []
    levels, level = [], data
    while True:
        blocks = _padded(level, BLOCK)
        hashes = [hashlib.new(algorithm, blocks[at : at + BLOCK]).digest() for at in range(0, len(blocks), BLOCK)]
        if len(hashes) == 1:
            return hashes[0], levels
        level = _padded(b"".join(hashes), BLOCK)
        levels.insert(0, level)


def descriptor(data, algorithm="sha512"):
    root, _ = merkle(data, algorithm)
    fixed = struct.pack("<BBBBIQ64s", 1, _ALGORITHMS[algorithm], 12, 0, 0, len(data), root)
    return fixed.ljust(256, b"\0")


def digest(data, algorithm="sha512"):
    return hashlib.new(algorithm, descriptor(data, algorithm)).hexdigest()


def object_path(hex_digest):
    """Path of an object below the root of the partition."""
    return f"/composefs/objects/{hex_digest[:2]}/{hex_digest[2:]}"


def tree_offset(size):
    return (size + 65535) // 65536 * 65536


def descriptor_offset(data, algorithm="sha512"):
    _, levels = merkle(data, algorithm)
    return tree_offset(len(data)) + sum(len(level) for level in levels)


def ext4_bytes(data, algorithm="sha512"):
    """What ext4 stores for a sealed file: data, tree, descriptor and the descriptor's size at the very end."""
    _, levels = merkle(data, algorithm)
    stored = data.ljust(tree_offset(len(data)), b"\0") + b"".join(levels) + descriptor(data, algorithm)
    return _padded(stored + bytes(4), BLOCK)[:-4] + struct.pack("<I", 256)
