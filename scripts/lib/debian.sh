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
  local program=$1
  shift
  "$program" -q -c "$sealroot_cache/apt/$suite/apt.conf" "$@"
}

# Read after the system's own configuration, so proxies and credentials stay, and hooks on its package lists don't run.
private_configuration() {
  cat <<END
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$1/state";
Dir::State::Lists "$1/state/lists";
Dir::State::status "$1/state/status";
Dir::Cache "$1/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "$(id -un)";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
END
}

read_lists() {
  local root=$1 archive uri keyring
  archive=$(debian_archive "$suite")
  read -r uri keyring <<<"$archive"
  mkdir -p "$root"/state/lists/partial "$root"/cache/archives/partial
  : >"$root/state/status"
  echo "deb ${keyring:+[signed-by=$keyring] }$uri $suite main" >"$root/sources.list"
  private_configuration "$root" >"$root/apt.conf"
  say "reading the package lists of $suite"
  private_apt apt-get -qq update
  touch "$root/updated"
}

# Sets `suite` and brings its lists up to date, one process at a time; lists of the last day are good enough.
open_suite() {
  need apt-get apt
  suite=$(debian_suite)
  local root=$sealroot_cache/apt/$suite
  mkdir -p "$root"
  exec 8>"$root/.lock"
  flock 8
  [[ -n $(find "$root/updated" -mmin -1440 2>/dev/null) ]] || read_lists "$root"
  exec 8>&-
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
  if ! (cd "$download" && private_apt apt-get -qq download "$1"); then
    rm -rf "$download"
    die "downloading $1 from $suite did not work"
  fi
  dpkg-deb -x "$download"/*.deb "$2"
  rm -rf "$download"
}
