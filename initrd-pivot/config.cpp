// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/config.hpp"

#include <algorithm>

#include "initrd-pivot/cmdline.hpp"

namespace sealroot {
namespace {

std::optional<StateMode> try_state_mode(std::string_view name) {
  for (const StateMode mode : {StateMode::overlay, StateMode::transient, StateMode::bind, StateMode::none}) {
    if (name == state_mode_name(mode)) return mode;
  }
  return std::nullopt;
}

bool set_digest(Config& config, std::string_view value) {
  config.adopts_digest = value == "command-line";
  if (config.adopts_digest) return true;
  config.digest_value = value;
  config.digest = try_parse_digest_value(value);
  return config.digest.has_value();
}

bool set_command_line(Config& config, std::string_view value) {
  config.command_line = value;
  return !value.empty() && quotes_balanced(value);
}

bool set_allow(Config& config, std::string_view value) {
  if (value.empty() || value == "*" || config.allowed_count == Config::max_allowed) return false;
  config.allowed[config.allowed_count++] = value;
  return true;
}

bool set_etc(Config& config, std::string_view value) {
  const auto mode = try_state_mode(value);
  if (mode) config.etc = *mode;
  return mode.has_value();
}

bool set_var(Config& config, std::string_view value) {
  const auto mode = try_state_mode(value);
  if (mode) config.var = *mode;
  return mode && *mode != StateMode::overlay;  // an overlay below /var breaks databases that rename and lock
}

bool set_on_failure(Config& config, std::string_view value) {
  config.power_off = value == "poweroff";
  return value == "poweroff" || value == "reboot";
}

bool is_program_path(std::string_view value) { return value.size() > 1 && value.size() < 256 && value.front() == '/'; }

bool set_init(Config& config, std::string_view value) {
  config.init = value;
  return is_program_path(value);
}

bool set_handover(Config& config, std::string_view value) {
  if (value == "none") return true;
  config.handover = value;
  return is_program_path(value);
}

bool set_version(Config&, std::string_view value) { return value == "1"; }

bool set_unsealed(Config& config, std::string_view value) {
  config.unsealed = value == "yes";
  return config.unsealed;
}

enum class Count { once, at_most_once, any };

struct Key {
  std::string_view name;
  bool (*set)(Config&, std::string_view value);  // false: the value is refused
  Count count;
};

constexpr std::array<Key, 10> keys{{{"version", set_version, Count::once},
                                    {"digest", set_digest, Count::once},
                                    {"cmdline", set_command_line, Count::at_most_once},
                                    {"allow", set_allow, Count::any},
                                    {"etc", set_etc, Count::once},
                                    {"var", set_var, Count::once},
                                    {"on-failure", set_on_failure, Count::once},
                                    {"init", set_init, Count::once},
                                    {"handover", set_handover, Count::once},
                                    {"unsealed", set_unsealed, Count::at_most_once}}};

// What the sealed forms of a key leave open: one command line to compare with, or none at all.
std::optional<Reason> refuse_combination(const Config& config) {
  if (!config.adopts_digest) {
    if (config.command_line.empty()) return Reason{"sealed config: key missing: cmdline"};
    return std::nullopt;
  }
  const bool compares = !config.command_line.empty() || config.allowed_count > 0 || !config.handover.empty();
  if (compares || config.unsealed)
    return Reason{
        "sealed config: digest=command-line: with cmdline, allow, handover or "
        "unsealed"};
  return std::nullopt;
}

std::optional<Reason> parse_line(std::string_view line, Config& config, std::array<bool, keys.size()>& seen) {
  const std::size_t equals = std::min(line.find('='), line.size());
  const std::string_view name(line.data(), equals);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (equals == line.size() || name != keys[i].name) continue;
    if (seen[i] && keys[i].count != Count::any) return Reason{"sealed config: key twice: ", name};
    seen[i] = true;
    const std::string_view value(line.data() + equals + 1, line.size() - equals - 1);
    if (!keys[i].set(config, value)) return Reason{"sealed config: bad value: ", line};
    return std::nullopt;
  }
  return Reason{"sealed config: unknown line: ", line};
}

}  // namespace

std::string_view state_mode_name(StateMode mode) {
  switch (mode) {
    case StateMode::overlay:
      return "overlay";
    case StateMode::transient:
      return "transient";
    case StateMode::bind:
      return "bind";
    case StateMode::none:
      break;
  }
  return "none";
}

std::optional<Digest> try_parse_digest_value(std::string_view value) {
  for (const std::string_view version : {"v1-", "v2-"}) {
    for (const Algorithm algorithm : {Algorithm::sha256, Algorithm::sha512}) {
      const Text<16> prefix{version, algorithm_name(algorithm), "-12:"};
      if (!value.starts_with(prefix.view())) continue;
      value.remove_prefix(prefix.view().size());
      const auto digest = Digest::try_parse(value);
      return digest && digest->algorithm() == algorithm ? digest : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Reason> parse_config(std::string_view text, Config& config) {
  if (text.size() > Config::max_size_bytes) return Reason{"sealed config: too large"};
  if (std::find(text.begin(), text.end(), '\0') != text.end()) return Reason{"sealed config: NUL byte"};
  if (text.empty() || text.back() != '\n') return Reason{"sealed config: no newline at the end"};
  std::array<bool, keys.size()> seen{};
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (auto refused = parse_line(std::string_view(text.data(), end), config, seen)) return refused;
    text.remove_prefix(end + 1);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!seen[i] && keys[i].count == Count::once) return Reason{"sealed config: key missing: ", keys[i].name};
  }
  return refuse_combination(config);
}

}  // namespace sealroot
