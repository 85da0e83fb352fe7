# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A host made of directories: root partition, ESP, EFI variables and kernel command line, and sealed container images
to upgrade it with. Nothing of it boots; any UEFI program will do for the kernel."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import small_image

SEALROOT = os.environ["SEALROOT"]
BOOT_FILES = Path("/usr/lib/systemd/boot/efi")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SOURCE_DATE_EPOCH": "1700000000", "LC_ALL": "C.UTF-8"}
# So that the minimal initramfs needs no modules.
BUILTIN = b"".join(b"kernel/%s.ko\n" % name for name in (b"erofs", b"overlay", b"ext4", b"loop"))
SECURE_BOOT = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def sealroot(*arguments):
    return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True, env=ENVIRONMENT)


def succeeded(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_key(folder, name):
    subprocess.run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj",
                    f"/CN={name}/", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"],
                   check=True, capture_output=True)  # fmt: skip


def sign(file, key, out):
    """As on a machine that has the key, with sealroot's own commands and openssl."""
    to_sign, signature = out.with_suffix(".bytes"), out.with_suffix(".sig")
    succeeded(sealroot("uki", "prepare", file, "-o", to_sign))
    subprocess.run(["openssl", "dgst", "-sha256", "-sign", key, "-out", signature, to_sign], check=True)
    succeeded(sealroot("uki", "attach", file, "--signature", signature, "--cert", key.with_suffix(".crt"), "-o", out))
    return out.read_bytes()


class Images:
    """Sealed container images below `folder`, made once each; `db` is the key that hosts pin."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("db", "stranger"):
            make_key(folder, name)
        self.kernel = next(BOOT_FILES.glob("systemd-boot*.efi")).read_bytes()

    def entries(self, version, pinned=True, image_id="web", extra=()):
        certificate = (self.folder / "db.crt").read_bytes()
        entries = [*small_image.base_entries(), ("usr/lib/modules", None), ("usr/lib/modules/1", None),
                   ("usr/lib/modules/1/vmlinuz", self.kernel), ("usr/lib/modules/1/modules.builtin", BUILTIN),
                   ("usr/lib/sealroot", None)]  # fmt: skip
        entries = [entry for entry in entries if entry[0] != "usr/lib/os-release"]
        entries.append(("usr/lib/os-release", f"ID={image_id}\nIMAGE_ID={image_id}\nIMAGE_VERSION={version}\n".encode()))
        if pinned:
            entries.append(("usr/lib/sealroot/db.crt", certificate))
        entries += [("etc/motd", b"m" * 200), ("usr/lib/large", b"x" * 300000),
                    ("usr/lib/version", version.encode() * 100)]  # fmt: skip
        return [*entries, *extra]

    def build(self, name, entries, *options, key="db"):
        """Builds a system from a tar and returns its folder, which holds build.json and the UKI."""
        (self.folder / f"{name}.tar").write_bytes(small_image.tar_bytes(entries))
        out = self.folder / f"{name}.out"
        succeeded(sealroot("build", f"tar:{self.folder / f'{name}.tar'}", "--quiet", "--no-disk", "--key",
                           self.folder / f"{key}.key", "--cert", self.folder / f"{key}.crt", "-o", out,
                           *options))  # fmt: skip
        return out

    def sealed(self, name, entries=None, *options, key="db", layer=None, spoil=None):
        """`oci:` name of a sealed image: the system and a layer with its UKI, or with the entries of layer(uki)."""
        place = self.folder / f"{name}.oci"
        if not place.exists():
            entries = self.entries(name) if entries is None else entries
            out = self.build(name, entries, *options, key=key)
            uki = next(out.glob("*.efi")).read_bytes()
            if spoil:
                uki = spoil(uki)
            if layer is None:
                layer_entries = [("boot/EFI", None), ("boot/EFI/Linux", None), ("boot/EFI/Linux/system.efi", uki)]
            else:
                layer_entries = [("boot/EFI", None), ("boot/EFI/Linux", None), *layer(uki)]
            small_image.write_image(place, [small_image.tar_bytes(entries), small_image.tar_bytes(layer_entries)])
        return f"oci:{place}"

    def digest(self, name):
        return json.loads((self.folder / f"{name}.out" / "build.json").read_text())["image"]["digest"].split(":")[1]

    def uki_size(self, name):
        return next((self.folder / f"{name}.out").glob("*.efi")).stat().st_size


class Host:
    """Below `folder`: sysroot, esp, efivars, cmdline."""

    def __init__(self, folder, esp=None):
        self.folder = folder
        self.sysroot, self.esp, self.efivars = folder / "sysroot", esp or folder / "esp", folder / "efivars"
        self.cmdline = folder / "cmdline"

    def install(self, out):
        """As a build's disk has it: repository with image and ref, state, boot entry."""
        record = json.loads((out / "build.json").read_text())
        self.sysroot.mkdir(parents=True)
        self.efivars.mkdir()
        shutil.copytree(out / "composefs", self.sysroot / "composefs", symlinks=True)
        digest = record["image"]["digest"].split(":")[1]
        for name in ("upper", "work"):
            (self.sysroot / "state/deploy" / digest / "etc" / name).mkdir(parents=True)
        (self.sysroot / "state/os/default/var").mkdir(parents=True)
        (self.esp / "EFI/Linux").mkdir(parents=True)
        (self.esp / "loader").mkdir()
        (self.esp / "loader/loader.conf").write_text("timeout 3\neditor no\n")
        uki = next(out.glob("*.efi"))
        shutil.copy(uki, self.esp / "EFI/Linux" / uki.name)
        (self.efivars / SECURE_BOOT).write_bytes(b"\x06\x00\x00\x00\x01")
        self.signed = record["uki"]["cmdline"].replace(digest, "DIGEST")
        self.boot(digest)

    def install_from_disk(self, disk):
        """The partitions of a disk image that `sealroot install` made, its one deployment booted."""
        esp, root = json.loads(succeeded(sealroot("inspect", "--json", disk)))["partitions"]
        self.efivars.mkdir(parents=True)
        self.sysroot.mkdir()
        self.esp.mkdir()
        subprocess.run(["debugfs", "-R", f"rdump /composefs /state {self.sysroot}", f"{disk}?offset={root['offset']}"],
                       check=True, capture_output=True)  # fmt: skip
        subprocess.run(["mcopy", "-s", "-i", f"{disk}@@{esp['offset']}", "::/EFI", "::/loader", self.esp], check=True)
        (self.efivars / SECURE_BOOT).write_bytes(b"\x06\x00\x00\x00\x01")
        deployments = [path.name for path in (self.sysroot / "state/deploy").iterdir()]
        uki = next((self.esp / "EFI/Linux").iterdir())
        cmdline = json.loads(succeeded(sealroot("inspect", "--json", uki)))["cmdline"]["secure_boot_on"]["text"]
        self.signed = cmdline.replace(deployments[0], "DIGEST")
        self.boot(deployments[0])

    def boot(self, digest):
        self.cmdline.write_text(self.signed.replace("DIGEST", digest) + "\n")

    def options(self):
        return ("--sysroot", self.sysroot, "--esp", self.esp, "--proc-cmdline", self.cmdline, "--efivars", self.efivars)

    def run(self, command, *arguments):
        return sealroot(command, *arguments, *self.options())

    def status(self, *arguments):
        return json.loads(succeeded(self.run("status", "--json", *arguments)))

    def names(self):
        return sorted(path.name for path in (self.esp / "EFI/Linux").iterdir())

    def bless(self, digest):
        """As systemd-bless-boot after a good boot."""
        for path in (self.esp / "EFI/Linux").glob(f"*_{digest[:16]}+*.efi"):
            path.rename(path.with_name(path.name.split("+")[0] + ".efi"))

    def boot_next(self, bless=True):
        """Boots what comes next."""
        status = self.status()
        digest = status["next"].split(":")[1]
        self.boot(digest)
        if bless:
            self.bless(digest)
        return digest
