// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <fcntl.h>
#include <getopt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>

#include "builder/image/image.hpp"
#include "builder/source/directory_tree.hpp"
#include "builder/tree/dumpfile.hpp"
#include "cli/other_names.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

enum Option : int {
  digest_store = 256,
  use_epoch,
  skip_devices,
  skip_xattrs,
  user_xattrs,
  print_digest,
  print_digest_only,
  from_file,
  min_version,
  max_version,
  threads
};

constexpr std::array<option, 12> known_options{{{"digest-store", required_argument, nullptr, digest_store},
                                                {"use-epoch", no_argument, nullptr, use_epoch},
                                                {"skip-devices", no_argument, nullptr, skip_devices},
                                                {"skip-xattrs", no_argument, nullptr, skip_xattrs},
                                                {"user-xattrs", no_argument, nullptr, user_xattrs},
                                                {"print-digest", no_argument, nullptr, print_digest},
                                                {"print-digest-only", no_argument, nullptr, print_digest_only},
                                                {"from-file", no_argument, nullptr, from_file},
                                                {"min-version", required_argument, nullptr, min_version},
                                                {"max-version", required_argument, nullptr, max_version},
                                                {"threads", required_argument, nullptr, threads},
                                                {}}};

struct Arguments {
  DirectoryTreeOptions directory;
  bool from_dumpfile = false;
  bool print_digest = false;
  bool write_image = true;
  std::optional<long> lowest, highest;
  std::string source;
  std::string image;
};

[[noreturn]] void refuse_usage(const std::string& reason, const char* program = nullptr) {
  if (program == nullptr) throw Error(Fault::usage, reason);
  const std::string lines = reason.empty() ? "" : reason + "\n";
  throw Error(Fault::usage, lines + "Usage: " + program_invocation_short_name +
                                " [OPTIONS] SOURCE IMAGE\n"
                                "Options:\n"
                                "  --digest-store=PATH   Store contents of files in this directory\n"
                                "  --use-epoch           Make all mtimes zero\n"
                                "  --skip-devices        Leave out device nodes\n"
                                "  --skip-xattrs         Leave out extended attributes\n"
                                "  --user-xattrs         Only keep user.* extended attributes\n"
                                "  --print-digest        Print the digest of the image\n"
                                "  --print-digest-only   Print the digest of the image, don't write it\n"
                                "  --from-file           SOURCE is a dumpfile (- is stdin), not a directory\n"
                                "  --min-version=N       Lowest format version (default: 0)\n"
                                "  --max-version=N       Highest format version (default: 1)\n"
                                "  --threads=N           Worker threads (default: one a CPU)");
}

long number(const std::string& text, const std::string& what) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') refuse_usage("Invalid " + what + " " + text);
  return value;
}

unsigned thread_count(const std::string& text) {
  const long value = number(text, "threads count");
  if (value <= 0) refuse_usage("Invalid threads count " + text);
  return static_cast<unsigned>(std::min(value, 1024L));
}

void take_option(Arguments& arguments, int found, const char* program) {
  DirectoryTreeOptions& directory = arguments.directory;
  switch (found) {
    case digest_store:
      directory.objects = optarg;
      break;
    case use_epoch:
      directory.epoch = true;
      break;
    case skip_devices:
      directory.devices = false;
      break;
    case skip_xattrs:
      directory.xattrs = false;
      break;
    case user_xattrs:
      directory.only_user_xattrs = true;
      break;
    case print_digest_only:
      arguments.write_image = false;
      [[fallthrough]];
    case print_digest:
      arguments.print_digest = true;
      break;
    case from_file:
      arguments.from_dumpfile = true;
      break;
    case min_version:
      arguments.lowest = number(optarg, "min version");
      break;
    case max_version:
      arguments.highest = number(optarg, "max version");
      break;
    case threads:
      directory.threads = thread_count(optarg);
      break;
    case ':':
      refuse_usage("option needs a value");
    default:
      refuse_usage("", program);
  }
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int found; (found = ::getopt_long(argc, argv, ":", known_options.data(), nullptr)) != -1;) {
    take_option(arguments, found, argv[0]);
  }
  const int left = argc - optind;
  if (left < 1) refuse_usage("No source path specified", argv[0]);
  arguments.source = argv[optind];
  if (arguments.source.empty()) throw Error(Fault::malformed, "Empty source path specified");
  if (left > 2) refuse_usage("Too many arguments", argv[0]);
  if (left == 1 && arguments.write_image) refuse_usage("No destination path specified", argv[0]);
  if (left == 2 && !arguments.write_image) {
    refuse_usage("Cannot specify destination path with --print-digest-only", argv[0]);
  }
  if (left == 2) arguments.image = argv[optind + 1];
  return arguments;
}

/// Either option alone leaves the other at 0; the highest gives way to the lowest.
ImageFormat format(const Arguments& arguments) {
  const bool is_default = !arguments.lowest && !arguments.highest;
  const long lowest = arguments.lowest.value_or(0);
  const long highest = std::max(lowest, arguments.highest.value_or(is_default ? 1 : 0));
  if (lowest < 0 || highest > 1) throw Error(Fault::malformed, "cannot write file: Invalid argument");
  if (lowest == 1) return ImageFormat::v1;
  return highest == 1 ? ImageFormat::lowest : ImageFormat::v0;
}

Tree read_dumpfile(const std::string& path) {
  const Fd file(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw os_error("open `" + path + "`");
  DumpfileParser parser(std::getenv("CFS_PARSE_STRICT") != nullptr ? DumpfileRules::strict : DumpfileRules::lenient);
  std::vector<std::uint8_t> buffer(1U << 20);
  for (ssize_t got; (got = ::read(file.get(), buffer.data(), buffer.size())) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw os_error("Error reading from file");
    parser.add(ByteView(buffer).first(static_cast<std::size_t>(got)));
  }
  return parser.finish();
}

Fd open_output(const std::string& path) {
  if (path == "-") {
    if (::isatty(STDOUT_FILENO) == 1) throw Error(Fault::os, "stdout is a tty.  Refusing to use it");
    return Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file) throw os_error("failed to open output file");
  return file;
}

}  // namespace

int run_mkcomposefs(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  const ImageFormat image_format = format(arguments);
  const Fd output = arguments.write_image ? open_output(arguments.image) : Fd();
  const Tree tree = arguments.from_dumpfile ? read_dumpfile(arguments.source)
                                            : read_directory_tree(arguments.source, arguments.directory);
  VerityHasher hasher(Algorithm::sha256);
  PlannedImage(tree, image_format).write([&](ByteView bytes) {
    if (output) write_all(output, bytes);
    if (arguments.print_digest) hasher.update(bytes);
  });
  if (arguments.print_digest) {
    const Fd terminal(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    write_all(terminal, as_bytes(to_hex(hasher.finish()) + "\n"));
  }
  return 0;
}

}  // namespace sealroot
