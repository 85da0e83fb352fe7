// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "upgrade/host/records.hpp"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "store/json.hpp"
#include "store/listing.hpp"
#include "store/temporary_name.hpp"
#include "upgrade/host/now.hpp"

namespace sealroot {
namespace {

constexpr const char* folder_path = "state/sealroot";
constexpr int record_version = 1;
constexpr std::uint64_t max_record_bytes = std::uint64_t{64} << 10;
constexpr std::uint64_t max_history_bytes = std::uint64_t{4} << 20;
constexpr std::size_t max_history_lines = 1000;

const char* mark_folder(Mark mark) { return mark == Mark::pinned ? "pins" : "failed"; }

Fd make_folder(const Fd& parent, const std::string& name, mode_t mode) {
  if (::mkdirat(parent.get(), name.c_str(), mode) < 0 && errno != EEXIST) throw os_error("creating " + quoted(name));
  return open_beneath(parent, name, O_RDONLY | O_DIRECTORY);
}

/// `state/sealroot`, or a folder in it; made if it is missing.
Fd make_own_folder(const Fd& sysroot, const std::string& inner = "") {
  return during(quoted(folder_path), [&] {
    const Fd own = make_folder(make_folder(sysroot, "state", 0755), "sealroot", 0700);
    return inner.empty() ? open_at(own, ".", O_RDONLY | O_DIRECTORY) : make_folder(own, inner, 0700);
  });
}

std::optional<Fd> try_open_own(const Fd& sysroot, const std::string& path, int flags) {
  return try_open_beneath(sysroot, std::string(folder_path) + "/" + path, flags);
}

/// Puts a file in place of what had this name, durably and in one step.
void replace_file(const Fd& folder, const std::string& name, std::string_view text) {
  const std::string temporary = temporary_name();
  try {
    write_new_file(folder, temporary, as_bytes(text), 0600);
    const Fd file = open_beneath(folder, temporary, O_RDONLY);
    if (::fsync(file.get()) < 0) throw os_error("syncing " + quoted(name));
    if (::renameat(folder.get(), temporary.c_str(), folder.get(), name.c_str()) < 0) {
      throw os_error("renaming to " + quoted(name));
    }
    if (::fsync(folder.get()) < 0) throw os_error("syncing " + quoted(name));
  } catch (...) {
    ::unlinkat(folder.get(), temporary.c_str(), 0);
    throw;
  }
}

void remove_file(const Fd& folder, const std::string& name) {
  if (::unlinkat(folder.get(), name.c_str(), 0) < 0 && errno != ENOENT) throw os_error("removing " + quoted(name));
  if (::fsync(folder.get()) < 0) throw os_error("syncing what held " + quoted(name));
}

std::string record_name(const Digest& image) { return to_hex(image) + ".json"; }

std::string text_of(const nlohmann::json& record, const char* key) {
  const auto found = record.find(key);
  if (found == record.end()) return "";
  if (!found->is_string()) throw Error(Fault::malformed, quoted(key) + " is no text");
  return found->get<std::string>();
}

std::string line_of(const nlohmann::ordered_json& record) {
  return record.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string history_text(const Fd& sysroot) {
  const auto file = try_open_own(sysroot, "history", O_RDONLY | O_NONBLOCK);
  if (!file) return "";
  return std::string(as_text(during("'state/sealroot/history'", [&] { return read_all(*file, max_history_bytes); })));
}

/// The last `count` lines; a last one without an end does not count.
std::string_view last_lines(std::string_view text, std::size_t count) {
  text = text.substr(0, text.rfind('\n') + 1);  // npos + 1 is 0
  std::size_t start = text.size();
  while (start > 0 && count > 0) {
    const std::size_t before = start < 2 ? std::string_view::npos : text.rfind('\n', start - 2);
    start = before + 1;
    --count;
  }
  return text.substr(start);
}

}  // namespace

HostLock::HostLock(const Fd& sysroot) : folder_(make_own_folder(sysroot)) {
  while (::flock(folder_.get(), LOCK_EX | LOCK_NB) < 0) {
    if (errno == EWOULDBLOCK) throw Error(Fault::busy, "another sealroot changes this host; try again later");
    if (errno != EINTR) throw os_error("locking 'state/sealroot'");
  }
}

std::optional<DeploymentRecord> read_record(const Fd& sysroot, const Digest& image) {
  const std::string path = "deploy/" + record_name(image);
  const auto file = try_open_own(sysroot, path, O_RDONLY | O_NONBLOCK);
  if (!file) return std::nullopt;
  return during("record " + quoted(std::string(folder_path) + "/" + path), [&]() -> std::optional<DeploymentRecord> {
    const nlohmann::json json = parse_json(read_all(*file, max_record_bytes));
    if (!json.is_object() || json.value("version", nlohmann::json()) != record_version) {
      throw Error(Fault::malformed, "not a record of version 1");
    }
    return DeploymentRecord{.source = text_of(json, "source"),
                            .manifest = text_of(json, "manifest"),
                            .image_id = text_of(json, "image_id"),
                            .version = text_of(json, "image_version"),
                            .staged_at = text_of(json, "staged_at"),
                            .xattrs = text_of(json, "xattrs"),
                            .selinux = text_of(json, "selinux")};
  });
}

std::string record_text(const DeploymentRecord& record) {
  return line_of({{"version", record_version},
                  {"source", record.source},
                  {"manifest", record.manifest},
                  {"image_id", record.image_id},
                  {"image_version", record.version},
                  {"staged_at", record.staged_at},
                  {"xattrs", record.xattrs},
                  {"selinux", record.selinux}});
}

void write_record(const Fd& sysroot, const Digest& image, const DeploymentRecord& record) {
  during("recording the deployment",
         [&] { replace_file(make_own_folder(sysroot, "deploy"), record_name(image), record_text(record)); });
}

void remove_record(const Fd& sysroot, const Digest& image) {
  during("forgetting the deployment", [&] { remove_file(make_own_folder(sysroot, "deploy"), record_name(image)); });
}

void remove_stale_records(const Fd& sysroot, const std::set<Digest>& deployments) {
  constexpr std::string_view extension = ".json";
  during("forgetting old deployments", [&] {
    const Fd folder = make_own_folder(sysroot, "deploy");
    for (const DirectoryEntry& entry : list_directory(folder)) {
      const std::size_t digits = entry.name.size() - std::min(entry.name.size(), extension.size());
      const auto image = Digest::try_parse(std::string_view(entry.name).substr(0, digits));
      const bool is_record = image && entry.name.ends_with(extension);
      if (is_temporary_name(entry.name) || (is_record && !deployments.contains(*image))) {
        remove_file(folder, entry.name);
      }
    }
  });
}

std::set<Digest> read_marks(const Fd& sysroot, Mark mark) {
  std::set<Digest> marked;
  const auto folder = try_open_own(sysroot, mark_folder(mark), O_RDONLY | O_DIRECTORY);
  if (!folder) return marked;
  for (const DirectoryEntry& entry : list_directory(*folder)) {
    const auto digest = Digest::try_parse(entry.name);
    if (!digest) {
      throw Error(Fault::malformed, "'state/sealroot/" + std::string(mark_folder(mark)) + "': " + quoted(entry.name) +
                                        " is not named by a digest");
    }
    marked.insert(*digest);
  }
  return marked;
}

void set_mark(const Fd& sysroot, Mark mark, const Digest& image, bool value) {
  during("marking the deployment", [&] {
    const Fd folder = make_own_folder(sysroot, mark_folder(mark));
    const std::string name = to_hex(image);
    if (!value) return remove_file(folder, name);
    const Fd file(::openat(folder.get(), name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) throw os_error("creating " + quoted(name));
    if (::fsync(file.get()) < 0 || ::fsync(folder.get()) < 0) throw os_error("syncing " + quoted(name));
  });
}

void append_history(const Fd& sysroot, const HistoryEvent& event) {
  nlohmann::ordered_json line = {{"time", now_text()}, {"action", event.action}};
  if (event.image) line["image"] = named_digest(*event.image);
  if (!event.version.empty()) line["version"] = event.version;
  if (!event.source.empty()) line["source"] = event.source;
  during("history", [&] {
    const std::string text = history_text(sysroot);
    const std::string kept(last_lines(text, max_history_lines - 1));
    replace_file(make_own_folder(sysroot), "history", kept + line_of(line));
  });
}

std::vector<nlohmann::ordered_json> read_history(const Fd& sysroot) {
  std::vector<nlohmann::ordered_json> events;
  const std::string text = history_text(sysroot);
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    auto event = nlohmann::ordered_json::parse(line, nullptr, false);
    if (event.is_object()) events.push_back(std::move(event));
  }
  return events;
}

}  // namespace sealroot
