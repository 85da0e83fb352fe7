// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Writing dumpfiles, in the spelling of composefs-info.
#include <sys/stat.h>

#include <vector>

#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/hex.hpp"

namespace sealroot {
namespace {

/// composefs-info prints the size of a directory as its image has it; all tools ignore it.
constexpr std::uint64_t directory_size = 4096;

std::uint32_t type_bits(const Node& node) {
  struct Bits {
    std::uint32_t operator()(const Directory&) const { return S_IFDIR; }
    std::uint32_t operator()(const RegularFile&) const { return S_IFREG; }
    std::uint32_t operator()(const Symlink&) const { return S_IFLNK; }
    std::uint32_t operator()(const DeviceNode& device) const { return device.block ? S_IFBLK : S_IFCHR; }
    std::uint32_t operator()(const Fifo&) const { return S_IFIFO; }
    std::uint32_t operator()(const Socket&) const { return S_IFSOCK; }
  };
  return std::visit(Bits{}, node.content);
}

std::string octal(std::uint32_t value) {
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + (value & 7)));
    value >>= 3;
  } while (value != 0);
  return text;
}

class Printer {
 public:
  Printer(const Tree& tree, const std::function<void(std::string_view)>& print) : tree_(tree), print_(print) {}

  void run() {
    count_names();
    print_node(root_node);
    walk([&](NodeId directory, std::string_view name, NodeId id) {
      const bool is_primary = tree_[id].directory() != nullptr || is_primary_name(directory, name, id);
      if (is_primary) {
        print_node(id);
      } else {
        print_link(id);
      }
    });
  }

 private:
  /// Calls `at` for every name, depth first, with path_ set to it.
  template <typename At>
  void walk(At&& at) {
    struct Step {
      NodeId directory;
      Children::const_iterator next, end;
      std::size_t path_size;
    };
    std::vector<Step> steps;
    const auto enter = [&](NodeId id) {
      const auto& children = tree_[id].directory()->children;
      steps.push_back({id, children.begin(), children.end(), path_.size()});
    };
    path_.clear();
    enter(root_node);
    while (!steps.empty()) {
      Step& step = steps.back();
      path_.resize(step.path_size);
      if (step.next == step.end) {
        steps.pop_back();
        continue;
      }
      const auto& [name, id] = *step.next++;
      path_ += '/';
      path_ += name;
      at(step.directory, name, id);
      if (tree_[id].directory() != nullptr) enter(id);
    }
    path_.clear();
  }

  /// Also notes the path of each hard-linked node's primary name.
  void count_names() {
    name_count_.assign(tree_.nodes.size(), 0);
    walk([&](NodeId, std::string_view, NodeId id) { ++name_count_[id]; });
    walk([&](NodeId directory, std::string_view name, NodeId id) {
      if (name_count_[id] < 2) return;
      const auto primary = tree_.primary_names.find(id);
      const bool named = primary != tree_.primary_names.end() && primary->second.directory == directory &&
                         primary->second.name == name;
      if (named || !primary_paths_.contains(id)) primary_paths_[id] = path_;
    });
  }

  bool is_primary_name(NodeId, std::string_view, NodeId id) const {
    return name_count_[id] < 2 || primary_paths_.at(id) == path_;
  }

  void print_node(NodeId id) {
    const Node& node = tree_[id];
    start(node, "", id);
    if (const RegularFile* file = node.regular()) {
      regular_fields(*file);
    } else if (const Symlink* link = node.symlink()) {
      append_escaped(line_, link->target, DumpfileField::optional);
      line_ += " - -";
    } else {
      line_ += "- - -";
    }
    finish(node);
  }

  void print_link(NodeId id) {
    const Node& node = tree_[id];
    start(node, "@", id);
    append_escaped(line_, primary_paths_.at(id), DumpfileField::optional);
    line_ += " - -";
    line_ += '\n';
    print_(line_);
  }

  void start(const Node& node, std::string_view link_mark, NodeId id) {
    line_.clear();
    append_escaped(line_, path_.empty() ? "/" : std::string_view(path_), DumpfileField::optional);
    number(size_of(node));
    line_ += ' ';
    line_ += link_mark;
    line_ += octal(type_bits(node) | node.metadata.permissions);
    number(nlink_of(node, id));
    number(node.metadata.uid);
    number(node.metadata.gid);
    const DeviceNode* device = std::get_if<DeviceNode>(&node.content);
    number(device != nullptr ? device->rdev : 0);
    number(node.metadata.mtime_seconds);
    line_ += '.';
    line_ += std::to_string(node.metadata.mtime_nanoseconds);
    line_ += ' ';
  }

  void regular_fields(const RegularFile& file) {
    if (file.payload.empty() && file.digest && !file.without_payload) {
      line_ += object_path(*file.digest);
    } else {
      append_escaped(line_, file.payload, DumpfileField::optional);
    }
    line_ += ' ';
    append_escaped(line_, file.inline_content, DumpfileField::optional);
    line_ += ' ';
    line_ += file.digest ? to_hex(*file.digest) : "-";
  }

  void finish(const Node& node) {
    for (const auto& [key, value] : node.metadata.xattrs) {
      line_ += ' ';
      append_escaped(line_, key, DumpfileField::xattr);
      line_ += '=';
      append_escaped(line_, value, DumpfileField::xattr);
    }
    line_ += '\n';
    print_(line_);
  }

  static std::uint64_t size_of(const Node& node) {
    if (node.directory() != nullptr) return directory_size;
    if (const RegularFile* file = node.regular()) return file->size;
    if (const Symlink* link = node.symlink()) return link->target.size();
    return 0;
  }

  std::uint32_t nlink_of(const Node& node, NodeId id) const {
    const Directory* directory = node.directory();
    if (directory == nullptr) return node.nlink.value_or(name_count_[id]);
    std::uint32_t count = 2;
    for (const auto& [name, child] : directory->children) count += tree_[child].directory() != nullptr ? 1 : 0;
    return count;
  }

  template <typename T>
  void number(T value) {
    line_ += ' ';
    line_ += std::to_string(value);
  }

  const Tree& tree_;
  const std::function<void(std::string_view)>& print_;
  std::vector<std::uint32_t> name_count_;
  std::map<NodeId, std::string> primary_paths_;  // of nodes with hard links
  std::string path_;                             // empty: the root
  std::string line_;
};

}  // namespace

void append_escaped(std::string& out, std::string_view value, DumpfileField field) {
  const bool optional = field == DumpfileField::optional;
  if (optional && value.empty()) out += '-';
  if (optional && value == "-") {
    out += "\\x2d";
    return;
  }
  for (const char byte : value) {
    switch (byte) {
      case '\\':
        out += "\\\\";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    const auto code = static_cast<unsigned char>(byte);
    const bool plain = byte == ' ' ? field == DumpfileField::listing : code > 0x20 && code < 0x7f;
    if (plain && (byte != '=' || field != DumpfileField::xattr)) {
      out += byte;
    } else {
      out += "\\x";
      out += hex_digit(code >> 4);
      out += hex_digit(code);
    }
  }
}

std::string print_dumpfile(const Tree& tree) {
  std::string text;
  print_dumpfile(tree, [&](std::string_view line) { text += line; });
  return text;
}

void print_dumpfile(const Tree& tree, const std::function<void(std::string_view)>& print) {
  Printer(tree, print).run();
}

}  // namespace sealroot
