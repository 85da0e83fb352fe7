// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "fake_kernel.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "initrd-pivot/gpt.hpp"
#include "initrd-pivot/steps.hpp"

namespace sealroot {
namespace {

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  result.push_back(nullptr);
  return result;
}

template <typename T>
void put(std::string& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

std::uint32_t zlib_crc(const std::string& bytes, std::size_t offset, std::size_t size) {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data() + offset), static_cast<uInt>(size)));
}

}  // namespace

Measurement measurement_of(const std::string& hex) {
  Measurement measurement;
  const auto digest = Digest::try_parse(hex);
  measurement.algorithm = static_cast<std::uint16_t>(digest->algorithm());
  measurement.size = static_cast<std::uint16_t>(digest->bytes().size());
  std::copy(digest->bytes().begin(), digest->bytes().end(), measurement.value);
  return measurement;
}

std::string gpt_disk(const std::vector<std::pair<std::string, std::string>>& partitions, std::size_t sector_size) {
  constexpr std::size_t entry_size = 128, entry_count = 128;
  std::string disk(2 * sector_size + entry_size * entry_count, '\0');
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Guid type = *try_parse_guid(partitions[i].first);
    const Guid unique = *try_parse_guid(partitions[i].second);
    std::copy(type.begin(), type.end(), disk.begin() + static_cast<long>(2 * sector_size + i * entry_size));
    std::copy(unique.begin(), unique.end(), disk.begin() + static_cast<long>(2 * sector_size + i * entry_size + 16));
  }
  const std::size_t header = sector_size;
  disk.replace(header, 8, "EFI PART");
  put<std::uint32_t>(disk, header + 8, 0x10000);
  put<std::uint32_t>(disk, header + 12, 92);
  put<std::uint64_t>(disk, header + 24, 1);
  put<std::uint64_t>(disk, header + 72, 2);
  put<std::uint32_t>(disk, header + 80, entry_count);
  put<std::uint32_t>(disk, header + 84, entry_size);
  put<std::uint32_t>(disk, header + 88, zlib_crc(disk, 2 * sector_size, entry_size * entry_count));
  put<std::uint32_t>(disk, header + 16, zlib_crc(disk, header, 92));
  return disk;
}

FakeKernel FakeKernel::machine() {
  FakeKernel kernel;
  kernel.files["/sealroot.conf"] = good_config;
  kernel.files["/proc/cmdline"] = good_line + "\n";
  kernel.files["/dev/console"] = "";
  kernel.files["/dev/kmsg"] = "";
  kernel.files["/proc/sys/kernel/osrelease"] = "6.12.0-fake\n";
  kernel.files["/dev/vda"] =
      gpt_disk({{esp_type, esp_guid}, {std::string(root_partition_type), "aaaaaaaa-0000-0000-0000-000000000001"}});
  kernel.files["/dev/vda2"] = "";
  kernel.files["<overlay>/sbin/init"] = "\x7f" "ELF";
  kernel.lists["/sys/block"] = {".", "..", "loop0", "vda"};
  kernel.failures["mount efivarfs /sys/firmware/efi/efivars"] = -ENOENT;
  const std::string image = "/sysroot/" + good_image;
  kernel.files[image] = std::string("\x9a\x62\x78\xd0\x01\0\0\0\0\0\0\0\0\0\0\0", 16);
  kernel.measurements[image] = measurement_of(good_hex);
  return kernel;
}

Ended FakeKernel::boot(const std::vector<std::string>& kernel_arguments) {
  const std::vector<std::string> environment{"HOME=/"};
  try {
    run_as_init(*this, pointers(kernel_arguments).data(), pointers(environment).data());
  } catch (const Ended& ended) {
    return ended;
  }
}

Ended FakeKernel::run(const std::vector<std::string>& command) {
  pid = 200;
  std::vector<std::string> all{"sealroot-pivot"};
  all.insert(all.end(), command.begin(), command.end());
  try {
    run_as_command(*this, pointers(all).data());
  } catch (const Ended& ended) {
    return ended;
  }
}

long FakeKernel::position(const std::string& call) const {
  const auto found = std::find(calls.begin(), calls.end(), call);
  return found == calls.end() ? -1 : found - calls.begin();
}

std::size_t FakeKernel::count(const std::string& prefix) const {
  return static_cast<std::size_t>(
      std::count_if(calls.begin(), calls.end(), [&](const std::string& call) { return call.starts_with(prefix); }));
}

long FakeKernel::record(const std::string& call, long result) {
  calls.push_back(call);
  const auto failure = failures.find(call);
  if (failure == failures.end()) return result;
  const auto limit = failure_limit.find(call);
  if (limit != failure_limit.end() && limit->second-- == 0) {
    failures.erase(failure);
    return result;
  }
  return failure->second;
}

long FakeKernel::new_fd(const std::string& name) {
  open_files_[next_fd_] = name;
  return next_fd_++;
}

std::string FakeKernel::resolve(int directory, const char* path) const {
  if (*path == '/') return path;
  const std::string base = directory == working_directory ? "" : open_files_.at(directory);
  return *path == '\0' ? base : base + "/" + path;
}

std::string FakeKernel::source(const std::string& options) const {
  static const std::string mark = "/proc/self/fd/";
  std::string result;
  for (std::size_t at = 0; at < options.size();) {
    if (options.compare(at, mark.size(), mark) != 0) {
      result += options[at++];
      continue;
    }
    std::size_t digits = 0;
    result += open_files_.at(std::stoi(options.substr(at + mark.size()), &digits));
    at += mark.size() + digits;
  }
  return result;
}

long FakeKernel::open(int directory, const char* path, int, PathRule rule) {
  const std::string name = rule == PathRule::inside ? open_files_.at(directory) + path : resolve(directory, path);
  const char* const calls_by_rule[] = {"open ", "beneath ", "inside "};
  const long result = record(calls_by_rule[static_cast<int>(rule)] + name);
  if (result < 0) return result;
  // Only paths that end in a file are kept as such; every other one is a directory that exists.
  const bool file = name.starts_with("/dev/") || name.starts_with("/lib/") || name.ends_with(".load") ||
                    name.starts_with("/sys/firmware/efi/efivars/") || name.ends_with(".conf") ||
                    name == "/proc/cmdline" || name.ends_with(good_image);
  if (file && !files.contains(name)) return -ENOENT;
  return new_fd(name);
}

void FakeKernel::close(int fd) {
  calls.push_back("close " + open_files_.at(fd));
  open_files_.erase(fd);
}

long FakeKernel::read(int fd, std::span<std::uint8_t> into, std::uint64_t offset) {
  const std::string& name = open_files_.at(fd);
  if (const long result = record("read " + name); result < 0) return result;
  const std::string& content = files.at(name);
  if (offset >= content.size()) return 0;
  const std::size_t size = std::min(into.size(), content.size() - static_cast<std::size_t>(offset));
  std::memcpy(into.data(), content.data() + offset, size);
  return static_cast<long>(size);
}

long FakeKernel::write(int fd, std::string_view text) {
  const auto name = open_files_.find(fd);
  if (name == open_files_.end() || name->second == "/dev/console") {
    console += text;
  } else {
    (name->second == "/dev/kmsg" ? kernel_log : written[name->second]) += text;
  }
  return record("write", static_cast<long>(text.size()));
}

long FakeKernel::list(int fd, std::span<std::uint8_t> into) {
  const std::string& name = open_files_.at(fd);
  if (const long result = record("list " + name); result < 0) return result;
  if (listed_[fd]) return 0;
  listed_[fd] = true;
  std::size_t used = 0;
  for (const std::string& entry : lists[name]) {
    const auto length = static_cast<std::uint16_t>((19 + entry.size() + 1 + 7) / 8 * 8);
    std::memset(into.data() + used, 0, length);
    std::memcpy(into.data() + used + 16, &length, sizeof(length));
    std::memcpy(into.data() + used + 19, entry.data(), entry.size());
    used += length;
  }
  return static_cast<long>(used);
}

long FakeKernel::status(int directory, const char* path, FileStatus& status) {
  const std::string name = resolve(directory, path);
  if (const long result = record("status " + name); result < 0) return result;
  if (name.starts_with("/dev/") && !files.contains(name)) return -ENOENT;
  status = {.mode = static_cast<std::uint16_t>(files.contains(name) ? S_IFREG | 0644 : S_IFDIR | 0755), .owner = 0};
  if (const auto other = statuses.find(name); other != statuses.end()) status = other->second;
  return 0;
}

long FakeKernel::make_directory(int directory, const char* path, unsigned) {
  return record("mkdir " + resolve(directory, path));
}

long FakeKernel::remove(const char* path) { return record(std::string("remove ") + path); }

long FakeKernel::duplicate(int fd, int onto) {
  return record("duplicate " + std::to_string(fd) + " " + std::to_string(onto));
}

long FakeKernel::measure(int fd, Measurement& measurement) {
  const std::string& name = open_files_.at(fd);
  if (const long result = record("measure " + name); result < 0) return result;
  const auto found = measurements.find(name);
  if (found == measurements.end()) return -ENODATA;
  measurement = found->second;
  return 0;
}

long FakeKernel::mount(const char*, const char* target, const char* type, unsigned long flags, const char* options) {
  std::string call = std::string("mount ") + type + " " + source(target);
  if (type == std::string("ext4") || type == std::string("btrfs")) call += flags % 2 == 1 ? " ro" : " rw";
  if (type == std::string("overlay")) call += " " + source(options);
  return record(call);
}

long FakeKernel::unmount(const char* target) {
  const long result = record(std::string("unmount ") + target);
  if (result < 0) return result;
  return mounted_on_sysroot-- > 0 ? 0 : -EINVAL;
}

long FakeKernel::fs_open(const char* type) {
  const long result = record(std::string("fs_open ") + type);
  return result < 0 ? result : new_fd(type);
}

long FakeKernel::fs_set(int fs, const char* key, const char* value) {
  const std::string text = value == nullptr ? key : std::string(key) + "=" + source(value);
  return record("fs_set " + open_files_.at(fs) + " " + text);
}

long FakeKernel::fs_create(int fs) { return record("fs_create " + open_files_.at(fs)); }

long FakeKernel::fs_mount(int fs, std::uint64_t attributes) {
  const std::string type = open_files_.at(fs);
  const long result = record("fs_mount " + type + ((attributes & mount_read_only) != 0 ? " ro" : " rw"));
  return result < 0 ? result : new_fd("<" + type + ">");
}

long FakeKernel::fs_message(int fs, std::span<std::uint8_t> into) {
  record("fs_message " + open_files_.at(fs));
  if (fs_log.empty()) return -ENODATA;
  std::memcpy(into.data(), fs_log.data(), fs_log.size());
  return static_cast<long>(fs_log.size());
}

long FakeKernel::clone_mount(int directory, const char* path) {
  const std::string name = resolve(directory, path);
  const long result = record("clone " + name);
  return result < 0 ? result : new_fd(name);
}

long FakeKernel::restrict_mount(int mount, std::uint64_t attributes) {
  return record("restrict " + open_files_.at(mount) + " " + std::to_string(attributes));
}

long FakeKernel::attach(int mount, int directory, const char* path) {
  const std::string target = resolve(directory, path);
  const long result = record("attach " + open_files_.at(mount) + " " + target);
  if (result >= 0 && target == "/sysroot") ++mounted_on_sysroot;
  return result;
}

long FakeKernel::move(const char* mount_point, int directory, const char* path) {
  return record(std::string("move ") + mount_point + " " + resolve(directory, path));
}

long FakeKernel::attach_loop(int, int file) {
  const long result = record("loop " + open_files_.at(file));
  return result < 0 ? result : new_fd("/dev/loop0");
}

long FakeKernel::load_module(int fd) { return record("module " + open_files_.at(fd)); }

void FakeKernel::sleep_milliseconds(unsigned duration) {
  record("sleep");
  slept_milliseconds += duration;
}

long FakeKernel::process_id() { return pid; }

long FakeKernel::change_root(int directory) { return record("root " + open_files_.at(directory)); }

long FakeKernel::execute(const char* path, const char* const* argument_list, const char* const*) {
  if (const long result = record(std::string("execute ") + path); result < 0) return result;
  for (; *argument_list != nullptr; ++argument_list) arguments.emplace_back(*argument_list);
  throw Ended{"execute"};
}

void FakeKernel::restart(bool power_off) { throw Ended{power_off ? "poweroff" : "reboot"}; }

void FakeKernel::exit(int status) { throw Ended{"exit", status}; }

}  // namespace sealroot
