// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "builder/image/describe_image.hpp"
#include "cli/other_names.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

struct Arguments {
  std::string program;
  std::optional<std::string> objects;  // --basedir
  TopFilter filter;
  std::string command;
  std::vector<std::string> files;
};

/// Printed as it is, without the program's name in front.
[[noreturn]] void refuse_usage(const std::string& program, const std::string& reason) {
  const std::string lines = reason.empty() ? "" : reason + "\n";
  throw Error(Fault::usage, lines + "usage: " + program +
                                " [--basedir=path] [ls|objects|dump|missing-objects|measure-file] IMAGES...");
}

Arguments parse(int argc, char** argv) {
  const std::array<option, 3> options{
      {{"basedir", required_argument, nullptr, 'b'}, {"filter", required_argument, nullptr, 'f'}, {}}};
  Arguments arguments;
  arguments.program = argv[0];
  for (int found; (found = ::getopt_long(argc, argv, "", options.data(), nullptr)) != -1;) {
    if (found == 'b') {
      arguments.objects = optarg;
    } else if (found == 'f') {
      arguments.filter.emplace_back(optarg);
      if (arguments.filter.back().find('/') != std::string::npos) {
        throw Error(Fault::malformed, "Filter must be a single name: " + arguments.filter.back());
      }
    } else {
      refuse_usage(arguments.program, "");
    }
  }
  if (optind >= argc) refuse_usage(arguments.program, "No command specified");
  arguments.command = argv[optind];
  arguments.files.assign(argv + optind + 1, argv + argc);
  return arguments;
}

Fd open_input(const std::string& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw os_error("Failed to open '" + path + "'");
  return file;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void measure(const std::string& path) {
  const Fd file = open_input(path);
  VerityHasher hasher(Algorithm::sha256);
  std::vector<std::uint8_t> buffer(1U << 18);
  for (ssize_t got; (got = ::read(file.get(), buffer.data(), buffer.size())) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("failed to measure '" + path + "'");
    hasher.update(ByteView(buffer).first(static_cast<std::size_t>(got)));
  }
  print(to_hex(hasher.finish()) + "\n");
}

/// Those of `objects` that are not below `directory`; without one, all are missing.
void print_missing(const std::set<std::string>& objects, const Fd& directory) {
  for (const std::string& object : objects) {
    struct stat info {};
    const std::string relative = object.substr(std::min(object.find_first_not_of('/'), object.size()));
    const bool there = directory && ::fstatat(directory.get(), relative.c_str(), &info, AT_EMPTY_PATH) == 0;
    if (!there) print(object + "\n");
  }
}

void describe_images(const Arguments& arguments) {
  const std::string& command = arguments.command;
  if (command != "ls" && command != "dump" && command != "objects" && command != "missing-objects") {
    throw Error(Fault::malformed, "Unknown command '" + command + "'");
  }
  Fd directory;
  if (arguments.objects) {
    directory = Fd(::open(arguments.objects->c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_PATH));
    if (!directory) throw os_error("Can't open basedir `" + *arguments.objects + "`");
  }
  if (arguments.files.empty()) refuse_usage(arguments.program, "No image path specified");
  std::set<std::string> objects;
  for (const std::string& path : arguments.files) {
    const Fd file = open_input(path);
    during("Failed to load '" + path + "'", [&] {
      const Bytes image = read_all(file);
      if (command == "ls") return list_image(image, arguments.filter, print);
      if (command == "dump") return dump_image(image, arguments.filter, print);
      add_objects_of_image(image, arguments.filter, objects);
    });
  }
  if (command == "objects") directory = Fd();  // all of them
  print_missing(objects, directory);
}

}  // namespace

int run_composefs_info(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.command != "measure-file") {
    describe_images(arguments);
  } else {
    if (arguments.files.empty()) refuse_usage(arguments.program, "No files specified");
    for (const std::string& path : arguments.files) measure(path);
  }
  if (std::fflush(stdout) != 0) throw os_error("standard output");
  return 0;
}

}  // namespace sealroot
