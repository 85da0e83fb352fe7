// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot diff`: what differs between two images, or what images could be made of.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/compare/operand.hpp"
#include "builder/compare/report.hpp"
#include "cli/commands.hpp"
#include "cli/exit_status.hpp"
#include "cli/operand_arguments.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"

namespace sealroot {

namespace {

struct DiffArguments {
  std::string before;
  std::string after;
  OperandArguments operands;
  bool json = false;
};

nlohmann::ordered_json operand_record(const std::string& name, const Operand& operand) {
  nlohmann::ordered_json record = {{"name", name}, {"kind", operand.kind}};
  if (operand.digest) record["digest"] = named_digest(*operand.digest);
  return record;
}

/// One change at a time, so that memory does not grow with their number.
bool print_json(const DiffArguments& arguments, const OperandPair& pair) {
  std::cout << "{\"before\":" << record_line(operand_record(arguments.before, pair.before))
            << ",\n\"after\":" << record_line(operand_record(arguments.after, pair.after)) << ",\n\"changes\":[";
  const char* before = "\n";
  const Comparison comparison = compare_trees(pair.before.tree, pair.after.tree, [&](const Change& change) {
    std::cout << before << record_line(change_record(change));
    before = ",\n";
  });
  std::cout << "\n],\n\"summary\":" << record_line(comparison_record(comparison)) << "}\n";
  return comparison.equal();
}

bool print_text(const OperandPair& pair) {
  const Comparison comparison = compare_trees(pair.before.tree, pair.after.tree,
                                              [](const Change& change) { std::cout << change_line(change) << '\n'; });
  if (!comparison.equal()) std::cout << comparison_summary(comparison);
  return comparison.equal();
}

int run_diff(const DiffArguments& arguments) {
  const OperandPair pair =
      read_operands(arguments.before, arguments.after, operand_options(arguments.operands, TreeForm::plain));
  const bool equal = arguments.json ? print_json(arguments, pair) : print_text(pair);
  return equal ? 0 : 1;
}

}  // namespace

void add_diff_command(CLI::App& app) {
  auto arguments = std::make_shared<DiffArguments>();
  CLI::App* command = app.add_subcommand("diff", "Show what differs between images, dumpfiles, directories or sources");
  command->footer("Exit status: 0 equal, 1 different, 2 trouble");
  command
      ->add_option("A", arguments->before,
                   "image file, digest or ref in --repo, dumpfile,\ndirectory (as it is) or SOURCE as for build")
      ->required();
  command->add_option("B", arguments->after, "likewise")->required();
  add_operand_arguments(*command, arguments->operands, "plain");
  command->add_flag("--json", arguments->json, "print a record with all changes");
  command->callback([arguments] { exit_with_answer([&] { return run_diff(*arguments); }); });
}

}  // namespace sealroot
