# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Initramfs archives (cpio, newc): the tests append one to a signed initrd, where the later file wins.

Format: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
"""


def _entry(number, name, mode, data):
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + path
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)


def archive(files, folders=()):
    """Archive of `files` {name: (permissions, bytes)} and `folders`, names without leading slash."""
    entries = [_entry(number, name, 0o40755, b"") for number, name in enumerate(folders, 1)]
    first = len(entries) + 1
    for number, (name, (permissions, data)) in enumerate(files.items(), first):
        entries.append(_entry(number, name, 0o100000 | permissions, data))
    packed = b"".join(entries) + _entry(0, "TRAILER!!!", 0, b"")
    return packed + bytes(-len(packed) % 512)


def last_file(data, name):
    """Content of the last file `name` in plain archives of `data`, which may have compressed ones in front."""
    start = data.rfind(name.encode() + b"\0") - 110
    if start < 0 or data[start : start + 6] != b"070701":
        raise ValueError(f"no {name} in a plain archive")
    size, name_size = (int(data[start + offset : start + offset + 8], 16) for offset in (54, 94))
    content = (start + 110 + name_size + 3) // 4 * 4
    return data[content : content + size]
