// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/mount/id_map.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <limits>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::uint64_t id_limit = std::numeric_limits<std::uint32_t>::max();  // (uid_t)-1 is nobody's

/// A process that only holds a new user namespace, until it is told to go.
class NamespaceHolder {
 public:
  NamespaceHolder() {
    // As fork(), but the child is in a user namespace of its own from its start.
    const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child < 0) throw os_error("making a user namespace");
    if (child == 0) {
      for (;;) ::pause();
    }
    pid_ = static_cast<pid_t>(child);
  }
  ~NamespaceHolder() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;

  std::string path(const std::string& name) const { return "/proc/" + std::to_string(pid_) + "/" + name; }

 private:
  pid_t pid_ = -1;
};

void write_map(const std::string& path, const std::string& text) {
  const Fd file = open_at(working_directory(), path, O_WRONLY);
  if (::write(file.get(), text.data(), text.size()) < 0) throw os_error("writing " + path);
}

bool overlap(std::uint64_t a, std::uint64_t b, std::uint64_t size_a, std::uint64_t size_b) {
  return a < b + size_b && b < a + size_a;
}

}  // namespace

IdRange parse_id_range(const std::string& text) {
  const Error wrong(Fault::usage, "ids " + quoted(text) + ": expected CONTAINER:HOST:SIZE, such as 0:100000:65536");
  std::array<std::uint32_t, 3> numbers{};
  const char* next = text.data();
  const char* const end = next + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i != 0 && (next == end || *next++ != ':')) throw wrong;
    const auto [after, error] = std::from_chars(next, end, numbers[i]);
    if (error != std::errc{}) throw wrong;
    next = after;
  }
  if (next != end) throw wrong;
  const IdRange range{numbers[0], numbers[1], numbers[2]};
  const auto fits = [&](std::uint64_t first) { return first + range.size <= id_limit; };
  if (range.size == 0) throw Error(Fault::usage, "ids " + quoted(text) + ": an empty range");
  if (!fits(range.container) || !fits(range.host))
    throw Error(Fault::usage, "ids " + quoted(text) + ": beyond 2^32 - 2");
  return range;
}

void check_id_ranges(const std::vector<IdRange>& ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const IdRange& a = ranges[i];
      const IdRange& b = ranges[j];
      if (overlap(a.container, b.container, a.size, b.size) || overlap(a.host, b.host, a.size, b.size)) {
        throw Error(Fault::usage, "ids: two ranges have an id in common");
      }
    }
  }
}

Fd make_user_namespace(const std::vector<IdRange>& ranges) {
  return during("mapping ids", [&] {
    std::string map;
    for (const IdRange& range : ranges) {
      map +=
          std::to_string(range.container) + ' ' + std::to_string(range.host) + ' ' + std::to_string(range.size) + '\n';
    }
    const NamespaceHolder holder;
    write_map(holder.path("uid_map"), map);
    write_map(holder.path("gid_map"), map);
    return open_at(working_directory(), holder.path("ns/user"), O_RDONLY);
  });
}

}  // namespace sealroot
