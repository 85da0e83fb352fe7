// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a host remembers about its deployments. It stands on the state partition, which no signature covers: nothing
// here decides what may boot. Losing all of it costs the source to upgrade from, the pins and the history.
//
//   SYSROOT/state/sealroot/ (0700, its flock is the host's lock)
//     deploy/HEX.json     where a deployment came from
//     pins/HEX            empty: gc keeps this one
//     failed/HEX          empty: did not boot; upgrade does not stage it again by itself
//     history             one JSON object a line, oldest first
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// Held while anything is changed; others that want to change something end with Error{busy}.
class HostLock {
 public:
  /// Makes `state/sealroot` if it is missing.
  explicit HostLock(const Fd& sysroot);

 private:
  Fd folder_;
};

struct DeploymentRecord {
  std::string source;      // transport:reference, as it was given
  std::string manifest{};  // digest of the container image's manifest; empty: the source has none
  std::string image_id{};
  std::string version{};
  std::string staged_at{};  // RFC 3339
  std::string xattrs{};     // rules of the digest, as on the command line
  std::string selinux{};
};

/// nullopt: there is none. Error{malformed}: not what write_record() makes.
std::optional<DeploymentRecord> read_record(const Fd& sysroot, const Digest& image);
/// The text of `deploy/HEX.json`.
std::string record_text(const DeploymentRecord& record);
void write_record(const Fd& sysroot, const Digest& image, const DeploymentRecord& record);
void remove_record(const Fd& sysroot, const Digest& image);

/// Removes records of images that are none of `deployments`, and files that a killed process left under temporary
/// names.
void remove_stale_records(const Fd& sysroot, const std::set<Digest>& deployments);

enum class Mark { pinned, failed };

/// Error{malformed}: a name that is no digest.
std::set<Digest> read_marks(const Fd& sysroot, Mark mark);
void set_mark(const Fd& sysroot, Mark mark, const Digest& image, bool value);

struct HistoryEvent {
  std::string action;  // `stage`, `rollback`, `soft-reboot`, `pin`, `unpin`, `remove`, `factory-reset`
  std::optional<Digest> image{};
  std::string version{};
  std::string source{};
};

/// Adds a line with the time; the oldest go when there are more than 1000.
void append_history(const Fd& sysroot, const HistoryEvent& event);

/// Oldest first. Lines that are no JSON object, as a power cut may leave, are left out.
std::vector<nlohmann::ordered_json> read_history(const Fd& sysroot);

}  // namespace sealroot
