// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "tests/unit/disk/fixture.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "store/core/error.hpp"
#include "tests/catch.hpp"

namespace sealroot {
namespace {

/// One block and less, one and two levels of the Merkle tree, the next multiple of 64 KiB near and far.
constexpr std::size_t sizes[] = {0,
                                 1,
                                 65,
                                 4095,
                                 4096,
                                 4097,
                                 61440,
                                 65535,
                                 65536,
                                 65537,
                                 64 * 4096,
                                 64 * 4096 + 1,
                                 128 * 4096,
                                 128 * 4096 + 1,
                                 64 * 64 * 4096 + 1};

Repository make_repository(const Scratch& scratch, Algorithm algorithm) {
  return Repository::create(scratch.directory(), "repository", algorithm);
}

}  // namespace

Output run(const std::string& command) {
  const std::string line = "export PATH=\"$PATH:/usr/sbin:/sbin\" LC_ALL=C; { " + command + "; } 2>&1";
  std::FILE* pipe = ::popen(line.c_str(), "r");
  Output output{-1, {}};
  std::array<char, 4096> part{};
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) output.text.append(part.data(), got);
  const int status = ::pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

Bytes made_up(std::size_t size_bytes, std::uint32_t seed) {
  std::mt19937 generator(seed);
  Bytes bytes(size_bytes);
  std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(generator()); });
  return bytes;
}

Fixture::Fixture(Algorithm algorithm) : repository(make_repository(scratch, algorithm)) {
  ::chmod(scratch.path().c_str(), 0777);
  std::uint32_t seed = 0;
  for (const std::size_t size : sizes) {
    contents.push_back(made_up(size, ++seed));
    digests.push_back(repository.objects().put(contents.back()));
  }
}

DiskSpec Fixture::spec() const {
  DiskSpec spec{.esp = {{"EFI/BOOT/BOOTX64.EFI", boot_loader}, {"EFI/Linux/demo_1+3-0.efi", uki}},
                .root = {.store = repository.objects(),
                         .objects = digests,
                         .image = digests.back(),
                         .repository_meta = read_file(repository.directory(), "meta.json")}};
  std::ranges::sort(spec.root.objects);
  spec.timestamp = 1'700'000'000;
  return spec;
}

DiskLayout Fixture::write(const std::string& name, const DiskSpec& spec) const {
  return write_disk(spec, open_at(scratch.directory(), name, O_CREAT | O_EXCL | O_RDWR, 0644));
}

std::uint64_t Fixture::size_needed(const std::string& name, const DiskSpec& spec) const {
  std::string message;
  try {
    write(name, spec);
  } catch (const Error& error) {
    CHECK(error.fault() == Fault::usage);
    message = error.what();
  }
  INFO(message);
  const std::string marker = "at least ";
  REQUIRE(message.find(marker) != std::string::npos);
  return std::stoull(message.substr(message.find(marker) + marker.size()));
}

std::string root_of(const std::string& disk, const DiskLayout& layout) {
  return "'" + disk + "?offset=" + std::to_string(layout.root_offset_bytes) + "'";
}

std::string debugfs(const std::string& disk, const DiskLayout& layout, const std::string& command) {
  return run("debugfs -R '" + command + "' " + root_of(disk, layout)).text;
}

}  // namespace sealroot
