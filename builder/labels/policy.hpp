// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The SELinux policy that an image brings along: which one /etc/selinux/config names, and what its files say of labels.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "builder/labels/file_contexts.hpp"
#include "builder/labels/label_rules.hpp"
#include "builder/tree/tree.hpp"
#include "store/core/fd.hpp"
#include "store/ingest.hpp"

namespace sealroot {

struct Policy {
  std::string name;
  LabelRules rules;
  PathAliases aliases;
};

/// Gives the whole content of a file that has a digest, or throws.
using ContentReader = std::function<Bytes(const RegularFile& file)>;

/// nullopt: the image names no policy.
///   throws   Error{malformed}: a file of it is missing, no regular file, too large or not understood
std::optional<Policy> load_policy(const Tree& tree, const ContentReader& read);

/// For those who have no store to read from: `ingest`, before its first content, is told to keep what load_policy()
/// could want in memory.
void keep_policy_files(Ingest& ingest);

/// Reads what was kept, once `ingest` is finished. The reader throws Error{missing} for a file that was not.
ContentReader read_kept_files(Ingest& ingest);

}  // namespace sealroot
