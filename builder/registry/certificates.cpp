// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/certificates.hpp"

#include <curl/curl.h>

#include "builder/registry/user_files.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/listing.hpp"

namespace sealroot {

namespace {

constexpr std::uint64_t max_file_size = 8U << 20;

std::string read_text(const Fd& folder, const std::string& name) {
  return std::string(as_text(read_file(folder, name, max_file_size))) + "\n";
}

/// What libcurl would trust: its own file, unless $SSL_CERT_FILE names another.
std::string system_authorities() {
  std::string path = environment("SSL_CERT_FILE");
  const curl_version_info_data* const version = ::curl_version_info(CURLVERSION_NOW);
  if (path.empty() && version->age >= CURLVERSION_SEVENTH && version->cainfo != nullptr) path = version->cainfo;
  if (path.empty() || !try_open_at(working_directory(), path, O_PATH)) return {};
  return read_text(working_directory(), path);
}

std::optional<std::string> find_folder(const std::string& authority) {
  std::vector<std::string> bases{"/etc/containers/certs.d", "/etc/docker/certs.d"};
  if (const std::string own = config_folder(); !own.empty()) bases.insert(bases.begin(), own + "/containers/certs.d");
  for (const std::string& base : bases) {
    std::string folder = base + "/" + authority;
    if (try_open_at(working_directory(), folder, O_PATH | O_DIRECTORY)) return folder;
  }
  return std::nullopt;
}

}  // namespace

TlsSettings find_certificates(const std::optional<std::string>& folder, const std::string& authority) {
  TlsSettings settings;
  if (!environment("SSL_CERT_FILE").empty()) settings.authorities = system_authorities();
  const std::optional<std::string> path = folder ? folder : find_folder(authority);
  if (!path) return settings;
  return during("certificates " + quoted(*path), [&] {
    const Fd directory = open_at(working_directory(), *path, O_RDONLY | O_DIRECTORY);
    std::string own;
    for (const DirectoryEntry& entry : list_directory(directory)) {
      if (entry.name.ends_with(".crt")) own += read_text(directory, entry.name);
      if (!entry.name.ends_with(".cert")) continue;
      const std::string key = entry.name.substr(0, entry.name.size() - 4) + "key";
      if (!try_open_at(directory, key, O_PATH)) throw Error(Fault::usage, quoted(entry.name) + " has no key beside it");
      settings.certificate = *path + "/" + entry.name;
      settings.key = *path + "/" + key;
    }
    if (!own.empty()) settings.authorities = own + system_authorities();
    return settings;
  });
}

}  // namespace sealroot
