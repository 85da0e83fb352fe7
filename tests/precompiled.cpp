// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Whose precompiled header all unit tests use; see CMakeLists.txt.
#include "tests/catch.hpp"
