# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""What the boot tests boot, made once for all of them: tools and kernels from the cache, keys of our own, the demo
image sealed by the product.

    product.py --sealroot PROGRAM --out FOLDER      makes it (ctest runs this as a fixture)
    load()                                          gives it to a test; FOLDER comes from SEALROOT_VM_PRODUCT
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import firmware
from harness import TALLY

SOURCE = Path(__file__).resolve().parents[2]
FIRMWARE_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd"

# Refused boots power off, so that a machine under test ends; the console is the emulator's serial port.
COMMAND_LINE = "console=ttyS0 panic=-1"


@dataclasses.dataclass(frozen=True)
class Product:
    folder: Path
    linux: Path  # user-mode Linux
    kernel: Path  # folder with usr/lib/modules/VERSION
    systemd_boot: Path  # package systemd-boot-efi, 254 or newer, unpacked
    virt_firmware: Path  # package python3-virt-firmware, unpacked

    @property
    def keys(self):
        return self.folder / "keys"

    @property
    def variables(self):
        return self.folder / "vars.fd"

    @property
    def stub(self):
        return self.systemd_boot / "usr/lib/systemd/boot/efi/linuxx64.efi.stub"

    def sealed(self, name="sealed"):
        """Output of a `sealroot build`: `sealed` has this system's stub, `newer-stub` one that knows SMBIOS."""
        return Sealed(self.folder / name)


@dataclasses.dataclass(frozen=True)
class Sealed:
    folder: Path

    @property
    def record(self):
        return json.loads((self.folder / "build.json").read_text())

    @property
    def disk(self):
        return self.folder / self.record["disk"]["file"]

    @property
    def uki(self):
        return self.folder / self.record["uki"]["file"]

    @property
    def image_digest(self):
        """Hex digits of the image's digest."""
        return self.record["image"]["digest"].rpartition(":")[2]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def script(name, *arguments):
    """Runs one of scripts/ and returns the path it prints."""
    return run(SOURCE / "scripts" / name, *arguments, stdout=subprocess.PIPE, text=True).stdout.strip()


def make_keys(folder):
    """Platform key, key exchange key and the db key that signs; made anew, so no private key is ever in the tree."""
    folder.mkdir()
    for name in ("PK", "KEK", "db", "stranger"):
        run("openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "3650", "-subj",
            f"/CN=sealroot test {name}/", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt",
            stderr=subprocess.DEVNULL)  # fmt: skip


def make_variables(package, keys, out):
    """OVMF variables with these keys only and Secure Boot on."""
    firmware.run(package, FIRMWARE_VARIABLES, "-o", out, "--set-pk", firmware.OWNER, keys / "PK.crt", "--add-kek",
                 firmware.OWNER, keys / "KEK.crt", "--add-db", firmware.OWNER, keys / "db.crt",
                 "--secure-boot")  # fmt: skip


def seal(sealroot, product, name, *options):
    run(sealroot, "build", f"oci:{product.folder / 'demo'}", "--quiet", "--key", product.keys / "db.key", "--cert",
        product.keys / "db.crt", "--cmdline", COMMAND_LINE, "--on-failure", "poweroff", "-o", product.folder / name,
        *options, stdout=subprocess.DEVNULL)  # fmt: skip


def newer_stub_profile(product):
    """A copy of the default profile with another stub."""
    profile = product.folder / "newer-stub.conf"
    default = (SOURCE / "ukify-templates" / "default.conf").read_text()
    profile.write_text(default.replace("[UKI]", f"[UKI]\nStub={product.stub}", 1))
    return profile


def make(sealroot, folder):
    shutil.rmtree(folder, ignore_errors=True)
    Path(os.environ.get("SEALROOT_VM_LOGS", "vm-logs"), TALLY).unlink(missing_ok=True)
    folder.mkdir(parents=True)
    paths = {
        "linux": script("build-uml"),
        "kernel": script("fetch-kernel"),
        "systemd_boot": script("fetch-package", "systemd-boot-efi"),
        "virt_firmware": script("fetch-package", "python3-virt-firmware"),
    }
    product = Product(folder, **{name: Path(path) for name, path in paths.items()})
    make_keys(product.keys)
    make_variables(product.virt_firmware, product.keys, product.variables)
    run(SOURCE / "scripts" / "demo-image", folder / "demo", stderr=subprocess.DEVNULL)
    seal(sealroot, product, "sealed")
    seal(sealroot, product, "newer-stub", "--uki-config", newer_stub_profile(product))
    (folder / "product.json").write_text(json.dumps(paths))


def load():
    folder = Path(os.environ.get("SEALROOT_VM_PRODUCT", "product"))
    try:
        paths = json.loads((folder / "product.json").read_text())
    except FileNotFoundError:
        sys.exit(f"{folder}: no product to test; ctest makes it, or tests/vm/product.py by hand")
    return Product(folder.resolve(), **{name: Path(path) for name, path in paths.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sealroot", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    make(options.sealroot.resolve(), options.out.resolve())


if __name__ == "__main__":
    main()
