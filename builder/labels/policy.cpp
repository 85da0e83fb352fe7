// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/labels/policy.hpp"

#include <algorithm>
#include <array>

#include "store/core/error.hpp"

namespace sealroot {

namespace {

constexpr std::string_view selinux_folder = "etc/selinux";
constexpr std::string_view contexts_folder = "contexts/files";
constexpr std::string_view contexts_file = "file_contexts";
// In the order that composefs-rs reads them: what comes later wins. libselinux has the last two the other way.
constexpr std::array<std::string_view, 3> rule_suffixes{"", ".local", ".homedirs"};
constexpr std::array<std::string_view, 2> alias_suffixes{".subs", ".subs_dist"};

constexpr std::uint64_t max_policy_file_size = 16U << 20;

Error bad(const std::string& reason) { return {Fault::malformed, reason}; }

class PolicyReader {
 public:
  PolicyReader(const Tree& tree, const ContentReader& read) : tree_(tree), read_(read) {}

  std::optional<std::string> try_read(const std::string& path) const {
    const auto id = find(tree_, path);
    if (!id) return std::nullopt;
    return during("/" + path, [&] {
      const RegularFile* const file = tree_[*id].regular();
      if (file == nullptr) throw bad("not a regular file");
      if (file->size > max_policy_file_size) throw bad("larger than 16 MiB");
      return file->digest ? std::string(as_text(read_(*file))) : std::string(file->inline_content);
    });
  }

 private:
  const Tree& tree_;
  const ContentReader& read_;
};

Policy read_policy(const PolicyReader& reader, const std::string& name) {
  const std::string base =
      std::string(selinux_folder) + "/" + name + "/" + std::string(contexts_folder) + "/" + std::string(contexts_file);
  Policy policy{name, {}, {}};
  for (const std::string_view suffix : rule_suffixes) {
    const std::string path = base + std::string(suffix);
    const auto text = reader.try_read(path);
    if (text) {
      policy.rules.add("/" + path, during("/" + path, [&] { return parse_file_contexts(*text); }));
    } else if (suffix.empty()) {
      throw bad("/" + std::string(selinux_folder) + "/config names the policy " + quoted(name) +
                ", but the image has no " + quoted("/" + path) + "; install the policy, or give --selinux off");
    }
  }
  policy.rules.index();
  for (const std::string_view suffix : alias_suffixes) {
    const std::string path = base + std::string(suffix);
    if (const auto text = reader.try_read(path)) {
      during("/" + path, [&] { parse_path_aliases(*text, policy.aliases); });
    }
  }
  return policy;
}

/// Whether load_policy() could want the content of this path (relative, normalised).
bool is_policy_file(std::string_view path) {
  if (!path.starts_with(selinux_folder)) return false;
  const std::string_view rest = path.substr(selinux_folder.size());
  if (rest == "/config") return true;
  const std::size_t slash = rest.rfind('/');
  if (slash == std::string_view::npos || !rest.substr(0, slash).ends_with(contexts_folder)) return false;
  const std::string_view name = rest.substr(slash + 1);
  if (!name.starts_with(contexts_file)) return false;
  const std::string_view suffix = name.substr(contexts_file.size());
  return std::count(rule_suffixes.begin(), rule_suffixes.end(), suffix) +
             std::count(alias_suffixes.begin(), alias_suffixes.end(), suffix) >
         0;
}

}  // namespace

std::optional<Policy> load_policy(const Tree& tree, const ContentReader& read) {
  const PolicyReader reader(tree, read);
  const std::string path = std::string(selinux_folder) + "/config";
  const auto config = reader.try_read(path);
  if (!config) return std::nullopt;
  const auto name = during("/" + path, [&] { return parse_policy_name(*config); });
  if (!name) return std::nullopt;
  return read_policy(reader, *name);
}

void keep_policy_files(Ingest& ingest) { ingest.keep(is_policy_file); }

ContentReader read_kept_files(Ingest& ingest) {
  return [kept = ingest.take_kept()](const RegularFile& file) {
    const auto found = kept.find(*file.digest);
    if (found != kept.end()) return found->second;
    throw Error(Fault::missing, "its content came under another name and can be read from a store only");
  };
}

}  // namespace sealroot
