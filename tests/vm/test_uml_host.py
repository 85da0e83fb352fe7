# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Hosts that change themselves and boot what came of it: a factory reset, and the upgrade of an unsealed host."""

import re
import unittest

from uml_host import UmlHost

LIST = """find /etc /var | sort | while read -r path; do
  echo "SEALROOT-LIST $path $(stat -c '%a %u:%g' "$path") $([ -f "$path" ] && md5sum <"$path")"
done"""
COUNT = 'echo "SEALROOT-CHECK replaced=$(ls /sysroot/state/sealroot/reset | wc -l)"'
VERIFIED = "sealroot-pivot: root verified sha512:"


def listed(console):
    """What LIST has said: {path: mode, owner and content}."""
    return dict(re.findall(r"^SEALROOT-LIST (\S+) (.*)$", console.text, re.MULTILINE))


class FactoryReset(UmlHost):
    @classmethod
    def entries(cls, version):
        seed = [("etc/kept", b"k" * 99), ("var/lib", None), ("var/lib/seed", b"s" * 99, 0o600),
                ("var/tmp", None, 0o1777)]  # fmt: skip
        return cls.images.entries(version, extra=seed)

    def test_etc_and_var_are_as_on_a_new_disk_at_the_next_boot_and_the_image_is_verified(self):
        fresh = listed(self.boot_host("1", LIST, shown=[VERIFIED]))
        self.assertLessEqual({"/etc/kept", "/var/lib/seed"}, set(fresh))
        self.boot_host("1", "echo mine >/etc/mine", "echo mine >/etc/kept", "rm /etc/motd", "mkdir /var/data",
                       "echo mine >/var/data/mine", "rm /var/lib/seed", "chmod 700 /var/tmp")  # fmt: skip
        used = listed(self.boot_host("1", LIST, "sealroot factory-reset --yes", "echo late >/var/late",
                                     "echo late >/etc/late", shown=["^SEALROOT-CHECK factory-reset=0 "]))  # fmt: skip
        self.assertEqual({"/etc/mine", "/etc/kept", "/etc/motd", "/var/data", "/var/data/mine", "/var/lib/seed",
                          "/var/tmp"}, {path for path, _ in fresh.items() ^ used.items()})  # fmt: skip

        verify = f"sealroot verify --repo /sysroot/composefs {self.sealed.image_digest}"
        console = self.boot_host("1", LIST, COUNT, "sealroot factory-reset --complete", COUNT, verify, shown=[
            VERIFIED, "^SEALROOT-CHECK factory-reset=0", "^SEALROOT-CHECK verify=0"])  # fmt: skip
        self.assertEqual(fresh, listed(console))
        self.assertEqual(["1", "0"], re.findall("^SEALROOT-CHECK replaced=(.*)$", console.text, re.MULTILINE))
        self.assertEqual(fresh, listed(self.boot_host("1", LIST, shown=[VERIFIED])))


class FactoryResetOfBoundEtc(FactoryReset):
    options = ("--etc", "bind")


class UnsealedUpgrade(UmlHost):
    """On an ext4 without fs-verity."""

    options = ("--unsealed",)
    SAYS = ("sealroot-pivot: UNSEALED: built without fs-verity", "sealroot-pivot: root UNSEALED sha512:")

    def setUp(self):
        super().setUp()
        self.disk.copy_root(self.sealed.folder / "composefs", "^verity")

    def boot_version(self, version, *lines):
        shown = [*self.SAYS, f"^IMAGE_VERSION={version}"]
        return self.boot_host(version, "cat /usr/lib/os-release", *lines, shown=shown)

    def test_new_version_boots_and_after_a_rollback_the_old_one(self):
        source = self.images.sealed("2", None, "--unsealed").removeprefix("oci:")
        console = self.boot_version("1", f"sealroot switch --quiet oci:/run/host{source}", "sealroot status --json")
        self.assertRegex(console.value("switch"), "^0 .*warning: the new version is UNSEALED")
        self.assertRegex(console.value("status"), f'"next": "sha512:{self.images.digest("2")}"')
        console = self.boot_version("2", "sealroot rollback", "sealroot status --json")
        self.assertRegex(console.value("rollback"), "^0 ")
        self.assertRegex(console.value("status"), f'"next": "sha512:{self.sealed.image_digest}"')
        self.boot_version("1")


if __name__ == "__main__":
    unittest.main()
