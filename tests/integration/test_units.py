#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""The units of a running host: what `cmake --install` gives is understood by systemd, and which health checks run."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

BUILD = Path(os.environ["SEALROOT_BUILD"])


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-units-")
        cls.addClassCleanup(scratch.cleanup)
        cls.root = Path(scratch.name) / "root"
        subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr", "--component", "units"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": str(cls.root)})  # fmt: skip
        cls.units = cls.root / "usr/lib/systemd/system"

    def test_installed_links_lead_to_units(self):
        links = [path for path in self.units.rglob("*") if path.is_symlink()]
        self.assertEqual(["boot-complete.target.requires", "factory-reset.target.requires", "multi-user.target.wants",
                          "sysinit.target.wants"],
                         sorted(link.parent.name for link in links))  # fmt: skip
        for link in links:
            self.assertTrue(link.is_file(), link)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_understands_every_unit(self):
        """Its own path: the programs that units start by name are not those of this system."""
        names = sorted(path.name for path in self.units.glob("sealroot-*"))
        self.assertEqual(8, len(names))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], check=False, capture_output=True,
                              text=True, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{self.units}:"})  # fmt: skip
        wrong = [line for line in done.stderr.splitlines() if str(self.units) in line or "sealroot-" in line]
        self.assertEqual([], [line for line in wrong if "is not executable" not in line and "not found" not in line])

    def wanted(self, mark):
        """What the generator has basic.target want, in a /run of its own."""
        out = self.root / f"generated-{mark}"
        script = (f'mount -t tmpfs run /run && mkdir /run/sealroot && '
                  f'if {mark}; then touch /run/sealroot/soft-rebooted; fi && mkdir "$2" && exec "$1" "$2"')  # fmt: skip
        generator = self.root / "usr/lib/systemd/system-generators/sealroot-soft-reboot-generator"
        subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-ec", script, "sh", generator, out], check=True)
        return {path.name: os.readlink(path) for path in out.rglob("*.service")}

    @unittest.skipIf(subprocess.run(["unshare", "--map-root-user", "--mount", "true"], check=False,
                                    capture_output=True).returncode, "no user namespaces")  # fmt: skip
    def test_a_soft_reboot_is_checked_and_no_other_boot(self):
        unit = "sealroot-soft-rebooted.service"
        self.assertEqual({unit: f"/usr/lib/systemd/system/{unit}"}, self.wanted("true"))
        self.assertEqual({}, self.wanted("false"))


class Health(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-health-")
        self.addCleanup(scratch.cleanup)
        self.image, self.host = (Path(scratch.name) / name for name in ("image", "host"))
        self.image.mkdir()
        self.log = Path(scratch.name) / "log"
        self.program = Path(__file__).resolve().parents[2] / "upgrade/units/sealroot-health"

    def add(self, folder, name, script="exit 0", mode=0o755):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\necho {folder.name}/{name} >>{self.log}\n{script}\n")
        (folder / name).chmod(mode)

    def run_all(self, **variables):
        done = subprocess.run([self.program, self.image, self.host], check=False, capture_output=True, text=True,
                              env={**os.environ, **variables}, timeout=60)  # fmt: skip
        return done.returncode, done.stdout

    def ran(self):
        return self.log.read_text().split() if self.log.exists() else []

    def test_no_checks_are_no_failure(self):
        self.assertEqual((0, ""), self.run_all())
        self.image.rmdir()
        self.assertEqual((0, ""), self.run_all())

    def test_sorted_by_name_over_both_folders(self):
        for folder, name in ((self.image, "20-b"), (self.image, "9"), (self.host, "10-a"), (self.host, "B c")):
            self.add(folder, name)
        status, _ = self.run_all()
        self.assertEqual(0, status)
        self.assertEqual(["host/10-a", "image/20-b", "image/9", "host/B", "c"], self.ran())

    def test_all_run_and_one_that_fails_is_named(self):
        self.add(self.image, "1", "exit 7")
        self.add(self.image, "2")
        status, output = self.run_all()
        self.assertEqual((1, ["image/1", "image/2"]), (status, self.ran()))
        self.assertIn(f"{self.image}/1: failed: exit status 7", output)

    def test_a_check_of_the_host_stands_in_for_that_of_the_image(self):
        self.add(self.image, "1", "exit 1")
        self.add(self.host, "1")
        self.add(self.image, "2", "exit 1")
        (self.host / "2").symlink_to("/dev/null")
        self.assertEqual(0, self.run_all()[0])
        self.assertEqual(["host/1"], self.ran())

    def test_one_that_takes_too_long_has_failed(self):
        self.add(self.image, "1", "sleep 50")
        status, output = self.run_all(SEALROOT_HEALTH_SECONDS="1")
        self.assertEqual(1, status)
        self.assertIn("not done after 1 seconds", output)

    def test_what_can_not_be_run(self):
        self.add(self.image, "README", mode=0o644)
        self.assertEqual((0, f"sealroot-health: {self.image}/README is not executable, left out\n"), self.run_all())
        (self.image / "away").symlink_to("nowhere")
        self.assertEqual(1, self.run_all()[0])


if __name__ == "__main__":
    unittest.main()
