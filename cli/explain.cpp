// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// `sealroot explain`: why a source does not give a digest.
#include "builder/compare/explain.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "builder/compare/report.hpp"
#include "builder/source/source.hpp"
#include "cli/commands.hpp"
#include "cli/digest_argument.hpp"
#include "cli/exit_status.hpp"
#include "cli/operand_arguments.hpp"
#include "cli/print_record.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr int unexplained = 3;

struct ExplainArguments {
  std::string digest;
  std::string source;
  std::string against;
  OperandArguments operands;
  bool json = false;
};

ExplainOptions explain_options(const ExplainArguments& arguments) {
  const Digest wanted = parse_digest_argument("DIGEST", arguments.digest);
  // A file or directory is no container image: it is taken as it is.
  const TreeForm form = has_transport(arguments.source) ? TreeForm::boot : TreeForm::raw;
  return {wanted, arguments.source, operand_options(arguments.operands, form), arguments.against};
}

nlohmann::ordered_json variant_record(const Explanation& explanation, const Digest& wanted, const Variant& variant) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Deviation& deviation : explain_deviations(explanation, wanted, variant)) {
    list.push_back({{"what", deviation.what}, {"how", deviation.how}});
  }
  return {{"variant", variant_text(variant)}, {"deviations", list}};
}

void print_json(const Explanation& explanation, const Digest& wanted) {
  nlohmann::ordered_json record = {{"wanted", named_digest(wanted)}, {"asked", variant_text(explanation.asked)}};
  record["given"] = explanation.given ? nlohmann::ordered_json(named_digest(*explanation.given)) : nullptr;
  if (!explanation.problem.empty()) record["problem"] = explanation.problem;
  record["match"] = explanation.match ? variant_record(explanation, wanted, *explanation.match) : nullptr;
  if (explanation.other) {
    record["against"] = {{"name", explanation.other_name}};
    if (explanation.other->digest) record["against"]["digest"] = named_digest(*explanation.other->digest);
    record["compared"] = variant_record(explanation, wanted, *explanation.compared);
    record["changes"] = nlohmann::ordered_json::array();
    const Comparison comparison =
        compare_trees(explanation.compared_tree, explanation.other->tree,
                      [&](const Change& change) { record["changes"].push_back(change_record(change)); });
    record["summary"] = comparison_record(comparison);
  }
  print_record(record);
}

void print_deviations(const Explanation& explanation, const Digest& wanted, const Variant& variant) {
  for (const Deviation& deviation : explain_deviations(explanation, wanted, variant)) {
    std::cout << "  " << deviation.what << ": " << deviation.how << '\n';
  }
}

void print_differences(const Explanation& explanation, const Digest& wanted) {
  const Operand& other = *explanation.other;
  if (other.digest && *other.digest != wanted) {
    std::cout << "note: " << quoted(explanation.other_name) << " has another digest, " << named_digest(*other.digest)
              << '\n';
  }
  if (!explanation.match && *explanation.compared != explanation.asked) {
    std::cout << "closest to it is the source with\n";
    print_deviations(explanation, wanted, *explanation.compared);
  }
  std::cout << "from the source to " << quoted(explanation.other_name) << ":\n";
  const Comparison comparison = compare_trees(explanation.compared_tree, other.tree, [](const Change& change) {
    std::cout << "  " << change_line(change) << '\n';
  });
  if (comparison.equal()) {
    std::cout << "  the same tree: only the layout of the image differs\n";
  } else {
    std::cout << comparison_summary(comparison);
  }
}

void print_text(const Explanation& explanation, const Digest& wanted) {
  std::cout << "wanted: " << named_digest(wanted) << '\n';
  std::cout << "source: " << (explanation.given ? named_digest(*explanation.given) : "no image: " + explanation.problem)
            << " (" << variant_text(explanation.asked) << ")\n";
  if (explanation.is_given() && explain_deviations(explanation, wanted, *explanation.match).empty()) {
    std::cout << "the source gives this digest\n";
    return;
  }
  if (explanation.match) {
    std::cout << "the source gives this digest when made with\n";
    print_deviations(explanation, wanted, *explanation.match);
  }
  if (explanation.other && explanation.is_given()) return;
  if (explanation.other) {
    print_differences(explanation, wanted);
  } else if (!explanation.match) {
    std::cout
        << "no known way to make an image of this source gives the digest: another content; to see the paths, name "
           "the image with --against, or its repository with --repo\n";
  }
}

int run_explain(const ExplainArguments& arguments) {
  const ExplainOptions options = explain_options(arguments);
  const Explanation explanation = explain(options);
  if (arguments.json) {
    print_json(explanation, options.wanted);
  } else {
    print_text(explanation, options.wanted);
  }
  if (explanation.match) {
    return explain_deviations(explanation, options.wanted, *explanation.match).empty() ? 0 : 1;
  }
  return explanation.other ? 1 : unexplained;
}

}  // namespace

void add_explain_command(CLI::App& app) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App* command = app.add_subcommand("explain", "Say why a source does not give a digest");
  command->footer("Exit status: 0 it does, 1 it does not and the reason is printed, 2 trouble, 3 no reason was found");
  command->add_option("DIGEST", arguments->digest, "digest of an image: HEX or sha512:HEX")->required();
  command->add_option("SOURCE", arguments->source, "SOURCE as for build, directory or dumpfile")->required();
  command->add_option("--against", arguments->against,
                      "what has that digest, as for diff (default:\nthe image in --repo, if it is there)");
  add_operand_arguments(*command, arguments->operands, "boot, for\nfiles and directories raw");
  command->add_flag("--json", arguments->json, "print a record");
  command->callback([arguments] { exit_with_answer([&] { return run_explain(*arguments); }); });
}

}  // namespace sealroot
