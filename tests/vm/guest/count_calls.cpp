// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// /init of a test machine: becomes /pivot, as the first process, while a child of it counts its system calls until it
// executes the init of the new root.
//
//   SEALROOT-CHECK system-calls=N     from the pivot's first to the execve that starts init, both included
//   SEALROOT-CHECK count=done         or the reason why there is none
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace {

int finish(const char* how) {
  std::printf("SEALROOT-CHECK count=%s\n", how);
  std::fflush(stdout);
  reboot(RB_POWER_OFF);
  return 1;
}

int count_calls(pid_t process, int ready) {
  if (ptrace(PTRACE_SEIZE, process, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) < 0)
    return finish("no tracing");
  ptrace(PTRACE_INTERRUPT, process, nullptr, nullptr);
  int status = 0;
  waitpid(process, &status, __WALL);
  if (write(ready, "!", 1) != 1) return finish("no pipe");
  int programs = 0, stops = 0;
  while (programs < 2) {
    ptrace(PTRACE_SYSCALL, process, nullptr, nullptr);
    if (waitpid(process, &status, __WALL) < 0 || !WIFSTOPPED(status)) return finish("the pivot ended");
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) ++programs;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80) && programs == 1) ++stops;
  }
  // The return of the execve that started the pivot, then two stops a call, then the entry of the last one.
  std::printf("SEALROOT-CHECK system-calls=%d\n", stops / 2);
  return finish("done");
}

}  // namespace

int main() {
  const pid_t self = getpid();
  int ready[2] = {};
  if (pipe(ready) < 0) return finish("no pipe");
  const pid_t child = fork();
  if (child == 0) return count_calls(self, ready[1]);
  char byte = 0;
  if (child < 0 || read(ready[0], &byte, 1) != 1) return finish("no tracer");
  for (const int fd : ready) close(fd);
  execl("/pivot", "/init", nullptr);
  return finish("no pivot");
}
