// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// How an operation ends that can't go on: one exception class, whose text is one line read from the outside in:
// "outer step: inner step: object: reason".
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sealroot {

/// Why an operation ended. `untrusted` is a digest or signature that does not match; `busy`: another program holds the
/// lock, the same again later may succeed.
enum class Fault { os, usage, malformed, untrusted, missing, busy };

/// Exit status of a program that ends with `fault`: 2 for wrong usage, 75 (EX_TEMPFAIL of sysexits.h) for busy, 1 for
/// all else.
constexpr int exit_status(Fault fault) {
  if (fault == Fault::busy) return 75;
  return fault == Fault::usage ? 2 : 1;
}

class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}
  Fault fault() const { return fault_; }
  /// The same error, told from one step further out.
  Error within(std::string_view step) const { return {fault_, std::string(step) + ": " + what()}; }

 private:
  Fault fault_;
};

/// Error{os} for the current or given errno: "what: No such file or directory".
Error os_error(const std::string& what);
Error os_error(const std::string& what, int error_number);

/// Text from outside made safe to print: control characters, `\` and bytes outside ASCII as \xHH, in single quotes.
std::string quoted(std::string_view text);
/// For std::string too, or std::quoted would be found where <iomanip> is included.
inline std::string quoted(const std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(const char* text) { return quoted(std::string_view(text)); }

/// Runs `action`; an Error that leaves it gets `step` in front.
template <typename Action>
decltype(auto) during(std::string_view step, Action&& action) {
  try {
    return std::forward<Action>(action)();
  } catch (const Error& error) {
    throw error.within(step);
  }
}

}  // namespace sealroot
