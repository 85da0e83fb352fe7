// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What the options of a build and the chosen profile of ukify-templates add up to; options win. All that can be refused
// without reading the source is refused here: unknown profile keys, a missing key, a certificate of another key.
#pragma once

#include <optional>
#include <string>

#include "builder/build.hpp"
#include "builder/uki/authenticode.hpp"
#include "builder/uki/template.hpp"

namespace sealroot {

struct Profile {
  std::string text;              // of the chosen template
  UkiTemplate uki;               // file names in it are relative to the working directory
  std::string cmdline;           // without the digest
  std::optional<Signer> signer;  // empty only with --unsigned
};

/// throws  Error{usage}: no key and no --unsigned, both, or a profile key that a build sets itself
Profile load_profile(const BuildOptions& options);

}  // namespace sealroot
