// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// All rules of a policy, looked up by path. Rules are grouped by the text their paths begin with, so that a lookup
// meets a few dozen of thousands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "builder/labels/file_contexts.hpp"
#include "builder/labels/path_pattern.hpp"

namespace sealroot {

class LabelRules {
 public:
  /// Adds what a file says, above all that was added before. `file` is for messages.
  ///   throws   Error{malformed} names file, line and expression; also where there is too much
  void add(const std::string& file, const std::vector<FileContext>& contexts);

  /// Call once after the last add().
  void index();

  /// The label of the last rule that fits a file of this path and type (a letter of FileContext::type); null if there
  /// is none or it says so. Lives as long as this.
  ///   throws   Error{malformed} names the rule whose match takes too long, or that too many had to be tried
  const std::string* find(std::string_view path, char type);

 private:
  struct Rule {
    PathPattern pattern;
    std::string context;
    std::string place;  // for messages
  };
  struct Group {
    std::string_view literal;          // of its rules
    std::vector<std::uint32_t> rules;  // the last one first
  };

  void find_groups(std::string_view path);
  bool fits(const Rule& rule);

  std::vector<Rule> rules_;
  std::vector<Group> groups_;  // by literal, bytewise
  std::size_t compiled_bytes_ = 0;
  std::uint64_t tries_left_ = 1U << 30;  // minutes; a large system with a real policy needs some millions

  // Of the lookup that runs, kept for their memory.
  std::string key_;
  std::vector<const Group*> found_;
};

}  // namespace sealroot
