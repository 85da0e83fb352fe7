# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The three kinds of machine, from quick to complete: user-mode Linux, QEMU with a kernel, QEMU with Secure Boot.

Tests don't change a disk while it runs, unless they say so: QEMU writes to a throw-away snapshot, user-mode Linux to a
throw-away COW file.
"""

from pathlib import Path

from harness import Machine

FIRMWARE = Path("/usr/share/OVMF")

# Kernel 6.12 crashes at random in emulation when it sees cmpxchg16b.
_EMULATOR = ("qemu-system-x86_64", "-cpu", "max,-cx16", "-smp", "1", "-nodefaults", "-nographic", "-serial", "stdio",
             "-no-reboot")  # fmt: skip


class UserModeLinux:
    """User-mode Linux with `initrd` and `disks` as /dev/ubda, /dev/ubdb, ...; what it writes to them is lost.

    `scratch` is a folder for its files; `tokens` go to the end of its command line.
    """

    # It puts these after everything it was given.
    own_tokens = ("root=98:0", "console=tty0")

    def __init__(self, program, scratch, initrd, disks=(), tokens=""):
        drives = [f"ubd{number}={scratch}/cow{number},{disk}" for number, disk in enumerate(disks)]
        self._program, self._scratch = program, scratch
        self._fixed = ["mem=256M", *([f"initrd={initrd}"] if initrd else []), *drives, "panic=-1"]
        self._tokens = tokens.split()

    def command_line(self, tokens):
        """What /proc/cmdline says in front of its own tokens when it is given `tokens`."""
        return " ".join([*self._fixed, *tokens.split()])

    @classmethod
    def with_host_files(cls, program, scratch, init, disks):
        """One whose root is this system's, read only, and whose first program is `init`."""
        tokens = f"root=/dev/root rootfstype=hostfs rootflags=/ ro init={init}"
        return cls(program, scratch, None, disks, tokens).machine(timeout_seconds=90)

    def machine(self, timeout_seconds=20):
        return Machine(
            command=(str(self._program), *self._fixed, *self._tokens),
            timeout_seconds=timeout_seconds,
            # Without the tunable glibc registers memory that the guest's processes do not have ("failed to wait for
            # SIGTRAP"). HOME: it keeps a folder of running machines there.
            environment=(("GLIBC_TUNABLES", "glibc.pthread.rseq=0"), ("HOME", str(self._scratch))),
        )


def on_this_system(program, scratch, script, disk, keeps_disk=False):
    """User-mode Linux with this system's own files, read only, as root and the executable `script` as its init. What it
    writes to the disk is lost, unless it `keeps_disk`."""
    drive = str(disk) if keeps_disk else f"{scratch}/cow0,{disk}"
    return Machine(
        command=(str(program), "mem=256M", "root=/dev/root", "rootfstype=hostfs", "ro", f"ubd0={drive}",
                 "panic=-1", f"init={script}"),  # fmt: skip
        timeout_seconds=20,
        environment=(("GLIBC_TUNABLES", "glibc.pthread.rseq=0"), ("HOME", str(scratch))),
    )


def _strings(smbios):
    return [argument for value in smbios for argument in ("-smbios", f"type=11,value={value}")]


def direct(kernel, initrd, command_line, disk, nvme=False, memory=512, smbios=()):
    """QEMU that starts `kernel` itself, no firmware; `smbios` are type 11 strings. Debian's kernel has the driver of
    NVMe disks built in."""
    drive = f"file={disk},format=raw,snapshot=on,"
    drive = ("-drive", drive + "if=none,id=disk", "-device", "nvme,drive=disk,serial=1") if nvme else (
        "-drive", drive + "if=virtio")  # fmt: skip
    return Machine(
        command=(*_EMULATOR, "-M", "q35", "-accel", "tcg", "-m", str(memory), "-kernel", str(kernel),
                 "-initrd", str(initrd), "-append", command_line, *drive, *_strings(smbios)),  # fmt: skip
        timeout_seconds=40,
    )


def recorded(kernel, initrd, command_line, disk, log):
    """QEMU that starts `kernel` itself and keeps what is written to `disk`, and in the file `log` each of the writes:
    see write_log.py."""
    nodes = (f"driver=file,filename={disk},node-name=disk-file", "driver=raw,file=disk-file,node-name=disk",
             f"driver=file,filename={log},node-name=log-file", "driver=raw,file=log-file,node-name=log",
             "driver=blklogwrites,file=disk,log=log,log-sector-size=512,node-name=logged")  # fmt: skip
    return Machine(
        command=(*_EMULATOR, "-M", "q35", "-accel", "tcg", "-m", "512", "-kernel", str(kernel), "-initrd", str(initrd),
                 "-append", command_line, *(part for node in nodes for part in ("-blockdev", node)),
                 # An NVMe disk of QEMU 7 forgets FUA; this one has none, so that the kernel flushes instead. Of merged
                 # requests the log can't take the largest.
                 "-device", "virtio-blk-pci,drive=logged,request-merging=off"),  # fmt: skip
        timeout_seconds=40,
    )


def _with_tpm(folder):
    """In front of an emulator's command: swtpm beside it, which ends with it."""
    start = 'swtpm socket --tpm2 --tpmstate dir="$1" --ctrl type=unixio,path="$1/socket" --terminate --daemon'
    return ("sh", "-ec", f'{start}; shift; exec "$@"', "sh", str(folder))


def secure_boot(variables, disk, smbios=(), typed=(), restarts=False, keeps_variables=False, tpm=None,
                data_disk=None, keeps_disk=False, network=False, memory=768):  # fmt: skip
    """QEMU with OVMF and Secure Boot: `variables` hold keys, `smbios` are type 11 strings (anybody may set them),
    `typed` goes to the console. One that `restarts` takes its writes to the disk along; one that `keeps_variables`
    writes into that file. `tpm` is the folder of a TPM's state; `data_disk` is a second disk, and keeps what is written
    to it, as the first does if it `keeps_disk`. With a `network` this machine's loopback is 10.0.2.2."""
    emulator = tuple(part for part in _EMULATOR if not (restarts and part == "-no-reboot"))
    snapshot = "" if keeps_variables else ",snapshot=on"
    disk_snapshot = "" if keeps_disk else ",snapshot=on"
    more = ("-drive", f"file={data_disk},format=raw,if=virtio") if data_disk else ()
    if tpm:
        more += ("-chardev", f"socket,id=tpm,path={tpm}/socket", "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device",
                 "tpm-crb,tpmdev=tpm0")  # fmt: skip
    if network:
        more += ("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=")
    return Machine(
        command=(*(_with_tpm(tpm) if tpm else ()), *emulator, "-M", "q35,smm=on,accel=tcg",
                 "-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1", "-m", str(memory),
                 "-drive", f"if=pflash,format=raw,unit=0,file={FIRMWARE}/OVMF_CODE_4M.secboot.fd,readonly=on",
                 "-drive", f"if=pflash,format=raw,unit=1,file={variables}{snapshot}",
                 "-drive", f"file={disk},format=raw,if=virtio{disk_snapshot}", *_strings(smbios), *more),  # fmt: skip
        timeout_seconds=150 if restarts else 75,
        typed=tuple(typed),
    )
