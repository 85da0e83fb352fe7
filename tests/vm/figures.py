#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Prints how many boots the tests made, by kind of machine and row of the threat list: figures.py LOGS."""

import collections
import re
import sys
from pathlib import Path

from harness import TALLY


def main():
    boots, unexpected = collections.defaultdict(collections.Counter), []
    for line in Path(sys.argv[1], TALLY).read_text().splitlines():
        what, test = line.split("\t")
        if what == "unexpected":
            unexpected.append(test)
            continue
        for row in re.findall(r"(?<=_)[RECOPI]\d+(?=_)", test) or ["no row"]:
            boots[what][row] += 1
    for kind, rows in sorted(boots.items()):
        in_order = sorted(rows.items(), key=lambda row: (row[0][0], len(row[0]), row))
        each = ", ".join(f"{row} {count}" for row, count in in_order)
        print(f"{kind}: {sum(rows.values())} ({each})")
    print(f"unexpected outcomes: {len(unexpected)}{''.join(f' {test}' for test in unexpected)}")


if __name__ == "__main__":
    main()
