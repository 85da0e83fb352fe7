// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/unsealed.hpp"

#include <algorithm>

#include "builder/inspect/pe_facts.hpp"
#include "upgrade/host/running.hpp"

namespace sealroot {
namespace {

bool is_trusted(const BootEntry& entry) { return !entry.defect && entry.uki.signature == SignatureState::trusted; }

std::string read_mounts() { return std::string(as_text(read_file(working_directory(), "/proc/self/mountinfo"))); }

}  // namespace

bool is_unsealed(const UkiFacts& uki) { return uki.not_sealed && *uki.not_sealed == unsealed_defect; }

bool is_unsealed_host(const Host& host, const Deployments& deployments) {
  if (is_running(host) && root_requires_verity(read_mounts())) {
    return false;
  }
  bool runs_unsealed = !host.booted;
  std::size_t found = 0;
  for (const Deployment& each : deployments.all) {
    for (const BootEntry& entry : each.entries) {
      if (!is_trusted(entry)) continue;
      if (!is_unsealed(entry.uki)) return false;
      runs_unsealed = runs_unsealed || each.booted;
      ++found;
    }
  }
  return found != 0 && runs_unsealed && deployments.problems.empty();
}

}  // namespace sealroot
