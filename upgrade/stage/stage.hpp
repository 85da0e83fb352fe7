// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot upgrade` and `switch`: a sealed container image in, a deployment out that boots next.
//
//   source -> tree, objects -> UKI out of the tree -> image         nothing on the host has changed yet but objects
//     signature, digest, version, layout checked; room on the ESP made
//   -> image and refs -> state directory -> record -> boot entry    the entry, last, is what makes it a deployment
//   -> made the next to boot -> deployments nobody needs removed
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "upgrade/collect.hpp"
#include "upgrade/etc_merge/merge.hpp"
#include "upgrade/host/host.hpp"
#include "upgrade/soft_reboot/soft_reboot.hpp"
#include "upgrade/stage/candidate.hpp"

namespace sealroot {

struct StageOptions {
  std::string source{};                      // transport:reference; empty: that of the next deployment, or another one
  std::optional<std::string> certificate{};  // see trusted_certificates()
  std::optional<XattrRule> xattrs{};         // nullopt: as recorded with the source, else those of a build
  std::optional<LabelMode> labels{};
  bool allow_downgrade = false;
  bool retry = false;                      // also an image whose boots failed, or that was rolled back
  EtcPolicy etc_policy = EtcPolicy::fail;  // what is done where /etc was changed here and by the image
  SoftReboot soft_reboot = SoftReboot::no;
  bool check_only = false;  // fetch and check all, but deploy nothing
  unsigned tries = 3;       // counter of the new entry; 0: none
  unsigned keep = default_kept_deployments;
  ReadOptions read{};
};

struct StageResult {
  Digest image;
  std::string image_id{};
  std::string version{};
  std::string source{};
  std::optional<std::string> replaces{};  // version of what would have booted next
  bool already_there = false;             // a deployment of this image has a boot entry
  bool staged = false;                    // it boots next
  bool soft_reboot = false;               // it was asked for and can be done: prepare_soft_reboot() is to follow
  std::vector<Digest> removed{};          // deployments that went, or with check_only would go
  std::vector<EtcChange> etc_changes{};   // of a /etc that is kept, by path
  std::vector<std::string> warnings{};    // what did not hinder it, one sentence each
};

/// Throws Error; nothing is then on the ESP that was not there, and all that could boot still can. What was stored by
/// then stays as garbage for gc. Error{untrusted}: signature, digest (`uki digest mismatch`), version, or no soft
/// reboot though it is required; Error{busy}. Without a source in `options`, an image that was given up on this host is
/// left alone, with a warning.
StageResult stage(const Host& host, const StageOptions& options, const StageProgress& progress);

}  // namespace sealroot
