// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/esp/entry_name.hpp"

#include <charconv>

#include "builder/disk/esp.hpp"
#include "builder/uki/os_release.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"

namespace sealroot {
namespace {

constexpr std::string_view extension = ".efi";
constexpr std::size_t digest_digits = 16;
constexpr std::size_t longest_part = 64;  // of id and version, so that FAT's 255 characters are never reached

/// A number at the end of `text`, taken away from it; nullopt, and nothing taken, if there is none that fits.
std::optional<unsigned> take_last_number(std::string_view& text) {
  const std::size_t start = text.find_last_not_of("0123456789") + 1;  // npos + 1 is 0
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  text = text.substr(0, start);
  return value;
}

/// The counter `+LEFT` or `+LEFT-DONE` at the end of `stem`, taken away from it.
std::optional<EntryTries> take_tries(std::string_view& stem) {
  std::string_view rest = stem;
  std::optional<unsigned> left = take_last_number(rest);
  unsigned done = 0;
  if (left && rest.ends_with('-')) {
    done = *left;
    rest.remove_suffix(1);
    left = take_last_number(rest);
  }
  if (!left || !rest.ends_with('+') || rest.size() < 2) return std::nullopt;
  stem = rest.substr(0, rest.size() - 1);
  return EntryTries{*left, done};
}

}  // namespace

std::optional<EntryName> try_parse_entry_name(std::string_view file_name) {
  if (file_name.size() <= extension.size() || file_name.starts_with('.')) return std::nullopt;
  std::string_view stem = file_name.substr(0, file_name.size() - extension.size());
  if (fold_case(std::string(file_name.substr(stem.size()))) != extension) return std::nullopt;
  const std::optional<EntryTries> tries = take_tries(stem);
  return EntryName{std::string(stem), tries};
}

bool is_own_base_name(std::string_view base) {
  if (base.size() < digest_digits + 2 || base[base.size() - digest_digits - 1] != '_') return false;
  return base.substr(base.size() - digest_digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string entry_file_name(const EntryName& name) {
  std::string text = name.base;
  if (name.tries) text += "+" + std::to_string(name.tries->left) + "-" + std::to_string(name.tries->done);
  return text.append(extension);
}

std::string entry_base_name(std::string_view image_id, std::string_view version, const Digest& image) {
  for (const std::string_view part : {image_id, version}) {
    if (!is_entry_name(part) || part.size() > longest_part) {
      throw Error(Fault::malformed, "IMAGE_ID or IMAGE_VERSION " + quoted(part) +
                                        ": a boot entry is named with 1 to 64 letters, digits and +_.- only");
    }
  }
  return std::string(image_id).append("_").append(version).append("_") + to_hex(image).substr(0, digest_digits);
}

}  // namespace sealroot
