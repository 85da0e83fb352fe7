// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/credential_helper.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <nlohmann/json.hpp>

#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

constexpr std::size_t max_answer_size = std::size_t{1} << 20;

bool is_helper_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.';
  });
}

Fd memory_file() {
  Fd file(::memfd_create("credential", MFD_CLOEXEC));
  if (!file) throw os_error("asking a credential helper");
  return file;
}

std::string read_answer(const Fd& file) {
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw os_error("reading the answer");
  return std::string(as_text(read_all(file, max_answer_size)));
}

/// The exit status of `program get` with these standard streams.
int run_get(const std::string& program, const Fd& input, const Fd& output) {
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  std::string name = program;
  std::string command = "get";
  const std::array<char*, 3> arguments{name.data(), command.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw os_error("starting it", error);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw os_error("waiting for it");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Credentials parse_answer(const std::string& text) {
  const nlohmann::json answer = parse_json(as_bytes(text));
  const auto member = [&](const char* key) {
    if (!answer.is_object() || !answer.contains(key) || !answer[key].is_string()) {
      throw Error(Fault::malformed, "its answer has no " + std::string(key));
    }
    return answer[key].get<std::string>();
  };
  if (member("Username") == "<token>") return {"", "", member("Secret")};
  return {member("Username"), member("Secret"), ""};
}

}  // namespace

std::optional<Credentials> ask_credential_helper(const std::string& name, const std::string& host) {
  if (!is_helper_name(name)) throw Error(Fault::usage, "credential helper " + quoted(name) + ": not a name");
  const std::string program = "docker-credential-" + name;
  return during(program, [&]() -> std::optional<Credentials> {
    const Fd input = memory_file();
    const Fd output = memory_file();
    write_all(input, as_bytes(host == "docker.io" ? "https://index.docker.io/v1/" : host));
    if (::lseek(input.get(), 0, SEEK_SET) < 0) throw os_error("asking it");
    const int status = run_get(program, input, output);
    const std::string answer = read_answer(output);
    if (status == 0) return parse_answer(answer);
    if (answer.find("credentials not found") != std::string::npos) return std::nullopt;
    throw Error(Fault::os, "ended with status " + std::to_string(status) + ": " + quoted(answer.substr(0, 200)));
  });
}

}  // namespace sealroot
