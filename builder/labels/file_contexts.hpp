// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The text files of an SELinux policy that say how files are labelled (selabel_file(5)), read as composefs-rs reads
// them. The text comes from the image and is not trusted: whatever is not understood is an error.
//
//   file_contexts:       REGEX [-TYPE] CONTEXT        TYPE one of b c d p l s -
//   file_contexts.subs:  ALIAS PATH
//   config:              SELINUXTYPE=NAME
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sealroot {

struct FileContext {
  std::string regex;    // of whole paths
  char type = '.';      // of the files it is for; '.': any
  std::string context;  // "<<none>>": no label
  unsigned line = 0;    // for messages
};

/// What stands for a path while it and all below it are looked up.
using PathAliases = std::map<std::string, std::string, std::less<>>;

/// All three: Error{malformed} "line 7: reason". Rules come in the order of the lines; the last one that fits counts.
std::vector<FileContext> parse_file_contexts(std::string_view text);

/// Adds to `aliases`; an alias that is there already gets the new path.
void parse_path_aliases(std::string_view text, PathAliases& aliases);

/// The policy that /etc/selinux/config names; nullopt if it names none.
std::optional<std::string> parse_policy_name(std::string_view config);

}  // namespace sealroot
