# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""Root of the running system tries to leave something behind (rows O of the threat list).

It is root through a script planted in the writable /etc, which the seal does not cover.
"""

import tempfile
import unittest
from pathlib import Path

from demo import DECIDED, UP, demo_object, reads
from sealed_uml import Row, SealedUmlTest

INITTAB = b"""::sysinit:/usr/lib/sealroot-demo/mounts
::wait:/etc/attack
::wait:/usr/lib/sealroot-demo/report
"""
SCRIPT = """#!/bin/sh
check() {{ echo "SEALROOT-CHECK $1=$2"; }}
outcome() {{ if text=$("$@" 2>&1 >/dev/null); then echo ok; else echo "${{text##*: }}"; fi; }}
{attack}
"""


class Online(SealedUmlTest):
    def with_script(self, attack):
        def tamper(disk):
            disk.plant_in_etc(self.sealed.image_digest, "inittab", INITTAB)
            disk.plant_in_etc(self.sealed.image_digest, "attack", SCRIPT.format(attack=attack).encode(), 0o100755)

        return tamper

    def test_O1_image_and_objects_cannot_be_written_to(self):
        attacks = {"append": "echo x >>", "overwrite": "echo x 1<>", "empty": ": >", "truncate": "truncate -s 0"}
        files = {"image": self.image, "object": demo_object("intact")}
        names = [(f"{how}-{file}", f"{attacks[how]} /sysroot{files[file]}") for how in attacks for file in files]
        script = "\n".join(f"check {name} \"$(outcome sh -c '{command}')\"" for name, command in names)
        refused = [f"^SEALROOT-CHECK {name}=Operation not permitted$" for name, _ in names]
        self.run_rows([Row("O1", self.with_script(script), shown=(UP, *refused, reads("intact", "ok")))])

    def test_O2_replaced_object_is_not_taken_for_the_old_one(self):
        """Who has it open keeps the old bytes; whoever opens it next gets an error, after a restart too."""
        path = demo_object("replaced")
        attack = f"""
        file=/usr/share/sealroot-demo/replaced object=/sysroot{path}
        sum=$(md5sum <$file)
        exec 3<$file
        mv $object /sysroot/composefs/aside && cp /sysroot{demo_object("donor")} $object && sync
        [ "$(md5sum <&3)" = "$sum" ] && check kept yes
        exec 3<&-
        echo 2 >/proc/sys/vm/drop_caches
        check opened "$(outcome cat $file)"
        printf '#!/bin/sh\\n' >/etc/attack
        """
        row = Row("O2", self.with_script(attack))
        with tempfile.TemporaryDirectory(prefix="sealroot-vm-") as scratch:
            machine = self.prepare(row, Path(scratch))
            failed = reads("replaced", "Input/output error")
            self.check(self.boot(machine, DECIDED, "O2 first"), shown=[
                "^SEALROOT-CHECK kept=yes$", "^SEALROOT-CHECK opened=Input/output error$", UP, failed])  # fmt: skip
            self.check(self.boot(machine, DECIDED, "O2 second"), hidden=["SEALROOT-CHECK kept"], shown=[
                UP, failed, "has no fs-verity digest", reads("intact", "ok")])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
