// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Signing in two steps around a key on another machine, and with a key in a token.
#include <algorithm>

#include "builder/uki/authenticode.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

struct Sample {
  Scratch scratch;
  Bytes uki = assemble_uki(sample_parts());

  explicit Sample(const std::string& algorithm = "rsa:2048") {
    make_key(scratch, "db", algorithm);
    write_new_file(scratch.directory(), "to-sign", attributes_to_sign(uki));
    REQUIRE(run_in(scratch, "openssl dgst -sha256 -sign db.key -out signature to-sign") == 0);
  }
  std::vector<Certificate> chain() const { return Certificate::load_all(scratch.directory(), "db.crt"); }
  Bytes signature() const { return read_file(scratch.directory(), "signature"); }
};

}  // namespace

TEST_CASE("prepared, signed by openssl and attached gives the file that direct signing gives") {
  const Sample sample;
  const Bytes attached = attach_signature(sample.uki, sample.signature(), sample.chain());
  const Signer signer = Signer::load(sample.scratch.directory(), "db.key", "db.crt");
  const bool same = attached == sign_pe(sample.uki, signer);
  CHECK(same);
  write_new_file(sample.scratch.directory(), "attached.efi", attached);
  REQUIRE(has_program("sbverify"));
  CHECK_THAT(output_of(sample.scratch, "sbverify --cert db.crt attached.efi"), has_text("Signature verification OK"));
}

TEST_CASE("an attached EC signature verifies") {
  const Sample sample("ec -pkeyopt ec_paramgen_curve:P-256");
  CHECK_NOTHROW(attach_signature(sample.uki, sample.signature(), sample.chain()));
}

TEST_CASE("a signature of something else, or of another key, is not attached") {
  const Sample sample;
  Bytes wrong = sample.signature();
  wrong[10] ^= 1;
  CHECK_THROWS_AS(attach_signature(sample.uki, wrong, sample.chain()), Error);
  CHECK_THROWS_AS(attach_signature(assemble_uki([] {
                                     UkiParts parts = sample_parts();
                                     parts.cmdline += " x";
                                     return parts;
                                   }()),
                                   sample.signature(), sample.chain()),
                  Error);
  make_key(sample.scratch, "other");
  CHECK_THROWS_AS(
      attach_signature(sample.uki, sample.signature(), Certificate::load_all(sample.scratch.directory(), "other.crt")),
      Error);
  CHECK_THROWS_AS(attach_signature(sample.uki, {}, sample.chain()), Error);
}

TEST_CASE("signers are read out of a file, with what is wrong about their signature") {
  const Sample sample;
  const Bytes file = attach_signature(sample.uki, sample.signature(), sample.chain());
  const auto found = read_signatures(file);
  REQUIRE(found.size() == 1);
  CHECK(found.front().signer->subject() == "CN=db");
  CHECK_FALSE(found.front().defect);
  Bytes changed = file;
  changed[PeFile::parse(changed).find_section(".cmdline")->PointerToRawData] ^= 1;
  REQUIRE(read_signatures(changed).front().defect);
  CHECK_THAT(read_signatures(changed).front().defect->what(), has_text("changed after signing"));
  CHECK(read_signatures(sample.uki).empty());
}

TEST_CASE("a key in a token signs through its pkcs11 URI") {
  if (!has_program("softhsm2-util") || !has_program("pkcs11-tool")) {
    WARN("softhsm2 or opensc is not installed: no token to sign with");
    return;
  }
  const Sample sample;
  const std::string path = sample.scratch.path().string();
  write_new_file(sample.scratch.directory(), "softhsm2.conf", as_bytes("directories.tokendir = " + path + "/tokens\n"));
  make_directories(sample.scratch.directory(), "tokens");
  ::setenv("SOFTHSM2_CONF", (path + "/softhsm2.conf").c_str(), 1);
  ::setenv("PKCS11_MODULE_PATH", "/usr/lib/softhsm/libsofthsm2.so", 1);
  ::setenv("PKCS11_PROVIDER_MODULE", "/usr/lib/softhsm/libsofthsm2.so", 1);
  REQUIRE(run_in(sample.scratch,
                 "softhsm2-util --init-token --free --label sealroot --pin 1234 --so-pin 5678 && "
                 "openssl pkcs8 -topk8 -nocrypt -in db.key -out db.p8 && softhsm2-util --import db.p8 "
                 "--token sealroot --label db --id 01 --pin 1234") == 0);
  const std::string uri = "pkcs11:token=sealroot;object=db;type=private?pin-value=1234";
  try {
    const Signer signer = Signer::load(sample.scratch.directory(), uri, "db.crt");
    const bool same = sign_pe(sample.uki, signer) ==
                      sign_pe(sample.uki, Signer::load(sample.scratch.directory(), "db.key", "db.crt"));
    CHECK(same);
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(text.find("1234") == std::string::npos);
    const bool no_way = text.find("neither OpenSSL's provider pkcs11 nor its engine") != std::string::npos &&
                        !std::filesystem::exists("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so") &&
                        !std::filesystem::exists("/usr/lib/x86_64-linux-gnu/ossl-modules/pkcs11.so");
    if (!no_way) throw;
    WARN("neither libengine-pkcs11-openssl nor pkcs11-provider is installed: " << text);
  }
}
