// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What a tree holds, name by name, for people and for programs.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "builder/tree/tree.hpp"

namespace sealroot {

struct Listed {
  std::string_view path;  // "/usr/bin"; "/" for the root
  NodeId id;
  const Node& node;
};

/// Calls `visit` for the node at `start` and all names below it, depth first in byte order.
///   throws   Error{missing}: there is no such path
void list_tree(const Tree& tree, std::string_view start, const std::function<void(const Listed&)>& visit);

/// `-rwxr-xr-x 0 0 1234 /usr/bin/x`, links with ` -> target`, devices with `major,minor` for the size; no end of line.
std::string listing_line(const Listed& listed);

/// All there is to know of it. Names, targets and values are escaped as in dumpfiles, since they may be any bytes;
/// names with the same `inode` are hard links.
nlohmann::ordered_json listing_record(const Listed& listed);

/// The part of a record that a node has under any name: without `path` and `inode`.
nlohmann::ordered_json node_record(const Node& node);

/// Names, targets and values as listings have them: escaped as in dumpfiles, an empty one stays empty.
std::string listed_text(std::string_view text);
/// "directory", "file", "link", "block device", "character device", "fifo" or "socket".
std::string_view type_name(const Node& node);
/// Four octal digits.
std::string octal_mode(std::uint32_t permissions);
/// `major,minor`.
std::string device_numbers(const DeviceNode& device);

}  // namespace sealroot
