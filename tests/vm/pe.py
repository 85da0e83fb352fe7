# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Sections of a UKI, and what an attacker does to them. Format: Microsoft PE/COFF."""

import hashlib
import struct
import subprocess
import tempfile
from pathlib import Path


def _headers(image):
    return struct.unpack_from("<I", image, 0x3C)[0]


def sections(image):
    """{name: (file offset, size)}; the size is the payload's own, without padding."""
    pe = _headers(image)
    count, optional_size = struct.unpack_from("<H", image, pe + 6)[0], struct.unpack_from("<H", image, pe + 20)[0]
    table, found = pe + 24 + optional_size, {}
    for at in range(table, table + 40 * count, 40):
        name = image[at : at + 8].rstrip(b"\0").decode()
        virtual_size, _, raw_size, offset = struct.unpack_from("<IIII", image, at + 8)
        found[name] = (offset, min(virtual_size, raw_size))
    return found


def section(image, name):
    offset, size = sections(image)[name]
    return image[offset : offset + size]


def flipped(image, name):
    """The image with one bit changed in the middle of a section."""
    offset, size = sections(image)[name]
    changed = bytearray(image)
    changed[offset + size // 2] ^= 1
    return bytes(changed)


def unsigned(image):
    """The image without its signature: the data directory entry cleared and the certificate table cut off."""
    entry = _headers(image) + 24 + 112 + 4 * 8
    offset, size = struct.unpack_from("<II", image, entry)
    if not size:
        raise ValueError("the image is not signed")
    changed = bytearray(image[:offset])
    struct.pack_into("<II", changed, entry, 0, 0)
    return bytes(changed)


def authenticode(image):
    """SHA-256 of a signed image as Authenticode counts: without checksum, table entry and certificates."""
    checksum, entry = _headers(image) + 24 + 64, _headers(image) + 24 + 112 + 4 * 8
    offset = struct.unpack_from("<I", image, entry)[0]
    return hashlib.sha256(image[:checksum] + image[checksum + 4 : entry] + image[entry + 8 : offset]).digest()


def with_section(image, name, data):
    """The unsigned image with one more section, placed where all of it is already over."""
    pe = _headers(image)
    base, size = struct.unpack_from("<Q", image, pe + 24 + 24)[0], struct.unpack_from("<I", image, pe + 24 + 56)[0]
    with tempfile.TemporaryDirectory() as scratch:
        source, content, out = Path(scratch, "source"), Path(scratch, "content"), Path(scratch, "out")
        source.write_bytes(image)
        content.write_bytes(data)
        address = base + (size + 4095) // 4096 * 4096
        subprocess.run(["objcopy", "--add-section", f"{name}={content}", "--change-section-vma", f"{name}={address:#x}",
                        source, out], check=True, capture_output=True)  # fmt: skip
        return out.read_bytes()
