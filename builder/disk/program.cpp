// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/disk/program.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr int first_inherited = 3;
constexpr int out_of_the_way = 64;  // above every number a program gets its files under

std::string find_program(const Program& program) {
  const char* path = std::getenv("PATH");
  std::string rest = std::string(path != nullptr ? path : "/usr/bin:/bin") + ":/usr/sbin:/sbin:";
  for (std::size_t colon = rest.find(':'); colon != std::string::npos; colon = rest.find(':')) {
    const std::string candidate = rest.substr(0, colon) + "/" + program.name;
    if (candidate.front() == '/' && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest.erase(0, colon + 1);
  }
  throw Error(Fault::missing, program.name + ": no such program; it is in Debian's package " + program.package);
}

/// File actions of posix_spawn: stdin and stdout nowhere, stderr into a file, then the inherited ones.
class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

  void nowhere(int number, int flags) { posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", flags, 0); }

  /// `file` under `number`, by way of a copy that no other number overwrites before.
  void hand_over(const Fd& file, int number) {
    copies_.emplace_back(::fcntl(file.get(), F_DUPFD_CLOEXEC, out_of_the_way));
    if (!copies_.back()) throw os_error("handing over a file");
    posix_spawn_file_actions_adddup2(&actions_, copies_.back().get(), number);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  std::vector<Fd> copies_;
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw os_error("waiting");
  }
  return status;
}

std::string last_line(const Fd& messages) {
  if (::lseek(messages.get(), 0, SEEK_SET) < 0) return {};
  std::string text(as_text(read_all(messages)));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::string inherited_path(std::size_t index) {
  return "/proc/self/fd/" + std::to_string(static_cast<std::size_t>(first_inherited) + index);
}

void run_program(const Program& program, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment,
                 const std::vector<std::reference_wrapper<const Fd>>& files) {
  const std::string path = find_program(program);
  std::vector<std::string> words{program.name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment;
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(variables);

  const Fd messages(::memfd_create("messages", MFD_CLOEXEC));
  if (!messages) throw os_error(program.name);
  FileActions actions;
  actions.nowhere(STDIN_FILENO, O_RDONLY);
  actions.nowhere(STDOUT_FILENO, O_WRONLY);
  actions.hand_over(messages, STDERR_FILENO);
  for (std::size_t i = 0; i < files.size(); ++i) actions.hand_over(files[i], first_inherited + static_cast<int>(i));

  pid_t child = 0;
  const int error = ::posix_spawn(&child, path.c_str(), actions.get(), nullptr, argv.data(), envp.data());
  if (error != 0) throw os_error("starting " + path, error);
  const int status = wait_for(child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  const std::string line = last_line(messages);
  throw Error(Fault::os, program.name + ": " + (line.empty() ? "ended without success" : quoted(line)));
}

}  // namespace sealroot
