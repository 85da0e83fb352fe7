// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The certificates for a registry, as podman and docker keep them: folder certs.d/HOST[:PORT] with CAs `*.crt` and our
// own certificate `NAME.cert` with `NAME.key`. Source: containers-certs.d(5).
#pragma once

#include <optional>
#include <string>

#include "builder/registry/http.hpp"

namespace sealroot {

/// `folder`, else that of the first certs.d which has one for `authority`. Error{usage}: certificate without key.
TlsSettings find_certificates(const std::optional<std::string>& folder, const std::string& authority);

}  // namespace sealroot
