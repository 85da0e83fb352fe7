// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/path_pattern.hpp"

#include <pcre2.h>

#include <array>
#include <new>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::size_t max_regex_bytes = 4096;
/// The longest path with a few `.*` needs some ten thousand steps; a thousand times the steps of a usual match.
constexpr std::uint32_t max_match_steps = 200'000;
constexpr std::uint32_t max_match_kib = 16 << 10;
/// Machine code costs more to make than a few matches without it take.
constexpr unsigned matches_before_jit = 16;
constexpr std::string_view subtree_suffix = "(/.*)?";
constexpr std::string_view special = "\\^$.[]|()?*+{}";

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

template <typename T, void (*release)(T*)>
struct Release {
  void operator()(T* object) const { release(object); }
};
using CompileContext =
    std::unique_ptr<pcre2_compile_context, Release<pcre2_compile_context, pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Release<pcre2_match_context, pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Release<pcre2_match_data, pcre2_match_data_free>>;
using Code = std::unique_ptr<pcre2_code, Release<pcre2_code, pcre2_code_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Release<pcre2_jit_stack, pcre2_jit_stack_free>>;

template <typename Owner>
Owner made(typename Owner::pointer object) {
  if (object == nullptr) throw std::bad_alloc();
  return Owner(object);
}

/// What all matches on one thread share.
struct Matching {
  MatchContext context = made<MatchContext>(pcre2_match_context_create(nullptr));
  MatchData data = made<MatchData>(pcre2_match_data_create(1, nullptr));
  JitStack stack = made<JitStack>(pcre2_jit_stack_create(32 << 10, 1 << 20, nullptr));

  Matching() {
    pcre2_set_match_limit(context.get(), max_match_steps);
    pcre2_set_heap_limit(context.get(), max_match_kib);
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

/// The text that `regex` begins with before anything special, without what a quantifier could make optional.
/// `rest` is what follows.
std::string literal_start(std::string_view regex, std::string_view& rest) {
  std::string literal;
  std::size_t at = 0;
  while (at < regex.size()) {
    // An escaped letter or digit is a class of characters, not itself.
    const bool escaped = regex[at] == '\\' && at + 1 < regex.size() && special.find(regex[at + 1]) != special.npos;
    if (!escaped && special.find(regex[at]) != special.npos) break;
    const std::size_t next = at + (escaped ? 2 : 1);
    if (next < regex.size() && std::string_view("?*+{").find(regex[next]) != std::string_view::npos) break;
    literal += regex[next - 1];
    at = next;
  }
  rest = regex.substr(at);
  return literal;
}

/// Where the set of characters ends that starts at `at`.
std::size_t end_of_set(std::string_view regex, std::size_t at) {
  ++at;
  if (at < regex.size() && regex[at] == '^') ++at;
  if (at < regex.size() && regex[at] == ']') ++at;
  while (at < regex.size() && regex[at] != ']') {
    const std::size_t named = regex.substr(at, 2) == "[:" ? regex.find(":]", at) : std::string_view::npos;
    at = named != std::string_view::npos ? named + 2 : at + (regex[at] == '\\' ? 2 : 1);
  }
  return at + 1;
}

/// Whether the text in front of `rest` surely begins all that the expression matches: it does not where an alternative
/// follows, or an end of a group that never began. In doubt, no.
bool belongs_to_all(std::string_view rest) {
  int depth = 0;
  for (std::size_t at = 0; at < rest.size();) {
    const char c = rest[at];
    if (rest.substr(at, 2) == "\\Q") return false;
    if (rest.substr(at, 2) == "(?" &&
        (at + 2 == rest.size() || std::string_view(":=!<").find(rest[at + 2]) == std::string_view::npos)) {
      return false;
    }
    if (c == '|' && depth == 0) return false;
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) return false;
    at = c == '[' ? end_of_set(rest, at) : at + (c == '\\' ? 2 : 1);
  }
  return true;
}

}  // namespace

class PathPattern::Regex {
 public:
  explicit Regex(const std::string& pattern) {
    const CompileContext context = made<CompileContext>(pcre2_compile_context_create(nullptr));
    pcre2_set_max_pattern_length(context.get(), max_regex_bytes);
    int error = 0;
    std::size_t offset = 0;
    // File names may hold line ends; nothing of a policy file may switch to Unicode rules.
    constexpr std::uint32_t options = PCRE2_ANCHORED | PCRE2_DOTALL | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &error, &offset,
                              context.get()));
    if (!code_) throw Error(Fault::malformed, pcre2_message(error));
  }

  bool matches(std::string_view key) {
    static thread_local const Matching matching;
    // Without JIT, or with a kernel that forbids it, matching is just slower.
    if (++uses_ == matches_before_jit) pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
    const int result = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(key.data()), key.size(), 0, 0,
                                   matching.data.get(), matching.context.get());
    if (result >= 0) return true;
    if (result == PCRE2_ERROR_NOMATCH) return false;
    throw Error(Fault::malformed, "matching it takes too long: " + pcre2_message(result));
  }

  std::size_t bytes() const {
    std::size_t size = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &size);
    return size;
  }

 private:
  Code code_;
  unsigned uses_ = 0;
};

void PathPattern::Free::operator()(Regex* regex) const { delete regex; }

PathPattern::PathPattern(const std::string& regex, char type) : type_(type) {
  std::string_view rest;
  literal_ = literal_start(regex, rest);
  if (rest.empty()) {
    kind_ = Kind::path;
  } else if (rest == subtree_suffix) {
    kind_ = Kind::subtree;
  } else {
    if (!belongs_to_all(rest)) {
      literal_.clear();
      type_ = '.';  // an expression that leaves its group, as `a)|(b`, may not ask for the type at all
    }
    regex_.reset(new Regex("^(" + regex + ")" + type + "$"));
  }
}

bool PathPattern::matches(std::string_view key) const {
  if (type_ != '.' && key.back() != type_) return false;
  switch (kind_) {
    case Kind::path:
      return key.size() == literal_.size() + 1;
    case Kind::subtree:
      return key.size() == literal_.size() + 1 || key[literal_.size()] == '/';
    case Kind::regex:
      break;
  }
  return regex_->matches(key);
}

std::size_t PathPattern::compiled_bytes() const { return regex_ ? regex_->bytes() : 0; }

}  // namespace sealroot
