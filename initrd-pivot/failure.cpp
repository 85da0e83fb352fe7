// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "initrd-pivot/failure.hpp"

#include <cerrno>

#include "initrd-pivot/diagnosis.hpp"

namespace sealroot {

namespace {

std::string_view known_error(long error) {
  switch (-error) {
    case ENOENT:
      return "not found";
    case ELOOP:
      return "symlink";
    case EXDEV:
      return "mount point or path that leads out";
    case ENOTDIR:
      return "not a directory";
    case EISDIR:
      return "a directory";
    case EACCES:
      return "access denied";
    case EPERM:
      return "not permitted";
    case EIO:
      return "input/output error";
    case EINVAL:
      return "invalid argument";
    case ENODEV:
      return "file system unknown to the kernel";
    case ENOTBLK:
      return "block device required";
    case ENODATA:
      return "not enabled";
    case ENOTTY:
    case EOPNOTSUPP:
      return "not supported by the file system";
    case EROFS:
      return "read-only file system";
    case ENOSPC:
      return "no space left";
    case EBUSY:
      return "busy";
    case ENOMEM:
      return "out of memory";
    case ENOEXEC:
      return "not a program or module";
    case ENOSYS:
      return "not supported by the kernel";
    case EBADMSG:
      return "damaged";
    case EUCLEAN:
      return "damaged file system";
    case EKEYREJECTED:
      return "signature refused";
    default:
      return {};
  }
}

}  // namespace

Text<47> describe(long error) {
  const std::string_view known = known_error(error);
  return known.empty() ? Text<47>{"error "}.append_number(static_cast<std::uint64_t>(-error)) : Text<47>{known};
}

void Boot::explain(Code code) {
  Screen screen = describe_refusal(kernel, facts, code);
  const bool ends_machine = first_process || restart;
  if (ends_machine) screen.append(power_off ? "Powering off.\n" : "Restarting in 10 seconds.\n");
  log.show(screen.view());
  keep_kernel_log(kernel);
  if (ends_machine && !power_off) kernel.sleep_milliseconds(reading_milliseconds);
}

void Boot::fail(Code code, std::initializer_list<std::string_view> reason) {
  Reason line{"FATAL: "};
  for (const std::string_view part : reason) line.append(part);
  line.append(" (code ").append_number(static_cast<unsigned>(code)).append(")");
  log.say(Log::critical, line.view());
  // The command form leaves nothing behind that a later step could take for a root: not what was put over the root
  // partition, and not the root partition itself. A handful is more than was ever stacked there.
  const Path target{sysroot};
  for (int i = 0; clear_sysroot && i < 16 && kernel.unmount(target.c_str()) >= 0; ++i) continue;
  if (first_process || clear_sysroot) explain(code);
  while (first_process || restart) kernel.restart(power_off);
  for (;;) kernel.exit(static_cast<int>(code));
}

void Boot::fail(Code code, std::initializer_list<std::string_view> reason, long error) {
  Reason line;
  for (const std::string_view part : reason) line.append(part);
  line.append(": ").append(describe(error).view());
  facts.error = error;
  fail(code, {line.view()});
}

}  // namespace sealroot
