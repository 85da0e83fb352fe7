// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/exit_status.hpp"

#include <new>

#include <CLI/CLI.hpp>

#include "store/core/error.hpp"

namespace sealroot {

void exit_with_answer(const std::function<int()>& command) {
  int status = 0;
  try {
    status = command();
  } catch (const std::bad_alloc&) {
    throw Error(Fault::usage, "out of memory");
  } catch (const std::exception& error) {
    throw Error(Fault::usage, error.what());  // the fault whose exit status is 2
  }
  if (status != 0) throw CLI::RuntimeError(status);
}

}  // namespace sealroot
