# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A small machine that runs `sealroot switch` and its kin on the partitions of an installed disk, each write of which is
logged: the distribution's kernel with its drivers, busybox, this very build of sealroot, no firmware, no systemd."""

import dataclasses
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import cpio
from harness import Machine
from machines import recorded

SEALROOT = os.environ.get("SEALROOT", "sealroot")
MODULES = ("drivers/block/virtio_blk", "fs/nls/nls_cp437", "fs/nls/nls_ascii", "fs/fat/fat", "fs/fat/vfat")
# For names in layers; not built into the C library.
LOCALE = Path("/usr/lib/locale/C.utf8")
# Between the partition table and the first partition; what is written here says how far the machine has come.
MARK_SECTOR = 40
DONE = "^SEALROOT-CHECK steps=done"

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in {modules}; do insmod /modules/$module.ko; done
until [ -b /dev/vda2 ]; do sleep 0.1; done
mount -t ext4 /dev/vda2 /sysroot
mount -t vfat -o umask=0077 /dev/vda1 /esp
host="--sysroot /sysroot --esp /esp --proc-cmdline /cmdline"
boot() {{ sed "s/DIGEST/$1/" /signed >/cmdline; }}
# Directly, so that it is in the log at once and without a flush; the dd of busybox has no aligned memory for that.
mark() {{ printf '%-512s' "$1" >/mark; /direct-dd if=/mark of=/dev/vda bs=512 seek={mark} oflag=direct 2>/errors; }}
# As systemd-bless-boot after a good boot.
bless() {{
  for entry in /esp/EFI/Linux/*_$1+*.efi; do mv "$entry" "${{entry%%+*}}.efi"; done
  sync
}}
step() {{
  name=$1
  shift
  "$@" >/output 2>&1
  status=$?
  mark "$name"
  echo "SEALROOT-CHECK $name=$status $(tail -n 1 /output)"
}}
echo  # behind what the firmware painted
{steps}
echo SEALROOT-CHECK steps=done
poweroff -n -f
"""


def libraries(program):
    """The files that a dynamic program needs; the path of each is how it asks for it."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]


def tree_files(folder, below):
    return {f"{below}/{path.relative_to(folder)}": (0o644, path.read_bytes())
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


def parents(names):
    folders = {str(parent) for name in names for parent in Path(name).parents if str(parent) != "."}
    return sorted(folders)


@dataclasses.dataclass(frozen=True)
class UpgradeMachine:
    """`kernel` as in product.py; `sources` are OCI layouts by name, found as oci:/sources/NAME."""

    kernel: Path
    sources: dict
    signed_command_line: str  # with DIGEST in the place of the image's

    def _initramfs(self, steps):
        modules = next((self.kernel / "usr/lib/modules").iterdir())
        files = {"bin/busybox": (0o755, Path(shutil.which("busybox")).read_bytes()),
                 "bin/sealroot": (0o755, Path(SEALROOT).read_bytes()),
                 "direct-dd": (0o755, Path("/bin/dd").read_bytes()),
                 "signed": (0o644, self.signed_command_line.encode())}  # fmt: skip
        for library in libraries(SEALROOT):
            place = library.lstrip("/") if Path(library).name.startswith("ld-") else f"lib/{Path(library).name}"
            files[place] = (0o755, Path(library).read_bytes())
        files |= tree_files(LOCALE, LOCALE.relative_to("/"))
        for module in MODULES:
            packed = (modules / "kernel" / f"{module}.ko.xz").read_bytes()
            files[f"modules/{Path(module).name}.ko"] = (0o644, lzma.decompress(packed))
        for name, folder in self.sources.items():
            files |= tree_files(folder, f"sources/{name}")
        names = " ".join(Path(module).name for module in MODULES)
        files["init"] = (0o755, INIT.format(modules=names, mark=MARK_SECTOR, steps="\n".join(steps)).encode())
        return cpio.archive(files, [*parents(files), "proc", "dev", "sysroot", "esp", "tmp"])

    def machine(self, scratch, disk, log, steps):
        """Runs `steps` (shell) on `disk`, which stays as the power cut at the end leaves it."""
        initrd = scratch / "initrd"
        initrd.write_bytes(self._initramfs(steps))
        with open(log, "wb") as file:
            file.truncate(1 << 30)
        vmlinuz = next((self.kernel / "usr/lib/modules").iterdir()) / "vmlinuz"
        machine = recorded(vmlinuz, initrd, "console=ttyS0 panic=-1 quiet", disk, log)
        return dataclasses.replace(machine, timeout_seconds=120)
