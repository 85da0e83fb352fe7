// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/initramfs/sealed_config.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <string_view>

#include "builder/initramfs/cpio.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::string_view digest_key = "composefs.digest=";
// The kernel cuts longer ones on most architectures (COMMAND_LINE_SIZE), which the pivot would take for tampering.
constexpr std::size_t max_cmdline = 2047;
// Limits of the pivot's fixed buffers (initrd-pivot/config.hpp).
constexpr std::size_t max_allowed = 64;
constexpr std::size_t max_init = 255;
constexpr std::size_t max_text = 64 * 1024;

constexpr std::array<std::string_view, 10> known_keys = {"version", "digest",     "cmdline", "allow",    "etc",
                                                         "var",     "on-failure", "init",    "handover", "unsealed"};

Error bad(std::string_view key, std::string_view value, const std::string& reason) {
  return {Fault::usage, "sealed configuration: " + std::string(key) + " " + quoted(value) + ": " + reason};
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void check_choice(std::string_view key, std::string_view value, std::initializer_list<std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  std::string list;
  for (const std::string_view choice : choices) list.append(list.empty() ? "" : ", ").append(choice);
  throw bad(key, value, "not one of " + list);
}

void check_token(std::string_view key, std::string_view value) {
  if (value.empty() || has_control(value) || value.find(' ') != std::string_view::npos) {
    throw bad(key, value, "empty, or holds a blank or control character");
  }
}

void check_program(std::string_view key, std::string_view value) {
  check_token(key, value);
  if (value.front() != '/' || value.size() < 2 || value.size() > max_init) {
    throw bad(key, value, "not an absolute path of 2 to 255 bytes");
  }
}

void check_cmdline(const SealedConfig& config) {
  if (config.cmdline.size() > max_cmdline) throw bad("cmdline", config.cmdline, "longer than the kernel's 2047 bytes");
  if (has_control(config.cmdline)) throw bad("cmdline", config.cmdline, "holds a control character");
  if (std::count(config.cmdline.begin(), config.cmdline.end(), '"') % 2 != 0) {
    throw bad("cmdline", config.cmdline, "a quote stays open");
  }
  std::string_view rest = config.cmdline;
  int digests = 0;
  while (!rest.empty()) {
    const std::string_view token = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(token.size() + 1, rest.size()));
    if (token.starts_with("rdinit=") && token.substr(7) != handover_pivot_path) {
      throw bad("cmdline", token, "would start another program than the pivot");
    }
    if (!token.starts_with("composefs")) continue;
    ++digests;
    if (token != std::string(digest_key) + digest_token_value(config.digest)) {
      throw bad("cmdline", token, "is not " + std::string(digest_key) + digest_token_value(config.digest));
    }
  }
  if (digests != 1) throw bad("cmdline", config.cmdline, "must hold exactly one " + std::string(digest_key) + " token");
}

void check(const SealedConfig& config) {
  check_cmdline(config);
  if (config.allow.size() > max_allowed) throw bad("allow", config.allow.back(), "more than 64 tokens");
  for (const std::string& token : config.allow) {
    check_token("allow", token);
    if (token == "*") throw bad("allow", token, "would allow everything");
    if (token.starts_with("composefs")) throw bad("allow", token, "a second digest can never be allowed");
  }
  check_choice("etc", config.etc, {"overlay", "transient", "bind", "none"});
  check_choice("var", config.var, {"bind", "transient", "none"});
  check_choice("on-failure", config.on_failure, {"reboot", "poweroff"});
  check_program("init", config.init);
  if (config.handover != "none") check_program("handover", config.handover);
}

}  // namespace

std::string sealed_config_text(const SealedConfig& config) {
  check(config);
  std::string text = "version=1\n";
  const auto add = [&](std::string_view key, std::string_view value) {
    text.append(key).append("=").append(value).append("\n");
  };
  add("digest", digest_token_value(config.digest));
  add("cmdline", config.cmdline);
  for (const std::string& token : config.allow) add("allow", token);
  add("etc", config.etc);
  add("var", config.var);
  add("on-failure", config.on_failure);
  add("init", config.init);
  add("handover", config.handover);
  if (config.unsealed) add("unsealed", "yes");
  return text;
}

SealedConfig parse_sealed_config(std::string_view text) {
  const auto fail = [](const std::string& reason) {
    return Error(Fault::malformed, "sealed configuration: " + reason);
  };
  if (text.size() > max_text || !text.ends_with('\n')) throw fail("too long, or without a newline at its end");
  std::map<std::string_view, std::string_view> values;
  std::vector<std::string> allow;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() + 1);
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string_view key = line.substr(0, equals);
    if (equals == line.size() || std::ranges::find(known_keys, key) == known_keys.end()) {
      throw fail("unknown line " + quoted(line));
    }
    const std::string_view value = line.substr(equals + 1);
    if (key == "allow") {
      allow.emplace_back(value);
    } else if (!values.emplace(key, value).second) {
      throw fail("key twice: " + std::string(key));
    }
  }
  const auto value = [&](std::string_view key) {
    const auto found = values.find(key);
    if (found == values.end()) throw fail("key missing: " + std::string(key));
    return std::string(found->second);
  };
  if (value("version") != "1") throw fail("version " + quoted(value("version")) + " is not known here");
  const std::string digest_value = value("digest");
  const auto digest = try_parse_digest_token_value(digest_value);
  if (!digest || digest_value != digest_token_value(*digest)) throw fail("digest " + quoted(digest_value) + " is none");
  SealedConfig config{.digest = *digest, .cmdline = value("cmdline"), .allow = std::move(allow)};
  config.etc = value("etc");
  config.var = value("var");
  config.on_failure = value("on-failure");
  config.init = value("init");
  config.handover = value("handover");
  config.unsealed = values.contains("unsealed");
  if (config.unsealed && value("unsealed") != "yes")
    throw fail("unsealed " + quoted(value("unsealed")) + " is not yes");
  try {
    check(config);
  } catch (const Error& error) {
    throw Error(Fault::malformed, error.what());
  }
  return config;
}

Bytes make_sealed_config_cpio(const SealedConfig& config, ByteView pivot) {
  CpioWriter archive;
  if (config.handover != "none") archive.add_file(handover_pivot_path.substr(1), pivot, 0555);
  const std::string text = sealed_config_text(config);
  archive.add_file(sealed_config_path, as_bytes(text), 0444);
  return archive.finish();
}

}  // namespace sealroot
