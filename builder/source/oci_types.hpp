// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The media types of what is written here, from the OCI image specification. More are read: manifest.cpp.
#pragma once

namespace sealroot::oci_type {

inline constexpr const char* manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* config = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* layer = "application/vnd.oci.image.layer.v1.tar";  // `+gzip` and the like behind it

}  // namespace sealroot::oci_type
