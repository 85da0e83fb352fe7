# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Container images as those of small_host.py, but they boot: the distribution's kernel with the modules it needs, and a
busybox that says which version is up."""

import shutil
from pathlib import Path

import small_image
from small_host import Images

MODULES = ("erofs", "overlay", "virtio_blk")
INIT = """#!/usr/bin/busybox sh
echo "SEALROOT-CHECK version={version}"
exec /usr/bin/busybox poweroff -f
"""
UP = r"^SEALROOT-CHECK version=\d"


def module_files(modules):
    """What lists modules, and those needed with all that they need."""
    needed = {Path(line.partition(":")[0]).name.partition(".")[0]: line.replace(":", "").split()
              for line in (modules / "modules.dep").read_text().splitlines()}  # fmt: skip
    chosen = {file for name in MODULES for file in needed[name]}
    return [*sorted(chosen), *sorted(path.name for path in modules.glob("modules.*"))]


class BootableImages(Images):
    """Signed with db.key in `keys`."""

    def __init__(self, folder, kernel, keys):
        super().__init__(folder)
        for name in ("db.key", "db.crt"):
            shutil.copyfile(keys / name, folder / name)
        self._modules = next((kernel / "usr/lib/modules").iterdir())

    def build(self, name, entries, *options, key="db"):
        return super().build(name, entries, "--cmdline", "console=ttyS0 panic=-1", "--on-failure", "poweroff", *options,
                             key=key)  # fmt: skip

    def entries(self, version, *options, **more):
        entries = [entry for entry in super().entries(version, *options, **more) if "modules/" not in entry[0]]
        place = f"usr/lib/modules/{self._modules.name}"
        files = [*module_files(self._modules), "vmlinuz"]
        folders = {str(parent) for file in files for parent in Path(place, file).parents}
        known = {entry[0] for entry in entries}
        entries += [(folder, None) for folder in sorted(folders) if folder not in {".", *known}]
        entries += [(f"{place}/{file}", (self._modules / file).read_bytes()) for file in files]
        entries += [(folder, None) for folder in ("dev", "proc", "sys", "tmp", "usr/sbin")]
        entries += [("usr/bin/busybox", Path(shutil.which("busybox")).read_bytes(), 0o755),
                    ("usr/sbin/init", INIT.format(version=version).encode(), 0o755),
                    small_image.link("sbin", "usr/sbin")]  # fmt: skip
        return entries
