// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/profile.hpp"

#include "builder/embedded/embedded.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

std::string template_text(const std::string& name) {
  if (names_file(name)) return resolve_text(working_directory(), "@" + name);
  if (const auto text = try_embedded_template(name)) return std::string(*text);
  throw Error(Fault::usage, "profile " + quoted(name) + ": not one of " + std::string(embedded_template_names()) +
                                "; a file is named with a '/' in it, such as ./" + name);
}

std::optional<Signer> load_signer(const BuildOptions& options, const UkiTemplate& uki) {
  const auto key = options.key ? options.key : uki.key_path;
  const auto certificate = options.certificate ? options.certificate : uki.certificate_path;
  if (options.unsigned_uki) {
    if (key || certificate) throw Error(Fault::usage, "--unsigned together with a key or certificate: choose one");
    return std::nullopt;
  }
  if (!key || !certificate) {
    throw Error(Fault::usage,
                std::string("no ") + (key ? "certificate" : "key") +
                    " to sign with: give --key and --cert, or say --unsigned for a UKI that Secure Boot refuses");
  }
  return Signer::load(working_directory(), *key, *certificate);
}

std::vector<PcrSigner> load_pcr_signers(const BuildOptions& options, const UkiTemplate& uki) {
  if (options.pcr_private_key) {
    return {load_pcr_signer(working_directory(), *options.pcr_private_key, options.pcr_public_key, options.phases)};
  }
  if (options.pcr_public_key || !options.phases.empty()) {
    throw Error(Fault::usage, "--pcr-public-key and --phases belong to a --pcr-private-key: give that too");
  }
  std::vector<PcrSigner> signers;
  for (const PcrSignatureSetting& setting : uki.pcr_signatures) {
    if (!setting.private_key) {
      throw Error(Fault::usage, "[PCRSignature:" + setting.name + "] of the profile: no PCRPrivateKey");
    }
    signers.push_back(
        load_pcr_signer(working_directory(), *setting.private_key, setting.public_key_path, setting.phases));
  }
  return signers;
}

std::vector<PcrBank> choose_pcr_banks(const BuildOptions& options, const UkiTemplate& uki) {
  std::vector<PcrBank> banks;
  for (const std::string& name : options.pcr_banks.empty() ? uki.pcr_banks : options.pcr_banks) {
    banks.push_back(parse_pcr_bank(name));
  }
  if (banks.empty()) banks.assign(all_pcr_banks.begin(), all_pcr_banks.end());
  return banks;
}

}  // namespace

Profile load_profile(const BuildOptions& options) {
  std::string text = template_text(options.uki_config);
  UkiTemplate uki = parse_template(text, options.uki_config);
  auto signer = load_signer(options, uki);
  const auto cmdline = options.cmdline ? options.cmdline : uki.cmdline;
  std::string line = cmdline ? resolve_cmdline(working_directory(), *cmdline) : std::string{};
  auto pcr_signers = load_pcr_signers(options, uki);
  auto pcr_banks = choose_pcr_banks(options, uki);
  return {std::move(text),   std::move(uki),         std::move(line),
          std::move(signer), std::move(pcr_signers), std::move(pcr_banks)};
}

}  // namespace sealroot
