# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A host that was upgraded while each write to its disks was logged, and these after a power cut.

Two deployments come and one goes, beside the file of somebody else on the ESP that makes names there lie across two
sectors. Every step says in the log when it has ended; until the next one has, it is what the power cut interrupts.

ESP and root may be on disks of their own. What a power cut leaves of these is put together to one disk, so that all
else is the same: only which flush makes what durable differs.
"""

import dataclasses
import filecmp
import json
import os
import re
import subprocess
from pathlib import Path

from disk import ESP, ROOT, Disk
from harness import boot
from small_host import BOOT_FILES, sealroot, succeeded
from test_install import sign
from upgrade_machine import DONE, MARK_SECTOR, UpgradeMachine

FILE_OF_SOMEBODY_ELSE = "/EFI/Linux/a-file-of-somebody-else-with-a-name.txt"
SECTOR = 512
E2FSCK_CORRECTED = FSCK_FAT_CORRECTED = 1
FSCK_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclasses.dataclass(frozen=True)
class Step:
    """What may be on the disk while it runs, by the versions of deployments."""

    name: str
    command: str
    booted: str
    required: str  # bootable all the time
    allowed: str
    ends: str  # bootable when it has ended, what boots next first


# A rename on FAT, which only systemd-bless-boot does here, may lose the entry when the power is cut, also after the
# command has ended: FAT writes a part of it for syncfs only, which does not flush the disk.
STEPS = (
    Step("switch-2", "sealroot switch --quiet oci:/sources/2 $host", booted="1", required="1", allowed="12", ends="21"),
    Step("bless-2", "bless {2}", booted="2", required="1", allowed="12", ends="21"),
    Step("switch-3", "sealroot switch --quiet oci:/sources/3 $host", booted="2", required="2", allowed="123",
         ends="32"),  # fmt: skip
    Step("rollback", "sealroot rollback 2 $host", booted="2", required="23", allowed="23", ends="23"),
    Step("gc", "sealroot gc $host", booted="2", required="23", allowed="23", ends="23"),
    Step("bless-3", "bless {3}", booted="3", required="2", allowed="23", ends="32"),
    Step("gc-1", "sealroot gc --keep-deployments 1 $host", booted="3", required="3", allowed="23", ends="3"),
    Step("end", "true", booted="3", required="3", allowed="3", ends="3"),
)


class CutHost:
    """Made once for all tests: `folder` is for its files, `kernel` as in product.py, `images` as in small_host.py."""

    def __init__(self, folder, kernel, console, images, two_disks=False):
        self.folder, self.images = folder, images
        self.sources = sources = {name: Path(self.images.sealed(name).removeprefix("oci:")) for name in "123"}
        self.versions = {self.images.digest(name): name for name in "123"}
        self.certificate = self.images.folder / "db.crt"
        self.start = folder / "start.raw"
        self._install(sources["1"])
        record = json.loads((self.images.folder / "1.out/build.json").read_text())
        self.signed = record["uki"]["cmdline"].replace(self.images.digest("1"), "DIGEST")
        machine = UpgradeMachine(kernel, {name: sources[name] for name in "23"}, self.signed)
        self.disks = self._split() if two_disks else [Disk(self.start, folder / "run.raw")]
        self.console = self._record(machine, console)
        self.log = machine.read_log(folder, self.disks)
        self.ends = [(at, data.decode().strip()) for at, data in self.log.find(MARK_SECTOR * SECTOR)]

    def _install(self, source):
        loader = self.folder / "loader.efi"
        sign(BOOT_FILES / "systemd-bootx64.efi", self.images.folder / "db.key", loader)
        fresh = self.folder / "fresh.raw"
        succeeded(sealroot("install", f"oci:{source}", "--quiet", "--image", fresh, "--cert", self.certificate,
                           "--boot-loader", loader))  # fmt: skip
        Disk(fresh, self.start).esp_write(FILE_OF_SOMEBODY_ELSE, b"x")

    def _record(self, machine, console):
        lines = []
        for step in STEPS:
            lines.append(f"boot {self.images.digest(step.booted)}")
            lines.append(f"step {step.name} " + re.sub(r"{(.)}", lambda n: self.images.digest(n[1])[:16], step.command))
        return boot(machine.machine(self.folder, [disk.path for disk in self.disks], lines), [DONE], console)

    def _split(self):
        """A disk with the ESP only, and one with the root only; each partition where it was, with its number."""
        disks = []
        for name, other in (("esp.raw", ROOT), ("root.raw", ESP)):
            disk = Disk(self.start, self.folder / name)
            gone = disk.partitions.pop(other)
            subprocess.run(["sfdisk", "--quiet", "--delete", disk.path, str(gone.number)], check=True,
                           env=FSCK_ENVIRONMENT)  # fmt: skip
            disks.append(disk)
        return disks

    def differences(self, folder):
        """Partitions that differ from what the log makes of them."""
        made = self.disk_after(self.log.whole(len(self.log.entries)), folder).disk
        found = []
        for disk in self.disks:
            for kind in disk.partitions:
                copies = [folder / "logged.part", folder / "ran.part"]
                for source, copy in zip((made, disk), copies):
                    _copy_partition(source, kind, copy)
                if not filecmp.cmp(*copies, shallow=False):
                    found.append(f"partition {disk.partitions[kind].number} of {disk.path.name}")
        return found

    def step_at(self, position):
        """The one that is interrupted."""
        return STEPS[self._number_at(position)]

    def required_at(self, position):
        """Versions that boot after a power cut."""
        number = self._number_at(position)
        return STEPS[number if self.is_settled(position) else number - 1].required

    def is_settled(self, position):
        """Whether a rename of the step before stays, since the disk of the ESP was flushed after it."""
        number = self._number_at(position)
        if not number or not STEPS[number - 1].command.startswith("bless "):
            return True
        return self.log.last_flush(position, disk=0) > self.ends[number - 1][0]

    def _number_at(self, position):
        ended = sum(at <= position for at, _ in self.ends)
        return min(ended, len(STEPS) - 1)

    def disk_after(self, cut, folder):
        """The disk as it is found after the power cut, the journal of its root not yet replayed."""
        disk = Disk(self.start, folder / "disk.raw")
        with disk.path.open("r+b") as file:
            for offset, data in cut.writes:
                file.seek(offset)
                file.write(data)
        root = folder / "root.raw"
        _copy_partition(disk, ROOT, root)
        return CutDisk(disk, root, self.certificate, self.versions)


def _copy_partition(disk, kind, out):
    partition = disk.partitions[kind]
    subprocess.run(["dd", f"if={disk.path}", f"of={out}", f"skip={partition.offset}", f"count={partition.size}",
                    "iflag=skip_bytes,count_bytes", "bs=1M", "conv=sparse", "status=none"], check=True)  # fmt: skip


def _next_data(file, offset):
    try:
        return os.lseek(file.fileno(), offset, os.SEEK_DATA)
    except OSError:  # ENXIO: none is left
        return None


def _complaint(done, accepted=(0,)):
    return [] if done.returncode in accepted else [(done.stdout + done.stderr).strip()[-500:]]


@dataclasses.dataclass
class CutDisk:
    disk: Disk
    root: Path  # copy of the root partition: e2fsck can't replay the journal of one that is within a file
    certificate: Path
    versions: dict

    def _e2fsck(self, *options):
        done = subprocess.run(["e2fsck", *options, self.root], capture_output=True, text=True, env=FSCK_ENVIRONMENT)
        return _complaint(done, (0, E2FSCK_CORRECTED))

    def replay_journal(self):
        """As the kernel does it when it mounts the root."""
        complaints = self._e2fsck("-y", "-E", "journal_only")
        self._put_back(ROOT, self.root)
        return complaints

    def repair_esp(self):
        """As systemd-fsck does it where dosfstools are installed."""
        copy = self.root.with_name("esp.raw")
        _copy_partition(self.disk, ESP, copy)
        done = subprocess.run(["fsck.fat", "-a", copy], capture_output=True, text=True, env=FSCK_ENVIRONMENT)
        self._put_back(ESP, copy)
        return _complaint(done, (0, FSCK_FAT_CORRECTED))

    def _put_back(self, kind, partition):
        """What is a hole in the copy is so, or zeros, in the disk that it was made of."""
        with partition.open("rb") as copy, self.disk.path.open("r+b") as file:
            end = 0
            while (start := _next_data(copy, end)) is not None:
                end = os.lseek(copy.fileno(), start, os.SEEK_HOLE)
                file.seek(self.disk.partitions[kind].offset + start)
                file.write(os.pread(copy.fileno(), end - start, start))

    def check_file_system(self):
        """That the disk is one that a kernel leaves: ext4 keeps its promises. Orphans are removed as at mount."""
        return self._e2fsck("-p", "-f")

    def _is_harmless(self, finding):
        """Whether it is about an entry whose first sector is still missing, so that nothing boots it, or about clusters
        without a name, to which fsck.fat has given one."""
        if re.fullmatch(r"ESP: '/?FSCK\d+\.REC'", finding["where"]):
            return True
        found = re.fullmatch(r"ESP: '/?(EFI/Linux/.+\.efi)'", finding["where"], re.IGNORECASE)
        return found and not any(self.disk.esp_read(f"/{found[1]}")[:SECTOR])

    def prove(self):
        """(versions whose whole chain is intact, findings)."""
        done = sealroot("verify", "--json", self.disk.path, "--cert", self.certificate)
        proof = json.loads(done.stdout)
        findings = [f"{found['where']}: {found['what']}" for found in proof["findings"]
                    if not self._is_harmless(found)]  # fmt: skip
        return {self.versions[image.partition(":")[2]] for image in proof["images"]}, findings

    def check_repository(self, scratch):
        """What names and refs need is there and right, after gc has removed all else."""
        subprocess.run(["debugfs", "-R", f"rdump /composefs {scratch}", self.root], check=True, capture_output=True,
                       env=FSCK_ENVIRONMENT)  # fmt: skip
        repository = scratch / "composefs"
        return [line for command in ("gc", "fsck") for line in _complaint(sealroot(command, repository))]
