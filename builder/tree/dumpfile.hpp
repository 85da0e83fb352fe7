// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Dumpfiles: the text form of a tree that all composefs tools share, one entry a line (formats.md section 5,
// composefs-dump(5)):
//
//   PATH SIZE MODE NLINK UID GID RDEV MTIME PAYLOAD CONTENT DIGEST [KEY=VALUE]...
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "builder/tree/tree.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

/// The tree that `text` describes. Nothing is guessed: what mkcomposefs would cut off, wrap around or leave to the
/// last of two is refused.
///   returns  nodes in the order of the lines; nlink and primary_names only where they are not what follows
///            from the tree itself
///   throws   Error{malformed} "line 7: reason"
Tree parse_dumpfile(ByteView text);

/// The dumpfile of `tree`, depth first in byte order, xattrs by name; parse_dumpfile() gives the same tree again.
/// Every node stands at its primary name, and as a hard link at the others.
std::string print_dumpfile(const Tree& tree);

/// The same, a line (with its end) at a time.
void print_dumpfile(const Tree& tree, const std::function<void(std::string_view line)>& print);

/// What one field looks like in a dumpfile. Optional fields write a lone dash as `\x2d`, since `-` is the absent
/// value; keys and values of xattrs escape `=` too.
enum class DumpfileField { optional, xattr };
void append_escaped(std::string& out, std::string_view value, DumpfileField field);

}  // namespace sealroot
