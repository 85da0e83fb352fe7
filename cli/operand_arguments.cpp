// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "cli/operand_arguments.hpp"

#include <CLI/CLI.hpp>

#include "store/core/digest_text.hpp"

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
  command.add_flag("--keep-user-xattrs", options.keep_user_xattrs, "keep user.* extended attributes");
  command.add_option("--threads", options.threads, "worker threads (default: one a CPU)");
}

OperandOptions operand_options(const OperandArguments& arguments, TreeForm form) {
  OperandOptions options = arguments.options;
  options.form = arguments.form.empty() ? form : parse_tree_form(arguments.form);
  if (!arguments.digest.empty()) options.algorithm = parse_algorithm(arguments.digest);
  return options;
}

}  // namespace sealroot
