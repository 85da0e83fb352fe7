// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Making one deployment the next to boot, by names on the ESP alone.
//
// systemd-boot takes the newest entry that has tries left. So whatever stands before the wanted entry in the menu gets
// the counter `+0-0` (held back: no try left, none made), the same that `systemd-bless-boot bad` gives. Why not
// otherwise:
// - `default` in loader.conf and LoaderEntryDefault boot what they name even if it has failed each try: with them there
//   is no way back by itself;
// - EFI variables can't be set on a disk that is looked at from outside, and some firmwares lose them.
// Each renaming touches an entry that is to boot no more; the wanted one is complete before. If it fails all its tries,
// all entries have none, and systemd-boot takes the first of the menu again: the one that was held back.
#pragma once

#include <string>
#include <vector>

#include "upgrade/host/deployments.hpp"

namespace sealroot {

/// Makes `image`, which has a boot entry, the next to boot; nothing happens if it is already.
///   tries    counter for an entry that has no try left; 0: none
///   returns  what stands in the way that can't be changed here, one sentence each: a default that somebody set
///   throws   Error{missing}: it has no boot entry (any more)
std::vector<std::string> make_next(const Host& host, const std::vector<Certificate>& trusted, const Digest& image,
                                   unsigned tries);

}  // namespace sealroot
