// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Stubs, kernels and boot loaders out of an image: headers, every section, Authenticode digest and signature.
#include "builder/uki/pe.hpp"
#include "builder/inspect/inspect.hpp"
#include "builder/uki/authenticode.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

namespace {

/// Who signed signed.efi of the corpus; the key is gone.
const Certificate& signer() {
  static const Certificate certificate = Certificate::load(working_directory(), TEST_DATA "/fuzz/signer.crt");
  return certificate;
}

}  // namespace

/// PKCS7_verify() of OpenSSL 3.0 leaks a BIO when a signature names an unknown digest algorithm; unwound without frame
/// pointers its name is not in the stack, so all of the library is excused.
extern "C" const char* __lsan_default_suppressions() { return "leak:libcrypto\n"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  accepts([&] {
    const PeFile file = PeFile::parse(bytes);
    for (const pe::SectionHeader& section : file.sections()) {
      promise(file.content(section).size() <= size && file.raw_content(section).size() <= size, "sections are inside");
    }
    file.find_content(".sbat");
    promise(file.end_of_image() + file.certificate_table().size() <= size, "the certificates are inside");
    promise(sections_by_offset(file).size() <= file.sections().size(), "no section appears twice");
  });
  accepts([&] { authenticode_digest(bytes); });
  accepts([&] { verify_pe(bytes, signer()); });
  accepts([&] { record_text(inspect_pe(bytes, signer())); });
  return 0;
}
