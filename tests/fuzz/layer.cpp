// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// A compressed or plain tar, through all that happens to a layer: inflate, read, merge, normalise, image.
#include <array>
#include <cstdint>

#include "builder/image/image.hpp"
#include "builder/layer/decompress.hpp"
#include "builder/layer/read_layer.hpp"
#include "builder/tree/normalise.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/memory_stream.hpp"

using namespace sealroot;

namespace {

/// ReadAhead without its threads, whose start costs far more than a small archive.
class Chunks final : public ChunkSource {
 public:
  explicit Chunks(ByteStream& source) : source_(source) {}
  ByteView next() override { return ByteView(buffer_).first(read_full(source_, buffer_)); }

 private:
  ByteStream& source_;
  std::array<std::uint8_t, 4096> buffer_{};
};

/// The first byte chooses how to read the rest.
Tree read_tree(ByteView input) {
  const WhiteoutRule rule = (input[0] & 1) != 0 ? WhiteoutRule::refuse : WhiteoutRule::apply;
  const ByteView archive = input.subspan(1);
  MemoryStream bytes{std::string(as_text(archive))};
  const auto plain = decompress(bytes, detect_compression(archive));
  Chunks stream(*plain);
  LayerBudget budget;
  budget.content_bytes = budget.hole_bytes = 1U << 20;  // what a real limit does takes too long here
  Ingest ingest(nullptr, Algorithm::sha256, 1);
  MergedTree merged;
  merged.apply(read_layer(stream, "layer", rule, budget, ingest));
  return std::move(merged).finish(ingest.finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  accepts([&] {
    Tree tree = read_tree({data, size});
    accepts([&] { make_image(tree, ImageFormat::v1); });
    normalise_tree(tree);
    check_bootable_tree(tree);
    make_boot_form(tree);
    promise(make_image(tree, ImageFormat::v1).size() % 4096 == 0, "an image is whole blocks");
  });
  return 0;
}
