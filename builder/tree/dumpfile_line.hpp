// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// One line of a dumpfile. The text is not trusted: every field is checked, numbers must fit, and what means nothing to
// a file system is refused.
#pragma once

#include <string>
#include <string_view>

#include "builder/tree/dumpfile.hpp"
#include "builder/tree/tree.hpp"

namespace sealroot {

struct DumpfileEntry {
  std::string path;         // unescaped, otherwise unchecked
  std::string link_target;  // absolute path; empty: the entry is `node`, not a hard link
  Node node;                // nlink is always set
};

/// `line` has no line end. Throws Error{malformed}: "field: reason".
DumpfileEntry parse_dumpfile_line(std::string_view line, DumpfileRules rules);

}  // namespace sealroot
