// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What people name to compare it: an image, a dumpfile, a directory, or a SOURCE as for `sealroot build`.
#pragma once

#include <optional>
#include <string>

#include "builder/labels/label_tree.hpp"
#include "builder/registry/options.hpp"
#include "builder/tree/normalise.hpp"
#include "builder/tree/tree.hpp"
#include "store/erofs/image_format.hpp"
#include "store/repository.hpp"

namespace sealroot {

/// What becomes of the tree of a SOURCE before it is compared (normalise.hpp); other operands are taken as they are.
enum class TreeForm : std::uint8_t { raw, plain, boot };

/// "raw", "plain" or "boot"; Error{usage} for any other text.
TreeForm parse_tree_form(std::string_view name);
std::string_view tree_form_name(TreeForm form);

/// Normalises a tree as the form says; the boot form gets its labels afterwards (label_tree.hpp).
void shape_tree(Tree& tree, TreeForm form, XattrRule xattrs);

struct OperandOptions {
  std::string repository;              // where digests and refs are looked up; may be empty
  std::optional<Algorithm> algorithm;  // of contents that have to be measured; else that of the other operand
  TreeForm form = TreeForm::plain;
  std::string architecture;  // of OCI sources; empty: this host's
  XattrRule xattrs = XattrRule::allowlist_only;
  LabelMode labels = LabelMode::automatic;  // of the boot form
  unsigned threads = 0;                     // 0: one a CPU
  RegistryOptions registry{};
};

struct Operand {
  std::string kind;  // "image", "dumpfile", "directory" or "source"
  Tree tree;
  std::optional<Digest> digest;       // of an image: its own, measured
  std::optional<ImageFormat> format;  // of an image
  ContentReader read_file{};          // of what was measured: reads the files of an SELinux policy in `tree`
};

/// Whether `name` is a SOURCE (it begins with one of the transports) or a directory: what has to be measured.
bool is_measured(const std::string& name);

/// Reads one operand, `options.algorithm` is set if it is_measured(); `repository` is that of the options, opened.
Operand read_operand(const std::string& name, const OperandOptions& options,
                     const std::optional<Repository>& repository);

/// The algorithm of the first digest in the tree.
std::optional<Algorithm> content_algorithm(const Tree& tree);

struct OperandPair {
  Operand before;
  Operand after;
};

/// Reads both; what has to be measured is measured as the other side is. SHA-512 if nothing says otherwise.
OperandPair read_operands(const std::string& before, const std::string& after, const OperandOptions& options);

}  // namespace sealroot
