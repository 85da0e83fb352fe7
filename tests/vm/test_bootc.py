# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The pivot in the place of the initramfs program of bootc and composefs-rs: their command line, their layout, their
configuration, and nothing of the sealed config of ours."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from demo import UP, reads
from product import SOURCE
from sealed_uml import Row, SealedUmlTest, refused

VERIFIED = (UP, "sealroot-pivot: digest from the command line", "sealroot-pivot: root verified sha512:",
            "^SEALROOT-CHECK mount:/=overlay .*verity=require", reads("intact", "ok"))  # fmt: skip
OTHER = "0123456789abcdef" * 8


class Bootc(SealedUmlTest):
    def config_for(self, machine, row):
        """What the dracut module puts into the initramfs; row.config are lines of setup-root-conf.toml."""
        with tempfile.TemporaryDirectory() as scratch:
            toml = Path(scratch, "setup-root-conf.toml")
            toml.write_text("\n".join(row.config))
            text = subprocess.run(["sh", SOURCE / "dracut/50sealroot/sealroot-bootc-config", toml], check=True,
                                  capture_output=True, text=True).stdout  # fmt: skip
        return text.replace("on-failure=reboot", "on-failure=poweroff")

    def deployment(self, disk):
        disk.bootc_deployment(self.sealed.image_digest)

    def test_their_command_lines_boot_their_layout(self):
        own, hexadecimal = "rw systemd.show_status=no", self.sealed.image_digest
        var = "^SEALROOT-CHECK mount:/var=ext4 "
        self.run_rows([
            Row("legacy", self.deployment, shown=(*VERIFIED, var, "^SEALROOT-CHECK mount:/etc=overlay "),
                tokens=f"{own} composefs={hexadecimal}"),
            Row("current", self.deployment, shown=(*VERIFIED, "^SEALROOT-CHECK mount:/etc=overlay rw,"),
                hidden=("SEALROOT-CHECK mount:/var=",), tokens=f"composefs.digest=v1-sha512-12:{hexadecimal} {own}",
                config=("[etc]", "transient = true", "[var]", 'mount = "none"')),
        ])  # fmt: skip

    def test_what_is_wrong_is_refused_as_ever(self):
        good = f"composefs={self.sealed.image_digest}"
        self.run_rows([
            refused("C4 optional", self.deployment, 10, "malformed digest",
                    tokens=good.replace("=", "=?")),
            refused("C3 twice", self.deployment, 10, "2 composefs args", tokens=f"{good} {good}"),
            refused("other digest", self.deployment, 11, "image missing", tokens=f"composefs={OTHER}"),
            refused("R7 no verity", lambda disk: disk.write(self.image, disk.read(self.image)), 12, tokens=good),
            refused("R12 var", lambda disk: (self.deployment(disk), disk.node(
                f"/state/deploy/{self.sealed.image_digest}/var", "p")), 16, "state dir", tokens=good),
        ])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
