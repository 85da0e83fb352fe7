// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/layer/read_ahead.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/memory_stream.hpp"

using namespace sealroot;

namespace {

class FailingStream final : public ByteStream {
 public:
  explicit FailingStream(std::size_t good) : good_(good) {}
  std::size_t read(std::span<std::uint8_t> out) override {
    if (good_ == 0) throw Error(Fault::os, "the disk is gone");
    const std::size_t count = std::min(good_, out.size());
    std::fill_n(out.begin(), count, std::uint8_t{7});
    good_ -= count;
    return count;
  }

 private:
  std::size_t good_;
};

std::string drain(ReadAhead& stream) {
  std::string all;
  for (ByteView chunk = stream.next(); !chunk.empty(); chunk = stream.next()) all += as_text(chunk);
  return all;
}

}  // namespace

TEST_CASE("a stream read ahead gives the same bytes and their digest") {
  std::string data;
  for (unsigned i = 0; data.size() < 5'000'000; ++i) data += std::to_string(i);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 18, data.size()}) {
    const std::string part = data.substr(0, size);
    MemoryStream source(part, 70000);
    ReadAhead stream(source, Algorithm::sha256);
    CHECK(drain(stream) == part);
    CHECK(stream.digest() == blob_digest(as_bytes(part)));
  }
}

TEST_CASE("an error of the source comes behind all that was read before it") {
  const std::size_t good = 3'000'001;
  FailingStream source(good);
  ReadAhead stream(source, Algorithm::sha256);
  std::size_t seen = 0;
  const auto read_all = [&] {
    for (ByteView chunk = stream.next(); !chunk.empty(); chunk = stream.next()) seen += chunk.size();
  };
  CHECK_THROWS_WITH(read_all(), has_text("the disk is gone"));
  CHECK(seen == good);
}

TEST_CASE("a stream that is given up on midway ends its threads") {
  MemoryStream source(std::string(50'000'000, 'x'));
  ReadAhead stream(source, Algorithm::sha256);
  CHECK_FALSE(stream.next().empty());
}
