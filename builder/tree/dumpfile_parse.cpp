// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reading dumpfiles. The text is not trusted: every field is checked, numbers must fit, and a line that means nothing
// to a file system ends the parse.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/core/hex.hpp"

namespace sealroot {
namespace {

enum Field { path, size, mode, nlink, uid, gid, rdev, mtime, payload, content, digest, field_count };
constexpr std::array<std::string_view, field_count> field_names{
    "path", "size", "mode", "nlink", "uid", "gid", "rdev", "mtime", "payload", "content", "digest"};

constexpr std::size_t max_name_size = 255;
constexpr std::size_t max_path_size = 4095;
constexpr std::size_t max_content_size = 5000;
/// As mkcomposefs: half of what an inode can hold, each xattr with 7 bytes beside its text.
constexpr std::size_t max_xattrs_size = 32767;

/// A hard link's name stands for `link_bit | index into links` until all lines are read.
constexpr NodeId link_bit = NodeId{1} << 31;

[[noreturn]] void refuse(const std::string& reason) { throw Error(Fault::malformed, reason); }

/// One line cut at its spaces; fields are still escaped.
struct Line {
  std::array<std::string_view, field_count> fields;
  std::string_view xattrs;
  std::size_t count = 0;

  explicit Line(std::string_view text) {
    while (count < field_count) {
      const std::size_t end = text.find(' ');
      fields[count] = text.substr(0, end);
      if (fields[count++].empty()) refuse(std::string(field_names[count - 1]) + ": empty field");
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
    if (text.empty()) refuse("space at the end of the line");
    xattrs = text;
  }

  bool is_hard_link() const { return count > mode && fields[mode].starts_with('@'); }
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
    case '\\': return '\\';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'x': break;
    default: refuse("unknown escape " + quoted(std::string{'\\', kind}));
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

std::uint32_t parse_mode(std::string_view text) {
  const auto value = number<std::uint32_t>(mode, text, 8);
  if (value > (S_IFMT | 07777)) refuse("mode: " + quoted(text) + " has unknown bits");
  return value;
}

void parse_mtime(std::string_view text, Metadata& metadata) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) refuse("mtime: " + quoted(text) + " has no nanoseconds");
  metadata.mtime_seconds = number<std::int64_t>(mtime, text.substr(0, dot));
  metadata.mtime_nanoseconds = number<std::uint32_t>(mtime, text.substr(dot + 1));
  if (metadata.mtime_nanoseconds >= 1'000'000'000) refuse("mtime: a second or more of nanoseconds");
}

void check_text(Field field, const std::string& text) {
  if (text.find('\0') != std::string::npos) refuse(std::string(field_names[field]) + ": NUL byte");
  if (text.size() > max_path_size) refuse(std::string(field_names[field]) + ": longer than 4095 bytes");
}

Xattrs parse_xattrs(std::string_view text) {
  Xattrs xattrs;
  std::size_t total = 12;
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
    total += 7 + key.size() + value.size();
    if (total > max_xattrs_size) refuse("more than 32767 bytes of xattrs");
    const auto [at, added] = xattrs.try_emplace(std::move(key), std::move(value));
    if (!added) refuse("xattr " + quoted(at->first) + " given twice");
  }
  return xattrs;
}

RegularFile parse_regular(const Line& line) {
  RegularFile file;
  file.size = number<std::uint64_t>(size, line.fields[size]);
  file.payload = unescape_optional(line.fields[payload]);
  check_text(payload, file.payload);
  if (!is_absent(line.fields[content])) {
    file.inline_content = unescape(line.fields[content]);
    if (file.inline_content.size() > max_content_size) refuse("content: more than 5000 bytes");
    if (file.inline_content.size() != file.size) {
      refuse("content: " + std::to_string(file.inline_content.size()) + " bytes, but size says " +
             std::to_string(file.size));
    }
  }
  if (is_absent(line.fields[digest])) return file;
  file.digest = Digest::try_parse(line.fields[digest]);
  if (!file.digest) refuse("digest: " + quoted(line.fields[digest]) + " is not 64 or 128 lower-case hex digits");
  file.without_payload = file.payload.empty();
  if (file.payload == object_path(*file.digest)) file.payload.clear();
  return file;
}

Symlink parse_symlink(const Line& line) {
  Symlink link{unescape_optional(line.fields[payload])};
  if (link.target.empty()) refuse("payload: symbolic link without a target");
  check_text(payload, link.target);
  return link;
}

/// Fields that say nothing for this type must not say anything.
void check_absent(const Line& line, std::initializer_list<Field> fields) {
  for (const Field field : fields) {
    const bool absent = field == rdev ? line.fields[field] == "0" : is_absent(line.fields[field]);
    if (!absent) refuse(std::string(field_names[field]) + ": not for this type of file");
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
  if (type == S_IFREG) {
    check_absent(line, {rdev});
    node.content = parse_regular(line);
  } else if (type == S_IFLNK) {
    check_absent(line, {rdev, content, digest});
    node.content = parse_symlink(line);
  } else {
    check_absent(line, {payload, content, digest});
    if (type != S_IFCHR && type != S_IFBLK) check_absent(line, {rdev});
    switch (type) {
      case S_IFDIR: node.content = Directory{}; break;
      case S_IFCHR: node.content = DeviceNode{false, device}; break;
      case S_IFBLK: node.content = DeviceNode{true, device}; break;
      case S_IFIFO: node.content = Fifo{}; break;
      case S_IFSOCK: node.content = Socket{}; break;
      default: refuse("mode: " + quoted(line.fields[mode]) + " is no type of file");
    }
  }
  node.metadata.xattrs = parse_xattrs(line.xattrs);
  return node;
}

class Parser {
 public:
  Tree run(std::string_view text) {
    tree_.nodes.clear();
    tree_.nodes.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
    while (!text.empty()) {
      ++line_number_;
      const std::size_t end = text.find('\n');
      at_line(line_number_, [&] { add_line(text.substr(0, end)); });
      text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
    if (tree_.nodes.empty()) refuse("an empty dumpfile");
    for (const Link& link : links_) at_line(link.line_number, [&] { resolve(link); });
    settle_links();
    return std::move(tree_);
  }

 private:
  struct Link {
    std::size_t line_number;
    NodeId directory;
    std::string name;
    std::string target;
  };

  template <typename Action>
  static void at_line(std::size_t line_number, Action&& action) {
    try {
      action();
    } catch (const Error& error) {
      throw error.within("line " + std::to_string(line_number));
    }
  }

  void add_line(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) refuse("NUL byte");
    const Line line(text);
    const std::string full = unescape(line.fields[path]);
    if (line.is_hard_link()) return add_link(line, full);
    if (line.count < field_count) refuse("missing " + std::string(field_names[line.count]));
    Node node = parse_node(line);
    if (full == "/") {
      if (!tree_.nodes.empty()) refuse("a second root");
      if (node.directory() == nullptr) refuse("the root is not a directory");
      tree_.add(std::move(node));
      return;
    }
    const auto [directory, name] = split(full);
    if (tree_.nodes.size() >= link_bit) refuse("more than 2^31 entries");
    add_name(directory, name, static_cast<NodeId>(tree_.nodes.size()));
    tree_.add(std::move(node));
  }

  void add_link(const Line& line, const std::string& full) {
    if (line.count <= payload) refuse("missing payload");
    const std::uint32_t bits = number<std::uint32_t>(mode, line.fields[mode].substr(1), 8);
    if ((bits & S_IFMT) == S_IFDIR) refuse("a hard link to a directory");
    std::string target = unescape_optional(line.fields[payload]);
    if (!target.starts_with('/')) refuse("payload: a hard link names its target by an absolute path");
    const auto [directory, name] = split(full);
    if (links_.size() >= link_bit) refuse("more than 2^31 hard links");
    add_name(directory, name, link_bit | static_cast<NodeId>(links_.size()));
    links_.push_back({line_number_, directory, std::string(name), std::move(target)});
  }

  /// The directory that holds `full`, and its last name. Most lines stand in the directory of the line before.
  std::pair<NodeId, std::string_view> split(std::string_view full) {
    if (tree_.nodes.empty()) refuse("the first entry is not the root");
    if (!full.starts_with('/')) refuse("path: " + quoted(full) + " is not absolute");
    const std::size_t slash = full.rfind('/');
    const std::string_view parent = full.substr(0, slash);
    if (!parent_ || parent != parent_path_) {
      parent_ = find_parent(parent);
      parent_path_ = parent;
    }
    return {*parent_, full.substr(slash + 1)};
  }

  NodeId find_parent(std::string_view parent) const {
    if (parent.find("//") != std::string_view::npos) refuse("path: empty name");
    const std::optional<NodeId> id = find_entry(parent);
    if (!id) refuse("path: parent directory " + quoted(parent) + " is missing");
    if ((*id & link_bit) != 0 || tree_[*id].directory() == nullptr) refuse("path: parent is not a directory");
    return *id;
  }

  /// Like find(), but knows names that still stand for links.
  std::optional<NodeId> find_entry(std::string_view full) const {
    NodeId id = root_node;
    while (!full.empty()) {
      const std::size_t slash = full.find('/');
      const std::string_view name = full.substr(0, slash);
      full = slash == std::string_view::npos ? std::string_view{} : full.substr(slash + 1);
      if (name.empty()) continue;
      const Directory* directory = (id & link_bit) != 0 ? nullptr : tree_[id].directory();
      if (directory == nullptr) return std::nullopt;
      const auto child = directory->children.find(name);
      if (child == directory->children.end()) return std::nullopt;
      id = child->second;
    }
    return id;
  }

  void add_name(NodeId directory, std::string_view name, NodeId id) {
    if (name.empty()) refuse("path: empty name");
    if (name == "." || name == "..") refuse("path: '.' and '..' are no names");
    if (name.size() > max_name_size) refuse("path: name longer than 255 bytes");
    if (name.find('\0') != std::string_view::npos) refuse("path: NUL byte");
    auto& children = tree_[directory].directory()->children;
    // Sorted input, as all tools write it, goes to the end without a search.
    const auto hint = children.empty() || children.rbegin()->first < name ? children.end() : children.lower_bound(name);
    if (hint != children.end() && hint->first == name) refuse("path: given twice");
    children.emplace_hint(hint, name, id);
  }

  void resolve(const Link& link) {
    std::optional<NodeId> target = find_entry(link.target);
    for (std::size_t steps = 0; target && (*target & link_bit) != 0; ++steps) {
      if (steps > links_.size()) refuse("a hard link that ends in itself");
      target = find_entry(links_[*target & ~link_bit].target);
    }
    if (!target) refuse("payload: no such file " + quoted(link.target));
    if (tree_[*target].directory() != nullptr) refuse("a hard link to a directory");
    targets_.push_back(*target);
  }

  /// Names of links get their node; of the rest only what does not follow from the tree itself is kept.
  void settle_links() {
    if (!links_.empty()) find_primary_names();
    for (std::size_t i = 0; i < links_.size(); ++i) {
      tree_[links_[i].directory].directory()->children.find(links_[i].name)->second = targets_[i];
    }
    std::vector<std::uint32_t> name_count(tree_.nodes.size(), 1);
    for (const NodeId target : targets_) ++name_count[target];
    for (NodeId id = 0; id < tree_.nodes.size(); ++id) {
      Node& node = tree_[id];
      if (node.directory() != nullptr || node.nlink == name_count[id]) node.nlink.reset();
    }
  }

  struct Step {
    NodeId directory;
    std::map<std::string, NodeId, std::less<>>::const_iterator next, end;
  };

  void find_primary_names() {
    std::vector<bool> link_came_first(tree_.nodes.size());
    std::vector<bool> seen(tree_.nodes.size());
    std::vector<Step> steps{step_into(root_node)};
    while (!steps.empty()) {
      Step& step = steps.back();
      if (step.next == step.end) {
        steps.pop_back();
        continue;
      }
      const auto& [name, id] = *step.next++;
      const bool is_link = (id & link_bit) != 0;
      const NodeId node = is_link ? targets_[id & ~link_bit] : id;
      if (!is_link && link_came_first[node]) tree_.primary_names[node] = {step.directory, name};
      if (is_link && !seen[node]) link_came_first[node] = true;
      seen[node] = true;
      if (tree_[node].directory() != nullptr) steps.push_back(step_into(node));
    }
  }

  Step step_into(NodeId directory) const {
    const auto& children = tree_[directory].directory()->children;
    return {directory, children.begin(), children.end()};
  }

  Tree tree_;
  std::vector<Link> links_;
  std::vector<NodeId> targets_;  // by link
  std::optional<NodeId> parent_;
  std::string parent_path_;
  std::size_t line_number_ = 0;
};

}  // namespace

Tree parse_dumpfile(ByteView text) { return Parser().run(as_text(text)); }

}  // namespace sealroot
