// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The signature, seen by ourselves and by sbverify, osslsigncode and pesign.
#include "builder/uki/authenticode.hpp"

#include <algorithm>
#include <cstring>

#include "builder/uki/assemble.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

struct Signed {
  Scratch scratch;
  Bytes uki;
  Bytes file;

  explicit Signed(const std::string& algorithm = "rsa:2048") {
    make_key(scratch, "db", algorithm);
    uki = assemble_uki(sample_parts());
    file = sign_pe(uki, signer());
    write_new_file(scratch.directory(), "signed.efi", file);
  }
  Signer signer() const { return Signer::load(scratch.directory(), "db.key", "db.crt"); }
  Certificate certificate() const { return Certificate::load(scratch.directory(), "db.crt"); }
};

bool is_trusted(ByteView file, const Certificate& certificate) {
  try {
    verify_pe(file, certificate);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("a signed UKI verifies, and is byte for byte the same when signed again") {
  const Signed sample;
  CHECK_NOTHROW(verify_pe(sample.file, sample.certificate()));
  CHECK(sign_pe(sample.uki, sample.signer()) == sample.file);
  CHECK(authenticode_digest(sample.uki) == authenticode_digest(sample.file));
}

TEST_CASE("sbverify and osslsigncode accept our signature") {
  for (const std::string algorithm : {"rsa:2048", "rsa:4096", "ec -pkeyopt ec_paramgen_curve:P-256"}) {
    const Signed sample(algorithm);
    INFO(algorithm);
    CHECK_NOTHROW(verify_pe(sample.file, sample.certificate()));
    REQUIRE(has_program("sbverify"));
    CHECK_THAT(output_of(sample.scratch, "sbverify --cert db.crt signed.efi"), has_text("Signature verification OK"));
    REQUIRE(has_program("osslsigncode"));
    CHECK_THAT(output_of(sample.scratch, "osslsigncode verify -CAfile db.crt signed.efi"), has_text("Succeeded"));
  }
}

TEST_CASE("the digest is the one that osslsigncode and pesign compute") {
  const Signed sample;
  const std::string digest = to_hex(authenticode_digest(sample.file));
  std::string shout = digest;
  std::transform(shout.begin(), shout.end(), shout.begin(), [](char c) { return c >= 'a' ? char(c - 32) : c; });
  CHECK_THAT(output_of(sample.scratch, "osslsigncode verify -CAfile db.crt signed.efi"), has_text(shout));
  if (!has_program("pesign")) {
    WARN("pesign is not installed: its digest is not compared");
    return;
  }
  CHECK_THAT(output_of(sample.scratch, "pesign -h -i signed.efi"), has_text(digest));
}

TEST_CASE("what sbsign signs verifies here") {
  const Signed sample;
  write_new_file(sample.scratch.directory(), "plain.efi", sample.uki);
  REQUIRE(run_in(sample.scratch, "sbsign --key db.key --cert db.crt --output theirs.efi plain.efi") == 0);
  CHECK_NOTHROW(verify_pe(read_file(sample.scratch.directory(), "theirs.efi"), sample.certificate()));
  REQUIRE(run_in(sample.scratch,
                 "osslsigncode sign -h sha256 -key db.key -certs db.crt -in plain.efi -out other.efi") == 0);
  CHECK_NOTHROW(verify_pe(read_file(sample.scratch.directory(), "other.efi"), sample.certificate()));
}

TEST_CASE("E1_one changed byte in any section or header breaks the signature, here and for sbverify") {
  const Signed sample;
  const PeFile parsed = PeFile::parse(sample.file);
  std::vector<std::pair<std::string, std::size_t>> places = {{"entry point", parsed.optional_offset() + 16},
                                                             {"section table", parsed.section_headers_offset() + 8}};
  for (const pe::SectionHeader& section : parsed.sections()) {
    const std::string name(section.name());
    places.emplace_back(name + " start", section.PointerToRawData);
    places.emplace_back(name + " end", section.PointerToRawData + section.VirtualSize - 1);
    places.emplace_back(name + " padding", section.PointerToRawData + section.SizeOfRawData - 1);
  }
  int number = 0;
  for (const auto& [name, offset] : places) {
    INFO(name);
    Bytes changed = sample.file;
    changed[offset] ^= 0x04;
    CHECK_FALSE(is_trusted(changed, sample.certificate()));
    const std::string file = "changed" + std::to_string(number++) + ".efi";
    write_new_file(sample.scratch.directory(), file, changed);
    CHECK(run_in(sample.scratch, "sbverify --cert db.crt " + file) != 0);
    CHECK(run_in(sample.scratch, "osslsigncode verify -CAfile db.crt " + file) != 0);
  }
}

TEST_CASE("every changed byte of a small signed file is untrusted, but those that nothing covers") {
  Scratch scratch;
  make_key(scratch, "db");
  const Signer signer = Signer::load(scratch.directory(), "db.key", "db.crt");
  const Bytes file = sign_pe(small_pe("small"), signer);
  const PeFile parsed = PeFile::parse(file);
  const std::size_t checksum = parsed.checksum_offset();
  for (std::size_t offset = 0; offset < parsed.end_of_image(); ++offset) {
    Bytes changed = file;
    changed[offset] ^= 0x10;
    const bool uncovered = offset >= checksum && offset < checksum + 4;
    INFO(offset);
    CHECK(is_trusted(changed, signer.certificate()) == uncovered);
  }
}

TEST_CASE("another certificate, no signature and a damaged one each give their reason") {
  const Signed sample;
  make_key(sample.scratch, "other");
  const Certificate other = Certificate::load(sample.scratch.directory(), "other.crt");
  CHECK_THROWS_WITH(verify_pe(sample.file, other), has_text("not made by 'CN=other'"));
  CHECK_THROWS_WITH(verify_pe(sample.uki, other), has_text("there is none in the file"));
  Bytes changed = sample.file;
  changed[PeFile::parse(changed).find_section(".cmdline")->PointerToRawData] ^= 1;
  CHECK_THROWS_WITH(verify_pe(changed, sample.certificate()), has_text("the file was changed after signing"));
}

TEST_CASE("a damaged certificate table never verifies with a foreign meaning and never reads outside") {
  const Signed sample;
  const std::size_t start = PeFile::parse(sample.file).end_of_image();
  const Certificate certificate = sample.certificate();
  make_key(sample.scratch, "other");
  const Certificate other = Certificate::load(sample.scratch.directory(), "other.crt");
  for (std::size_t offset = start; offset < sample.file.size(); ++offset) {
    Bytes changed = sample.file;
    changed[offset] ^= 0x01;
    is_trusted(changed, certificate);
    if (is_trusted(changed, other)) FAIL("trusted at " << offset);
  }
}

TEST_CASE("a certificate issued by the trusted one is accepted, and so is the exact one") {
  Scratch scratch;
  make_key(scratch, "ca");
  REQUIRE(run_in(scratch,
                 "openssl req -new -newkey rsa:2048 -nodes -subj /CN=leaf/ -keyout leaf.key -out leaf.csr && "
                 "openssl x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out leaf.crt") ==
          0);
  const Bytes file = sign_pe(small_pe("x"), Signer::load(scratch.directory(), "leaf.key", "leaf.crt"));
  CHECK_NOTHROW(verify_pe(file, Certificate::load(scratch.directory(), "ca.crt")));
  CHECK_NOTHROW(verify_pe(file, Certificate::load(scratch.directory(), "leaf.crt")));
}

TEST_CASE("keys that don't fit are refused before anything is signed") {
  Scratch scratch;
  make_key(scratch, "one");
  make_key(scratch, "two");
  CHECK_THROWS_WITH(Signer::load(scratch.directory(), "one.key", "two.crt"),
                    has_text("key 'one.key' and certificate 'two.crt' ('CN=two') don't belong together"));
  CHECK_THROWS_WITH(Signer::load(scratch.directory(), "one.crt", "one.crt"), has_text("no private key"));
  CHECK_THROWS_WITH(Signer::load(scratch.directory(), "one.key", "one.key"), has_text("neither PEM nor DER"));
  REQUIRE(run_in(scratch, "openssl rsa -aes128 -passout pass:secret -in one.key -out locked.key") == 0);
  CHECK_THROWS_WITH(Signer::load(scratch.directory(), "locked.key", "one.crt"), has_text("passphrase"));
  make_key(scratch, "ed", "ed25519");
  CHECK_THROWS_WITH(Signer::load(scratch.directory(), "ed.key", "ed.crt"), has_text("neither RSA nor EC"));
}

TEST_CASE("a signed file is neither signed again nor used as a stub") {
  const Signed sample;
  CHECK_THROWS_WITH(sign_pe(sample.file, sample.signer()), has_text("signed already"));
  UkiParts parts = sample_parts();
  parts.stub = sign_pe(parts.stub, sample.signer());
  CHECK_THROWS_WITH(assemble_uki(parts), has_text("stub: is signed already"));
}

TEST_CASE("bytes between sections are refused: firmware does not cover them") {
  Bytes file = small_pe("x");
  const PeFile parsed = PeFile::parse(file);
  file.insert(file.end(), 0x200, 0);
  const le32 moved(0x400);
  std::memcpy(file.data() + parsed.section_headers_offset() + offsetof(pe::SectionHeader, PointerToRawData), &moved, 4);
  CHECK_THROWS_WITH(authenticode_digest(file), has_text("belong to none"));
}
