// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The ways in which the composefs tools make an image of one and the same source.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "builder/compare/operand.hpp"

namespace sealroot {

enum class KeptXattrs : std::uint8_t { capability, with_user, all, none };
enum class TimeRule : std::uint8_t { exact, seconds, zero };
enum class LinkRule : std::uint8_t { kept, separate };

struct Variant {
  TreeForm form = TreeForm::boot;
  KeptXattrs xattrs = KeptXattrs::capability;
  LabelMode labels = LabelMode::automatic;  // of the boot form; others have none and leave this as it was asked for
  TimeRule times = TimeRule::exact;
  LinkRule links = LinkRule::kept;
  ImageFormat format = ImageFormat::v1;

  friend bool operator==(const Variant&, const Variant&) = default;
};

/// One point in which a variant is not what was asked for.
struct Deviation {
  std::string what;  // "form plain"
  std::string how;   // the option or tool that does it so
};
std::vector<Deviation> deviations(const Variant& asked, const Variant& other);

/// "boot form, only security.capability, labels of the policy, if the image has one, times as they are, hard links,
/// format V1"
std::string variant_text(const Variant& variant);

/// All variants of `raw` (as read, not normalised) but for their format, that of `asked` first, then by how many points
/// differ from it. Points that make no difference for this tree are left out. At most 96.
std::vector<Variant> tree_variants(const Tree& raw, const Variant& asked);

/// The formats to try for each, that of `asked` first.
std::vector<ImageFormat> format_variants(const Variant& asked);

/// The tree that this variant makes an image of; `read_file` is for label_tree().
///   throws   Error: `raw` is no tree of that form, or its SELinux policy can't be read or understood
Tree make_variant(const Tree& raw, const Variant& variant, const ContentReader& read_file);

}  // namespace sealroot
