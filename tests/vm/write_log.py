# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The log of all writes to a disk, and what the disk may hold after a power cut.

    superblock   sector 0    u64 magic, u64 version 1, u64 number of entries, u32 bytes in a sector
    entry        sector 1..  u64 first sector, u64 sectors, u64 flags, u64 bytes of text; padded to a sector, then the
                             data, which a discard has none of

Format: drivers/md/dm-log-writes.c of Linux, and block/blklogwrites.c of QEMU, which writes it here; all numbers are
little-endian.

A flush makes durable what was written before it, a write with FUA makes itself durable. Of all else that was written
since the last flush the disk may have kept any part: the power was cut while they were in its memory.
"""

import dataclasses
import random
import struct

_MAGIC = 0x6A736677736872
_BLOCK = 4096
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclasses.dataclass(frozen=True)
class Write:
    """One entry of a log: `data` at the byte `offset`."""

    offset: int
    data: bytes
    flags: int


@dataclasses.dataclass(frozen=True)
class Cut:
    """A state after a power cut: `position` entries of the log were written, of the last ones some may be lost."""

    position: int
    writes: tuple  # (offset, data), on top of what the disk held at first
    name: str


def _read_entries(path):
    with open(path, "rb") as file:
        magic, version, count, sector = struct.unpack("<QQQI", file.read(28))
        if (magic, version) != (_MAGIC, 1):
            raise ValueError(f"{path}: no log of writes")
        file.seek(sector)
        for _ in range(count):
            first, sectors, flags, _ = struct.unpack_from("<QQQQ", file.read(sector))
            yield Write(first * sector, file.read(0 if flags & DISCARD else sectors * sector), flags), sector


class WriteLog:
    def __init__(self, path):
        found = list(_read_entries(path))
        self.entries, self._sector = [entry for entry, _ in found], found[0][1]

    def find(self, offset):
        """[(position behind it, data)] of all writes to this very place."""
        return [(at + 1, entry.data) for at, entry in enumerate(self.entries) if entry.offset == offset and entry.data]

    def boundaries(self):
        """Positions behind which something has just become durable."""
        return [at + 1 for at, entry in enumerate(self.entries) if entry.flags & (FLUSH | FUA)]

    def whole(self, position):
        """Nothing was lost."""
        return Cut(position, tuple((entry.offset, entry.data) for entry in self.entries[:position]), "whole")

    def in_flight(self, position):
        """How many sectors a cut at `position` may lose."""
        return sum(len(entry.data) // self._sector for entry in self.entries[self._epoch(position) : position]
                   if not entry.flags & FUA)  # fmt: skip

    def lost(self, position, seed):
        """Some of what was in flight is lost: most of it, or single sectors, or whole writes. The same for the same
        seed."""
        start, choice = self._epoch(position), random.Random(f"{position}/{seed}")
        losing = choice.choice((self._lose_share, self._lose_writes, self._lose_one, self._lose_all_but_one))
        pieces = [piece for entry in self.entries[start:position] for piece in self._pieces(entry)]
        loose = [number for number, (_, _, durable) in enumerate(pieces) if not durable]
        lost = losing(choice, loose, pieces)
        kept = tuple((offset, data) for number, (offset, data, _) in enumerate(pieces) if number not in lost)
        return Cut(position, self.whole(start).writes + kept, f"lost-{seed}")

    def _epoch(self, position):
        """The last position up to `position` at which nothing was in flight."""
        while position > 0 and not self.entries[position - 1].flags & FLUSH:
            position -= 1
        return position

    def _pieces(self, entry):
        """(offset, data, durable) for each part that a disk writes at once: a sector, or where one begins and is
        written as a whole, a block of 4096 bytes. Half a block would be more than ext4 stands: its superblock."""
        pieces, at = [], 0
        while at < len(entry.data):
            whole = (entry.offset + at) % _BLOCK == 0 and at + _BLOCK <= len(entry.data)
            data = entry.data[at : at + (_BLOCK if whole else self._sector)]
            pieces.append((entry.offset + at, data, bool(entry.flags & FUA)))
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
            offset, data, _ = pieces[number]
            if offset != end:
                losing = choice.random() < 0.5
            if losing:
                lost.add(number)
            end = offset + len(data)
        return lost

    @staticmethod
    def _lose_one(choice, loose, _pieces):
        return set(choice.sample(loose, 1))

    @staticmethod
    def _lose_all_but_one(choice, loose, _pieces):
        return set(loose) - set(choice.sample(loose, 1))
