// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/image/image.hpp"

#include "builder/image/plan.hpp"
#include "builder/image/survey.hpp"
#include "store/core/error.hpp"

namespace sealroot {

Bytes make_image(const Tree& tree, ImageFormat format) {
  return during("making the image", [&] {
    const image::Survey survey = image::survey(tree);
    if (format == ImageFormat::lowest) format = survey.has_whiteout ? ImageFormat::v1 : ImageFormat::v0;
    image::Plan plan = image::collect(tree, survey, format);
    image::lay_out(plan);
    return image::emit(plan);
  });
}

}  // namespace sealroot
