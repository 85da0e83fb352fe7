# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A real policy's file_contexts, put together from the modules of Debian's selinux-policy-default, not installed.

A module package (.pp) is, all little endian: u32 0xf97cff8f, u32 version, u32 count, count offsets of sections; the
section of file contexts begins with u32 0xf97cff90. Source: libsepol, module_package_read_offsets()
"""

import bz2
import re
import struct
import subprocess

PACKAGE_MAGIC, CONTEXTS_MAGIC = 0xF97CFF8F, 0xF97CFF90
SPECIAL = re.compile(r"[.^$?*+|\[({]")


def contexts_of_module(data):
    magic, _, count = struct.unpack_from("<III", data)
    if magic != PACKAGE_MAGIC:
        raise ValueError("not a module package")
    offsets = [*struct.unpack_from(f"<{count}I", data, 12), len(data)]
    for start, end in zip(offsets, offsets[1:]):
        if struct.unpack_from("<I", data, start) == (CONTEXTS_MAGIC,):
            return data[start + 4 : end].decode("ascii")
    return ""


def rules_of(text):
    """The fields of each line that is a rule; those for home directories are made by another tool, later."""
    lines = (line.split() for line in text.splitlines())
    return [line for line in lines if line and not line[0].startswith(("#", "HOME_", "%{"))]


def by_precision(rule):
    """The order that policies are installed in: what is meant more precisely comes later."""
    special = SPECIAL.search(rule[0].replace("\\.", "_"))
    stem = special.start() if special else len(rule[0])
    return (special is None, stem, len(rule[0]), len(rule), rule)


def debian_policy(scratch):
    """Text of file_contexts and of file_contexts.subs_dist; None if apt can't get the package."""
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", "selinux-policy-default"]
    if subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode != 0:
        return None
    root = scratch / "package"
    subprocess.run(["dpkg-deb", "-x", *scratch.glob("selinux-policy-default_*.deb"), root], check=True)
    rules = []
    for module in sorted((root / "usr/share/selinux/default").glob("*.pp.bz2")):
        rules += rules_of(contexts_of_module(bz2.decompress(module.read_bytes())))
    contexts = "".join("\t".join(rule) + "\n" for rule in sorted(rules, key=by_precision))
    return contexts, (root / "etc/selinux/default/contexts/files/file_contexts.subs_dist").read_text()
