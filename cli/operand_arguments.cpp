// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/operand_arguments.hpp"

#include <CLI/CLI.hpp>

#include "cli/registry_options.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

void add_operand_arguments(CLI::App& command, OperandArguments& arguments, const std::string& default_form) {
  OperandOptions& options = arguments.options;
  command.option_defaults()->take_last();
  command.add_option("--repo,--store", options.repository, "repository that digests and refs are looked up in");
  command
      .add_option("--form", arguments.form,
                  std::string("what a SOURCE is taken for: raw (as it is),\nplain (as a container's image) or boot "
                              "(as\nbuild seals it); default: ") +
                      default_form)
      ->check(CLI::IsMember({"raw", "plain", "boot"}));
  command
      .add_option("--digest", arguments.digest,
                  "fs-verity algorithm for what has to be\nmeasured (default: that of the other side)")
      ->check(CLI::IsMember({"sha512", "sha256"}));
  command.add_option("--arch", options.architecture, "platform of an OCI index (default: this\nhost's)");
  arguments.selinux = add_tree_options(command, arguments.tree_rules);
  command.add_option("--threads", options.threads, "worker threads (default: one a CPU)");
  add_registry_options(command, options.registry);
}

OperandOptions operand_options(const OperandArguments& arguments, TreeForm form) {
  OperandOptions options = arguments.options;
  options.form = arguments.form.empty() ? form : parse_tree_form(arguments.form);
  if (!arguments.digest.empty()) options.algorithm = parse_algorithm(arguments.digest);
  options.xattrs = parse_xattr_rule(arguments.tree_rules.xattrs);
  options.labels = parse_label_mode(arguments.tree_rules.selinux);
  if (options.form != TreeForm::boot && arguments.selinux->count() > 0) {
    throw Error(Fault::usage, "--selinux: only the boot form has labels; give --form boot");
  }
  return options;
}

}  // namespace sealroot
