# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# Sourced by the scripts: installs Debian packages that are missing, or says which they are.

# need_packages LIST...: each LIST is a file of scripts/packages/, one package a line, `#` starts a comment.
need_packages() {
  local lists=() list missing=() package
  for list in "$@"; do lists+=("$root/scripts/packages/$list"); done
  if ! command -v dpkg-query >/dev/null; then
    if [ -n "${SEALROOT_SKIP_PACKAGES:-}" ]; then return 0; fi
    echo "${0##*/}: this system has no dpkg: install what these Debian packages hold, then set" \
      "SEALROOT_SKIP_PACKAGES=1:" >&2
    sed 's/[ \t]*#.*//; /^$/d; s/^/  /' "${lists[@]}" >&2
    return 1
  fi
  while read -r package; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed' || missing+=("$package")
  done < <(sed 's/[ \t]*#.*//; /^$/d' "${lists[@]}")
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "${0##*/}: missing packages, and neither root nor sudo to install them: apt-get install ${missing[*]}" >&2
      return 1
    fi
    sudo=(sudo)
  fi
  echo "installing packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${sudo[@]}" apt-get update -q &&
         "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
           apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "${0##*/}: installing failed; the whole output is in $log" >&2
    return 1
  fi
  rm -f "$log"
}
