// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/plan.hpp"

#include "fake_kernel.hpp"
#include "tests/catch.hpp"

using namespace sealroot;

namespace {

Plan plan_with(StateMode etc, StateMode var) {
  Config config;
  REQUIRE_FALSE(parse_config(good_config, config));
  config.etc = etc;
  config.var = var;
  return make_plan(config);
}

}  // namespace

TEST_CASE("the plan names the object itself, never an alias") {
  const Plan plan = plan_with(StateMode::overlay, StateMode::bind);
  CHECK(plan.image.view() == good_image);
  CHECK(plan.state.etc.view() == "state/deploy/" + good_hex + "/etc");
  CHECK(plan.state.var.view() == "state/os/default/var");
}

TEST_CASE("the root partition is only written to for state that lives on it") {
  CHECK(plan_with(StateMode::overlay, StateMode::none).writable);
  CHECK(plan_with(StateMode::bind, StateMode::none).writable);
  CHECK(plan_with(StateMode::none, StateMode::bind).writable);
  CHECK_FALSE(plan_with(StateMode::none, StateMode::none).writable);
  CHECK_FALSE(plan_with(StateMode::transient, StateMode::transient).writable);
}

TEST_CASE("the printed plan lists every operation in order") {
  CHECK(describe_plan(plan_with(StateMode::overlay, StateMode::bind), "/sysroot").view() ==
        "open    /sysroot/" + good_image + "\n" + "measure sha512:" + good_hex + "\n" +
            "erofs   the measured image: ro\n"
            "overlay /: data=composefs/objects metacopy=on redirect_dir=on verity=require\n"
            "bind    /sysroot: /sysroot rw\n"
            "overlay /etc: upper=state/deploy/" +
            good_hex + "/etc/upper work=state/deploy/" + good_hex +
            "/etc/work metacopy=off,redirect_dir=nofollow,index=off nosuid,nodev\n"
            "bind    /var: state/os/default/var nosuid,nodev\n"
            "attach  / on /sysroot\n");
  const auto volatile_plan = describe_plan(plan_with(StateMode::transient, StateMode::transient), "/new");
  CHECK_THAT(std::string(volatile_plan.view()), has_text("tmpfs   /var"));
  CHECK_THAT(std::string(volatile_plan.view()), has_text("bind    /sysroot: /new ro"));
}
