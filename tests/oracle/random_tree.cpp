// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "tests/oracle/random_tree.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

namespace sealroot {
namespace {

// std::uniform_int_distribution differs between libraries, so numbers come from the engine itself.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  template <typename T, std::size_t n>
  T pick(const std::array<T, n>& choices) {
    return choices[below(n)];
  }
  std::string bytes(std::size_t size, unsigned first, unsigned count) {
    std::string text(size, '\0');
    for (char& byte : text) byte = static_cast<char>(first + below(count));
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

class Grower {
 public:
  Grower(std::uint64_t seed, Algorithm algorithm) : random_(seed), algorithm_(algorithm) {
    many_times_ = random_.one_in(2);
    any_payloads_ = random_.one_in(2);
    directories_ = {root_node};
    tree_[root_node].metadata = metadata();
  }

  Tree grow(unsigned names) {
    for (unsigned i = 0; i < names; ++i) add_name();
    return std::move(tree_);
  }

 private:
  void add_name() {
    // Few directories with many names, and the other way round.
    const NodeId directory = random_.one_in(3) ? directories_.back() : directories_[random_.below(directories_.size())];
    const std::string name = file_name();
    auto& children = tree_[directory].directory()->children;
    if (children.contains(name)) return;
    if (!files_.empty() && random_.one_in(12)) {
      const NodeId target = files_[random_.below(files_.size())];
      tree_[directory].directory()->children[name] = target;
      if (random_.one_in(2)) tree_.primary_names[target] = {directory, name};
      return;
    }
    const NodeId id = tree_.add(node());
    tree_[directory].directory()->children[name] = id;
    if (tree_[id].directory() != nullptr) {
      directories_.push_back(id);
    } else {
      files_.push_back(id);
    }
  }

  std::string file_name() {
    static constexpr std::array<std::size_t, 12> sizes{1, 1, 2, 2, 3, 5, 8, 12, 20, 60, 200, 255};
    const std::size_t size = random_.pick(sizes);
    std::string name;
    do {
      name = random_.one_in(5) ? random_.bytes(size, 1, 255) : random_.bytes(size, '!', 94);
      if (size == 2 && random_.one_in(3)) name = random_.bytes(1, '0', 10) + random_.bytes(1, 'a', 6);
      std::replace(name.begin(), name.end(), '/', '+');
    } while (name == "." || name == "..");
    return name;
  }

  Node node() {
    Node node;
    node.metadata = metadata();
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
        node.content = Directory{};
        break;
      case 3:
      case 4:
        node.content = Symlink{link_target()};
        break;
      case 5:
        node.content = DeviceNode{random_.one_in(2), static_cast<std::uint32_t>(random_.below(1 << 20))};
        break;
      case 6:
        node.content = Fifo{};
        break;
      case 7:
        node.content = Socket{};
        break;
      case 8:
        node.content = DeviceNode{};
        break;  // a whiteout
      case 9:
      case 10:
        node.content = inline_file();
        break;
      default:
        node.content = external_file();
    }
    if (node.directory() == nullptr && random_.one_in(10)) {
      static constexpr std::array<std::uint32_t, 5> counts{0, 2, 65535, 65536, 4294967295};
      node.nlink = random_.pick(counts);
    }
    return node;
  }

  Metadata metadata() {
    static constexpr std::array<std::uint32_t, 8> ids{0, 0, 0, 0, 1000, 65535, 65536, 4294967294};
    static constexpr std::array<std::int64_t, 5> seconds{-1, 0, 1'700'000'000, 4'294'967'296, -9'000'000'000};
    Metadata metadata;
    metadata.permissions = static_cast<std::uint32_t>(random_.below(010000));
    metadata.uid = random_.pick(ids);
    metadata.gid = random_.pick(ids);
    metadata.mtime_seconds = many_times_ ? random_.pick(seconds) : 1'700'000'000;
    if (many_times_ && random_.one_in(4)) {
      metadata.mtime_nanoseconds = static_cast<std::uint32_t>(random_.below(1'000'000'000));
    }
    const std::uint64_t count = random_.one_in(40) ? random_.below(200) : random_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) add_xattr(metadata.xattrs);
    return metadata;
  }

  void add_xattr(Xattrs& xattrs) {
    static constexpr std::array<std::string_view, 14> prefixes{"user.",
                                                               "user.",
                                                               "trusted.",
                                                               "security.",
                                                               "security.selinux",
                                                               "system.posix_acl_access",
                                                               "lustre.",
                                                               "system.",
                                                               "trusted.overlay.",
                                                               "trusted.overlay.opaque",
                                                               "user.overlay.whiteout",
                                                               "odd",
                                                               "system.posix_acl_default",
                                                               "trusted.overlay.overlay."};
    static constexpr std::array<std::size_t, 8> sizes{0, 1, 2, 3, 4, 30, 120, 700};
    std::string key(random_.pick(prefixes));
    if (random_.one_in(3)) key += random_.bytes(1 + random_.below(9), 'a', 3);
    // Few different values, so that many are shared; some of a kind only, some as large as a block.
    std::string value(random_.below(3), 'v');
    if (random_.one_in(2)) value = random_.bytes(random_.pick(sizes), 0, 256);
    if (random_.one_in(60)) value = random_.bytes(4000 + random_.below(200), 0, 256);
    // mkcomposefs miscounts where it replaces a longer value of its own xattrs, and refuses the tree.
    const bool is_overlay = key.starts_with("user.overlay.") || key.starts_with("trusted.overlay.");
    if (is_overlay) value.resize(std::min<std::size_t>(value.size(), 1));
    std::size_t total = 100;
    for (const auto& [k, v] : xattrs) total += 7 + k.size() + v.size();
    // Escaped, each byte may take four, and 65535 is the limit of a line.
    if (total + 7 + key.size() + value.size() < 16000) xattrs[key] = value;
  }

  std::string link_target() {
    static constexpr std::array<std::size_t, 10> sizes{1, 5, 20, 100, 1000, 2048, 3900, 4000, 4064, 4095};
    return random_.bytes(std::min<std::size_t>(4095, random_.pick(sizes) + random_.below(20)), 1, 255);
  }

  RegularFile inline_file() {
    static constexpr std::array<std::size_t, 11> sizes{0, 1, 30, 64, 65, 1000, 2040, 2048, 4090, 4096, 4980};
    RegularFile file;
    file.size = random_.pick(sizes) + random_.below(20);
    file.inline_content = random_.bytes(file.size, 0, 256);
    return file;
  }

  RegularFile external_file() {
    RegularFile file;
    file.size = 1 + (random_.below(UINT64_MAX) & ((std::uint64_t{1} << random_.below(54)) - 1));
    std::array<std::uint8_t, max_digest_size> value{};
    value[0] = static_cast<std::uint8_t>(random_.below(256));
    value[31] = static_cast<std::uint8_t>(random_.below(3));
    if (!random_.one_in(10)) file.digest = Digest(algorithm_, value);
    file.without_payload = file.digest && random_.one_in(10);
    if (any_payloads_ && !file.without_payload && random_.one_in(6)) {
      file.payload = random_.bytes(1 + random_.below(300), '!', 94);
    }
    return file;
  }

  Random random_;
  Algorithm algorithm_;
  bool many_times_ = false;
  bool any_payloads_ = false;  // other than the digests say: trees without them are made in another way
  Tree tree_;
  std::vector<NodeId> directories_;
  std::vector<NodeId> files_;
};

}  // namespace

Tree random_tree(std::uint64_t seed, unsigned names, Algorithm algorithm) {
  return Grower(seed, algorithm).grow(names);
}

}  // namespace sealroot
