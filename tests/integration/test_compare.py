#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""`sealroot diff` and `explain`: what differs between images and sources, and why a digest is another one."""

import json
import os
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import small_image

SEALROOT = os.environ["SEALROOT"]
MKCOMPOSEFS = str(Path(SEALROOT).with_name("mkcomposefs"))
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
GOLDEN_SOURCE = f"oci-archive:{GOLDEN / 'oci-image.tar'}"

A, B = "aa" * 32, "bb" * 32
BEFORE = f"""/ 4096 40755 3 0 0 0 1.0 - - -
/etc 4096 40755 2 0 0 0 1.0 - - -
/etc/motd 6 100644 1 0 0 0 1.0 - hello\\n -
/etc/old 0 100644 1 0 0 0 1.0 - - -
/kept 100 100644 1 0 0 0 1.0 {A[:2]}/{A[2:]} - {A}
"""
AFTER = f"""/ 4096 40755 3 0 0 0 1.0 - - -
/etc 4096 40755 2 0 0 0 1.7 - - -
/etc/motd 4 100600 1 0 5 0 1.0 - bye\\n - user.k=v
/kept 100 100644 1 0 0 0 1.0 {A[:2]}/{A[2:]} - {A}
/new 200 100644 1 0 0 0 1.0 {B[:2]}/{B[2:]} - {B}
"""
CHANGES = """~ /etc: mtime 1.000000000 -> 1.000000007
~ /etc/motd: mode 0644 -> 0600, gid 0 -> 5, xattr user.k none -> v, size 6 -> 4, content hello\\n -> bye\\n
- /etc/old: file 0 bytes
+ /new: file 200 bytes
"""
SUMMARY = """1 paths added, 1 removed, 2 changed; contents: 2 added (204 bytes), 2 removed (6 bytes)
objects: 1 shared (100 bytes), 1 added (200 bytes), 0 removed (0 bytes)
"""

# More than an inode holds, so that it is read as large contents are.
CONTEXTS = b"/.* system_u:object_r:default_t:s0\n/usr/bin(/.*)? system_u:object_r:bin_t:s0\n" + b"# padding\n" * 20
POLICY = [
    ("etc/selinux", None),
    ("etc/selinux/config", b"SELINUXTYPE=small\n"),
    ("etc/selinux/small", None),
    ("etc/selinux/small/contexts", None),
    ("etc/selinux/small/contexts/files", None),
    ("etc/selinux/small/contexts/files/file_contexts", CONTEXTS),
]


def sealroot(*arguments):
    return subprocess.run([SEALROOT, *map(str, arguments)], check=False, capture_output=True, text=True)


def digest_of(*arguments):
    done = sealroot("digest", "--quiet", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class CompareTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sealroot-compare-")
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def write(self, name, text):
        path = self.scratch / name
        path.write_text(text)
        return path

    def image(self, name, dumpfile, *options):
        """The image of a dumpfile, in format V1 unless `options` say otherwise."""
        source = self.write(name + ".dump", dumpfile)
        subprocess.run(
            [MKCOMPOSEFS, *(options or ["--min-version=1"]), "--from-file", source, self.scratch / name], check=True
        )
        return self.scratch / name

    def tar(self, name, entries):
        (self.scratch / name).write_bytes(small_image.tar_bytes(entries))
        return f"tar:{self.scratch / name}"


class Diff(CompareTest):
    def test_equal_images_print_nothing_and_exit_with_0(self):
        done = sealroot("diff", self.image("a", BEFORE), self.image("b", BEFORE, "--max-version=0"))
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_each_changed_path_and_field_is_one_line_in_order(self):
        done = sealroot("diff", self.image("a", BEFORE), self.write("b.dump", AFTER))
        self.assertEqual((1, CHANGES + SUMMARY, ""), (done.returncode, done.stdout, done.stderr))

    def test_json_has_all_changes_with_full_values(self):
        done = sealroot("diff", "--json", self.image("a", BEFORE), self.write("b.dump", AFTER))
        record = json.loads(done.stdout)
        self.assertEqual(1, done.returncode)
        self.assertEqual(["image", "dumpfile"], [record[side]["kind"] for side in ("before", "after")])
        self.assertEqual(["/etc", "/etc/motd", "/etc/old", "/new"], [change["path"] for change in record["changes"]])
        self.assertEqual(
            [{"field": "mtime", "before": "1.000000000", "after": "1.000000007"}], record["changes"][0]["fields"]
        )
        self.assertIn({"field": "xattr user.k", "before": None, "after": "v"}, record["changes"][1]["fields"])
        self.assertEqual(("removed", "file"), (record["changes"][2]["change"], record["changes"][2]["type"]))
        self.assertEqual((B, 200), (record["changes"][3]["digest"], record["changes"][3]["size"]))
        self.assertEqual({"count": 1, "bytes": 200}, record["summary"]["objects_added"])
        self.assertFalse(record["summary"]["equal"])

    def test_json_names_a_file_whose_name_is_no_text(self):
        path = os.fsencode(self.scratch) + b"/\xff.dump"
        Path(os.fsdecode(path)).write_text(BEFORE)
        done = subprocess.run([SEALROOT, "diff", "--json", path, path], check=False, capture_output=True)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        self.assertTrue(json.loads(done.stdout)["before"]["name"].endswith("/\ufffd.dump"))

    def test_directory_and_tar_of_it_are_equal(self):
        tree = self.scratch / "tree"
        (tree / "usr").mkdir(parents=True)
        (tree / "usr" / "file").write_bytes(b"x" * 5000)
        os.link(tree / "usr" / "file", tree / "usr" / "same")
        with tarfile.open(self.scratch / "tree.tar", "w", format=tarfile.PAX_FORMAT) as archive:
            archive.add(tree, "/")
        done = sealroot("diff", "--form", "raw", tree, f"tar:{self.scratch / 'tree.tar'}")
        # Python writes times as floats: only those may differ.
        fields = {
            field.split()[0]
            for line in done.stdout.splitlines()
            if line.startswith("~")
            for field in line.partition(": ")[2].split(", ")
        }
        self.assertLessEqual(fields, {"mtime"}, done.stdout + done.stderr)

    def test_source_is_measured_as_the_image_beside_it(self):
        store = self.scratch / "store"
        for algorithm in ("sha256", "sha512"):
            repository = f"{store}-{algorithm}"
            digest = digest_of(
                GOLDEN_SOURCE, "--arch", "amd64", "--plain", "--digest", algorithm, "--store", repository
            )
            for name in (digest, f"{algorithm}:{digest}"):
                done = sealroot("diff", "--repo", repository, "--arch", "amd64", name, GOLDEN_SOURCE)
                self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))

    def test_container_form_and_boot_form_differ_in_boot_and_sysroot_only(self):
        store = self.scratch / "store"
        digest = digest_of(GOLDEN_SOURCE, "--arch", "amd64", "--store", store)
        done = sealroot("diff", "--json", "--repo", store, "--arch", "amd64", digest, GOLDEN_SOURCE)
        paths = [change["path"] for change in json.loads(done.stdout)["changes"]]
        self.assertEqual(1, done.returncode)
        self.assertTrue(paths)
        self.assertEqual(
            {"boot", "sysroot"} & {path.split("/")[1] for path in paths}, {path.split("/")[1] for path in paths}
        )
        self.assertEqual(
            0, sealroot("diff", "--repo", store, "--arch", "amd64", "--form", "boot", digest, GOLDEN_SOURCE).returncode
        )

    def test_boot_form_has_the_labels_of_the_policy(self):
        store = self.scratch / "store"
        source = self.tar("a.tar", [*small_image.base_entries(), *POLICY])
        digest = digest_of(source, "--store", store)
        done = sealroot("diff", "--repo", store, "--form", "boot", digest, source)
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
        done = sealroot("diff", "--repo", store, "--form", "boot", "--selinux", "off", digest, source)
        self.assertEqual(1, done.returncode)
        self.assertIn("~ /usr/bin: xattr security.selinux system_u:object_r:bin_t:s0 -> none\n", done.stdout)

    def test_labels_need_the_boot_form(self):
        image = self.image("a", BEFORE)
        done = sealroot("diff", "--selinux", "off", image, image)
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        self.assertIn("--form boot", done.stderr)

    def test_user_xattrs_are_kept_where_asked_for(self):
        entry = tarfile.TarInfo("usr/bin/tool")
        entry.pax_headers = {"SCHILY.xattr.user.k": "v"}
        source = self.tar("a.tar", [*small_image.base_entries(), entry])
        store = self.scratch / "store"
        rule = ("--xattrs", "keep-user-xattrs")
        digest = digest_of(source, "--plain", "--store", store, *rule)
        self.assertEqual(0, sealroot("diff", "--repo", store, *rule, digest, source).returncode)
        done = sealroot("diff", "--repo", store, digest, source)
        self.assertEqual(1, done.returncode)
        self.assertIn("~ /usr/bin/tool: xattr user.k v -> none\n", done.stdout)

    def test_ref_names_an_image(self):
        store = self.scratch / "store"
        digest = digest_of(GOLDEN_SOURCE, "--arch", "amd64", "--store", store)
        (store / "images/refs/os").mkdir()
        (store / "images/refs/os/1").symlink_to(f"../../{digest}")
        for name in ("os/1", "refs/os/1", "images/refs/os/1"):
            self.assertEqual(0, sealroot("diff", "--repo", store, name, digest).returncode)

    def test_digests_of_two_algorithms_are_not_called_equal(self):
        longer = "aa" * 64
        with_sha512 = BEFORE.replace(f"{A[:2]}/{A[2:]} - {A}", f"{longer[:2]}/{longer[2:]} - {longer}")
        done = sealroot("diff", self.write("a.dump", BEFORE), self.write("b.dump", with_sha512))
        self.assertEqual(1, done.returncode)
        self.assertIn("not compared where sizes are equal", done.stdout)

    def test_trouble_exits_with_2(self):
        for operands in (
            ("/none", "/none"),
            (self.write("junk", "junk"), self.write("junk", "junk")),
            ("oci:/none", "oci:/none"),
            ("a",),
            (A, A),
        ):
            done = sealroot("diff", *operands)
            self.assertEqual((2, ""), (done.returncode, done.stdout), operands)
            self.assertNotEqual("", done.stderr)


class Explain(CompareTest):
    def explained(self, expected_status, *arguments):
        done = sealroot("explain", *arguments)
        self.assertEqual((expected_status, ""), (done.returncode, done.stderr), done.stdout)
        return done.stdout

    def test_digest_that_the_source_gives_is_confirmed(self):
        digest = digest_of(GOLDEN_SOURCE, "--arch", "amd64")
        text = self.explained(0, "--arch", "amd64", digest, GOLDEN_SOURCE)
        self.assertIn("the source gives this digest", text)

    def test_options_that_would_give_the_digest_are_named(self):
        digest = digest_of(GOLDEN_SOURCE, "--arch", "amd64", "--digest", "sha256", "--plain")
        text = self.explained(1, "--arch", "amd64", "sha256:" + digest, GOLDEN_SOURCE)
        self.assertIn(
            "the source gives this digest when made with\n"
            "  sha256 digests: --digest sha256\n"
            "  plain form: sealroot digest --plain\n",
            text,
        )

    def test_user_xattrs_and_dropped_nanoseconds_are_found_together(self):
        def source(nanoseconds, name):
            entries = small_image.base_entries()
            infos = [tarfile.TarInfo(entry) for entry, _ in entries[:-1]]
            for info in infos:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                info.pax_headers = {"mtime": "5.25" if nanoseconds else "5", "SCHILY.xattr.user.k": "v"}
            return self.tar(name, infos)

        digest = digest_of(source(False, "seconds.tar"), "--xattrs", "keep-user-xattrs")
        text = self.explained(1, digest, source(True, "exact.tar"))
        self.assertIn(
            "  user.* and security.capability: --xattrs keep-user-xattrs\n  times without nanoseconds: ", text
        )

    def test_labels_are_part_of_what_explains_a_digest(self):
        source = self.tar("a.tar", [*small_image.base_entries(), *POLICY])
        labelled = digest_of(source)
        without = digest_of(source, "--selinux", "off")
        self.assertNotEqual(labelled, without)
        self.assertIn("the source gives this digest\n", self.explained(0, labelled, source))
        self.explained(0, "--selinux", "off", without, source)
        self.explained(0, "--selinux", "require", labelled, source)
        self.assertIn(
            "the source gives this digest when made with\n  no SELinux labels: --selinux off",
            self.explained(1, without, source),
        )
        self.assertIn(
            "  labels of the SELinux policy, if there is one: --selinux auto\n",
            self.explained(1, "--selinux", "off", labelled, source),
        )

    def test_labels_are_given_to_a_dumpfile_whose_contents_are_in_the_repository(self):
        source = self.tar("a.tar", [*small_image.base_entries(), *POLICY])
        store = self.scratch / "store"
        labelled = digest_of(source, "--store", store)
        plain = digest_of(source, "--plain", "--store", store)
        dump = self.write("plain.dump", sealroot("dump", "--repo", store, plain).stdout)
        self.explained(0, "--repo", store, "--form", "boot", labelled, dump)

    def test_required_policy_that_is_not_there_is_the_reason(self):
        source = self.tar("a.tar", small_image.base_entries())
        text = self.explained(1, "--selinux", "require", digest_of(source), source)
        self.assertIn("no image: SELinux labels: the image names no policy", text)
        self.assertIn("  no SELinux labels: --selinux off", text)

    def test_formats_of_the_other_tools_are_found(self):
        dump = self.write("a.dump", BEFORE)
        for option, status, expected in (
            ("--max-version=0", 1, "  format V0: mkcomposefs"),
            ("--min-version=1", 0, "the source gives this digest"),
        ):
            digest = subprocess.run(
                [MKCOMPOSEFS, option, "--print-digest-only", "--from-file", dump],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            self.assertIn(expected, self.explained(status, digest, dump))

    def test_paths_that_differ_are_shown_where_the_image_is_at_hand(self):
        image = self.image("b", AFTER)
        digest = json.loads(sealroot("diff", "--json", image, image).stdout)["before"]["digest"]
        text = self.explained(1, "--against", image, digest, self.write("a.dump", BEFORE))
        self.assertIn("".join("  " + line + "\n" for line in CHANGES.splitlines()) + SUMMARY, text)
        record = json.loads(self.explained(1, "--json", "--against", image, digest, self.write("a.dump", BEFORE)))
        self.assertIsNone(record["match"])
        self.assertEqual(["/etc", "/etc/motd", "/etc/old", "/new"], [change["path"] for change in record["changes"]])

    def test_image_is_found_in_the_repository_by_its_digest(self):
        entries = small_image.base_entries()
        store = self.scratch / "store"
        digest = digest_of(self.tar("a.tar", entries), "--store", store)
        text = self.explained(1, "--repo", store, digest, self.tar("b.tar", [*entries, ("usr/bin/more", b"m")]))
        self.assertIn("  - /usr/bin/more: file 1 bytes\n", text)
        self.assertNotIn("/etc", text)

    def test_another_content_without_the_image_is_not_explained(self):
        text = self.explained(3, "cc" * 64, self.tar("a.tar", small_image.base_entries()))
        self.assertIn("--against", text)

    def test_source_that_cannot_boot_is_explained_too(self):
        source = self.tar("a.tar", [("usr", None), ("usr/file", b"content")])
        digest = digest_of("--plain", source)
        text = self.explained(1, digest, source)
        self.assertIn("source: no image: the image has no directory /etc", text)
        self.assertIn("  plain form: sealroot digest --plain\n", text)

    def test_trouble_exits_with_2(self):
        for arguments in (("xyz", GOLDEN_SOURCE), ("cc" * 64, "tar:/none")):
            done = sealroot("explain", *arguments)
            self.assertEqual((2, ""), (done.returncode, done.stdout))


if __name__ == "__main__":
    unittest.main()
