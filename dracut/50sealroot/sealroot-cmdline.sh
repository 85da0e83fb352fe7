#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# cmdline hook, initramfs without systemd: whatever goes wrong from here on restarts the machine in place of a shell.
# shellcheck disable=SC2317 # called by dracut's scripts
emergency_shell() {
  echo "sealroot: no root: $*" >/dev/kmsg
  echo b >/proc/sysrq-trigger
  while :; do sleep 60; done
}
