#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Dependencies point one way, and every source says its licence."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# A file below the folder may include from these folders only; the first folder that fits counts.
MAY_INCLUDE = (
    ("store/core/", ("store/core/",)),
    ("store/", ("store/",)),
    ("initrd-pivot/", ("initrd-pivot/", "store/core/")),
    ("builder/", ("builder/", "store/")),
    # A soft reboot composes the new root with the code that does it at boot.
    ("upgrade/soft_reboot/", ("upgrade/", "builder/", "store/", "initrd-pivot/")),
    ("upgrade/", ("upgrade/", "builder/", "store/")),
    ("cli/", ("cli/", "upgrade/", "builder/", "store/")),
)
# What the pivot may take of store/core: header-only, free of the C++ runtime.
FREESTANDING = {f"store/core/{name}.hpp" for name in ("bytes", "digest", "hex")}
FOLDERS = ("store", "builder", "initrd-pivot", "upgrade", "cli", "cmake", "scripts", "tests", "ukify-templates")
SOURCES = (".cpp", ".hpp", ".py", ".sh", ".cmake", "CMakeLists.txt", ".conf")


def wrong_includes(name, text):
    allowed = next((folders for prefix, folders in MAY_INCLUDE if name.startswith(prefix)), None)
    for included in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
        if allowed is not None and not included.startswith(allowed):
            yield f"{name}: must not include {included}"
        if name.startswith("initrd-pivot/") and included.startswith("store/") and included not in FREESTANDING:
            yield f"{name}: {included} needs the C++ runtime"


def complaints():
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")):
        name = str(path.relative_to(ROOT))
        if not name.endswith(SOURCES) or not path.is_file():
            continue
        text = path.read_text()
        yield from wrong_includes(name, text)
        if "SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later" not in text[:200]:
            yield f"{name}: no SPDX line"


if __name__ == "__main__":
    found = list(complaints())
    print("\n".join(found))
    sys.exit(bool(found))
