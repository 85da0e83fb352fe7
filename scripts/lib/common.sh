# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# shellcheck shell=bash
# What every script shares: messages, the cache folder, and finished-or-absent publishing of cache entries.
# Sourced, never run. Data goes to stdout (a folder's name), messages to stderr.

# The cache is outside the tree: a clean checkout keeps its kernels.
sealroot_cache=${SEALROOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealroot}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# need PROGRAM PACKAGE: ends with a clear line when PROGRAM is missing.
need() {
  command -v "$1" >/dev/null || die "$1 is missing; on Debian: apt-get install $2"
}

# locked NAME: one process at a time fills the cache entry NAME; the others wait and find it done.
locked() {
  mkdir -p "$sealroot_cache"
  exec 9>"$sealroot_cache/.$1.lock"
  flock 9
}

# new_entry FOLDER: prints a fresh temporary folder beside FOLDER, on the same file system.
new_entry() {
  mkdir -p "${1%/*}"
  mktemp -d "${1%/*}/.new.XXXXXX"
}

# publish TEMPORARY FOLDER: makes a finished entry visible under its name in one step.
publish() {
  chmod 0755 "$1"
  mv -T "$1" "$2"
}
