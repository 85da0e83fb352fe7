// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/status.hpp"

#include "builder/uki/command_line.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/repository.hpp"
#include "upgrade/host/trust.hpp"
#include "upgrade/soft_reboot/soft_reboot.hpp"

namespace sealroot {
namespace {

std::string state_text(const std::string& name, const std::string& mode) {
  if (mode == "overlay" || mode == "bind") return name + "=persistent (not covered by seal)";
  return name + "=" + mode;
}

std::vector<std::string> tokens_but_digest(const std::string& line) {
  std::vector<std::string> tokens = split_command_line(line);
  for (const DigestToken& token : find_digest_tokens(line)) std::erase(tokens, token.text);
  return tokens;
}

/// Tokens that the signed configuration allows were let pass by the pivot. After a soft reboot the kernel still names
/// the image that it was started for.
bool has_signed_command_line(const Host& host, const SealedConfig& config) {
  if (config.allow.empty() && host.booted != host.started) {
    return tokens_but_digest(host.command_line.value_or("")) == tokens_but_digest(config.cmdline);
  }
  return !config.allow.empty() ||
         split_command_line(host.command_line.value_or("")) == split_command_line(config.cmdline);
}

std::string signature_defect(const Deployments& deployments, const UkiFacts& uki) {
  switch (uki.signature) {
    case SignatureState::trusted:
      return "";
    case SignatureState::none:
      return "the UKI is not signed";
    case SignatureState::broken:
      return "the UKI's signature does not match it";
    case SignatureState::unknown:
      break;
  }
  return deployments.signatures_checked ? "the UKI is signed by none of the pinned certificates" : "";
}

/// All that a deployment is, for people and in the record.
std::vector<std::string> roles(const Deployment& deployment) {
  std::vector<std::string> found;
  if (deployment.booted) found.emplace_back("booted");
  if (deployment.staged()) found.emplace_back("staged");
  if (deployment.next && deployment.booted) found.emplace_back("next");
  if (deployment.rollback) found.emplace_back("rollback");
  if (deployment.pinned) found.emplace_back("pinned");
  if (deployment.failed) found.emplace_back("failed");
  if (deployment.entry() != nullptr && deployment.entry()->held_back()) found.emplace_back("held back");
  return found;
}

nlohmann::ordered_json entry_record(const BootEntry& entry) {
  nlohmann::ordered_json record = {{"file", entry.file_name}, {"size", entry.size_bytes}};
  if (entry.name.tries) {
    record["tries_left"] = entry.name.tries->left;
    record["tries_done"] = entry.name.tries->done;
  }
  if (entry.defect) {
    record["defect"] = *entry.defect;
  } else {
    record["signature"] = signature_state_name(entry.uki.signature);
    record["signer"] = entry.uki.signer;
  }
  return record;
}

nlohmann::ordered_json deployment_record(const Host& host, const Deployments& deployments, const Deployment& each,
                                         const SoftRebootObstacles& obstacles) {
  nlohmann::ordered_json record = {{"image", named_digest(each.image)},
                                   {"image_id", each.image_id()},
                                   {"version", each.version()},
                                   {"booted", each.booted},
                                   {"next", each.next},
                                   {"staged", each.staged()},
                                   {"rollback", each.rollback},
                                   {"pinned", each.pinned},
                                   {"failed", each.failed},
                                   {"held_back", each.entry() != nullptr && each.entry()->held_back()},
                                   {"seal", seal_text(host, deployments, each)},
                                   {"not_covered", state_texts(each)},
                                   {"image_present", each.image_present},
                                   {"state_present", each.state_present}};
  record["soft_rebooted"] = each.booted && host.soft_rebooted;
  if (const auto found = obstacles.find(each.image); found != obstacles.end()) {
    record["soft_reboot_capable"] = !found->second;
    if (found->second) record["soft_reboot_obstacle"] = *found->second;
  }
  record["entries"] = nlohmann::ordered_json::array();
  for (const BootEntry& entry : each.entries) record["entries"].push_back(entry_record(entry));
  if (each.record) {
    record["source"] = each.record->source;
    record["manifest"] = each.record->manifest;
    record["staged_at"] = each.record->staged_at;
  }
  return record;
}

std::string joined(const std::vector<std::string>& parts, const std::string& separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string tries_text(const BootEntry& entry) {
  if (!entry.name.tries || entry.held_back()) return "";
  const auto [left, done] = *entry.name.tries;
  return ", " + std::to_string(done) + " of " + std::to_string(std::uint64_t{left} + done) + " tries made";
}

std::string deployment_text(const Host& host, const Deployments& deployments, const Deployment& each,
                            const SoftRebootObstacles& obstacles) {
  const std::vector<std::string> found = roles(each);
  std::string text = (each.booted ? "* " : "  ") + (each.image_id().empty() ? "?" : each.image_id()) + " " +
                     (each.version().empty() ? "?" : each.version()) + "  " + named_digest(each.image) + "\n";
  if (!found.empty()) text += "    " + joined(found, ", ") + "\n";
  text += "    " + seal_text(host, deployments, each);
  if (each.entry() != nullptr && !each.entry()->uki.signer.empty()) {
    text += "; signed by " + quoted(each.entry()->uki.signer);
  }
  text += "\n";
  for (const std::string& state : state_texts(each)) text += "    " + state + "\n";
  for (const BootEntry& entry : each.entries) {
    text += "    boot entry " + quoted(entry.file_name) + tries_text(entry) + "\n";
  }
  if (each.entry() == nullptr) text += "    no boot entry\n";
  if (const auto known = obstacles.find(each.image); known != obstacles.end()) {
    text += "    soft reboot: " + (known->second ? "no: " + *known->second : "possible") + "\n";
  }
  if (!each.image_present) text += "    its image is not in the repository\n";
  if (each.record && !each.record->source.empty()) text += "    from " + quoted(each.record->source) + "\n";
  return text;
}

}  // namespace

std::string seal_text(const Host& host, const Deployments& deployments, const Deployment& deployment) {
  const std::string no = "not sealed: ";
  if (deployment.entry() == nullptr) return no + "no boot entry";
  const UkiFacts& uki = deployment.entry()->uki;
  if (uki.not_sealed) return no + *uki.not_sealed;
  if (const std::string defect = signature_defect(deployments, uki); !defect.empty()) return no + defect;
  if (host.variables.secure_boot == SecureBoot::off) return no + "SB off";
  if (deployment.booted && !has_signed_command_line(host, *uki.config)) {
    return no + "the kernel runs with another command line than the signed one";
  }
  if (host.variables.secure_boot == SecureBoot::unknown) return "sealed, if Secure Boot is on: that can't be seen here";
  const std::string sealed = deployments.signatures_checked ? "sealed" : "sealed, by a certificate that is not pinned";
  if (!deployment.booted || !host.soft_rebooted) return sealed;
  return sealed + ", soft-rebooted: verified by the previous system, not by the firmware";
}

std::vector<std::string> state_texts(const Deployment& deployment) {
  if (deployment.entry() == nullptr || !deployment.entry()->uki.config) return {};
  const SealedConfig& config = *deployment.entry()->uki.config;
  return {state_text("etc", config.etc), state_text("var", config.var)};
}

std::vector<Certificate> certificates_for_status(const Host& host, const std::optional<std::string>& file,
                                                 std::vector<std::string>& problems) {
  std::vector<Certificate> pinned;
  try {
    if (host.booted) pinned = pinned_certificates(open_repository(host), *host.booted);
  } catch (const Error& error) {
    problems.emplace_back(error.what());
  }
  if (pinned.empty() && file) return Certificate::load_all(working_directory(), *file);
  return pinned;
}

SoftRebootObstacles find_soft_reboot_obstacles(const Host& host, const Deployments& deployments,
                                               const std::vector<Certificate>& trusted) {
  SoftRebootObstacles found;
  try {
    const Repository repository = open_repository(host);
    for (const Deployment& each : deployments.all) {
      const bool chosen = each.next || each.rollback;
      if (!host.booted || each.booted || !chosen) continue;
      found.emplace(each.image, soft_reboot_obstacle({host, repository, deployments, trusted}, each));
    }
  } catch (const Error&) {
    // A repository that can't be read is told with the certificates that it should have.
  }
  return found;
}

nlohmann::ordered_json status_record(const Host& host, const Deployments& deployments,
                                     const SoftRebootObstacles& obstacles) {
  nlohmann::ordered_json record = {{"secure_boot", secure_boot_name(host.variables.secure_boot)},
                                   {"managed_by", deployments.bootc ? "bootc" : "sealroot"},
                                   {"esp", host.esp_path}};
  record["booted"] = nullptr;
  if (host.booted) record["booted"] = named_digest(*host.booted);
  record["next"] = nullptr;
  if (deployments.next() != nullptr) record["next"] = named_digest(deployments.next()->image);
  record["deployments"] = nlohmann::ordered_json::array();
  for (const Deployment& each : deployments.all) {
    record["deployments"].push_back(deployment_record(host, deployments, each, obstacles));
  }
  record["other_entries"] = nlohmann::ordered_json::array();
  for (const BootEntry& entry : deployments.strangers) record["other_entries"].push_back(entry_record(entry));
  for (const std::string& path : deployments.others) record["other_entries"].push_back({{"file", path}});
  record["problems"] = deployments.problems;
  return record;
}

std::string status_text(const Host& host, const Deployments& deployments, const SoftRebootObstacles& obstacles) {
  std::string text;
  for (const Deployment& each : deployments.all) text += deployment_text(host, deployments, each, obstacles);
  if (deployments.all.empty()) text += "no deployments\n";
  for (const BootEntry& entry : deployments.strangers) {
    text += "other boot entry " + quoted(entry.file_name) + ": " + entry.defect.value_or("names no image") + "\n";
  }
  for (const std::string& path : deployments.others) text += "other boot entry " + quoted(path) + "\n";
  for (const auto& [what, pattern] : {std::pair{"LoaderEntryDefault", deployments.choice.variable},
                                      std::pair{"loader.conf", deployments.choice.config}}) {
    if (pattern) text += std::string(what) + " chooses " + quoted(*pattern) + ", whatever is newest\n";
  }
  if (deployments.bootc) text += "managed by bootc (" + *deployments.bootc + ")\n";
  for (const std::string& problem : deployments.problems) text += "problem: " + problem + "\n";
  return text;
}

}  // namespace sealroot
