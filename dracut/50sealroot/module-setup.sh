#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# dracut module: the root is what sealroot-pivot verified, or the machine restarts. Functions are called by dracut.

sealroot_pivot=/usr/lib/sealroot/sealroot-pivot

# Only by request: `add_dracutmodules+=" sealroot "`. An initramfs without a sealed configuration could not boot.
check() {
  require_binaries "$sealroot_pivot" || return 1
  return 255
}

# With `omit_dracutmodules+=" systemd-initrd "` the initramfs is dracut's own shell scripts.
depends() {
  # shellcheck disable=SC2154 # set by dracut
  [[ " $omit_dracutmodules " == *" systemd-initrd "* ]] || echo systemd-initrd
}

installkernel() {
  hostonly='' instmods erofs overlay ext4
}

# shellcheck disable=SC2154 # dracut sets moddir, dracutsysrootdir and initdir
install() {
  inst_simple "$sealroot_pivot"
  # dracut.conf.d: sealroot_bootc=yes. Else the sealed configuration comes from `sealroot build`.
  if [[ ${sealroot_bootc-} == yes ]]; then
    "$moddir/sealroot-bootc-config" "${dracutsysrootdir-}/usr/lib/composefs/setup-root-conf.toml" \
      >"$initdir/sealroot.conf" || { dfatal "sealroot: no configuration of the pivot"; exit 1; }
  fi
  if dracut_module_included systemd-initrd; then
    install_units
  else
    inst_hook cmdline 99 "$moddir/sealroot-cmdline.sh"
    inst_hook mount 10 "$moddir/sealroot-mount.sh"
  fi
}

# shellcheck disable=SC2154 # systemdsystemunitdir, systemdutildir, initdir, moddir: set by dracut
install_units() {
  local unit
  inst_simple "$moddir/sealroot-pivot.service" "$systemdsystemunitdir/sealroot-pivot.service"
  # A `.wants` link would let systemd go on without the pivot.
  mkdir -p "$initdir$systemdsystemunitdir/initrd-root-fs.target.requires"
  ln -sfr "$initdir$systemdsystemunitdir/sealroot-pivot.service" \
    "$initdir$systemdsystemunitdir/initrd-root-fs.target.requires/sealroot-pivot.service"
  for unit in initrd-switch-root.service initrd-cleanup.service; do
    inst_simple "$moddir/after-pivot.conf" "$systemdsystemunitdir/$unit.d/50-sealroot.conf"
  done
  # Whatever fails before the pivot leads to emergency.target: ours has no shell. Files that are there already stay, so
  # dracut's own, with a shell, don't replace them.
  for unit in emergency.service rescue.service; do
    inst_simple "$moddir/emergency.service" "$systemdsystemunitdir/$unit"
  done
  # What systemd knows an initramfs by; without dracut's base module nobody else writes it.
  if ! dracut_module_included base; then
    mkdir -p "$initdir/etc"
    printf '%s\n' 'NAME="sealroot initramfs"' ID=sealroot-initramfs >"$initdir/etc/initrd-release"
    # Nothing that is started here is a shell script.
    rm -f "$initdir"/usr/bin/{sh,bash,dash,mksh,busybox}
  fi
  # These turn kernel arguments, partitions and files of the ESP into units.
  rm -f "$initdir$systemdsystemunitdir"/debug-shell.service \
    "$initdir$systemdutildir"/system-generators/systemd-{debug,gpt-auto}-generator
}
