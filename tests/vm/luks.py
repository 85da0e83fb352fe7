# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""LUKS2 disks made without device mapper, and an initramfs that opens one with this system's own systemd-cryptsetup.

Formats: LUKS2 with aes-xts-plain64 and 4096-byte sectors; its IV counts sectors of 512 bytes.
"""

import lzma
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cpio
from disk import ROOT, partitions

SECTOR, HEADER_BYTES = 4096, 16 << 20
PASSPHRASE = b"for the first boot"
MODULES = ("virtio_blk", "efivarfs", "dm_crypt", "xts", "aesni_intel", "ext4", "erofs", "overlay", "sha512_generic")
PROGRAMS = ("/lib/systemd/systemd-cryptsetup", "/lib/systemd/systemd-pcrphase", "/usr/bin/systemd-cryptenroll")
# Those of systemd 252; later ones have other names and packages.
AVAILABLE = all(Path(program).exists() for program in (*PROGRAMS, "/sbin/cryptsetup"))
# What those load by name.
LIBRARIES = ("libtss2-esys.so.0", "libtss2-rc.so.0", "libtss2-mu.so.0", "libtss2-tcti-device.so.0",
             "cryptsetup/libcryptsetup-token-systemd-tpm2.so")  # fmt: skip

SCRIPT = r"""#!/bin/busybox sh
export PATH=/bin DM_DISABLE_UDEV=1 SYSTEMD_LOG_TARGET=console
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /run
check() { echo "SEALROOT-CHECK $1"; }
for module in $(cat /modules.order); do insmod "$module" 2>/dev/null; done
mount -t efivarfs efivarfs /sys/firmware/efi/efivars
for second in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vdb ] && break; sleep 1; done
/lib/systemd/systemd-pcrphase enter-initrd
if [ -e /.extra/tpm2-pcr-public-key.pem ] && head -c 4 /dev/vdb | grep -q LUKS &&
  ! head -c 1048576 /dev/vdb | grep -aq systemd-tpm2; then
  PASSWORD=$(cat /passphrase) /usr/bin/systemd-cryptenroll /dev/vdb --tpm2-device=auto --tpm2-pcrs=7+12 \
    --tpm2-public-key=/.extra/tpm2-pcr-public-key.pem --tpm2-public-key-pcrs=11 \
    --tpm2-signature=/.extra/tpm2-pcr-signature.json && check tpm=enrolled
fi
/lib/systemd/systemd-cryptsetup attach root /dev/vdb - \
  tpm2-device=auto,tpm2-signature=/.extra/tpm2-pcr-signature.json,headless=1
if [ -b /dev/mapper/root ]; then
  check disk=open
  mount -t ext4 -o nosuid,nodev /dev/mapper/root /sysroot &&
    /usr/lib/sealroot/sealroot-pivot --restart --sysroot /sysroot &&
    for each in proc sys dev; do mount --move /$each /sysroot/$each; done &&
    exec switch_root /sysroot /sbin/init
fi
check disk=locked
poweroff -f
"""


def _libraries(program):
    """Paths of the shared libraries of a program, its loader among them."""
    text = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


def _module_files(kernel):
    """(path, content) of MODULES and what they need, in the order of loading."""
    folder = next((kernel / "usr/lib/modules").iterdir())
    needs = dict(line.split(":", 1) for line in (folder / "modules.dep").read_text().splitlines())
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    order = []
    for name in MODULES:
        if name in by_name:
            order += [*reversed(needs[by_name[name]].split()), by_name[name]]
    for path in dict.fromkeys(order):
        content = (folder / path).read_bytes()
        yield path.removesuffix(".xz"), lzma.decompress(content) if path.endswith(".xz") else content


def initramfs(kernel):
    """An archive of this system's programs, `kernel`'s modules and the script above."""
    folder = Path("/lib", f"{platform.machine()}-linux-gnu")
    paths = [*PROGRAMS, *(str(folder / name) for name in LIBRARIES)]
    paths += [library for path in list(paths) for library in _libraries(path)]
    files = {path.removeprefix("/"): (0o755, Path(path).read_bytes()) for path in dict.fromkeys(paths)}
    modules = {f"modules/{path.replace('/', '_')}": (0o644, content) for path, content in _module_files(kernel)}
    files |= modules
    busybox = Path(shutil.which("busybox")).read_bytes()
    files |= {"bin/busybox": (0o755, busybox), "init": (0o755, SCRIPT.encode()),
              "usr/lib/sealroot/sealroot-pivot": (0o755, Path(os.environ["SEALROOT_PIVOT"]).read_bytes()),
              "passphrase": (0o600, PASSPHRASE),
              "modules.order": (0o644, "\n".join(f"/{name}" for name in modules).encode())}  # fmt: skip
    applets = ("cat", "echo", "grep", "head", "insmod", "mount", "poweroff", "sh", "sleep", "switch_root", "umount")
    files |= {f"bin/{name}": (0o755, b"#!/bin/busybox sh\nexec /bin/busybox ${0##*/} \"$@\"\n") for name in applets}
    folders = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    archive = cpio.archive(files, sorted({*folders, "dev", "proc", "run", "sys", "sysroot"}))
    # Firmware and TPM hash all of it, slowly in emulation.
    return subprocess.run(["zstd", "-q", "-3", "--stdout"], input=archive, check=True, capture_output=True).stdout


def encrypt_root(disk, out):
    """Writes the root partition of the sealed `disk` into the new LUKS2 container `out`."""
    sys.path.append("/usr/lib/python3/dist-packages")  # where Debian's python3-cryptography is
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    root, key = partitions(disk)[ROOT], secrets.token_bytes(64)
    with tempfile.TemporaryDirectory() as scratch, disk.open("rb") as plain, out.open("wb") as encrypted:
        key_file, passphrase = Path(scratch, "key"), Path(scratch, "passphrase")
        key_file.write_bytes(key)
        passphrase.write_bytes(PASSPHRASE)
        encrypted.truncate(HEADER_BYTES + root.size)
        subprocess.run(["/sbin/cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--cipher",
                        "aes-xts-plain64", "--key-size", "512", "--sector-size", str(SECTOR), "--pbkdf", "pbkdf2",
                        "--pbkdf-force-iterations", "1000", "--volume-key-file", key_file, "--offset",
                        str(HEADER_BYTES // 512), out, passphrase], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        plain.seek(root.offset)
        encrypted.seek(HEADER_BYTES)
        for sector in range(0, root.size // 512, SECTOR // 512):
            tweak = sector.to_bytes(16, "little")
            encrypted.write(Cipher(algorithms.AES(key), modes.XTS(tweak)).encryptor().update(plain.read(SECTOR)))
