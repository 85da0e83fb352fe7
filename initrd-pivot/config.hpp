// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// The sealed config, /sealroot.conf of the initramfs: what this boot must be, under the signature of the UKI.
//
//   version=1
//   digest=v1-sha512-12:<hex>     the value of composefs.digest= on the command line
//   cmdline=<signed command line>
//   allow=<token>                 0..n; token that may follow the signed line; a final `*` stands for any ending
//   etc=overlay|transient|bind|none
//   var=bind|transient|none
//   on-failure=reboot|poweroff
//   init=/sbin/init
//   handover=none|/init           what the pivot starts when the kernel started it as /sealroot-init: the first program
//                                 of an initramfs that is not ours
//   unsealed=yes                  only in a build for file systems without fs-verity; a sealed one has no such line
//
// One key=value a line, each key but `allow` and `unsealed` exactly once, in any order, each line with its newline.
// Anything else is refused: the writer is our own builder, so a surprise means that it is not the file the builder
// wrote.
//
// An initramfs that is made before its image has a digest (bootc, composefs-rs) has the line
//   digest=command-line           the digest is the one the command line names; no `cmdline` and `allow` then
// written by dracut/50sealroot/sealroot-bootc-config. The builder's file, appended later, replaces it.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "initrd-pivot/text.hpp"
#include "store/core/digest.hpp"

namespace sealroot {

enum class StateMode { overlay, transient, bind, none };

/// The name that makes the pivot hand over; the builder puts it there and has the kernel start it.
inline constexpr std::string_view handover_name = "/sealroot-init";

std::string_view state_mode_name(StateMode mode);

/// A `v1-sha512-12:<hex>` value as tools write it after `composefs.digest=`; nullopt for any other text.
std::optional<Digest> try_parse_digest_value(std::string_view value);

/// The parsed file. Its views point into the text that was parsed.
struct Config {
  static constexpr std::size_t max_size_bytes = 64 * 1024;
  static constexpr std::size_t max_allowed = 64;

  std::string_view digest_value;  // as written, with version and algorithm
  std::optional<Digest> digest;   // with `adopts_digest`: once the command line was read
  bool adopts_digest = false;     // the command line says which image; only the UKI's signature vouches for it
  std::string_view command_line;
  std::array<std::string_view, max_allowed> allowed{};
  std::size_t allowed_count = 0;
  StateMode etc = StateMode::none;
  StateMode var = StateMode::none;
  bool power_off = false;
  std::string_view init;
  std::string_view handover;  // empty: none
  bool unsealed = false;
};

/// Reads `text` into `config`; returns why it is refused, nullopt if it is good.
std::optional<Reason> parse_config(std::string_view text, Config& config);

}  // namespace sealroot
