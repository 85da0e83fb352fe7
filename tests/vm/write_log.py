# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The log of all writes to a disk, and what the disk may hold after a power cut.

    superblock   sector 0    u64 magic, u64 version 1, u64 number of entries, u32 bytes in a sector
    entry        sector 1..  u64 first sector, u64 sectors, u64 flags, u64 bytes of text; padded to a sector, then the
                             data, which a discard has none of

Format: drivers/md/dm-log-writes.c of Linux, and block/blklogwrites.c of QEMU, which writes it here; all numbers are
little-endian.

A flush makes durable what was written before it, a write with FUA makes itself durable. Of all else that was written
since the last flush the disk may have kept any part: the power was cut while they were in its memory.

The logs of several disks lie one behind the other on a device that is logged itself. Its log says in which order the
entries of all of them were written, each when its write or flush had been done and before the guest heard of that: what
the guest waited for stands before what it did next, on whichever disk.
"""

import dataclasses
import random
import struct

_MAGIC = 0x6A736677736872
_BLOCK, _SECTOR = 4096, 512
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclasses.dataclass(frozen=True)
class Write:
    """One entry of a log: `data` at the byte `offset`. A flush is one of its `disk` only."""

    offset: int
    data: bytes
    flags: int
    disk: int = 0


@dataclasses.dataclass(frozen=True)
class _Piece:
    """Part of a write that is on the disk as a whole or not at all."""

    offset: int
    data: bytes
    disk: int


@dataclasses.dataclass(frozen=True)
class Cut:
    """A state after a power cut: `position` entries of the log were written, of the last ones some may be lost."""

    position: int
    writes: tuple  # (offset, data), on top of what the disk held at first
    name: str


def _headers(file, start=0):
    """(where it stands, offset on the disk, bytes of data behind it, flags) of each entry of the log at `start`."""
    file.seek(start)
    magic, version, count, sector = struct.unpack("<QQQI", file.read(28))
    if (magic, version, sector) != (_MAGIC, 1, _SECTOR):
        raise ValueError(f"{file.name}: no log of writes at byte {start}")
    at = start + _SECTOR
    for _ in range(count):
        file.seek(at)
        first, sectors, flags, _ = struct.unpack("<QQQQ", file.read(32))
        size = 0 if flags & DISCARD else sectors * _SECTOR
        yield at, first * _SECTOR, size, flags
        at += _SECTOR + size


def _read_log(file, start=0, disk=0):
    """[(where it stands, entry)]"""
    found = []
    for at, offset, size, flags in _headers(file, start):
        file.seek(at + _SECTOR)
        found.append((at, Write(offset, file.read(size), flags, disk)))
    return found


def read_log(path):
    with open(path, "rb") as file:
        return WriteLog([entry for _, entry in _read_log(file)])


def read_logs(path, starts, order):
    """Of several disks, in the order of time: their logs begin at the bytes `starts` of the device in the file `path`,
    the log of which is the file `order`."""
    with open(order, "rb") as file:
        times = {offset: time for time, (_, offset, size, _) in enumerate(_headers(file)) if size}
    with open(path, "rb") as file:
        found = [pair for disk, start in enumerate(starts) for pair in _read_log(file, start, disk)]
    return WriteLog([entry for at, entry in sorted(found, key=lambda pair: times[pair[0]])])


class WriteLog:
    """Entries in the order of time. What disks there are have their places apart from each other, as if they were parts
    of one disk."""

    def __init__(self, entries):
        self.entries = entries
        self.disks = sorted({entry.disk for entry in entries})

    def find(self, offset):
        """[(position behind it, data)] of all writes to this very place."""
        return [(at + 1, entry.data) for at, entry in enumerate(self.entries) if entry.offset == offset and entry.data]

    def boundaries(self):
        """Positions behind which something has just become durable."""
        return [at + 1 for at, entry in enumerate(self.entries) if entry.flags & (FLUSH | FUA)]

    def last_flush(self, position, disk):
        """The last position up to `position` at which nothing was in flight to this disk."""
        while position > 0 and not (
            self.entries[position - 1].flags & FLUSH and self.entries[position - 1].disk == disk
        ):
            position -= 1
        return position

    def whole(self, position):
        """Nothing was lost."""
        return Cut(position, tuple((entry.offset, entry.data) for entry in self.entries[:position]), "whole")

    def in_flight(self, position, disk=None):
        """How many pieces a cut at `position` may lose; of one disk, or of all."""
        _, pieces, loose = self._in_flight(position)
        return sum(disk in (None, pieces[number].disk) for number in loose)

    def lost(self, position, seed):
        """Some of what was in flight is lost: most of it, or single sectors, or whole writes. The same for the same
        seed."""
        start, pieces, loose = self._in_flight(position)
        choice = random.Random(f"{position}/{seed}")
        losing = choice.choice((self._lose_share, self._lose_writes, self._lose_one, self._lose_all_but_one))
        return self._without(losing(choice, loose, pieces), position, start, pieces, f"lost-{seed}")

    def lost_on(self, position, disk):
        """All that was in flight on this disk is lost, and nothing on another."""
        start, pieces, loose = self._in_flight(position)
        lost = {number for number in loose if pieces[number].disk == disk}
        return self._without(lost, position, start, pieces, f"lost-on-{disk}")

    def _without(self, lost, position, start, pieces, name):
        kept = tuple((piece.offset, piece.data) for number, piece in enumerate(pieces) if number not in lost)
        return Cut(position, self.whole(start).writes + kept, name)

    def _in_flight(self, position):
        """(position up to which all is durable, pieces written since, numbers of those that may be lost)"""
        epochs = {disk: self.last_flush(position, disk) for disk in self.disks}
        start, pieces, loose = min(epochs.values()), [], []
        for at, entry in enumerate(self.entries[start:position], start):
            found = self._pieces(entry)
            if at >= epochs[entry.disk] and not entry.flags & FUA:
                loose += range(len(pieces), len(pieces) + len(found))
            pieces += found
        return start, pieces, loose

    @staticmethod
    def _pieces(entry):
        """What a disk writes at once: a sector, or where one begins and is written as a whole, a block of 4096 bytes.
        Half a block would be more than ext4 stands: its superblock."""
        pieces, at = [], 0
        while at < len(entry.data):
            whole = (entry.offset + at) % _BLOCK == 0 and at + _BLOCK <= len(entry.data)
            data = entry.data[at : at + (_BLOCK if whole else _SECTOR)]
            pieces.append(_Piece(entry.offset + at, data, entry.disk))
            at += len(data)
        return pieces

    @staticmethod
    def _lose_share(choice, loose, _pieces):
        share = choice.choice((0.1, 0.5, 0.9))
        return {number for number in loose if choice.random() < share}

    @staticmethod
    def _lose_writes(choice, loose, pieces):
        """A gap in the offsets separates what was written apart."""
        lost, losing, end = set(), False, None
        for number in loose:
            piece = pieces[number]
            if piece.offset != end:
                losing = choice.random() < 0.5
            if losing:
                lost.add(number)
            end = piece.offset + len(piece.data)
        return lost

    @staticmethod
    def _lose_one(choice, loose, _pieces):
        return set(choice.sample(loose, 1))

    @staticmethod
    def _lose_all_but_one(choice, loose, _pieces):
        return set(loose) - set(choice.sample(loose, 1))
