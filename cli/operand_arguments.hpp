// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Options of commands that read a SOURCE to compare it.
#pragma once

#include "builder/compare/operand.hpp"
#include "cli/tree_rules.hpp"

namespace sealroot {

struct OperandArguments {
  OperandOptions options;
  std::string form;  // empty: what fits the command
  std::string digest;
  TreeRules tree_rules;
  CLI::Option* selinux = nullptr;
};

/// Adds --repo, --form, --digest, --arch, --xattrs, --selinux and --threads. `default_form` is for --help.
void add_operand_arguments(CLI::App& command, OperandArguments& arguments, const std::string& default_form);

/// `form` is taken if none was given. Error{usage}: --selinux is given for a form that has no labels.
OperandOptions operand_options(const OperandArguments& arguments, TreeForm form);

}  // namespace sealroot
