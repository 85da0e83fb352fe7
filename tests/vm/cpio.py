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


def _next_entry(data, at):
    """Name, content and end of the entry at `at`."""
    size, name_size = (int(data[at + offset : at + offset + 8], 16) for offset in (54, 94))
    name = data[at + 110 : at + 110 + name_size - 1].decode()
    start = (at + 110 + name_size + 3) // 4 * 4
    return name, data[start : start + size], (start + size + 3) // 4 * 4


def read(data):
    """Files of all archives in `data`, one after the other: {name: bytes}, the later wins as in the kernel."""
    files, at = {}, data.find(b"070701")
    while at >= 0:
        name, content, end = _next_entry(data, at)
        if name == "TRAILER!!!":
            at = data.find(b"070701", end)
        else:
            files[name], at = content, end
    return files
