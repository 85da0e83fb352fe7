// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Reading initramfs archives back, and the sealed configuration in them.
#include "builder/initramfs/archive.hpp"

#include "builder/initramfs/compress.hpp"
#include "builder/initramfs/cpio.hpp"
#include "builder/initramfs/sealed_config.hpp"
#include "store/core/digest_text.hpp"
#include "store/core/error.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

Bytes archive_with(const std::string& path, const std::string& content) {
  CpioWriter writer;
  writer.add_directory("lib");
  writer.add_file(path, as_bytes(content), 0755);
  return writer.finish();
}

Bytes joined(const Bytes& first, const Bytes& second) {
  Bytes all = first;
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

const auto everything = [](std::string_view) { return true; };

SealedConfig sample() {
  const Bytes zeros(64, 0);
  SealedConfig config{.digest = Digest(Algorithm::sha512, zeros), .cmdline = ""};
  config.cmdline = "quiet composefs.digest=" + digest_token_value(config.digest) + " --";
  config.allow = {"debug", "quiet=*"};
  config.etc = "transient";
  return config;
}

}  // namespace

TEST_CASE("archives one after the other, plain and packed, are read as the kernel unpacks them") {
  const Bytes all = joined(compress_initramfs(archive_with("init", "old")), archive_with("init", "new"));
  const auto files = list_initramfs(all, everything);
  CHECK(files.size() == 2);
  CHECK(as_text(files.at("init").content) == "new");
  CHECK(files.at("init").mode == 0100755);
  CHECK(files.at("lib").size_bytes == 0);
}

TEST_CASE("an archive cut short or changed never reads outside it") {
  const Bytes archive = archive_with("init", "content");
  for (std::size_t size = 1; size + 4 < archive.size(); ++size) {
    INFO(size);
    const Bytes part(archive.begin(), archive.begin() + static_cast<std::ptrdiff_t>(size));
    if (size > archive.size() - 124 + 110 + 10) continue;  // all of the trailer but its padding
    CHECK_THROWS_AS(list_initramfs(part, everything), Error);
  }
  for (std::size_t at = 0; at < archive.size(); ++at) {
    Bytes changed = archive;
    changed[at] ^= 0x41;
    try {
      list_initramfs(changed, everything);
    } catch (const Error&) {
    }
  }
  CHECK_THROWS_WITH(list_initramfs(Bytes(10, 'x'), everything), has_text("byte 0: neither cpio nor packed"));
}

TEST_CASE("a sealed configuration is read back as it was written") {
  const SealedConfig written = sample();
  const SealedConfig read = parse_sealed_config(sealed_config_text(written));
  CHECK(read.digest == written.digest);
  CHECK(read.cmdline == written.cmdline);
  CHECK(read.allow == written.allow);
  CHECK(read.etc == "transient");
  CHECK(sealed_config_text(read) == sealed_config_text(written));
}

TEST_CASE("a sealed configuration with any surprise in it is refused") {
  const std::string good = sealed_config_text(sample());
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), good + "x", good + "extra=1\n", good + "version=1\n", replaced("version=1\n", ""),
        replaced("version=1", "version=2"), replaced("etc=transient", "etc=anything"), replaced("sha512", "sha256"),
        replaced("digest=v1", "digest=v2"), replaced("allow=debug", "allow=*"), replaced("init=/sbin", "init=sbin")}) {
    INFO(text);
    CHECK_THROWS_AS(parse_sealed_config(text), Error);
  }
}
