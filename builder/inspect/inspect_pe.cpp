// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <sys/stat.h>

#include <algorithm>

#include "builder/disk/read_gpt.hpp"
#include "builder/embedded/embedded.hpp"
#include "builder/inspect/inspect.hpp"
#include "builder/inspect/pe_facts.hpp"
#include "builder/layer/blob_digest.hpp"
#include "builder/uki/assemble.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/os_release.hpp"
#include "builder/uki/pcr.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

using Json = nlohmann::ordered_json;

/// `action`'s result, or why it has none.
template <typename Action>
Json value_or_error(Action&& action) {
  try {
    return action();
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

Json signatures_json(ByteView file, const std::optional<Certificate>& trusted) {
  Json all = Json::array();
  for (const FoundSignature& signature : read_signatures(file)) {
    Json entry;
    if (signature.signer) {
      entry["signer"] = signature.signer->subject();
      entry["certificate_sha256"] = blob_digest(signature.signer->der()).hex;
    }
    entry["intact"] = !signature.defect;
    if (signature.defect) entry["defect"] = signature.defect->what();
    all.push_back(entry);
  }
  Json record{{"count", all.size()}};
  if (!all.empty()) record["found"] = all;
  if (!trusted) return record;
  try {
    verify_pe(file, *trusted);
    record["made_by_given_certificate"] = true;
  } catch (const Error& error) {
    record["made_by_given_certificate"] = false;
    record["reason"] = error.what();
  }
  return record;
}

Json sections_json(const PeFile& file) {
  Json all = Json::array();
  for (const pe::SectionHeader& section : file.sections()) {
    const ByteView content = file.content(section);
    all.push_back(
        {{"name", std::string(section.name())}, {"size", content.size()}, {"sha256", blob_digest(content).hex}});
  }
  return all;
}

Json os_release_json(std::string_view text) {
  Json record = Json::object();
  const OsRelease release = OsRelease::parse(text);
  for (const char* const name : {"ID", "VERSION_ID", "PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION"}) {
    if (const auto value = release.find(name)) record[name] = *value;
  }
  return record;
}

Json config_json(const SealedConfig& config) {
  return {{"digest", named_digest(config.digest)},
          {"cmdline", config.cmdline},
          {"allow", config.allow},
          {"etc", config.etc},
          {"var", config.var},
          {"on_failure", config.on_failure},
          {"unsealed", config.unsealed},
          {"init", config.init}};
}

Json initramfs_json(const InitramfsFacts& facts) {
  Json record{{"files", facts.file_count}};
  if (!facts.pivot_path.empty()) {
    record["pivot"] = {{"path", "/" + facts.pivot_path},
                       {"sha256", blob_digest(facts.pivot).hex},
                       {"of_this_version", std::ranges::equal(ByteView(facts.pivot), embedded_pivot())}};
  }
  if (facts.config) record["sealed_config"] = config_json(*facts.config);
  if (facts.config_defect) record["sealed_config"] = {{"error", *facts.config_defect}};
  return record;
}

Json digest_json(const DigestToken& token) {
  Json record{{"token", token.text}, {"form", token.form}, {"verity_optional", token.verity_optional}};
  if (token.digest) record["digest"] = named_digest(*token.digest);
  return record;
}

Json cmdline_json(const PeFile& file, bool secure_boot) {
  const EffectiveCommandLine line = effective_command_line(file, secure_boot);
  return {{"text", line.text}, {"changes", line.changes}};
}

Json pcr11_json(const PeFile& file) {
  if (const auto obstacle = pcr11_obstacle(file)) return {{"error", *obstacle}};
  Json record = Json::object();
  record["stub"] = to_hex(predict_pcr11(file, PcrBank::sha256, ""));
  for (const std::string& phase : default_boot_phases()) {
    record[phase] = to_hex(predict_pcr11(file, PcrBank::sha256, phase));
  }
  return record;
}

void add_uki(Json& record, const PeFile& file, const PeFacts& facts) {
  record["sealed"] = !facts.defect;
  if (facts.defect) record["not_sealed_because"] = *facts.defect;
  if (const auto text = file.find_content(".osrel")) {
    record["os_release"] = value_or_error([&] { return os_release_json(as_text(*text)); });
  }
  if (const auto uname = file.find_content(".uname")) record["uname"] = std::string(as_text(*uname));
  for (const DigestToken& token : facts.digests) record["digests"].push_back(digest_json(token));
  record["cmdline"] = {{"secure_boot_on", cmdline_json(file, true)}, {"secure_boot_off", cmdline_json(file, false)}};
  record["initramfs"] = initramfs_json(facts.initramfs);
  record["pcr11_sha256"] = pcr11_json(file);
}

}  // namespace

Json inspect_pe(ByteView file, const std::optional<Certificate>& trusted) {
  const PeFile parsed = PeFile::parse(file);
  const PeFacts facts = read_pe_facts(parsed);
  Json record{{"kind", pe_kind_name(facts.kind)}, {"size", file.size()}, {"sha256", blob_digest(file).hex}};
  record["authenticode"] = value_or_error([&] { return Json(to_hex(ByteView(authenticode_digest(file)))); });
  record["architecture"] = value_or_error([&] { return Json(efi_architecture(parsed)); });
  if (!facts.program.empty()) record["program"] = facts.program;
  record["signatures"] = value_or_error([&] { return signatures_json(file, trusted); });
  if (facts.kind == PeKind::uki) add_uki(record, parsed, facts);
  if (facts.kind == PeKind::addon && facts.cmdline) record["cmdline"] = *facts.cmdline;
  record["sections"] = sections_json(parsed);
  return record;
}

Json inspect_file(const Fd& directory, const std::string& path, const std::optional<Certificate>& trusted) {
  return during("inspecting " + quoted(path), [&] {
    const Fd file = open_at(directory, path, O_RDONLY);
    Json record{{"file", path}};
    struct stat status {};
    if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) throw Error(Fault::usage, "a directory");
    if (looks_like_disk(file)) {
      record.update(inspect_disk(file, trusted));
    } else {
      record.update(inspect_pe(read_all(file, max_boot_file_bytes), trusted));
    }
    return record;
  });
}

}  // namespace sealroot
