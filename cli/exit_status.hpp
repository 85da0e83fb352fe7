// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Commands whose exit status is an answer, as that of diff and cmp: 0 yes, 1 no, 2 trouble.
#pragma once

#include <functional>

namespace sealroot {

/// Runs `command` and ends the program with the status that it returns; whatever it throws becomes 2.
void exit_with_answer(const std::function<int()>& command);

}  // namespace sealroot
