# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Somebody writes to the root partition while the machine is off (rows R and O of the threat list)."""

import os
import shutil
import unittest
from pathlib import Path

import fsverity
from demo import DEMO_FILES, UP, demo_content, demo_object, reads
from disk import ROOT
from sealed_uml import Row, SealedUmlTest, refused

EIO = "Input/output error"
FORGED = b"not what was signed\n" * 350  # as large as the file it replaces
OTHERS_READ = tuple(reads(name, "ok") for name in ("intact", "donor"))


def victim(row, name, tamper, kernel_text, error=EIO):
    """A row where the system comes up and one file fails, with the kernel's words, and no other does."""
    return Row(row, tamper, shown=(UP, reads(name, error), kernel_text, reads("intact", "ok")),
               hidden=(r"sealroot-pivot: FATAL",))  # fmt: skip


def corrupted(name):
    return rf"fs-verity \(ubda\d+, inode \d+\): FILE CORRUPTED! pos="


class Untouched(SealedUmlTest):
    def test_sealed_system_comes_up_and_reads_all_its_files(self):
        shown = (UP, "sealroot-pivot: root verified sha512:[0-9a-f]{128}",
                 r"^SEALROOT-CHECK mount:/=overlay ro,.*verity=require",
                 *(reads(name, "ok") for name in DEMO_FILES))  # fmt: skip
        self.run_rows([Row("untouched", shown=shown, hidden=("FATAL", "FILE CORRUPTED"))])

    def test_O1_running_root_cannot_write_to_an_object(self):
        self.run_rows([Row("O1", shown=("^SEALROOT-CHECK write:object=Operation not permitted$",
                                        "^SEALROOT-CHECK write:/usr=Read-only file system$"))])  # fmt: skip


class Objects(SealedUmlTest):
    def test_R1_bit_flipped_in_object(self):
        path = demo_object("flipped")
        offsets = range(0, 9000, 500) if os.environ.get("SEALROOT_VM_ALL") else (0, 4096, 8999)
        self.run_rows(victim(f"R1 byte {at}", "flipped", lambda disk, at=at: disk.flip_bit(path, at),
                             corrupted("flipped")) for at in offsets)  # fmt: skip

    def test_R2_bit_flipped_in_merkle_tree(self):
        content = demo_content("tree")
        _, levels = fsverity.merkle(content)
        top = fsverity.tree_offset(len(content))
        places = {"top level": top, "lowest level": top + len(levels[0])}
        self.run_rows(victim(f"R2 {name}", "tree", lambda disk, at=at: disk.flip_bit(demo_object("tree"), at),
                             corrupted("tree")) for name, at in places.items())  # fmt: skip

    def test_R2_bit_flipped_in_descriptor(self):
        start = fsverity.descriptor_offset(demo_content("descriptor"))
        wrong, unusable = "has the wrong fs-verity digest", "(has no fs-verity digest|fs-verity)"
        places = {"version": (0, unusable), "salt size": (3, unusable), "file size": (8, unusable),
                  "root hash": (16, wrong), "end of root hash": (79, wrong)}  # fmt: skip
        path = demo_object("descriptor")
        self.run_rows(victim(f"R2 descriptor: {name}", "descriptor",
                             lambda disk, at=start + at: disk.flip_bit(path, at), text)
                      for name, (at, text) in places.items())  # fmt: skip

    def test_R3_object_replaced_with_own_verity(self):
        path, text = demo_object("replaced"), "overlayfs: lower file '.*' has the wrong fs-verity digest"
        self.run_rows([
            victim("R3 forged", "replaced", lambda disk: disk.write_sealed(path, FORGED), text),
            victim("R3 exchanged", "replaced", lambda disk: disk.exchange(path, demo_object("donor")), text),
        ])  # fmt: skip

    def test_R4_object_without_verity(self):
        path, text = demo_object("unsealed"), "overlayfs: lower file '.*' has no fs-verity digest"
        self.run_rows([
            victim("R4 same bytes", "unsealed", lambda disk: disk.write(path, demo_content("unsealed")), text),
            victim("R4 other bytes", "unsealed", lambda disk: disk.write(path, FORGED), text),
        ])  # fmt: skip

    def test_R5_object_removed(self):
        error, text = f"({EIO}|No such file or directory)", "overlayfs: lazy lowerdata lookup failed"
        remove = lambda disk: disk.remove(demo_object("removed"))
        self.run_rows([victim("R5 file", "removed", remove, text, error)])

    def test_R5_object_of_the_first_program_removed(self):
        program = Path(shutil.which("busybox")).read_bytes()
        remove = lambda disk: disk.remove(fsverity.object_path(fsverity.digest(program)))
        self.run_rows([refused("R5 init", remove, "1[56]")])


class Image(SealedUmlTest):
    def forged_image(self):
        """An EROFS image that the kernel would mount: the signed one with another root directory mode."""
        data = bytearray((self.sealed.folder / "composefs" / self.image.removeprefix("/composefs/")).read_bytes())
        data[1152 + 4] ^= 1
        return bytes(data)

    def test_R6_image_replaced_with_own_verity(self):
        replace = lambda disk: disk.write_sealed(self.image, self.forged_image())
        self.run_rows([refused("R6", replace, 13, "digest mismatch")])

    def test_R7_image_without_verity(self):
        same = lambda disk: disk.write(self.image, disk.read(self.image))
        forged = lambda disk: disk.write(self.image, self.forged_image())
        self.run_rows([refused("R7 same bytes", same, 12, "fs-verity"), refused("R7 forged", forged, 12, "fs-verity")])

    def test_R8_malformed_image_never_reaches_the_parser(self):
        replace = lambda disk: disk.write_sealed(self.image, b"\xff" * 8192)
        row = refused("R8", replace, 13)
        self.run_rows([Row(row.name, row.tamper, row.shown, (*row.hidden, "erofs:", "erofs \\("))])

    def test_R1_bit_flipped_in_the_image(self):
        """The measure is of the descriptor and still right; the kernel finds the wrong block when it reads it."""
        superblock = lambda disk: disk.flip_bit(self.image, 1024)
        self.run_rows([refused("R1 superblock", superblock, 14)])

    def test_R10_no_alias_of_the_image_is_looked_up(self):
        image = self.image
        aside = "/composefs/objects/aside"
        def planted(plant):  # fmt: skip
            def tamper(disk):
                disk.write_sealed(aside, self.forged_image())
                disk.remove(image)
                plant(disk)
            return tamper  # fmt: skip
        missing, wrong = "1[1-6]", "13"
        self.run_rows([
            refused("R10 nothing", planted(lambda disk: None), "11"),
            refused("R10 symlink", planted(lambda disk: disk.symlink(image, "../aside")), missing),
            refused("R10 dangling", planted(lambda disk: disk.symlink(image, "nowhere")), missing),
            refused("R10 hard link", planted(lambda disk: disk.hard_link(image, aside)), wrong),
            refused("R10 directory", planted(lambda disk: disk.folder(image)), missing),
            refused("R10 fifo", planted(lambda disk: disk.node(image, "p")), missing),
            refused("R10 device", planted(lambda disk: disk.node(image, "c 1 3")), missing),
        ])  # fmt: skip


class Surroundings(SealedUmlTest):
    def test_R9_repository_metadata_lowers_no_requirement(self):
        boots = (UP, r"^SEALROOT-CHECK mount:/=overlay .*verity=require")
        relaxed = b'{"version":1,"algorithm":"fsverity-sha256-12","features":{}}\n'
        self.run_rows([
            Row("R9 removed", lambda disk: disk.remove("/composefs/meta.json"), boots),
            Row("R9 relaxed", lambda disk: disk.write("/composefs/meta.json", relaxed), boots),
        ])  # fmt: skip

    def test_R12_state_directories_are_not_followed(self):
        etc = f"/state/deploy/{self.sealed.image_digest}/etc"
        def etc_as(plant):  # fmt: skip
            def tamper(disk):
                disk.folder("/state/deploy")
                disk.folder(etc.rpartition("/")[0])
                plant(disk)
            return tamper  # fmt: skip
        var = "/state/os/default/var"
        self.run_rows([
            refused("R12 etc symlink", etc_as(lambda disk: disk.symlink(etc, "/composefs")), 16, "state dir: symlink"),
            refused("R12 etc fifo", etc_as(lambda disk: disk.node(etc, "p")), 16, "state dir"),
            refused("R12 etc device", etc_as(lambda disk: disk.node(etc, "c 1 3")), 16, "state dir"),
            refused("R12 etc file", etc_as(lambda disk: disk.write(etc, b"x")), 16, "state dir"),
            refused("R12 deploy symlink", lambda disk: disk.symlink("/state/deploy", "os"), 16, "state dir: symlink"),
            refused("R12 var symlink", lambda disk: (disk.move(var, "/v"), disk.symlink(var, "/v")), 16,
                    "state dir: symlink"),
            refused("R12 owner", lambda disk: disk.debugfs(f"sif {var} uid 1000"), 16, "owner"),
            refused("R12 mode", lambda disk: disk.debugfs(f"sif {var} mode 040777"), 16, "writable"),
        ])  # fmt: skip

    def with_upper_file(self, disk):
        """Plants /etc/hostname in the writable layer of the deployment and returns its path."""
        return disk.plant_in_etc(self.sealed.image_digest, "hostname", b"planted\n")

    def test_R13_files_planted_in_the_writable_etc(self):
        """Gone with a transient /etc; with a persistent one they are there, and nobody says that the seal covers it."""
        self.run_rows([
            Row("R13 transient", self.with_upper_file, shown=(UP, "^SEALROOT-CHECK hostname=sealroot-demo$"),
                config=("etc=transient",)),
            Row("R13 persistent", self.with_upper_file, shown=(UP, "^SEALROOT-CHECK hostname=planted$")),
        ])  # fmt: skip

    def test_etc_is_what_the_seal_says(self):
        """Which file system /etc is, and whether it can be written to; the image's own files are there in each case."""
        known = "^SEALROOT-CHECK hostname=sealroot-demo$"
        self.run_rows([
            Row("transient",
                shown=(UP, known, "^SEALROOT-CHECK mount:/etc=overlay rw,", "^SEALROOT-CHECK write:/etc=ok$"),
                hidden=("FATAL",), config=("etc=transient",)),
            Row("none", shown=(UP, known, "^SEALROOT-CHECK write:/etc=Read-only file system$"),
                hidden=("FATAL", "SEALROOT-CHECK mount:/etc="), config=("etc=none",)),
        ])  # fmt: skip

    def test_R14_upper_layer_cannot_point_at_other_files(self):
        def tamper(disk):
            path = self.with_upper_file(disk)
            disk.set_xattr(path, "trusted.overlay.metacopy", b"\0\4\0\0")
            disk.set_xattr(path, "trusted.overlay.redirect", b"/passwd")

        self.run_rows([Row("R14", tamper, shown=(UP,), hidden=("hostname=root:",))])

    def test_R15_two_disks_with_a_root_partition(self):
        self.run_rows([refused("R15", None, 10, "ambiguous root", second_disk=True)])

    def test_R16_broken_root_file_system_gives_no_shell(self):
        def wipe(disk):
            with disk.path.open("r+b") as file:
                file.seek(disk.partitions[ROOT].offset + 1024)
                file.write(bytes(1024))

        self.run_rows([refused("R16 superblock", wipe, 11)])


if __name__ == "__main__":
    unittest.main()
