# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A small machine that runs `sealroot switch` and its kin on the partitions of installed disks, each write to which is
logged: the distribution's kernel with its drivers, busybox, this very build of sealroot, no firmware, no systemd."""

import dataclasses
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import cpio
from machines import recorded, recorded_together
from write_log import read_log, read_logs

SEALROOT = os.environ.get("SEALROOT", "sealroot")
MODULES = ("drivers/block/virtio_blk", "fs/nls/nls_cp437", "fs/nls/nls_ascii", "fs/fat/fat", "fs/fat/vfat")
# For names in layers; not built into the C library.
LOCALE = Path("/usr/lib/locale/C.utf8")
# Between the partition table and the first partition; what is written here says how far the machine has come.
MARK_SECTOR = 40
LOG_BYTES = 1 << 30
DONE = "^SEALROOT-CHECK steps=done"

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in {modules}; do insmod /modules/$module.ko; done
until [ -b /dev/vda1 ] && [ -b /dev/{root} ]; do sleep 0.1; done
mount -t ext4 /dev/{root} /sysroot
mount -t vfat -o umask=0077 /dev/vda1 /esp
host="--sysroot /sysroot --esp /esp --proc-cmdline /cmdline"
boot() {{ sed "s/DIGEST/$1/" /signed >/cmdline; }}
# Directly, so that it is in the log at once and without a flush; the dd of busybox has no aligned memory for that.
mark() {{ printf '%-512s' "$1" >/mark; /direct-dd if=/mark of=/dev/vda bs=512 seek={mark} oflag=direct 2>/errors; }}
# As systemd-bless-boot after a good boot. FAT does not flush the disk for a sync that is not of a file or folder.
bless() {{
  for entry in /esp/EFI/Linux/*_$1+*.efi; do mv "$entry" "${{entry%%+*}}.efi"; done
  sync /esp/EFI/Linux
  sync -f /esp/EFI/Linux
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


def _sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    return path


@dataclasses.dataclass(frozen=True)
class UpgradeMachine:
    """`kernel` as in product.py; `sources` are OCI layouts by name, found as oci:/sources/NAME."""

    kernel: Path
    sources: dict
    signed_command_line: str  # with DIGEST in the place of the image's

    def _initramfs(self, root, steps):
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
        init = INIT.format(modules=names, root=root, mark=MARK_SECTOR, steps="\n".join(steps))
        files["init"] = (0o755, init.encode())
        return cpio.archive(files, [*parents(files), "proc", "dev", "sysroot", "esp", "tmp"])

    def machine(self, folder, disks, steps):
        """Runs `steps` (shell) on one disk, or on the ESP of the first and the root of the second. They stay as the
        power cut at the end leaves them."""
        initrd = folder / "initrd"
        initrd.write_bytes(self._initramfs("vda2" if len(disks) == 1 else "vdb2", steps))
        vmlinuz = next((self.kernel / "usr/lib/modules").iterdir()) / "vmlinuz"
        start = (vmlinuz, initrd, "console=ttyS0 panic=-1 quiet")
        if len(disks) == 1:
            machine = recorded(*start, disks[0], _sparse(folder / "log", LOG_BYTES))
        else:
            logs, order = (_sparse(folder / name, 2 * len(disks) * LOG_BYTES) for name in ("logs", "order"))
            machine = recorded_together(*start, disks, logs, order, LOG_BYTES)
        return dataclasses.replace(machine, timeout_seconds=120)

    def read_log(self, folder, disks):
        """What `machine` has recorded."""
        if len(disks) == 1:
            return read_log(folder / "log")
        return read_logs(folder / "logs", [number * LOG_BYTES for number in range(len(disks))], folder / "order")
