// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which deployments go, and their removal. In an order that leaves no boot entry without its image:
//
//   boot entry -> refs -> state directory -> record          then, by gc, the objects that nothing needs any more
#pragma once

#include <optional>
#include <vector>

#include "store/gc.hpp"
#include "store/repository.hpp"
#include "upgrade/host/deployments.hpp"

namespace sealroot {

inline constexpr unsigned default_kept_deployments = 2;

/// What need not stay: all but the booted one, the next one, the newest that is known to boot, pinned ones and the
/// first ones of the menu, until there are `keep`. Failed ones stay only for one of the first four reasons.
///   also_keep  one more
std::vector<Deployment> removable_deployments(const Deployments& deployments, unsigned keep,
                                              const std::optional<Digest>& also_keep = std::nullopt);

void remove_deployment(const Host& host, const Repository& repository, const Deployment& deployment);

/// The ref that keeps a deployment's image, below images/refs; that of its container image, below streams/refs/oci.
std::string deployment_ref(const Digest& image);
std::string deployment_tag(const Digest& image);

struct HostGcOptions {
  unsigned keep = default_kept_deployments;
  bool dry_run = false;
};

struct HostGcReport {
  std::vector<Deployment> removed{};
  GcReport objects{};
};

/// Removes deployments, then objects. With dry_run the objects are those that go whatever becomes of the deployments.
///   throws  Error "gc: root unreadable, nothing deleted: ...": a boot entry, pin, ref or image that can't be read;
///           Error{busy}: see HostLock and collect_garbage()
HostGcReport collect_host(const Host& host, const std::vector<Certificate>& trusted, const HostGcOptions& options);

}  // namespace sealroot
