// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a C++ program needs when no library stands below it: the entry point, the memory functions the compiler calls by
// name, and the two hooks of the language runtime that must never run. Only in the program, not in the unit tests.
#include <cstddef>

extern "C" int pivot_main(int count, const char* const* arguments, const char* const* environment);

// The kernel enters with the stack pointer at the argument count.
#if defined(__x86_64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  xor %ebp, %ebp\n"
    "  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n"
    "  call pivot_start\n");
#elif defined(__aarch64__)
__asm__(
    ".globl _start\n"
    "_start:\n"
    "  mov x29, #0\n"
    "  mov x30, #0\n"
    "  mov x0, sp\n"
    "  bl pivot_start\n");
#endif

extern "C" {

[[noreturn, gnu::used]] void pivot_start(const long* stack) {
  const char* const* const arguments = reinterpret_cast<const char* const*>(stack + 1);
  pivot_main(static_cast<int>(*stack), arguments, arguments + *stack + 1);
  __builtin_trap();  // pivot_main ends in execve, exit or reboot
}

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  while (size-- > 0) *out++ = *in++;
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  if (out <= in) return memcpy(to, from, size);
  while (size-- > 0) out[size] = in[size];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  auto* out = static_cast<unsigned char*>(to);
  while (size-- > 0) *out++ = static_cast<unsigned char>(value);
  return to;
}

int memcmp(const void* left, const void* right, std::size_t size) {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  for (; size > 0; --size, ++a, ++b) {
    if (*a != *b) return *a < *b ? -1 : 1;
  }
  return 0;
}

/// What clang makes of a memcmp() of which only the equality counts.
int bcmp(const void* left, const void* right, std::size_t size) { return memcmp(left, right, size); }

void* memchr(const void* bytes, int value, std::size_t size) {
  auto* at = static_cast<const unsigned char*>(bytes);
  for (; size > 0; --size, ++at) {
    if (*at == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at);
  }
  return nullptr;
}

std::size_t strlen(const char* text) {
  std::size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}

[[noreturn]] void __cxa_pure_virtual() { __builtin_trap(); }

}  // extern "C"
