// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/explain.hpp"

#include <limits>

#include "builder/compare/compare.hpp"
#include "builder/image/image.hpp"
#include "builder/image/named_image.hpp"
#include "builder/source/source.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

/// The image that has the digest, if anybody told where it may be.
void read_other(const ExplainOptions& options, Explanation& explanation) {
  const std::optional<Repository> repository = open_store_to_read(options.operands.repository);
  OperandOptions settled = options.operands;
  settled.algorithm = options.wanted.algorithm();
  if (!options.against.empty()) {
    explanation.other_name = options.against;
  } else if (repository && repository->objects().contains(options.wanted)) {
    explanation.other_name = named_digest(options.wanted);
  } else {
    return;
  }
  explanation.other = read_operand(explanation.other_name, settled, repository);
}

Tree read_raw(const ExplainOptions& options) {
  OperandOptions raw = options.operands;
  raw.algorithm = options.wanted.algorithm();
  raw.form = TreeForm::raw;
  return read_operand(options.source, raw, std::nullopt).tree;
}

/// The tree of a variant, or nullopt with the reason if the source can't be made into one.
std::optional<Tree> try_variant(const Tree& raw, const Variant& variant, std::string& problem) {
  try {
    return make_variant(raw, variant);
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

std::optional<Digest> try_digest(const Tree& tree, ImageFormat format, Algorithm algorithm, std::string& problem) {
  try {
    return measure_bytes(algorithm, make_image(tree, format));
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

class Search {
 public:
  Search(const Tree& raw, const ExplainOptions& options, Explanation& explanation)
      : raw_(raw), options_(options), explanation_(explanation) {}

  void run() {
    for (const Variant& variant : tree_variants(raw_, explanation_.asked)) {
      std::string problem;
      std::optional<Tree> tree = try_variant(raw_, variant, problem);
      if (variant == explanation_.asked) explanation_.problem = problem;
      if (!tree) continue;
      if (try_formats(variant, *tree)) return;
      if (explanation_.other) keep_closest(variant, std::move(*tree));
    }
  }

 private:
  bool try_formats(Variant variant, const Tree& tree) {
    for (const ImageFormat format : format_variants(explanation_.asked)) {
      variant.format = format;
      std::string problem;
      const std::optional<Digest> digest = try_digest(tree, format, options_.wanted.algorithm(), problem);
      if (variant == explanation_.asked) {
        explanation_.given = digest;
        explanation_.problem = problem;
      }
      if (digest != options_.wanted) continue;
      explanation_.match = variant;
      if (explanation_.other) compare_as_asked(tree);
      return true;
    }
    return false;
  }

  void compare_as_asked(const Tree& matching) {
    explanation_.compared = explanation_.given ? explanation_.asked : *explanation_.match;
    explanation_.compared_tree = explanation_.given ? make_variant(raw_, explanation_.asked) : matching;
  }

  /// Earlier variants have fewer deviations and win ties.
  void keep_closest(Variant variant, Tree tree) {
    const Comparison totals = compare_trees(tree, explanation_.other->tree, [](const Change&) {});
    const std::uint64_t count = totals.added + totals.removed + totals.changed;
    if (count >= fewest_) return;
    fewest_ = count;
    if (explanation_.other->format) variant.format = *explanation_.other->format;
    explanation_.compared = variant;
    explanation_.compared_tree = std::move(tree);
  }

  const Tree& raw_;
  const ExplainOptions& options_;
  Explanation& explanation_;
  std::uint64_t fewest_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace

Explanation explain(const ExplainOptions& options) {
  Explanation explanation;
  const OperandOptions& operands = options.operands;
  explanation.asked.form = operands.form;
  if (operands.form == TreeForm::raw)
    explanation.asked.xattrs = KeptXattrs::all;
  else if (operands.keep_user_xattrs)
    explanation.asked.xattrs = KeptXattrs::with_user;
  // What is read as it is belongs to the C tools, or has its digests in it: nobody chose an algorithm.
  const Algorithm usual = has_transport(options.source) ? Algorithm::sha512 : options.wanted.algorithm();
  explanation.asked_algorithm = operands.algorithm.value_or(usual);
  read_other(options, explanation);
  const Tree raw = read_raw(options);
  Search(raw, options, explanation).run();
  return explanation;
}

std::vector<Deviation> explain_deviations(const Explanation& explanation, const Digest& wanted,
                                          const Variant& variant) {
  std::vector<Deviation> list = deviations(explanation.asked, variant);
  if (wanted.algorithm() != explanation.asked_algorithm) {
    const std::string name(algorithm_name(wanted.algorithm()));
    list.insert(list.begin(), {name + " digests", "--digest " + name});
  }
  return list;
}

}  // namespace sealroot
