// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Why a source does not give a certain digest: made in another way, or another content.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "builder/compare/variant.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

struct ExplainOptions {
  Digest wanted;
  std::string source;       // transport:reference, or a directory
  OperandOptions operands;  // form, xattrs and algorithm as asked for; repository where the image may be
  std::string
      against;  // operand that should have the digest; empty: the image `wanted` of the repository, if it is there
};

struct Explanation {
  Variant asked;
  Algorithm asked_algorithm = Algorithm::sha512;
  std::optional<Digest> given;   // with the algorithm of the wanted one, made as asked
  std::string problem;           // why it can't be made as asked; empty if `given`
  std::optional<Variant> match;  // that gives the wanted digest
  std::optional<Operand> other;  // the image to compare with, if it is at hand
  std::string other_name;
  /// What to compare with `other`, and its tree: the variant as asked if another one matches, which shows what the
  /// options change, else the one that comes closest. Only with `other`.
  std::optional<Variant> compared;
  Tree compared_tree{};

  /// The source gives the digest as asked for.
  bool is_given() const { return match && *match == asked; }
};

/// Reads the source once, then makes images in memory until one has the wanted digest.
///   throws   Error: source or image can't be read
Explanation explain(const ExplainOptions& options);

/// Deviations of the variant, and of the algorithm of the wanted digest, from what was asked.
std::vector<Deviation> explain_deviations(const Explanation& explanation, const Digest& wanted, const Variant& variant);

}  // namespace sealroot
