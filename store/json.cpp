// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/json.hpp"

#include <set>
#include <string>
#include <vector>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// Walks over the text once before the value is built. The library can do both at once, with a callback, but then goes
/// through all of an array for each object in it.
class Watch final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Watch(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return start(); }
  bool end_object() override { return end(); }
  bool start_array(std::size_t) override { return start(); }
  bool end_array() override { return end(); }

  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      throw Error(Fault::malformed, "JSON: key " + quoted(name) + " appears twice");
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    constexpr int number_overflow = 406;  // as the library's page on exceptions numbers them
    if (error.id == number_overflow) throw Error(Fault::malformed, "JSON: number out of range");
    throw Error(Fault::malformed, "JSON: syntax error at byte " + std::to_string(position));
  }

 private:
  bool count() {
    if (++values_ <= limits_.values) return true;
    throw Error(Fault::malformed, "JSON: more than " + std::to_string(limits_.values) + " values");
  }
  bool start() {
    if (keys_.size() >= limits_.depth) {
      throw Error(Fault::malformed, "JSON: nested deeper than " + std::to_string(limits_.depth) + " levels");
    }
    keys_.emplace_back();
    return count();
  }
  bool end() {
    keys_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  std::size_t values_ = 0;
  std::vector<std::set<std::string>> keys_;  ///< of each object (or array, then empty) that is open
};

}  // namespace

nlohmann::json parse_json(ByteView text, const JsonLimits& limits) {
  if (text.size() > limits.size_bytes) {
    throw Error(Fault::malformed, "JSON: larger than the limit of " + std::to_string(limits.size_bytes) + " bytes");
  }
  // The library skips a byte order mark, other readers take it for an error.
  if (as_text(text).starts_with("\xef\xbb\xbf")) throw Error(Fault::malformed, "JSON: starts with a byte order mark");
  Watch watch(limits);
  nlohmann::json::sax_parse(text.begin(), text.end(), &watch);
  return nlohmann::json::parse(text.begin(), text.end());
}

}  // namespace sealroot
