// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Catch2 under one name: version 2 (Debian 12) and version 3 (Debian 13) have different headers.
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

/// Matches an exception whose text contains `text`; version 3 renamed Catch's own matcher.
#if defined(CATCH_VERSION_MAJOR) && CATCH_VERSION_MAJOR >= 3
inline auto has_text(const std::string& text) { return Catch::Matchers::ContainsSubstring(text); }
#else
inline auto has_text(const std::string& text) { return Catch::Matchers::Contains(text); }
#endif
