// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// An SELinux policy as an image brings it along: file_contexts, aliases, the config that names it, then paths to look
// up; separated by NUL. The grouped look-up must find what trying all rules finds, and a rule without short cuts too.
#include <pcre2.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builder/labels/label_rules.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

namespace {

constexpr std::size_t max_rules = 32;  // so that those that nearly take too long are done in time
constexpr std::size_t max_paths = 4;

/// Whether PCRE2 matches the rule as a whole; nullopt if it takes too long or is not a regular expression.
std::optional<bool> matches_plainly(const FileContext& rule, const std::string& key) {
  const std::string regex = "^(" + rule.regex + ")" + rule.type + "$";
  int error = 0;
  std::size_t offset = 0;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.data()), regex.size(),
                    PCRE2_ANCHORED | PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &offset, nullptr),
      pcre2_code_free);
  if (!code) return std::nullopt;
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(pcre2_match_data_create(1, nullptr),
                                                                                 pcre2_match_data_free);
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(context.get(), 200'000);
  const int result =
      pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(key.data()), key.size(), 0, 0, data.get(), context.get());
  if (result < 0 && result != PCRE2_ERROR_NOMATCH) return std::nullopt;
  return result >= 0;
}

bool matches(const FileContext& rule, const std::string& key) {
  const PathPattern pattern(rule.regex, rule.type);
  const bool found = key.starts_with(pattern.literal()) && pattern.matches(key);
  const std::optional<bool> plain = matches_plainly(rule, key);
  promise(!plain || *plain == found, "short cuts of a rule do not change what it matches");
  return found;
}

/// The context of the last rule that fits; empty: none.
std::string find_by_trying(const std::vector<FileContext>& contexts, const std::string& path, char type) {
  std::string label;
  for (const FileContext& rule : contexts) {
    if (matches(rule, path + type)) label = rule.context == "<<none>>" ? "" : rule.context;
  }
  return label;
}

void look_up(const std::vector<FileContext>& contexts, std::string_view paths) {
  LabelRules rules;
  rules.add("file_contexts", contexts);
  rules.index();
  for (std::size_t i = 0; i < max_paths && !paths.empty(); ++i) {
    const std::string path(take_part(paths));
    for (const char type : {'-', 'd'}) {
      const std::string* const label = rules.find(path, type);
      promise(find_by_trying(contexts, path, type) == (label != nullptr ? *label : ""), "the last rule that fits");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = as_text({data, size});
  const std::string_view rules_text = take_part(rest);
  const std::string_view aliases_text = take_part(rest);
  const std::string_view config = take_part(rest);
  accepts([&] { parse_policy_name(config); });
  accepts([&] {
    PathAliases aliases;
    parse_path_aliases(aliases_text, aliases);
    for (const auto& [alias, path] : aliases) promise(!alias.empty() && !path.empty(), "an alias stands for a path");
  });
  accepts([&] {
    std::vector<FileContext> contexts = parse_file_contexts(rules_text);
    for (const FileContext& rule : contexts) {
      promise(!rule.regex.empty() && !rule.context.empty(), "a rule has an expression and a context");
    }
    if (contexts.size() > max_rules) contexts.resize(max_rules);
    look_up(contexts, rest);
  });
  return 0;
}
