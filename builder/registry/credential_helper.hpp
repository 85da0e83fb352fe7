// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Programs that keep credentials, docker-credential-NAME. Source: github.com/docker/docker-credential-helpers.
#pragma once

#include <optional>
#include <string>

#include "builder/registry/credentials.hpp"

namespace sealroot {

/// What docker-credential-NAME, found in PATH and run without a shell, knows of a registry; nullopt: nothing.
///   throws   Error{usage}: a name that could be a path; Error{os}: the program is missing or fails
std::optional<Credentials> ask_credential_helper(const std::string& name, const std::string& host);

}  // namespace sealroot
