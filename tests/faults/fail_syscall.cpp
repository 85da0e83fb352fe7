// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Runs a command and lets it fail at one chosen system call, so that a test can go through all of them:
//
//   fail_syscall REPORT ACTION K COMMAND [ARGUMENT...]
//
//   ACTION  kill-any     SIGKILL for the whole process group instead of its K-th system call
//           kill-change  the same, but only calls that can change a file system are counted
//           a number     errno that the K-th such call ends with; it is not carried out
//   K       from 1 on, over all threads and children in the order they come; 0: nothing happens
//   REPORT  a file for one line: how many calls were counted, and the name of the one that was hit (or `none`)
//
// Exit status: that of the command, 137 if it was killed, 77 where the kernel can't do this.
//
// A seccomp filter stops each call and asks this process what to do with it (seccomp_unotify(2), Linux 5.5); unlike
// ptrace this needs no knowledge of registers.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr int status_unsupported = 77;

enum class Action { kill_any, kill_change, fail };

struct Task {
  std::string report;
  Action action = Action::fail;
  int error_number = 0;
  std::uint64_t call = 0;
  char** command = nullptr;
};

struct Outcome {
  std::uint64_t counted = 0;
  int hit = -1;
};

struct Call {
  int number;
  const char* name;
};

/// Calls that change a file system, or make a change durable. openat counts only when it makes a file.
const std::vector<Call> changing_calls{
    {SYS_write, "write"},
    {SYS_writev, "writev"},
    {SYS_pwrite64, "pwrite64"},
    {SYS_pwritev, "pwritev"},
    {SYS_ftruncate, "ftruncate"},
    {SYS_fallocate, "fallocate"},
    {SYS_openat, "openat"},
    {SYS_linkat, "linkat"},
    {SYS_symlinkat, "symlinkat"},
    {SYS_mkdirat, "mkdirat"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_renameat2, "renameat2"},
    {SYS_copy_file_range, "copy_file_range"},
    {SYS_sendfile, "sendfile"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_syncfs, "syncfs"},
    {SYS_fchmod, "fchmod"},
    {SYS_fchmodat, "fchmodat"},
    {SYS_fchown, "fchown"},
    {SYS_ioctl, "ioctl"},
    {SYS_utimensat, "utimensat"},
#ifdef SYS_renameat
    {SYS_renameat, "renameat"},
#endif
#ifdef SYS_mkdir
    {SYS_mkdir, "mkdir"},
    {SYS_rename, "rename"},
    {SYS_link, "link"},
    {SYS_symlink, "symlink"},
    {SYS_unlink, "unlink"},
    {SYS_rmdir, "rmdir"},
    {SYS_chmod, "chmod"},
#endif
};

std::string name_of(int number) {
  for (const Call& call : changing_calls) {
    if (call.number == number) return call.name;
  }
  return number < 0 ? "none" : "other";
}

std::vector<sock_filter> make_filter(Action action) {
  std::vector<sock_filter> filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  if (action != Action::kill_any) {
    for (const Call& call : changing_calls) {
      filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 1));
      filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    }
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  } else {
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  return filter;
}

/// Messages for people are not the work that is to fail.
bool is_counted(Action action, const seccomp_data& call) {
  if (action == Action::kill_any) return true;
  if (call.nr == SYS_openat) return (call.args[2] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0;
  if (call.nr == SYS_write || call.nr == SYS_writev) return call.args[0] != STDERR_FILENO;
  return true;
}

/// What the child tells through memory, since it can't make a call any more that is not stopped.
struct Shared {
  std::atomic<int> listener{-1};
  std::atomic<int> error_number{0};
};

[[noreturn]] void run_command(const Task& task, Shared& shared) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::vector<sock_filter> filter = make_filter(task.action);
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const long listener = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) shared.error_number = errno;
  shared.listener = static_cast<int>(listener);
  if (listener >= 0) ::execvp(task.command[0], task.command);
  ::_exit(status_unsupported);
}

/// Waits for the child's filter without a call of its own; -1 if it could not be had.
int wait_for_listener(const Shared& shared, pid_t child) {
  while (shared.listener < 0 && shared.error_number == 0) {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0) break;
    ::sched_yield();
  }
  return shared.listener;
}

/// Answers one stopped call.
void answer(int listener, const Task& task, pid_t child, Outcome& outcome) {
  seccomp_notif call{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) return;  // its thread died meanwhile
  seccomp_notif_resp response{};
  response.id = call.id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  if (is_counted(task.action, call.data) && ++outcome.counted == task.call) {
    outcome.hit = call.data.nr;
    if (task.action != Action::fail) {
      ::kill(-child, SIGKILL);
      return;
    }
    response.flags = 0;
    response.error = -task.error_number;
  }
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/// Until no process has the filter any more.
void supervise(int listener, const Task& task, pid_t child, Outcome& outcome) {
  pollfd events{listener, POLLIN, 0};
  while (::poll(&events, 1, -1) >= 0 || errno == EINTR) {
    if ((events.revents & POLLIN) != 0) {
      answer(listener, task, child, outcome);
    } else if (events.revents != 0) {
      return;
    }
  }
}

int status_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run(const Task& task) {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return status_unsupported;
  auto* const shared = new (memory) Shared;
  // One table of file descriptors for both, until the child's execve: so the listener need not be sent.
  const pid_t child =
      static_cast<pid_t>(::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child < 0) return status_unsupported;
  if (child == 0) run_command(task, *shared);
  Outcome outcome;
  const int listener = wait_for_listener(*shared, child);
  if (listener >= 0) supervise(listener, task, child, outcome);
  const int status = status_of(child);
  if (shared->error_number != 0) {
    std::cerr << "fail_syscall: seccomp: " << std::strerror(shared->error_number) << '\n';
    return status_unsupported;
  }
  std::ofstream(task.report) << outcome.counted << ' ' << name_of(outcome.hit) << '\n';
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: fail_syscall REPORT kill-any|kill-change|ERRNO K COMMAND [ARGUMENT...]\n";
    return 2;
  }
  const std::string action = argv[2];
  Task task{.report = argv[1], .call = std::strtoull(argv[3], nullptr, 10), .command = argv + 4};
  if (action == "kill-any") task.action = Action::kill_any;
  if (action == "kill-change") task.action = Action::kill_change;
  task.error_number = std::atoi(action.c_str());
  return run(task);
}
