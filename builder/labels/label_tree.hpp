// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// SELinux labels (security.selinux) of a whole tree, the last step before an image that boots is made of it. By the
// rules of composefs-rs, so that everybody gets the same digest (formats.md section 6).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "builder/labels/policy.hpp"
#include "builder/tree/tree.hpp"

namespace sealroot {

/// automatic: labels where the image brings a policy along, as composefs-rs; require: an image without one is an error.
enum class LabelMode { automatic, off, require };

/// "auto", "off" or "require"; anything else is Error{usage}.
LabelMode parse_label_mode(std::string_view name);
std::string_view label_mode_name(LabelMode mode);

/// Gives every file below `/` the label of its path; names of one file whose labels differ become files of their own.
/// Labels that the files brought along go in any case.
///   returns  the name of the policy; nullopt if no labels were given
///   throws   Error{malformed}: see load_policy() and LabelRules::find(); no policy though one is required
std::optional<std::string> label_tree(Tree& tree, LabelMode mode, const ContentReader& read);

}  // namespace sealroot
