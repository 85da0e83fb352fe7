// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "store/json.hpp"

#include <set>
#include <string>
#include <vector>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

/// Watches the parser at work: it reports each start, key and end, and the value itself is built by the library.
class Watch {
 public:
  explicit Watch(int depth_limit) : depth_limit_(depth_limit) {}

  void start(int depth) {
    if (depth >= depth_limit_) {
      throw Error(Fault::malformed, "JSON: nested deeper than " + std::to_string(depth_limit_) + " levels");
    }
    keys_.emplace_back();
  }
  void key(const std::string& name) {
    if (!keys_.back().insert(name).second) {
      throw Error(Fault::malformed, "JSON: key " + quoted(name) + " appears twice");
    }
  }
  void end() { keys_.pop_back(); }

 private:
  int depth_limit_;
  std::vector<std::set<std::string>> keys_;  ///< of each object (or array, then empty) that is open
};

}  // namespace

nlohmann::json parse_json(ByteView text, const JsonLimits& limits) {
  if (text.size() > limits.size_bytes) {
    throw Error(Fault::malformed, "JSON: larger than the limit of " + std::to_string(limits.size_bytes) + " bytes");
  }
  // The library skips a byte order mark, other readers take it for an error.
  if (as_text(text).starts_with("\xef\xbb\xbf")) throw Error(Fault::malformed, "JSON: starts with a byte order mark");
  Watch watch(limits.depth);
  using Event = nlohmann::json::parse_event_t;
  const auto report = [&watch](int depth, Event event, nlohmann::json& value) {
    if (event == Event::object_start || event == Event::array_start) watch.start(depth);
    if (event == Event::key) watch.key(value.get_ref<const std::string&>());
    if (event == Event::object_end || event == Event::array_end) watch.end();
    return true;
  };
  try {
    return nlohmann::json::parse(text.begin(), text.end(), report);
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(Fault::malformed, "JSON: syntax error at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::out_of_range&) {
    throw Error(Fault::malformed, "JSON: number out of range");
  }
}

}  // namespace sealroot
