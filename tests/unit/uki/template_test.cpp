// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/uki/template.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

TEST_CASE("all served keys are read") {
  const UkiTemplate result = parse_template(
      "# comment\n; another\n[UKI]\nLinux=vmlinuz\nStub = stub.efi\nEFIArch=x64\nCmdline=rw\n  panic=10\n\n  quiet\n"
      "OSRelease=@os-release\nUname=6.12\nSBAT=@sbat\nInitrd=a.cpio  b.cpio\n\tc.cpio\nMicrocode=u.cpio\nSplash=s.bmp\n"
      "DeviceTree=d.dtb\nPCRPKey=p.pem\nSecureBootPrivateKey=db.key\nSecureBootCertificate=db.crt\nSignKernel=no\n",
      "x.conf");
  CHECK(result.linux_path == "vmlinuz");
  CHECK(result.stub_path == "stub.efi");
  CHECK(result.efi_arch == "x64");
  CHECK(result.cmdline == "rw\npanic=10\nquiet");
  CHECK(result.os_release == "@os-release");
  CHECK(result.uname == "6.12");
  CHECK(result.sbat == "@sbat");
  CHECK(result.initrd_paths == std::vector<std::string>{"a.cpio", "b.cpio", "c.cpio"});
  CHECK(result.microcode_paths == std::vector<std::string>{"u.cpio"});
  CHECK(result.splash_path == "s.bmp");
  CHECK(result.device_tree_path == "d.dtb");
  CHECK(result.pcr_public_key_path == "p.pem");
  CHECK(result.key_path == "db.key");
  CHECK(result.certificate_path == "db.crt");
  CHECK(result.sign_kernel == false);
}

TEST_CASE("what ukify only warns about is an error with file and line") {
  struct Row {
    const char* text;
    const char* message;
  };
  for (const Row& row : {
           Row{"[UKI]\n\nSecureBootPrivatKey=x\n",
               "template 'x.conf': line 3: unknown key 'SecureBootPrivatKey'; the nearest known one is "
               "SecureBootPrivateKey"},
           Row{"[UKI]\ncmdline=x\n", "line 2: unknown key 'cmdline'; the nearest known one is Cmdline"},
           Row{"[UKI]\nPCRBanks=sha256\n", "line 2: the key PCRBanks of ukify is not supported"},
           Row{"[PCRSignature:initrd]\nPhases=x\n",
               "line 1: the section '[PCRSignature:initrd]' of ukify is not supported"},
           Row{"[Uki]\n", "line 1: unknown section '[Uki]'"},
           Row{"Cmdline=x\n", "line 1: expected [UKI], found 'Cmdline=x'"},
           Row{"[UKI]\nCmdline\n", "line 2: expected KEY=VALUE, found 'Cmdline'"},
           Row{"[UKI]\nCmdline=\n", "line 2: Cmdline: has no value"},
           Row{"[UKI]\n  Cmdline=x\n", "line 2: indented"},
           Row{"[UKI]\nUname=a\nUname=b\n", "line 3: Uname is given twice"},
           Row{"[UKI]\nSignKernel=maybe\n", "line 2: 'maybe' is neither yes nor no"},
       }) {
    INFO(row.text);
    CHECK_THROWS_WITH(parse_template(row.text, "x.conf"), has_text(row.message));
  }
}

TEST_CASE("values with @ are read from the file, command lines lose extra blanks") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "cmdline", as_bytes("  a\n b\tc \n"));
  CHECK(resolve_text(scratch.directory(), "@cmdline") == "  a\n b\tc \n");
  CHECK(resolve_cmdline(scratch.directory(), "@cmdline") == "a b c");
  CHECK(resolve_cmdline(scratch.directory(), " x \n y") == "x y");
  CHECK_THROWS_WITH(resolve_text(scratch.directory(), "@nothing"), has_text("nothing"));
}

TEST_CASE("a template is read from a file") {
  const Scratch scratch;
  write_new_file(scratch.directory(), "own.conf", as_bytes("[UKI]\nCmdline=own\n"));
  CHECK(parse_template(resolve_text(scratch.directory(), "@./own.conf"), "own").cmdline == "own");
  CHECK_THROWS_WITH(resolve_text(scratch.directory(), "@./none.conf"), has_text("none.conf"));
}
