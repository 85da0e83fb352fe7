// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot uki`: work on UKIs that are there already. `pcr11` prints what `systemd-measure calculate` prints;
// `prepare` and `attach` are the two halves of signing with a key on another machine.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/inspect/inspect.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/pcr.hpp"
#include "cli/commands.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

struct Pcr11Arguments {
  std::string file;
  std::vector<std::string> banks;
  std::vector<std::string> phases;
  bool json = false;
};

struct Prediction {
  std::string phase;
  PcrBank bank;
  std::string value;
};

std::vector<Prediction> predict(const Pcr11Arguments& arguments) {
  std::vector<PcrBank> banks;
  for (const std::string& name : arguments.banks) banks.push_back(parse_pcr_bank(name));
  if (banks.empty()) banks.assign(all_pcr_banks.begin(), all_pcr_banks.end());
  const Bytes content = read_file(working_directory(), arguments.file, max_boot_file_bytes);
  const PeFile file = PeFile::parse(content);
  std::vector<Prediction> all;
  for (const std::string& phase : arguments.phases.empty() ? default_boot_phases() : arguments.phases) {
    for (const PcrBank bank : banks) all.push_back({phase, bank, to_hex(predict_pcr11(file, bank, phase))});
  }
  return all;
}

void print_json(const std::vector<Prediction>& predictions) {
  nlohmann::ordered_json record = nlohmann::ordered_json::object();
  for (const Prediction& prediction : predictions) {
    record[std::string(pcr_bank_name(prediction.bank))].push_back(
        {{"phase", prediction.phase}, {"pcr", kernel_boot_pcr}, {"hash", prediction.value}});
  }
  print_record(record);
}

void print_text(const std::vector<Prediction>& predictions) {
  const std::string* phase = nullptr;
  for (const Prediction& prediction : predictions) {
    if (phase == nullptr || *phase != prediction.phase) {
      std::cout << "# PCR[" << kernel_boot_pcr << "] Phase <" << prediction.phase << ">\n";
    }
    phase = &prediction.phase;
    std::cout << kernel_boot_pcr << ':' << pcr_bank_name(prediction.bank) << '=' << prediction.value << '\n';
  }
}

void run_pcr11(const Pcr11Arguments& arguments) {
  const auto predictions = during(quoted(arguments.file), [&] { return predict(arguments); });
  if (arguments.json) return print_json(predictions);
  print_text(predictions);
}

void add_pcr11_command(CLI::App& parent) {
  auto arguments = std::make_shared<Pcr11Arguments>();
  CLI::App* command = parent.add_subcommand("pcr11", "Print the values PCR 11 of a TPM has after a UKI was booted");
  command->add_option("FILE", arguments->file, "UKI")->required();
  command->add_option("--bank", arguments->banks, "sha1, sha256, sha384 or sha512; repeatable\n(default: all)");
  command->add_option("--phase", arguments->phases,
                      "boot phases so far, such as\nenter-initrd:leave-initrd; repeatable (default:\nthose of a boot)");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { run_pcr11(*arguments); });
}

struct PrepareArguments {
  std::string file;
  std::string output;
};

void run_prepare(const PrepareArguments& arguments) {
  during(quoted(arguments.file), [&] {
    const Bytes file = read_file(working_directory(), arguments.file, max_boot_file_bytes);
    write_new_file(working_directory(), arguments.output, attributes_to_sign(file));
    std::cout << "authenticode " << to_hex(ByteView(authenticode_digest(file))) << '\n';
  });
}

void add_prepare_command(CLI::App& parent) {
  auto arguments = std::make_shared<PrepareArguments>();
  CLI::App* command = parent.add_subcommand("prepare", "Write what a key on another machine has to sign");
  command->add_option("FILE", arguments->file, "unsigned UKI or other EFI program")->required();
  command->add_option("-o,--output", arguments->output, "file to make: bytes for\nopenssl dgst -sha256 -sign KEY")
      ->required();
  command->callback([arguments] { run_prepare(*arguments); });
}

struct AttachArguments {
  std::string file;
  std::string signature;
  std::string pkcs7;
  std::string certificate;
  std::string output;
};

Bytes attach(const AttachArguments& arguments) {
  constexpr std::uint64_t max_signature_bytes = 1 << 20;
  Bytes file = read_file(working_directory(), arguments.file, max_boot_file_bytes);
  const auto chain = Certificate::load_all(working_directory(), arguments.certificate);
  if (arguments.pkcs7.empty()) {
    const Bytes signature = read_file(working_directory(), arguments.signature, max_signature_bytes);
    return attach_signature(std::move(file), signature, chain);
  }
  Bytes result = attach_pkcs7(std::move(file), read_file(working_directory(), arguments.pkcs7, max_signature_bytes));
  verify_pe(result, chain.front());
  return result;
}

void run_attach(const AttachArguments& arguments) {
  if (arguments.signature.empty() == arguments.pkcs7.empty()) {
    throw Error(Fault::usage, "attach: give either --signature or --pkcs7");
  }
  const Bytes result = during(quoted(arguments.file), [&] { return attach(arguments); });
  write_new_file(working_directory(), arguments.output, result);
}

void add_attach_command(CLI::App& parent) {
  auto arguments = std::make_shared<AttachArguments>();
  CLI::App* command = parent.add_subcommand("attach", "Put a signature made elsewhere into a UKI, and verify it");
  command->add_option("FILE", arguments->file, "the file that `prepare` was given")->required();
  command->add_option("--cert", arguments->certificate, "PEM certificate of the key")->type_name("FILE")->required();
  command->add_option("--signature", arguments->signature, "signature of what `prepare` wrote")->type_name("FILE");
  command->add_option("--pkcs7", arguments->pkcs7, "a whole signature of another program, in DER")->type_name("FILE");
  command->add_option("-o,--output", arguments->output, "signed file to make")->required();
  command->callback([arguments] { run_attach(*arguments); });
}

}  // namespace

void add_uki_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("uki", "Work on a UKI that is there already");
  command->require_subcommand(1);
  add_pcr11_command(*command);
  add_prepare_command(*command);
  add_attach_command(*command);
}

}  // namespace sealroot
