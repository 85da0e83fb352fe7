// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// What the pivot reads as text: sealed config, kernel command line, list of modules; separated by NUL.
#include "initrd-pivot/cmdline.hpp"
#include "initrd-pivot/modules.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = as_text({data, size});
  const std::string_view config_text = take_part(rest);
  const std::string_view line = take_part(rest);
  for_each_module(rest, [](std::string_view path, bool) { promise(!path.empty(), "a module has a path"); });
  Tokens tokens(line);
  while (const auto token = tokens.next()) promise(!token->empty(), "a token is not empty");
  try_parse_digest_value(line);

  Config config;
  if (parse_config(config_text, config)) return 0;
  promise(config.digest.has_value() != config.adopts_digest && !config.init.empty(), "a config that is taken is whole");
  promise(!config.adopts_digest || !config.unsealed, "a digest from the command line must be measured");
  if (!refuse_command_line(line, config)) {
    promise(config.digest.has_value(), "with a line that is taken there is a digest");
    promise(line.find("composefs") != std::string_view::npos, "a line without digest is refused");
  }
  return 0;
}
