// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/loader_variables.hpp"

#include <array>

#include "builder/disk/esp.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::uint64_t max_variable_bytes = std::uint64_t{64} << 10;
constexpr std::size_t attribute_bytes = 4;
constexpr const char* loader_guid = "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr const char* global_guid = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";

std::optional<Bytes> try_variable(const Fd& efivars, const std::string& name) {
  try {
    const auto file = try_open_beneath(efivars, name, O_RDONLY | O_NONBLOCK);
    if (!file) return std::nullopt;
    const Bytes content = read_all(*file, max_variable_bytes);
    if (content.size() < attribute_bytes) return std::nullopt;
    return Bytes(content.begin() + attribute_bytes, content.end());
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// UTF-16 up to its NUL. File names of boot entries are ASCII: anything else names none of them.
std::optional<std::string> try_text(const Fd& efivars, const std::string& name) {
  const auto content = try_variable(efivars, name + loader_guid);
  if (!content) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i + 1 < content->size(); i += 2) {
    const unsigned unit = (*content)[i] | (*content)[i + 1] << 8U;
    if (unit == 0) break;
    if (unit < 0x20 || unit > 0x7e) return std::nullopt;
    text += static_cast<char>(unit);
  }
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::string_view secure_boot_name(SecureBoot state) {
  constexpr std::array<std::string_view, 3> names{"on", "off", "unknown"};
  return names[static_cast<std::size_t>(state)];
}

LoaderVariables read_loader_variables(const Fd& efivars) {
  LoaderVariables variables;
  if (const auto value = try_variable(efivars, std::string("SecureBoot") + global_guid); value && value->size() == 1) {
    variables.secure_boot = value->front() == 1 ? SecureBoot::on : SecureBoot::off;
  }
  variables.entry_selected = try_text(efivars, "LoaderEntrySelected");
  variables.entry_default = try_text(efivars, "LoaderEntryDefault");
  if (const auto uuid = try_text(efivars, "LoaderDevicePartUUID")) variables.partition = fold_case(*uuid);
  return variables;
}

}  // namespace sealroot
