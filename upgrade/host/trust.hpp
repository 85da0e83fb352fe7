// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Which certificates a host believes. They are pinned by the system that runs: /usr/lib/sealroot/*.crt of the booted
// image, measured by the digest that the kernel was started with, or that was measured at a soft reboot. So nobody who
// can write to the disk, or to the registry, adds one; a key is replaced by an image that is signed with the old one and
// brings the new one along.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/uki/certificate.hpp"
#include "store/repository.hpp"

namespace sealroot {

inline constexpr const char* pinned_folder = "/usr/lib/sealroot";

/// The certificates in the image, in the order of their names; empty if it has none.
///   throws  Error{missing}, Error{untrusted}: the image or a certificate is not what its digest says
std::vector<Certificate> pinned_certificates(const Repository& repository, const Digest& image);

/// Those of the booted image, else the ones in `file`.
///   throws  Error{usage}: neither; or both, which would let an option weaken what the image says
std::vector<Certificate> trusted_certificates(const Repository& repository, const std::optional<Digest>& booted,
                                              const std::optional<std::string>& file);

}  // namespace sealroot
