// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/registries_conf.hpp"

#include <toml++/toml.h>
#include <algorithm>

#include "builder/registry/user_files.hpp"
#include "store/core/error.hpp"
#include "store/core/fd.hpp"
#include "store/listing.hpp"

namespace sealroot {

namespace {

constexpr std::uint64_t max_file_size = 1U << 20;

/// A value of the type that it must have, or what stands for it where there is none.
template <typename Value>
Value value_or(const toml::table& table, std::string_view key, Value otherwise) {
  const toml::node* const node = table.get(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<Value>();
  if (!value) throw Error(Fault::malformed, quoted(key) + " is of another type than it should be");
  return *value;
}

/// The tables of `[[key]]`.
std::vector<const toml::table*> tables(const toml::table& parent, std::string_view key) {
  std::vector<const toml::table*> found;
  const toml::node* const node = parent.get(key);
  if (node == nullptr) return found;
  const toml::array* const array = node->as_array();
  if (array == nullptr) throw Error(Fault::malformed, quoted(key) + " is not written as [[" + std::string(key) + "]]");
  for (const toml::node& element : *array) {
    if (!element.is_table()) throw Error(Fault::malformed, quoted(key) + " is not a table");
    found.push_back(element.as_table());
  }
  return found;
}

std::string trimmed(std::string location) {
  while (location.ends_with('/')) location.pop_back();
  return location;
}

Mirror read_mirror(const toml::table& table, bool digest_only) {
  Mirror mirror{trimmed(value_or<std::string>(table, "location", "")), value_or(table, "insecure", false)};
  if (mirror.location.empty()) throw Error(Fault::malformed, "a mirror without 'location'");
  const std::string use = value_or<std::string>(table, "pull-from-mirror", digest_only ? "digest-only" : "all");
  if (use == "digest-only") {
    mirror.use = Mirror::Use::digest_only;
  } else if (use == "tag-only") {
    mirror.use = Mirror::Use::tag_only;
  } else if (use != "all") {
    throw Error(Fault::malformed, "'pull-from-mirror' is not one of all, digest-only and tag-only");
  }
  return mirror;
}

RegistryRule read_rule(const toml::table& table) {
  RegistryRule rule;
  rule.location = trimmed(value_or<std::string>(table, "location", ""));
  rule.prefix = trimmed(value_or<std::string>(table, "prefix", rule.location));
  if (rule.prefix.empty()) throw Error(Fault::malformed, "a registry without 'prefix' and 'location'");
  rule.insecure = value_or(table, "insecure", false);
  rule.blocked = value_or(table, "blocked", false);
  const bool digest_only = value_or(table, "mirror-by-digest-only", false);
  for (const toml::table* const mirror : tables(table, "mirror")) {
    rule.mirrors.push_back(read_mirror(*mirror, digest_only));
  }
  return rule;
}

/// How many characters of `name` the prefix stands for; 0 if it is not one.
std::size_t matched_size(const std::string& prefix, const std::string& name) {
  if (prefix.starts_with("*.")) {
    const std::size_t host = std::min(name.find('/'), name.size());
    const std::string_view domain = std::string_view(prefix).substr(1);
    return std::string_view(name).substr(0, host).ends_with(domain) ? host : 0;
  }
  if (!name.starts_with(prefix)) return 0;
  return name.size() == prefix.size() || name[prefix.size()] == '/' ? prefix.size() : 0;
}

Reference moved(const Reference& reference, std::size_t prefix_size, const std::string& location) {
  if (location.empty()) return reference;
  const std::string name = location + reference.name().substr(prefix_size);
  const std::size_t slash = name.find('/');
  Reference result = reference;
  result.host = name.substr(0, slash);
  result.repository = slash == std::string::npos ? "" : name.substr(slash + 1);
  if (is_registry_host(result.host) && is_repository_name(result.repository)) return result;
  throw Error(Fault::usage, "registries.conf: location " + quoted(location) + " makes " + quoted(name) + " of " +
                                quoted(reference.name()) + ", which is no name");
}

bool is_used(const Mirror& mirror, const Reference& reference) {
  if (mirror.use == Mirror::Use::digest_only) return reference.digest.has_value();
  return mirror.use == Mirror::Use::all || !reference.digest;
}

void add_file(RegistriesConf& conf, const std::string& path) {
  during(quoted(path), [&] { conf.add(as_text(read_file(working_directory(), path, max_file_size))); });
}

void add_folder(RegistriesConf& conf, const std::string& path) {
  const auto folder = try_open_at(working_directory(), path, O_RDONLY | O_DIRECTORY);
  if (!folder) return;
  for (const DirectoryEntry& entry : list_directory(*folder)) {
    if (entry.name.ends_with(".conf")) add_file(conf, path + "/" + entry.name);
  }
}

bool exists(const std::string& path) { return try_open_at(working_directory(), path, O_PATH).has_value(); }

}  // namespace

void RegistriesConf::add(std::string_view text) {
  toml::table document;
  try {
    document = toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error(Fault::malformed,
                "line " + std::to_string(error.source().begin.line) + ": " + quoted(error.description()));
  }
  if (document.contains("registries")) {
    throw Error(Fault::malformed, "is in format 1, which is not read: write [[registry]] tables");
  }
  for (const toml::table* const table : tables(document, "registry")) {
    RegistryRule rule = read_rule(*table);
    const std::string prefix = rule.prefix;
    rules_.insert_or_assign(prefix, std::move(rule));
  }
}

RegistryOptions options_for(const Endpoint& endpoint, const Reference& named, RegistryOptions options) {
  if (endpoint.reference.host != named.host) options.creds.reset();
  return options;
}

std::vector<Endpoint> RegistriesConf::endpoints(const Reference& reference) const {
  const std::string name = reference.name();
  const RegistryRule* best = nullptr;
  for (const auto& [prefix, rule] : rules_) {
    const bool longer = best == nullptr || prefix.size() > best->prefix.size();
    if (longer && matched_size(prefix, name) != 0) best = &rule;
  }
  if (best == nullptr) return {{reference, false}};
  if (best->blocked) {
    throw Error(Fault::usage, "registries.conf blocks " + quoted(best->prefix) + ", so nothing is taken from there");
  }
  const std::size_t size = matched_size(best->prefix, name);
  std::vector<Endpoint> endpoints;
  for (const Mirror& mirror : best->mirrors) {
    if (is_used(mirror, reference)) endpoints.push_back({moved(reference, size, mirror.location), mirror.insecure});
  }
  endpoints.push_back({moved(reference, size, best->location), best->insecure});
  return endpoints;
}

RegistriesConf read_registries_conf() {
  RegistriesConf conf;
  if (const std::string path = environment("CONTAINERS_REGISTRIES_CONF"); !path.empty()) {
    add_file(conf, path);
    return conf;
  }
  const std::string system = "/etc/containers/registries.conf";
  const std::string user = config_folder() + "/containers/registries.conf";
  if (exists(user)) {
    add_file(conf, user);
  } else if (exists(system)) {
    add_file(conf, system);
  }
  add_folder(conf, system + ".d");
  add_folder(conf, user + ".d");
  return conf;
}

}  // namespace sealroot
