// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Kernel modules as the pivot loads them: plain ELF files, because finit_module(2) unpacks compressed ones only on
// kernels built for it.
#pragma once

#include "store/core/bytes.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

/// The module out of `file`, which is plain or compressed with xz, zstd or gzip; a signature appended to the module is
/// part of it and stays.
///   throws  Error{malformed}: damaged, of another format, no ELF file inside, or larger than 64 MiB unpacked
Bytes unpack_module(ByteView file);

}  // namespace sealroot
