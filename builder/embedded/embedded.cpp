// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/embedded/embedded.hpp"

extern "C" {
extern const std::uint8_t sealroot_pivot_binary_begin[];
extern const std::uint8_t sealroot_pivot_binary_end[];
extern const std::uint8_t sealroot_template_default_begin[];
extern const std::uint8_t sealroot_template_default_end[];
}

namespace sealroot {

ByteView embedded_pivot() { return {sealroot_pivot_binary_begin, sealroot_pivot_binary_end}; }

std::string_view embedded_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "the pivot has system call stubs for x86_64 and aarch64 only"
#endif
}

std::optional<std::string_view> try_embedded_template(std::string_view name) {
  if (name != "default") return std::nullopt;
  return as_text({sealroot_template_default_begin, sealroot_template_default_end});
}

std::string_view embedded_template_names() { return "default"; }

}  // namespace sealroot
