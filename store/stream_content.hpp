// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Whether a splitstream gives the bytes that its name stands for: `oci-layer-DIFF_ID` the tar of that diff ID,
// `oci-manifest-`, `oci-config-` and `oci-blob-DIGEST` the blob of that digest.
#pragma once

#include <string>

#include "store/core/fd.hpp"
#include "store/object_store.hpp"
#include "store/splitstream.hpp"

namespace sealroot {

/// Puts the stream together and hashes it. Of a name of another kind only its size is known.
///   buffer  for reading objects, not empty
///   throws  Error{malformed} if it can't be decoded, Error{untrusted} for another type, size or digest
void check_stream_content(const ObjectStore& store, const std::string& id, const Splitstream& stream, Bytes& buffer);

}  // namespace sealroot
