// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/gpt.hpp"

#include "fake_kernel.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

const std::string root_type(root_partition_type);
const std::string unique = "0fc63daf-8483-4772-8e79-3d69d8477de4";

std::optional<PartitionTable> read(const std::string& disk, const std::string& boot_partition = "") {
  return try_read_gpt(as_bytes(disk), *try_parse_guid(root_type), try_parse_guid(boot_partition));
}

}  // namespace

TEST_CASE("a GUID is read into its order on disk") {
  const auto guid = try_parse_guid("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
  REQUIRE(guid);
  CHECK(*guid == Guid{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b});
  CHECK(guid == try_parse_guid(esp_type));
  for (const char* bad : {"", "c12a7328f81f11d2ba4b00a0c93ec93b", "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
                          "c12a7328-f81f-11d2-ba4b-00a0c93ec93g", "c12a7328-f81f-11d2-ba4b_00a0c93ec93b"}) {
    INFO(bad);
    CHECK_FALSE(try_parse_guid(bad));
  }
}

TEST_CASE("the root partition is found by its type, with both sector sizes") {
  for (const std::size_t sector : {512, 4096}) {
    INFO(sector);
    const std::string disk = gpt_disk({{esp_type, esp_guid}, {unique, unique}, {root_type, unique}}, sector);
    const auto table = read(disk, esp_guid);
    REQUIRE(table);
    CHECK(table->root_count == 1);
    CHECK(table->root_number == 3);
    CHECK(table->holds_boot_partition);
    CHECK_FALSE(read(disk, "99999999-2222-3333-4444-555555555555")->holds_boot_partition);
  }
}

TEST_CASE("R15_two_root_partitions_on_a_disk_are_counted") {
  CHECK(read(gpt_disk({{root_type, unique}, {root_type, esp_guid}}))->root_count == 2);
  CHECK(read(gpt_disk({{esp_type, esp_guid}}))->root_count == 0);
}

TEST_CASE("an unused entry is not the boot partition, whatever is left in it") {
  CHECK_FALSE(read(gpt_disk({{"00000000-0000-0000-0000-000000000000", esp_guid}}), esp_guid)->holds_boot_partition);
}

TEST_CASE("a table with any bit of header or entries changed is no table") {
  const std::string good = gpt_disk({{esp_type, esp_guid}, {root_type, unique}});
  REQUIRE(read(good));
  for (std::size_t at = 512; at < good.size(); ++at) {
    if (at >= 512 + 92 && at < 1024) continue;  // the rest of the header's sector means nothing
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    if (read(bad)) FAIL("accepted with a changed bit in byte " << at);
  }
}

TEST_CASE("a table that is cut off is no table") {
  const std::string good = gpt_disk({{root_type, unique}});
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512}, std::size_t{603}, std::size_t{1023},
                                 std::size_t{1024}, good.size() - 1}) {
    INFO(size);
    CHECK_FALSE(read(good.substr(0, size)));
  }
}
