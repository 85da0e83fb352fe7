// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Dumpfiles: the text form of a tree that all composefs tools share, one entry a line (formats.md section 5,
// composefs-dump(5)):
//
//   PATH SIZE MODE NLINK UID GID RDEV MTIME PAYLOAD CONTENT DIGEST [KEY=VALUE]...
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "builder/tree/tree.hpp"
#include "store/core/bytes.hpp"

namespace sealroot {

/// What mkcomposefs takes from dumpfiles, but with CFS_PARSE_STRICT does not: RDEV of what is no device, another SIZE
/// than a symbolic link is long, CONTENT and DIGEST left out, a last line without an end.
enum class DumpfileRules { strict, lenient };

/// The tree that `text` describes. Nothing is guessed: what mkcomposefs would cut off, wrap around or leave to the
/// last of two is refused by both rules.
///   returns  nodes in the order of the lines; nlink and primary_names only where they are not what follows
///            from the tree itself
///   throws   Error{malformed} "line 7: reason"
Tree parse_dumpfile(ByteView text, DumpfileRules rules = DumpfileRules::strict);

/// The same for text that comes in parts, cut anywhere.
class DumpfileParser {
 public:
  explicit DumpfileParser(DumpfileRules rules = DumpfileRules::strict);
  ~DumpfileParser();
  DumpfileParser(const DumpfileParser&) = delete;
  DumpfileParser& operator=(const DumpfileParser&) = delete;

  void add(ByteView part);
  Tree finish();

 private:
  friend Tree parse_dumpfile(ByteView text, DumpfileRules rules);
  class Assembly;
  std::unique_ptr<Assembly> assembly_;
};

/// The dumpfile of `tree`, depth first in byte order, xattrs by name; parse_dumpfile() gives the same tree again.
/// Every node stands at its primary name, and as a hard link at the others.
std::string print_dumpfile(const Tree& tree);

/// The same, a line (with its end) at a time.
void print_dumpfile(const Tree& tree, const std::function<void(std::string_view line)>& print);

/// What one field looks like in a dumpfile. Optional fields write a lone dash as `\x2d`, since `-` is the absent
/// value; keys and values of xattrs escape `=` too. `listing` is for people: spaces stay, and nothing stands for
/// absent.
enum class DumpfileField { optional, xattr, listing };
void append_escaped(std::string& out, std::string_view value, DumpfileField field);

}  // namespace sealroot
