// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include <cstdint>

#include "store/json.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

std::string many_zeros(int count) {
  std::string text = "0";
  for (int i = 1; i < count; ++i) text += ",0";
  return text;
}

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("plain JSON is read") {
  const nlohmann::json value = parse_json(as_bytes(R"( {"a": [1, {"b": "\u00e9"}], "c": {"b": null}} )"));
  CHECK(value["a"][1]["b"] == "\xc3\xa9");
  CHECK(value["c"]["b"].is_null());
  CHECK(parse_json(as_bytes("18446744073709551615")).get<std::uint64_t>() == UINT64_MAX);
}

TEST_CASE("what two readers could take differently is malformed") {
  struct Row {
    const char* label;
    std::string text;
    const char* message;
  };
  const Row rows[] = {
      {"empty", "", "syntax error at byte 1"},
      {"two values", "{} {}", "syntax error at byte"},
      {"cut off", R"({"a": [1, 2)", "syntax error at byte"},
      {"comment", "/* */ {}", "syntax error at byte 1"},
      {"trailing comma", "[1,]", "syntax error at byte"},
      {"not UTF-8", "\"\xff\"", "syntax error at byte"},
      {"NaN", "NaN", "syntax error at byte"},
      {"byte order mark", "\xef\xbb\xbf{}", "byte order mark"},
      {"number too large", "1e999", "number out of range"},
      {"key twice", R"({"a": 1, "a": 2})", "key 'a' appears twice"},
      {"key twice, deep", R"([{"x": {"b": 1, "c": {}, "b": 2}}])", "key 'b' appears twice"},
      {"key twice, one escaped", R"({"a": 1, "\u0061": 2})", "key 'a' appears twice"},
      {"key with control characters", R"({"\n": 1, "\n": 2})", R"(key '\x0a' appears twice)"},
      {"too deep", nested(33), "nested deeper than 32 levels"},
      {"too many values", "[" + many_zeros(100'001) + "]", "more than 100000 values"},
      {"far too deep", nested(100000), "nested deeper than 32 levels"},
  };
  for (const Row& row : rows) {
    INFO(row.label);
    try {
      parse_json(as_bytes(row.text));
      FAIL("was read");
    } catch (const Error& error) {
      CHECK(error.fault() == Fault::malformed);
      CHECK_THAT(error.what(), has_text(row.message));
    }
  }
}

TEST_CASE("equal keys in different objects are no duplicates") {
  CHECK_NOTHROW(parse_json(as_bytes(R"([{"a": {"a": [{"a": 1}, {"a": 2}]}}, {"a": 1}])")));
}

TEST_CASE("limits are inclusive") {
  CHECK_NOTHROW(parse_json(as_bytes(nested(32))));
  CHECK_NOTHROW(parse_json(as_bytes("[1]"), {.size_bytes = 3, .depth = 1}));
  CHECK_THROWS_WITH(parse_json(as_bytes("[1 ]"), {.size_bytes = 3, .depth = 1}), has_text("limit of 3 bytes"));
}
