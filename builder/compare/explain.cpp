// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/compare/explain.hpp"

#include <limits>

#include "builder/compare/compare.hpp"
#include "builder/image/image.hpp"
#include "builder/image/named_image.hpp"
#include "builder/source/source.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

/// The image that has the digest, if anybody told where it may be.
void read_other(const ExplainOptions& options, const std::optional<Repository>& repository, Explanation& explanation) {
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

/// The source as it is, and how to read its policy.
Operand read_raw(const ExplainOptions& options, const std::optional<Repository>& repository) {
  OperandOptions raw = options.operands;
  raw.algorithm = options.wanted.algorithm();
  raw.form = TreeForm::raw;
  Operand source = read_operand(options.source, raw, repository);
  if (source.read_file) return source;
  source.read_file = [&repository](const RegularFile& file) {
    if (repository) return repository->objects().read(*file.digest);
    throw Error(Fault::missing, "its content is not at hand; name its repository with --repo");
  };
  return source;
}

/// The tree of a variant, or nullopt with the reason if the source can't be made into one.
std::optional<Tree> try_variant(const Operand& source, const Variant& variant, std::string& problem) {
  try {
    return make_variant(source.tree, variant, source.read_file);
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

std::optional<Digest> try_digest(const Tree& tree, ImageFormat format, Algorithm algorithm, std::string& problem) {
  try {
    return PlannedImage(tree, format).measure(algorithm);
  } catch (const Error& error) {
    problem = error.what();
    return std::nullopt;
  }
}

class Search {
 public:
  Search(const Operand& source, const ExplainOptions& options, Explanation& explanation)
      : source_(source), options_(options), explanation_(explanation) {}

  void run() {
    for (const Variant& variant : tree_variants(source_.tree, explanation_.asked)) {
      std::string problem;
      std::optional<Tree> tree = try_variant(source_, variant, problem);
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
    explanation_.compared_tree =
        explanation_.given ? make_variant(source_.tree, explanation_.asked, source_.read_file) : matching;
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

  const Operand& source_;
  const ExplainOptions& options_;
  Explanation& explanation_;
  std::uint64_t fewest_ = std::numeric_limits<std::uint64_t>::max();
};

Variant asked_variant(const OperandOptions& operands) {
  Variant asked{.form = operands.form, .labels = operands.labels};
  if (operands.form == TreeForm::raw) {
    asked.xattrs = KeptXattrs::all;
  } else if (operands.xattrs == XattrRule::keep_user_xattrs) {
    asked.xattrs = KeptXattrs::with_user;
  }
  return asked;
}

}  // namespace

Explanation explain(const ExplainOptions& options) {
  Explanation explanation;
  const OperandOptions& operands = options.operands;
  explanation.asked = asked_variant(operands);
  // What is read as it is belongs to the C tools, or has its digests in it: nobody chose an algorithm.
  const Algorithm usual = has_transport(options.source) ? Algorithm::sha512 : options.wanted.algorithm();
  explanation.asked_algorithm = operands.algorithm.value_or(usual);
  const std::optional<Repository> repository = open_store_to_read(operands.repository);
  read_other(options, repository, explanation);
  const Operand source = read_raw(options, repository);
  Search(source, options, explanation).run();
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
