// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/verify_disk.hpp"

#include <iostream>

#include "builder/verify/verify_disk.hpp"
#include "cli/print_record.hpp"
#include "cli/progress.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

void print_text(const DiskProof& proof) {
  for (const DiskFinding& finding : proof.findings) std::cout << finding.where << ": " << finding.what << '\n';
  std::cout << proof.program_count << " programs signed by the certificate, " << proof.object_count << " objects ("
            << human_size(proof.object_bytes) << ") sealed and measured\n";
  for (const Digest& image : proof.images) {
    std::cout << "boots " << algorithm_name(image.algorithm()) << ':' << to_hex(image) << '\n';
  }
  for (const std::string& uncovered : proof.uncovered) std::cout << "not covered: " << uncovered << '\n';
  if (proof.findings.empty()) std::cout << "proven: this disk boots nothing but what the certificate vouches for\n";
}

}  // namespace

void run_verify_disk(const VerifyDiskArguments& arguments) {
  if (arguments.certificate.empty()) throw Error(Fault::usage, "a disk is verified against a certificate: give --cert");
  const Certificate trusted = Certificate::load(working_directory(), arguments.certificate);
  const Fd disk = open_at(working_directory(), arguments.disk, O_RDONLY);
  DiskProof proof;
  {
    ProgressPrinter progress(arguments.progress);
    proof = during("verifying " + quoted(arguments.disk), [&] {
      return verify_disk(disk, trusted, [&](std::uint64_t done) { progress("reading objects", done, 0); });
    });
  }
  if (arguments.json) {
    print_record(proof_record(proof));
  } else {
    print_text(proof);
  }
  if (!proof.findings.empty()) {
    throw Error(Fault::untrusted, "verify: " + quoted(arguments.disk) +
                                      " is not proven: " + std::to_string(proof.findings.size()) + " findings");
  }
}

}  // namespace sealroot
