# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Whoever can append to the kernel command line gets nothing but a refusal (rows C of the threat list).

Under user-mode Linux, because there any line can be booted; that firmware and stub really append is in
test_secure_boot.py.
"""

import os
import unittest

from demo import UP
from sealed_uml import Row, SealedUmlTest, refused

OTHER = "0123456789abcdef" * 8


class CommandLine(SealedUmlTest):
    def test_C3_exactly_one_digest_token(self):
        current, legacy = f"composefs.digest=v1-sha512-12:{OTHER}", f"composefs={OTHER}"
        lines = {
            "none": "",
            "good bad": "{digest} " + current,
            "bad good": current + " {digest}",
            "same twice": "{digest} {digest}",
            "good and legacy": "{digest} " + legacy,
            "other digest": current,
            "other legacy": legacy,
            "prefix look-alike": "{digest} rd." + current,
            "suffix look-alike": "{digest} composefs.digest2=" + OTHER,
            "quoted": '{digest} "' + current + '"',
            "upper case": "{digest} COMPOSEFS=" + OTHER,
        }
        self.run_rows(refused(f"C3 {name}", None, 10, tokens=line) for name, line in lines.items())

    def test_C4_no_marker_makes_verity_optional(self):
        optional = self.digest_token.replace("=", "=?", 1)
        lines = {"optional": optional, "optional too": "{digest} " + optional,
                 "insecure": "{digest} composefs.insecure=1", "unsealed": "{digest} unsealed=yes",
                 "allow missing": "{digest} composefs.allow-missing-verity"}  # fmt: skip
        self.run_rows(refused(f"C4 {name}", None, 10, tokens=line) for name, line in lines.items())

    def test_C5_no_token_starts_another_program_or_a_shell(self):
        tokens = ["init=/bin/sh", "rd.break", "systemd.debug_shell", "single"]
        if os.environ.get("SEALROOT_VM_ALL"):
            tokens += ["rd.shell", "rd.emergency", "emergency", "S", "1", "systemd.unit=rescue.target", "-- sh"]
        self.run_rows(refused(f"C5 {token}", None, 10, "refused", tokens="{digest} " + token) for token in tokens)

    def test_C6_no_token_chooses_another_root(self):
        tokens = ["root=/dev/ubdb2", "rootflags=rw", "rootfstype=tmpfs", "roothash=" + OTHER, "rw"]
        self.run_rows(refused(f"C6 {token[:20]}", None, 10, "refused", tokens="{digest} " + token) for token in tokens)

    def test_tokens_the_sealed_config_allows_are_accepted(self):
        allowed = ("allow=quiet", "allow=demo.*")
        self.run_rows([
            Row("exact", shown=(UP,), tokens="{digest} quiet", config=allowed),
            Row("prefix", shown=(UP,), tokens="{digest} demo.anything=1", config=allowed),
            refused("longer than allowed", None, 10, "refused", tokens="{digest} quieter", config=allowed),
        ])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
