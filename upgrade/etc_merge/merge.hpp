// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The /etc of the next deployment, out of three: that of the image it was begun with, what became of it here, and that
// of the next image.
//
//   old     here    new            |  what comes out
//   a       a       b or nothing   |  new: nobody touched it here
//   a       b       a              |  here: the image has nothing new to say
//   a       b       b              |  the same anyway
//   a       b       c              |  conflict, which the policy decides
//
// Contents and metadata (mode, owner, xattrs and so labels) of a file are two questions; times follow the contents.
// Nothing is written here: who has the result can show it, and write it with write_tree() and merged_contents().
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/tree/tree.hpp"
#include "store/core/digest.hpp"
#include "store/core/fd.hpp"

namespace sealroot {

enum class EtcPolicy : std::uint8_t { keep_local, take_new, fail };

/// `keep-local`, `take-new` or `fail`; Error{usage} for any other text.
EtcPolicy parse_etc_policy(std::string_view name);

/// A directory of a tree; nullopt: it has none.
struct EtcSide {
  const Tree& tree;
  std::optional<NodeId> top;
};

/// What is not simply as in the new image, or as it was.
struct EtcChange {
  enum class Kind : std::uint8_t { kept, taken, conflict };
  std::string path;        // below /etc; empty: /etc itself
  Kind kind = Kind::kept;  // conflict: also where the policy has decided
  bool local = false;      // what is here came out, not what the image has
  bool metadata = false;   // mode, owner or xattrs; else contents
  std::string reason;      // `changed here`, `removed here, changed by the image`, ...
};

/// `kept`, `taken` or `conflict`.
std::string_view etc_change_name(EtcChange::Kind kind);

struct EtcMerge {
  Tree tree{};                                  // its root is the new /etc
  std::map<NodeId, std::string> local_files{};  // whose contents are those of this path here, not objects
  std::vector<EtcChange> changes{};             // by path in byte order
};

/// With the policy `fail` a conflict comes out as with `keep-local`; see require_no_conflict().
EtcMerge merge_etc(const EtcSide& old_image, const EtcSide& here, const EtcSide& new_image, EtcPolicy policy);

/// Error naming the first conflicts and what to do, if there is one.
void require_no_conflict(const EtcMerge& merge);

/// The /etc of a running host as a side of the merge: its root. No link is followed; sockets are left out by the merge.
///   algorithm  that of the images' digests
///   throws     Error naming the file that changes meanwhile or can't be read
Tree read_live_etc(const Fd& etc, Algorithm algorithm);

/// What an overlay over the new image's /etc must hold so that it shows the merge: what differs, whiteouts for what is
/// gone, and the directories on the way.
EtcMerge overlay_upper(const EtcMerge& merge, const EtcSide& new_image);

}  // namespace sealroot
