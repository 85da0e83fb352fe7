// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// PCR 11 and its signatures; systemd-measure is the judge.
#include "builder/uki/pcr.hpp"

#include <cstring>

#include <nlohmann/json.hpp>

#include "builder/uki/pcr_signature.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/unit/uki/uki_fixture.hpp"

using namespace sealroot;

namespace {

constexpr const char* systemd_measure = "/lib/systemd/systemd-measure";

struct Sample {
  Scratch scratch;
  Bytes uki;

  Sample() {
    make_rsa("pcr");
    UkiParts parts = sample_parts();
    parts.pcrpkey = read_file(scratch.directory(), "pcr.pub");
    uki = assemble_uki(parts);
  }

  void make_rsa(const std::string& name) const {
    REQUIRE(run_in(scratch, "openssl genrsa -out " + name + ".key 2048 && openssl rsa -in " + name +
                                ".key -pubout -out " + name + ".pub") == 0);
  }

  /// Options that name the content of each section the installed stub measures, by the names systemd-measure has.
  std::string sections() const {
    const PeFile file = PeFile::parse(uki);
    std::string options;
    for (const std::string_view name : measured_sections(*stub_major_version(file))) {
      const auto content = file.find_content(name);
      if (!content) continue;
      const std::string plain(name.substr(1));
      if (!std::filesystem::exists(scratch.path() / plain)) write_new_file(scratch.directory(), plain, *content);
      options += " --" + plain + "=" + plain;
    }
    return options;
  }
};

/// A stub of another version: the number stands in .sdmagic.
Bytes with_stub_version(Bytes uki, const char* three_digits) {
  const pe::SectionHeader magic = *PeFile::parse(uki).find_section(".sdmagic");
  std::uint8_t* text = uki.data() + magic.PointerToRawData;
  std::memcpy(text + std::strlen("#### LoaderInfo: systemd-stub "), three_digits, 3);
  return uki;
}

}  // namespace

TEST_CASE("PCR 11 is what systemd-measure calculates, for every bank and phase") {
  if (!has_program(systemd_measure)) {
    WARN("systemd-measure is not installed: nothing is compared");
    return;
  }
  const Sample sample;
  const PeFile file = PeFile::parse(sample.uki);
  const std::string theirs = output_of(sample.scratch, std::string(systemd_measure) + " calculate" + sample.sections() +
                                                           " --bank=sha1 --bank=sha256 --bank=sha384 --bank=sha512");
  INFO(theirs);
  for (const PcrBank bank : all_pcr_banks) {
    for (const std::string& phase : default_boot_phases()) {
      INFO(pcr_bank_name(bank) << " " << phase);
      CHECK_THAT(theirs,
                 has_text("11:" + std::string(pcr_bank_name(bank)) + "=" + to_hex(predict_pcr11(file, bank, phase))));
    }
  }
}

TEST_CASE(".pcrsig is what systemd-measure signs") {
  // Before version 255 it asks a TPM for the policy.
  if (!has_program(systemd_measure) || !has_program("swtpm")) {
    WARN("systemd-measure or swtpm is not installed: nothing is compared");
    return;
  }
  const Sample sample;
  make_directories(sample.scratch.directory(), "tpm");
  const std::string socket = (sample.scratch.path() / "tpm/sock").string();
  const std::string theirs = output_of(
      sample.scratch,
      "timeout 60 swtpm socket --tpm2 --tpmstate dir=tpm --server type=unixio,path=" + socket +
          " --ctrl type=unixio,path=" + socket +
          ".ctrl --flags not-need-init,startup-clear >/dev/null 2>&1 & tpm=$!; "
          "for i in $(seq 50); do test -S " +
          socket + ".ctrl && break; sleep 0.1; done; " + systemd_measure + " sign" + sample.sections() +
          " --private-key=pcr.key --public-key=pcr.pub --bank=sha256 --bank=sha384 --tpm2-device=swtpm:path=" + socket +
          " 2>/dev/null; kill $tpm");
  if (theirs.empty()) {
    WARN("systemd-measure can't sign here (libtss2-tcti-swtpm0 is missing?): nothing is compared");
    return;
  }
  INFO(theirs);
  const PcrSigner signer = load_pcr_signer(sample.scratch.directory(), "pcr.key", "pcr.pub", {});
  const auto parse = [](const std::string& text) { return nlohmann::json::parse(text); };
  const auto ours = parse(make_pcr_signatures(PeFile::parse(sample.uki), {signer}, {PcrBank::sha256, PcrBank::sha384}));
  CHECK(ours["sha256"] == parse(theirs)["sha256"]);
  // In other banks systemd-measure signs with the bank's own hash, but what unlocks disks checks with SHA-256.
  REQUIRE(ours["sha384"].size() == parse(theirs)["sha384"].size());
  for (std::size_t i = 0; i < ours["sha384"].size(); ++i) {
    CHECK(ours["sha384"][i]["pol"] == parse(theirs)["sha384"][i]["pol"]);
  }
}

TEST_CASE("what a stub measures depends on its version") {
  const Sample sample;
  const auto value = [&](const char* version) {
    const Bytes uki = with_stub_version(sample.uki, version);
    return to_hex(predict_pcr11(PeFile::parse(uki), PcrBank::sha256, ""));
  };
  CHECK(value("252") == value("253"));
  CHECK(value("254") != value("253"));  // .uname and .sbat
  CHECK(value("257") == value("254"));  // has none of the sections that came later
}

TEST_CASE("sections are measured in the stub's order, not in that of the file") {
  const auto names = measured_sections(257);
  const std::vector<std::string_view> expected = {".linux",   ".osrel",   ".cmdline", ".initrd", ".ucode",
                                                  ".splash",  ".dtb",     ".uname",   ".sbat",   ".pcrpkey",
                                                  ".profile", ".dtbauto", ".hwids"};
  CHECK(names == expected);
  CHECK(measured_sections(252) ==
        std::vector<std::string_view>{".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb", ".pcrpkey"});
}

TEST_CASE("a signature changes nothing in PCR 11, a changed section does") {
  const Sample sample;
  UkiParts parts = sample_parts();
  const auto value = [](const UkiParts& of) {
    const Bytes uki = assemble_uki(of);
    return predict_pcr11(PeFile::parse(uki), PcrBank::sha256, last_boot_phase);
  };
  const Bytes before = value(parts);
  parts.pcrsig = Bytes(100, 's');
  CHECK(value(parts) == before);
  parts.cmdline += "x";
  CHECK(value(parts) != before);
}

TEST_CASE("what can't be predicted says why") {
  const Bytes kernel = small_pe("no stub");
  CHECK_THROWS_WITH(predict_pcr11(PeFile::parse(kernel), PcrBank::sha256, ""), has_text("no systemd stub"));
  const Sample sample;
  CHECK_THROWS_WITH(predict_pcr11(PeFile::parse(sample.uki), PcrBank::sha256, "a::b"), has_text("one has no name"));
  CHECK_THROWS_WITH(predict_pcr11(PeFile::parse(sample.uki), PcrBank::sha256, "a:"), has_text("one has no name"));
  Bytes larger = sample.uki;
  const PeFile file = PeFile::parse(sample.uki);
  const auto index = static_cast<std::size_t>(file.find_section(".osrel") - file.sections().data());
  const le32 huge(0x10000);
  std::memcpy(larger.data() + file.section_headers_offset() + index * sizeof(pe::SectionHeader) + 8, &huge, 4);
  CHECK_THROWS_WITH(predict_pcr11(PeFile::parse(larger), PcrBank::sha256, ""), has_text("larger in memory"));
  CHECK_THROWS_WITH(parse_pcr_bank("md5"), has_text("not one of sha1"));
}

TEST_CASE("PCR keys that are no RSA pair are refused") {
  const Sample sample;
  sample.make_rsa("other");
  CHECK_THROWS_WITH(load_pcr_signer(sample.scratch.directory(), "pcr.key", "other.pub", {}), has_text("two halves"));
  make_key(sample.scratch, "ec", "ec -pkeyopt ec_paramgen_curve:P-256");
  CHECK_THROWS_WITH(load_pcr_signer(sample.scratch.directory(), "ec.key", std::nullopt, {}),
                    has_text("not an RSA key"));
}
