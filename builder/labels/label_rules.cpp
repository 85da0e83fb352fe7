// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/label_rules.hpp"

#include <algorithm>
#include <map>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

// Fedora's policy has 6,500 rules, whose expressions take less than a megabyte.
constexpr std::size_t max_rule_count = 100'000;
constexpr std::size_t max_compiled_bytes = 32U << 20;

}  // namespace

void LabelRules::add(const std::string& file, const std::vector<FileContext>& contexts) {
  for (const FileContext& context : contexts) {
    std::string place = file + " line " + std::to_string(context.line) + ": " + quoted(context.regex);
    during(place, [&] {
      if (rules_.size() == max_rule_count) {
        throw Error(Fault::malformed, "more than " + std::to_string(max_rule_count) + " rules");
      }
      PathPattern pattern(context.regex, context.type);
      compiled_bytes_ += pattern.compiled_bytes();
      if (compiled_bytes_ > max_compiled_bytes) throw Error(Fault::malformed, "expressions take more than 32 MiB");
      rules_.push_back({std::move(pattern), context.context == "<<none>>" ? "" : context.context, std::move(place)});
    });
  }
}

void LabelRules::index() {
  std::map<std::string_view, std::vector<std::uint32_t>> groups;
  for (std::size_t i = rules_.size(); i-- > 0;) {
    groups[rules_[i].pattern.literal()].push_back(static_cast<std::uint32_t>(i));
  }
  for (auto& [literal, rules] : groups) groups_.push_back({literal, std::move(rules)});
}

/// Those whose literal `path` begins with, shortest first. Sorted bytewise, they all come right before the literals
/// that share one byte more with the path: the range narrows byte by byte.
void LabelRules::find_groups(std::string_view path) {
  found_.clear();
  auto first = groups_.cbegin();
  auto last = groups_.cend();
  for (std::size_t size = 0; first != last; ++size) {
    if (first->literal.size() == size) found_.push_back(&*first++);
    if (size == path.size()) return;
    const auto byte = static_cast<unsigned char>(path[size]);
    const auto at = [size](const Group& group) { return static_cast<unsigned char>(group.literal[size]); };
    first = std::partition_point(first, last, [&](const Group& group) { return at(group) < byte; });
    last = std::partition_point(first, last, [&](const Group& group) { return at(group) == byte; });
  }
}

bool LabelRules::fits(const Rule& rule) {
  return during(rule.place, [&] {
    if (tries_left_-- == 0) throw Error(Fault::malformed, "too many rules for so many files");
    return rule.pattern.matches(key_);
  });
}

const std::string* LabelRules::find(std::string_view path, char type) {
  key_.assign(path);
  key_ += type;
  find_groups(path);
  std::optional<std::uint32_t> best;
  // The longest literals tend to have the last rules, which spare the others their matches.
  for (auto group = found_.rbegin(); group != found_.rend(); ++group) {
    for (const std::uint32_t rule : (*group)->rules) {
      if (best && rule < *best) break;
      if (!fits(rules_[rule])) continue;
      best = rule;
      break;
    }
  }
  if (!best || rules_[*best].context.empty()) return nullptr;
  return &rules_[*best].context;
}

}  // namespace sealroot
