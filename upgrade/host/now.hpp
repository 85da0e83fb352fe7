// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The time, for what people read about a host's past. Nothing is decided by it.
#pragma once

#include <string>

namespace sealroot {

/// `2026-01-02T03:04:05Z`: SOURCE_DATE_EPOCH if that is set, else the clock.
std::string now_text();

}  // namespace sealroot
