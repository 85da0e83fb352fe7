// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/describe_image.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <optional>

#include "builder/tree/dumpfile.hpp"
#include "store/core/digest_text.hpp"
#include "store/erofs/walk.hpp"

namespace sealroot {
namespace {

constexpr std::string_view overlay_prefix = "trusted.overlay.";
constexpr std::string_view escaped_prefix = "trusted.overlay.overlay.";

/// An inode in the terms of dumpfiles.
struct Described {
  std::uint32_t mode = 0;
  std::uint64_t size = 0;
  std::string payload;  // of links: the target
  std::string content;
  std::string digest;  // hex
  std::vector<erofs::XattrText> xattrs;
};

/// Takes what is an order of the image itself; false for a xattr of the tree.
bool take_order(Described& described, const std::string& name, std::string_view value) {
  const bool is_file = (described.mode & S_IFMT) == S_IFREG;
  if (name == "trusted.overlay.redirect") {
    if (is_file) described.payload = value.starts_with('/') ? value.substr(1) : value;
    return true;
  }
  if (name == "trusted.overlay.metacopy") {
    const bool has_digest = value.size() == 4 + 32 || value.size() == 4 + 64;
    if (is_file && has_digest) described.digest = to_hex(as_bytes(value.substr(4)));
    return true;
  }
  if (name == "trusted.overlay.overlay.whiteout" && is_file) {
    described.mode = S_IFCHR | (described.mode & ~static_cast<std::uint32_t>(S_IFMT));
    described.size = 0;
    return true;
  }
  return name == "trusted.overlay.overlay.whiteouts" || name == "user.overlay.whiteout" ||
         name == "user.overlay.whiteouts" || (name.starts_with(overlay_prefix) && !name.starts_with(escaped_prefix));
}

Described describe(const erofs::Reader& reader, const erofs::Inode& inode) {
  Described described;
  described.mode = inode.mode;
  described.size = inode.size;
  if (inode.is(S_IFLNK)) described.payload = reader.content(inode);
  if (inode.is(S_IFREG) && inode.layout != erofs::DataLayout::chunk_based) described.content = reader.content(inode);
  for (erofs::XattrText& xattr : reader.xattrs(inode)) {
    if (take_order(described, xattr.name, xattr.value)) continue;
    if (xattr.name.starts_with(escaped_prefix)) xattr.name.erase(0, escaped_prefix.size()).insert(0, overlay_prefix);
    described.xattrs.push_back(std::move(xattr));
  }
  return described;
}

/// Walks what `filter` lets through; whiteouts that are no files hide something and are not part of the tree.
void walk_filtered(const erofs::Reader& reader, const TopFilter& filter,
                   const std::function<void(const erofs::Found&)>& visit) {
  erofs::walk(reader, [&](const erofs::Found& found) {
    if (found.inode.is_whiteout()) return;
    if (!filter.empty() && !found.path.empty()) {
      const std::string_view top = found.path.substr(1, found.path.find('/', 1) - 1);
      if (std::find(filter.begin(), filter.end(), top) == filter.end()) return;
    }
    visit(found);
  });
}

/// The first path of each inode with several names, filled in as they are met.
using FirstPaths = std::map<std::uint64_t, std::string>;

FirstPaths inodes_with_several_names(const erofs::Reader& reader) {
  FirstPaths paths;
  erofs::walk(reader, [&](const erofs::Found& found) {
    if (found.again) paths[found.inode.nid];
  });
  return paths;
}

/// The path that `found` is a hard link to, or null; the first name that passed the filter is the inode's own.
const std::string* link_target(FirstPaths& paths, const erofs::Found& found) {
  const auto first = paths.find(found.inode.nid);
  if (first == paths.end()) return nullptr;
  if (!first->second.empty()) return &first->second;
  first->second = found.path;
  return nullptr;
}

std::string octal(std::uint32_t value) {
  std::string text;
  for (; value != 0; value >>= 3) text.insert(text.begin(), static_cast<char>('0' + (value & 7)));
  return text;
}

std::string dump_line(const erofs::Found& found, const Described& described, const std::string* target) {
  const erofs::Inode& inode = found.inode;
  std::string line;
  append_escaped(line, found.path.empty() ? "/" : found.path, DumpfileField::optional);
  line += ' ' + std::to_string(described.size) + (target != nullptr ? " @" : " ") + octal(described.mode);
  for (const std::uint32_t number : {inode.nlink, inode.uid, inode.gid, inode.rdev()}) {
    line += ' ' + std::to_string(number);
  }
  line += ' ' + std::to_string(inode.mtime_seconds) + '.' + std::to_string(inode.mtime_nanoseconds) + ' ';
  append_escaped(line, target != nullptr ? *target : described.payload, DumpfileField::optional);
  line += ' ';
  append_escaped(line, described.content, DumpfileField::optional);
  line += ' ' + (described.digest.empty() ? "-" : described.digest);
  for (const erofs::XattrText& xattr : described.xattrs) {
    line += ' ';
    append_escaped(line, xattr.name, DumpfileField::xattr);
    line += '=';
    append_escaped(line, xattr.value, DumpfileField::xattr);
  }
  return line + '\n';
}

}  // namespace

void dump_image(ByteView image, const TopFilter& filter, const PrintLine& print) {
  const erofs::Reader reader(image);
  FirstPaths paths = inodes_with_several_names(reader);
  walk_filtered(reader, filter, [&](const erofs::Found& found) {
    print(dump_line(found, describe(reader, found.inode), link_target(paths, found)));
  });
}

void list_image(ByteView image, const TopFilter& filter, const PrintLine& print) {
  const erofs::Reader reader(image);
  FirstPaths paths = inodes_with_several_names(reader);
  walk_filtered(reader, filter, [&](const erofs::Found& found) {
    if (found.path.empty()) return;
    std::string line;
    append_escaped(line, found.path, DumpfileField::listing);
    if (found.inode.is(S_IFDIR)) {
      line += "/\t";
    } else if (link_target(paths, found) == nullptr) {
      const Described described = describe(reader, found.inode);
      const bool is_link = found.inode.is(S_IFLNK);
      if (!described.payload.empty()) {
        line += is_link ? "\t-> " : "\t@ ";
        append_escaped(line, described.payload, DumpfileField::optional);
      }
    }
    print(line + '\n');
  });
}

void add_objects_of_image(ByteView image, const TopFilter& filter, std::set<std::string>& objects) {
  const erofs::Reader reader(image);
  walk_filtered(reader, filter, [&](const erofs::Found& found) {
    if (!found.inode.is(S_IFREG) || found.again) return;
    const Described described = describe(reader, found.inode);
    if (!described.payload.empty()) objects.insert(described.payload);
  });
}

}  // namespace sealroot
