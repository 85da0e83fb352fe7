// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/plan.hpp"

namespace sealroot {
namespace {

using Lines = Text<4095>;

void describe_etc(const Plan& plan, Lines& lines) {
  switch (plan.etc) {
    case StateMode::overlay:
      lines.append("overlay /etc: upper=").append(plan.state.etc.view()).append("/upper work=");
      lines.append(plan.state.etc.view()).append("/work ").append(etc_options).append(" nosuid,nodev\n");
      break;
    case StateMode::transient:
      lines.append("overlay /etc: upper and work in a tmpfs ").append(etc_options).append(" nosuid,nodev\n");
      break;
    case StateMode::bind:
      lines.append("bind    /etc: ").append(plan.state.etc.view()).append(" nosuid,nodev\n");
      break;
    case StateMode::none:
      break;
  }
}

void describe_var(const Plan& plan, Lines& lines) {
  if (plan.var == StateMode::bind) {
    lines.append("bind    /var: ").append(plan.state.var.view());
    if (!plan.state.own_var.view().empty()) lines.append(" or ").append(plan.state.own_var.view());
    lines.append(" nosuid,nodev\n");
  }
  if (plan.var == StateMode::transient) lines.append("tmpfs   /var: nosuid,nodev\n");
}

}  // namespace

Plan make_plan(const Config& config) {
  Text<2 * max_digest_size> hex;
  hex.append_hex(config.digest->bytes());
  const std::string_view directory(hex.view().data(), 2);
  const std::string_view rest(hex.view().data() + 2, hex.view().size() - 2);
  const bool etc_on_disk = config.etc == StateMode::overlay || config.etc == StateMode::bind;
  return Plan{.digest = *config.digest,
              .image = Path{"composefs/objects/", directory, "/", rest},
              .objects = Path{"composefs/objects"},
              .state = {.etc = Path{"state/deploy/", hex.view(), "/etc"},
                        .var = Path{"state/os/default/var"},
                        .own_var = config.adopts_digest ? Path{"state/deploy/", hex.view(), "/var"} : Path{}},
              .etc = config.etc,
              .var = config.var,
              .writable = etc_on_disk || config.var == StateMode::bind,
              .unsealed = config.unsealed};
}

Lines describe_plan(const Plan& plan, std::string_view sysroot) {
  Lines lines;
  if (plan.unsealed) lines.append("UNSEALED: the measure may be missing, objects are not measured\n");
  lines.append("open    ").append(sysroot).append("/").append(plan.image.view()).append("\n");
  lines.append("measure ").append(algorithm_name(plan.digest.algorithm())).append(":");
  lines.append_hex(plan.digest.bytes()).append("\n");
  lines.append("erofs   the measured image: ro\n");
  lines.append("overlay /: data=").append(plan.objects.view());
  for (const MountOption& option : plan.options())
    lines.append(" ").append(option.key).append("=").append(option.value);
  lines.append("\nbind    /sysroot: ").append(sysroot).append(plan.writable ? " rw\n" : " ro\n");
  describe_etc(plan, lines);
  describe_var(plan, lines);
  lines.append("attach  / on ").append(sysroot).append("\n");
  return lines;
}

}  // namespace sealroot
