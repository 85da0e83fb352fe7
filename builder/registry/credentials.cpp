// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/credentials.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <nlohmann/json.hpp>

#include "builder/registry/credential_helper.hpp"
#include "builder/registry/user_files.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/json.hpp"

namespace sealroot {

namespace {

using nlohmann::json;

constexpr std::size_t max_file_size = std::size_t{1} << 20;

/// Nothing if it is not base64.
std::string decode_base64(std::string text) {
  while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
  std::string bytes(text.size(), '\0');
  const int size =
      ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return {};
  const auto padding = static_cast<std::size_t>(std::count(text.begin(), text.end(), '='));
  bytes.resize(static_cast<std::size_t>(size) - std::min(static_cast<std::size_t>(size), padding));
  return bytes;
}

std::string encode_base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Docker names its own registry by the address that it once had.
std::string entry_name(std::string name) {
  const bool is_address = name.starts_with("https://") || name.starts_with("http://");
  if (is_address) {
    name.erase(0, name.find("//") + 2);
    name = name.substr(0, name.find('/'));
  }
  if (name == "index.docker.io" || name == "registry-1.docker.io") return "docker.io";
  return name;
}

Credentials read_entry(const json& entry) {
  Credentials credentials{text_of(entry, "username"), text_of(entry, "password"), text_of(entry, "identitytoken")};
  const std::string decoded = decode_base64(text_of(entry, "auth"));
  if (const std::size_t colon = decoded.find(':'); colon != std::string::npos) {
    credentials.user = decoded.substr(0, colon);
    credentials.password = decoded.substr(colon + 1);
    credentials.password.erase(std::min(credentials.password.find('\0'), credentials.password.size()));
  }
  return credentials;
}

bool is_empty(const Credentials& credentials) {
  return credentials.user.empty() && credentials.password.empty() && credentials.identity_token.empty();
}

std::optional<Credentials> ask_file(const AuthFile& file, const Reference& reference) {
  if (const auto helper = file.helpers.find(reference.host); helper != file.helpers.end()) {
    return ask_credential_helper(helper->second, reference.host);
  }
  if (auto entry = find_entry(file, reference)) return entry;
  return file.store.empty() ? std::nullopt : ask_credential_helper(file.store, reference.host);
}

std::vector<std::string> usual_files() {
  std::vector<std::string> files;
  if (const std::string runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty()) {
    files.push_back(runtime + "/containers/auth.json");
  }
  if (const std::string folder = config_folder(); !folder.empty()) files.push_back(folder + "/containers/auth.json");
  if (const std::string folder = environment("DOCKER_CONFIG"); !folder.empty()) {
    files.push_back(folder + "/config.json");
  } else if (const std::string home = environment("HOME"); !home.empty()) {
    files.push_back(home + "/.docker/config.json");
  }
  return files;
}

std::optional<Credentials> ask(const std::string& path, const Reference& reference) {
  return during("credentials " + quoted(path), [&] {
    return ask_file(parse_auth_file(read_file(working_directory(), path, max_file_size)), reference);
  });
}

}  // namespace

std::string Credentials::basic() const {
  if (user.empty() && password.empty()) {
    throw Error(Fault::usage, "the stored credentials are an identity token, but the registry asks for a password");
  }
  return "Basic " + encode_base64(user + ":" + password);
}

AuthFile parse_auth_file(ByteView text) {
  AuthFile file;
  const json document = parse_json(text, {.size_bytes = max_file_size});
  if (!document.is_object()) throw Error(Fault::malformed, "not a JSON object");
  if (const auto entries = document.find("auths"); entries != document.end() && entries->is_object()) {
    for (const auto& [name, entry] : entries->items()) {
      if (!entry.is_object()) throw Error(Fault::malformed, "entry " + quoted(name) + " is not an object");
      Credentials credentials = read_entry(entry);
      if (!is_empty(credentials)) file.entries.insert_or_assign(entry_name(name), std::move(credentials));
    }
  }
  if (const auto helpers = document.find("credHelpers"); helpers != document.end() && helpers->is_object()) {
    for (const auto& [name, helper] : helpers->items()) {
      if (helper.is_string()) file.helpers.emplace(name, helper.get<std::string>());
    }
  }
  file.store = text_of(document, "credsStore");
  return file;
}

Credentials parse_credentials(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (colon == 0) throw Error(Fault::usage, "--creds: expected USER[:PASSWORD]");
  Credentials credentials;
  credentials.user = text.substr(0, colon);
  if (colon < text.size()) credentials.password = text.substr(colon + 1);
  return credentials;
}

std::optional<Credentials> find_entry(const AuthFile& file, const Reference& reference) {
  for (std::string name = reference.name();; name.erase(name.rfind('/'))) {
    if (const auto found = file.entries.find(name); found != file.entries.end()) return found->second;
    if (name.find('/') == std::string::npos) return std::nullopt;
  }
}

std::optional<Credentials> find_credentials(const std::optional<std::string>& authfile, const Reference& reference) {
  if (authfile) return ask(*authfile, reference);
  if (const std::string path = environment("REGISTRY_AUTH_FILE"); !path.empty()) return ask(path, reference);
  for (const std::string& path : usual_files()) {
    if (!try_open_at(working_directory(), path, O_PATH)) continue;
    if (auto found = ask(path, reference)) return found;
  }
  return std::nullopt;
}

}  // namespace sealroot
