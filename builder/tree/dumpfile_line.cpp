// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "builder/tree/dumpfile_line.hpp"
#include "builder/tree/limits.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/hex.hpp"

namespace sealroot {
namespace {

enum Field { path, size, mode, nlink, uid, gid, rdev, mtime, payload, content, digest, field_count };
constexpr std::array<std::string_view, field_count> field_names{"path", "size",  "mode",    "nlink",   "uid",   "gid",
                                                                "rdev", "mtime", "payload", "content", "digest"};

/// mkcomposefs reads no more of a line, so a dumpfile with more could not be exchanged.
constexpr std::size_t max_xattrs_text_size = 65535;

[[noreturn]] void refuse(const std::string& reason) { throw Error(Fault::malformed, reason); }

/// One line cut at its spaces; fields are still escaped. Fields that a lenient line ends before are absent.
struct Line {
  std::array<std::string_view, field_count> fields;
  std::string_view xattrs;
  bool is_link = false;
  DumpfileRules rules;

  Line(std::string_view text, DumpfileRules line_rules) : rules(line_rules) {
    std::size_t count = 0;
    for (bool more = true; more && count < field_count; ++count) more = cut(text, fields[count]);
    for (std::size_t i = 0; i < count; ++i) {
      if (fields[i].empty()) refuse(std::string(field_names[i]) + ": empty field");
    }
    is_link = fields[mode].starts_with('@');
    if (count <= payload || (count < field_count && !is_link && is_strict())) {
      refuse("missing " + std::string(field_names[count]));
    }
    for (; count < field_count; ++count) fields[count] = "-";
    xattrs = text;
  }

  bool is_strict() const { return rules == DumpfileRules::strict; }

 private:
  /// Moves what stands before the next space from `text` to `field`; false if that was all.
  static bool cut(std::string_view& text, std::string_view& field) {
    const std::size_t end = text.find(' ');
    field = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return end != std::string_view::npos;
  }
};

int hex_value_any_case(char digit) {
  return hex_value(digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit);
}

/// Takes the escape that `rest` starts with, behind its backslash.
char unescape_one(std::string_view& rest) {
  if (rest.empty()) refuse("lone backslash at the end of a field");
  const char kind = rest.front();
  rest.remove_prefix(1);
  switch (kind) {
    case '\\':
      return '\\';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'x':
      break;
    default:
      refuse("unknown escape " + quoted(std::string{'\\', kind}));
  }
  const int high = rest.size() < 2 ? -1 : hex_value_any_case(rest[0]);
  const int low = rest.size() < 2 ? -1 : hex_value_any_case(rest[1]);
  if (high < 0 || low < 0) refuse("\\x without two hex digits");
  rest.remove_prefix(2);
  return static_cast<char>(high << 4 | low);
}

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) break;
    text.remove_prefix(1);
    out.push_back(unescape_one(text));
  }
  return out;
}

bool is_absent(std::string_view field) { return field == "-"; }

std::string unescape_optional(std::string_view field) { return is_absent(field) ? std::string{} : unescape(field); }

template <typename T>
T number(Field field, std::string_view text, int base = 10) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error == std::errc::result_out_of_range) {
    refuse(std::string(field_names[field]) + ": " + quoted(text) + " is too large");
  }
  if (error != std::errc{} || stop != end) {
    refuse(std::string(field_names[field]) + ": " + quoted(text) + " is not a number");
  }
  return value;
}

/// An inode of EROFS has 16 bits for it; mkcomposefs too passes over the others.
std::uint32_t parse_mode(std::string_view text) { return number<std::uint32_t>(mode, text, 8) & (S_IFMT | 07777); }

void parse_mtime(std::string_view text, Metadata& metadata) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) refuse("mtime: " + quoted(text) + " has no nanoseconds");
  metadata.mtime_seconds = number<std::int64_t>(mtime, text.substr(0, dot));
  metadata.mtime_nanoseconds = number<std::uint32_t>(mtime, text.substr(dot + 1));
  if (metadata.mtime_nanoseconds >= 1'000'000'000) refuse("mtime: a second or more of nanoseconds");
}

void check_text(Field field, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) refuse(std::string(field_names[field]) + ": NUL byte");
  if (text.size() > max_path_size) refuse(std::string(field_names[field]) + ": longer than 4095 bytes");
}

Xattrs parse_xattrs(std::string_view text) {
  if (text.size() > max_xattrs_text_size) refuse("more than 65535 bytes of escaped xattrs");
  Xattrs xattrs;
  std::size_t total = xattrs_overhead;
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) refuse("xattr " + quoted(pair) + " without '='");
    std::string key = unescape(pair.substr(0, equals));
    std::string value = unescape(pair.substr(equals + 1));
    if (key.empty() || key.size() > max_name_size) refuse("xattr name of no or more than 255 bytes");
    if (key.find('\0') != std::string::npos) refuse("NUL byte in an xattr name");
    total += xattr_overhead + key.size() + value.size();
    if (total > max_xattrs_size) refuse("more than 32767 bytes of xattrs");
    const auto [at, added] = xattrs.emplace(std::move(key), std::move(value));
    if (!added) refuse("xattr " + quoted(at->first) + " given twice");
  }
  return xattrs;
}

/// Whether `path` is where an object with this digest stands: "ab/cdef...".
bool is_object_path(std::string_view path, std::string_view digest_text) {
  return path.size() == digest_text.size() + 1 && path[2] == '/' && path.substr(0, 2) == digest_text.substr(0, 2) &&
         path.substr(3) == digest_text.substr(2);
}

RegularFile parse_regular(const Line& line) {
  RegularFile file;
  file.size = number<std::uint64_t>(size, line.fields[size]);
  if (!is_absent(line.fields[content])) {
    file.inline_content = unescape(line.fields[content]);
    if (file.inline_content.size() > max_content_size) refuse("content: more than 5000 bytes");
    if (file.inline_content.size() != file.size) {
      refuse("content: " + std::to_string(file.inline_content.size()) + " bytes, but size says " +
             std::to_string(file.size));
    }
  }
  if (!is_absent(line.fields[digest])) {
    file.digest = Digest::try_parse(line.fields[digest]);
    if (!file.digest) refuse("digest: " + quoted(line.fields[digest]) + " is not 64 or 128 lower-case hex digits");
    if (is_object_path(line.fields[payload], line.fields[digest])) return file;
  }
  std::string path = unescape_optional(line.fields[payload]);
  check_text(payload, path);
  file.without_payload = file.digest && path.empty();
  if (!file.digest || path != object_path(*file.digest)) file.payload = std::move(path);
  return file;
}

Symlink parse_symlink(const Line& line) {
  Symlink link{unescape_optional(line.fields[payload])};
  if (link.target.empty()) refuse("payload: symbolic link without a target");
  if (line.is_strict() && number<std::uint64_t>(size, line.fields[size]) != link.target.size()) {
    refuse("size: not the length of the target");
  }
  check_text(payload, link.target);
  return link;
}

/// Fields that say nothing for this type must not say anything.
void check_absent(const Line& line, std::initializer_list<Field> fields) {
  for (const Field field : fields) {
    if (!is_absent(line.fields[field])) refuse(std::string(field_names[field]) + ": not for this type of file");
  }
}

Node parse_node(const Line& line) {
  Node node;
  const std::uint32_t bits = parse_mode(line.fields[mode]);
  node.metadata.permissions = bits & 07777;
  node.metadata.uid = number<std::uint32_t>(uid, line.fields[uid]);
  node.metadata.gid = number<std::uint32_t>(gid, line.fields[gid]);
  parse_mtime(line.fields[mtime], node.metadata);
  number<std::uint64_t>(size, line.fields[size]);  // only regular files have one
  const auto device = number<std::uint32_t>(rdev, line.fields[rdev]);
  node.nlink = number<std::uint32_t>(nlink, line.fields[nlink]);
  const std::uint32_t type = bits & S_IFMT;
  if (device != 0 && type != S_IFCHR && type != S_IFBLK && line.is_strict()) refuse("rdev: not for this type of file");
  if (type == S_IFREG) {
    node.content = parse_regular(line);
  } else if (type == S_IFLNK) {
    check_absent(line, {content, digest});
    node.content = parse_symlink(line);
  } else {
    check_absent(line, {payload, content, digest});
    switch (type) {
      case S_IFDIR:
        node.content = Directory{};
        break;
      case S_IFCHR:
        node.content = DeviceNode{false, device};
        break;
      case S_IFBLK:
        node.content = DeviceNode{true, device};
        break;
      case S_IFIFO:
        node.content = Fifo{};
        break;
      case S_IFSOCK:
        node.content = Socket{};
        break;
      default:
        refuse("mode: " + quoted(line.fields[mode]) + " is no type of file");
    }
  }
  node.metadata.xattrs = parse_xattrs(line.xattrs);
  return node;
}

std::string parse_link_target(const Line& line) {
  const std::uint32_t bits = number<std::uint32_t>(mode, line.fields[mode].substr(1), 8);
  if ((bits & S_IFMT) == S_IFDIR) refuse("a hard link to a directory");
  std::string target = unescape_optional(line.fields[payload]);
  if (!target.starts_with('/')) refuse("payload: a hard link names its target by an absolute path");
  return target;
}

}  // namespace

DumpfileEntry parse_dumpfile_line(std::string_view text, DumpfileRules rules) {
  if (text.find('\0') != std::string_view::npos) refuse("NUL byte");
  const Line line(text, rules);
  DumpfileEntry entry;
  entry.path = unescape(line.fields[path]);
  if (line.is_link) {
    entry.link_target = parse_link_target(line);
  } else {
    entry.node = parse_node(line);
  }
  return entry;
}

}  // namespace sealroot
