// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// From the /etc that a deployment keeps on the disk to that of the next one. It is read where it is kept, not where it
// is mounted, so that the host need not run.
//
//   bind     state/deploy/HEX/etc          all of it
//   overlay  state/deploy/HEX/etc/upper    what differs from the image
#pragma once

#include <optional>
#include <string>

#include "store/core/fd.hpp"
#include "store/repository.hpp"
#include "upgrade/etc_merge/merge.hpp"

namespace sealroot {

/// A deployment whose /etc is carried over.
struct KeptEtc {
  Digest image;
  std::string profile;  // what the pivot does with /etc
};

struct CarriedEtc {
  EtcMerge merge;  // what the next deployment keeps; its changes are those of the whole /etc
  Fd here;         // where its local files are
};

/// Where a deployment with this profile keeps /etc, below its state; nullopt: it keeps none.
std::optional<std::string> kept_etc_folder(const std::string& profile);

/// Merges what `old` keeps with a new image. nullopt: one of the two keeps nothing.
///   throws   Error{missing}: the old image is not in the repository; see read_live_etc()
std::optional<CarriedEtc> carry_over_etc(const Fd& sysroot, const Repository& repository, const KeptEtc& old,
                                         const EtcSide& new_image, const std::string& new_profile, EtcPolicy policy);

/// What an overlay shows: the upper layer over the lower one, whose metadata the top keeps.
Tree lay_over(const EtcSide& lower, const Tree& upper);

}  // namespace sealroot
