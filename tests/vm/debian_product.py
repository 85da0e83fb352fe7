# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A full Debian and four initramfs of distributions, made with the real tools and sealed by the product.

    debian_product.py --sealroot PROGRAM --build FOLDER --product FOLDER --out FOLDER    (a fixture of ctest)
    load()                                                                               gives it to a test

`sealed` is Debian with systemd in the initramfs (dracut) and as PID 1, bootc_initrd() another initramfs for it;
`dracut-shell` and `initramfs-tools` are the small demo image with the initramfs of that name.
"""

import argparse
import json
import os
import shutil
from pathlib import Path

import product
from product import SOURCE, Sealed, run

STYLES = ("dracut-shell", "initramfs-tools")
PACKAGES = ("systemd,systemd-boot,systemd-sysv,udev,dbus,kmod,mount,login,e2fsprogs,dracut-core,"
            "initramfs-tools-core,busybox,cpio,zstd")  # fmt: skip
NEWER_PACKAGES = "systemd,systemd-boot,systemd-sysv,udev,dbus,kmod,mount,login,e2fsprogs"
# Refused boots power off, so that a machine under test ends; quiet, or systemd's lines would tear those of the report.
COMMAND_LINE = "console=ttyS0 panic=-1 systemd.show_status=no"


def archive_line():
    """The running system's suite and its archive, as in scripts/lib/debian.sh."""
    command = '. scripts/lib/common.sh; . scripts/lib/debian.sh; suite=$(debian_suite); suite=${suite%-backports}; ' \
              'echo "$suite" $(debian_archive "$suite")'  # fmt: skip
    text = run("bash", "-euc", command, cwd=SOURCE, capture_output=True, text=True).stdout.split()
    signed = f"[signed-by={text[2]}] " if len(text) > 2 else ""
    return text[0], f"deb {signed}{text[1]} {text[0]} main"


def seal(sealroot, keys, source, out, *options):
    run(sealroot, "build", source, "--quiet", "--key", keys / "db.key", "--cert", keys / "db.crt", "--cmdline",
        COMMAND_LINE, "--on-failure", "poweroff", "-o", out, *options, stdout=-3)  # fmt: skip


def make(sealroot, build, demo, out):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    suite, archive = archive_line()
    hook = f'"{SOURCE}/tests/vm/debian/customize" "$1" "{demo.kernel}" "{build}" "{out}"'
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", f"--customize-hook={hook}", suite,
        out / "debian.tar", archive)  # fmt: skip
    seal(sealroot, demo.keys, f"tar:{out / 'debian.tar'}", out / "sealed", "--initrd", "image")
    for style in STYLES:
        seal(sealroot, demo.keys, f"oci:{demo.folder / 'demo'}", out / style, "--initrd", out / f"{style}.img")
    (out / "product.json").write_text(json.dumps({"suite": suite}))


def make_newer(kernel, out):
    """A Debian with systemd 254 or newer, where need be of its backports, as a tar."""
    suite, archive = archive_line()
    archives, options = [archive], []
    if suite == "bookworm":
        archives.append(archive.replace(" bookworm ", " bookworm-backports "))
        options = ["--aptopt=APT::Default-Release \"bookworm-backports\""]
    hook = f'"{SOURCE}/tests/vm/debian/customize-newer" "$1" "{kernel}"'
    run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={NEWER_PACKAGES}", *options,
        f"--customize-hook={hook}", suite, out, *archives)  # fmt: skip


def folder():
    return Path(os.environ.get("SEALROOT_VM_DEBIAN", "debian"))


def load(name):
    """One sealed system: `sealed` or a name of STYLES."""
    return Sealed(folder() / name)


def bootc_initrd():
    """Path of an initramfs for `sealed` that has no sealed config."""
    return folder() / "dracut-bootc.img"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("sealroot", "build", "product", "out"):
        parser.add_argument(f"--{name}", type=lambda text: Path(text).resolve(), required=True)
    options = parser.parse_args()
    os.environ["SEALROOT_VM_PRODUCT"] = str(options.product)
    make(options.sealroot, options.build, product.load(), options.out)


if __name__ == "__main__":
    main()
