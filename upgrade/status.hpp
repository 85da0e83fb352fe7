// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot status`: which deployments there are, which one runs and which one is next, and how far the seal goes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "upgrade/host/deployments.hpp"

namespace sealroot {

/// `sealed`, or `not sealed: ` and why: `not sealed: SB off`.
std::string seal_text(const Host& host, const Deployments& deployments, const Deployment& deployment);

/// What of a deployment is kept on the disk without a seal: `etc=persistent (not covered by seal)`, ...
std::vector<std::string> state_texts(const Deployment& deployment);

/// The certificates that signatures are checked with: those that the booted image pins, else those of `file`, else
/// none. Whatever is wrong with them becomes a problem.
std::vector<Certificate> certificates_for_status(const Host& host, const std::optional<std::string>& file,
                                                 std::vector<std::string>& problems);

/// Why there can be no soft reboot into a deployment; nullopt: there can.
using SoftRebootObstacles = std::map<Digest, std::optional<std::string>>;

/// Of what boots next, and of what `rollback` would choose, unless it runs.
SoftRebootObstacles find_soft_reboot_obstacles(const Host& host, const Deployments& deployments,
                                               const std::vector<Certificate>& trusted);

nlohmann::ordered_json status_record(const Host& host, const Deployments& deployments,
                                     const SoftRebootObstacles& obstacles);

/// The same for people, lines that end in a newline.
std::string status_text(const Host& host, const Deployments& deployments, const SoftRebootObstacles& obstacles);

}  // namespace sealroot
