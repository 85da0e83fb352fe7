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

}  // namespace

Profile load_profile(const BuildOptions& options) {
  std::string text = template_text(options.uki_config);
  UkiTemplate uki = parse_template(text, options.uki_config);
  auto signer = load_signer(options, uki);
  const auto cmdline = options.cmdline ? options.cmdline : uki.cmdline;
  std::string line = cmdline ? resolve_cmdline(working_directory(), *cmdline) : std::string{};
  return {std::move(text), std::move(uki), std::move(line), std::move(signer)};
}

}  // namespace sealroot
