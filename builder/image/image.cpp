// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/image.hpp"

#include "builder/image/plan.hpp"
#include "builder/image/survey.hpp"
#include "store/core/error.hpp"
#include "store/new_image.hpp"
#include "store/verity/verity_hasher.hpp"

namespace sealroot {
namespace {

std::unique_ptr<const image::Plan> make_plan(const Tree& tree, ImageFormat format) {
  return during("making the image", [&] {
    const image::Survey survey = image::survey(tree);
    if (format == ImageFormat::lowest) format = survey.has_whiteout ? ImageFormat::v1 : ImageFormat::v0;
    auto plan = std::make_unique<image::Plan>(image::collect(tree, survey, format));
    image::lay_out(*plan);
    return plan;
  });
}

}  // namespace

PlannedImage::PlannedImage(const Tree& tree, ImageFormat format) : plan_(make_plan(tree, format)) {}
PlannedImage::~PlannedImage() = default;

std::uint64_t PlannedImage::size_bytes() const { return plan_->image_size; }

void PlannedImage::write(const ImageOutput& output) const { image::emit(*plan_, output); }

Digest PlannedImage::measure(Algorithm algorithm) const {
  VerityHasher hasher(algorithm);
  write([&](ByteView bytes) { hasher.update(bytes); });
  return hasher.finish();
}

Digest add_image(const Repository& repository, const PlannedImage& image) {
  return add_image(repository, [&](const ImageOutput& output) { image.write(output); });
}

Bytes make_image(const Tree& tree, ImageFormat format) {
  const PlannedImage image(tree, format);
  Bytes bytes;
  bytes.reserve(image.size_bytes());
  image.write([&](ByteView piece) { bytes.insert(bytes.end(), piece.begin(), piece.end()); });
  return bytes;
}

}  // namespace sealroot
