// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What root of a running system tries to get another kernel, or its own code into this one (row O5 of the threat list).
//   attack MODULE     MODULE is a kernel module without signature
//   SEALROOT-CHECK kexec=REASON, module=REASON, memory=REASON     the C library's words, or ok
#include <fcntl.h>
#include <linux/kexec.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

void report(const char* name, long result) {
  std::printf("SEALROOT-CHECK %s=%s\n", name, result >= 0 ? "ok" : std::strerror(errno));
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  report("kexec", syscall(SYS_kexec_load, 0, 0, nullptr, KEXEC_ARCH_DEFAULT));
  const int module = count > 1 ? open(arguments[1], O_RDONLY | O_CLOEXEC) : -1;
  report("module", module < 0 ? -1 : syscall(SYS_finit_module, module, "", 0));
  report("memory", open("/dev/mem", O_RDWR | O_CLOEXEC));
  return 0;
}
