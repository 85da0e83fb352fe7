# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# shellcheck shell=bash
# Packages of a suite that the system itself does not use (backports), without root and without changing the system:
# a private apt configuration, lists and state live in the cache. The archive is the one the system already trusts,
# so no host is named here. Sourced after common.sh.

# The suite that holds kernel 6.12 and a systemd stub newer than 252, for the running system.
debian_suite() {
  local ID='' VERSION_CODENAME=''
  # shellcheck source=/dev/null
  [[ -r /etc/os-release ]] && . /etc/os-release
  case "$ID/$VERSION_CODENAME" in
    debian/bookworm) echo bookworm-backports ;;
    debian/trixie) echo trixie ;;
    *) die "this system is ${ID:-unknown} ${VERSION_CODENAME:-}; known are Debian 12 (bookworm) and 13 (trixie)." \
           "Needed from elsewhere: a kernel 6.12 with its modules, linux-source-6.12, systemd-boot-efi >= 254" ;;
  esac
}

# The archive configured for the running release: "URI KEYRING", KEYRING empty if apt's default keys are meant.
debian_archive() {
  local codename=${1%-backports} uri keyring
  uri=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$codename" '$1 == codename && $2 == "main" { print $3; exit }')
  [[ -n $uri ]] || die "apt knows no archive for $codename; run apt-get update, or add one to the system's sources"
  for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    [[ -r $keyring ]] && { echo "$uri $keyring"; return; }
  done
  echo "$uri"
}

# private_apt PROGRAM ARGUMENT...: apt-get or apt-cache with nothing but that suite.
private_apt() {
  local program=$1 root=$sealroot_cache/apt/$suite
  shift
  "$program" -q \
    -o Dir::Etc::SourceList="$root/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$root/state" -o Dir::State::Lists="$root/state/lists" -o Dir::State::status="$root/state/status" \
    -o Dir::Cache="$root/cache" -o Acquire::Languages=none -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 \
    "$@"
}

# Sets `suite` and brings its lists up to date; lists of the last day are good enough.
open_suite() {
  need apt-get apt
  suite=$(debian_suite)
  local root=$sealroot_cache/apt/$suite archive
  [[ -n $(find "$root/updated" -mmin -1440 2>/dev/null) ]] && return
  archive=$(debian_archive "$suite")
  mkdir -p "$root"/state/lists/partial "$root"/cache/archives/partial
  : >"$root/state/status"
  read -r uri keyring <<<"$archive"
  echo "deb ${keyring:+[signed-by=$keyring] }$uri $suite main" >"$root/sources.list"
  say "reading the package lists of $suite"
  private_apt apt-get -qq update
  touch "$root/updated"
}

# candidate PACKAGE: its version in the suite, nothing if the suite has none.
candidate() { private_apt apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Version: //p'; }

# first_dependency PACKAGE: what a metapackage stands for.
first_dependency() {
  private_apt apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Depends: \([^ ,]*\).*/\1/p'
}

# unpack_package PACKAGE FOLDER: downloads PACKAGE from the suite (apt checks it) and unpacks it, without installing.
unpack_package() {
  local download
  download=$(mktemp -d "$sealroot_cache/.download.XXXXXX")
  (cd "$download" && private_apt apt-get -qq download "$1") || { rm -rf "$download"; die "downloading $1 from $suite did not work"; }
  dpkg-deb -x "$download"/*.deb "$2"
  rm -rf "$download"
}
