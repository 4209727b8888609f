# SPDX-License-Identifier: MIT
# Sourced: the Debian 12 packages onic needs, by purpose, and installing the missing ones. Needs say.sh.

# What CMakeLists.txt asks for, and no more.
PACKAGES_BUILD="git gcc g++ make cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev libzmq3-dev
  libopenblas-pthread-dev libuv1-dev libyaml-dev libcurl4-openssl-dev libjansson-dev libsqlite3-dev libxxhash-dev libsodium-dev libmicrohttpd-dev librandom123-dev libgif-dev libzstd-dev"
PACKAGES_WHEELS="ca-certificates python3-pip unzip"
PACKAGES_TESTS="libcmocka-dev python3-venv clang llvm-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 valgrind
  faketime iproute2 nftables openssl chromium prometheus zsh fish mandoc python3-yaml"
PACKAGES_DEPLOY="slurm-wlm munge docker.io docker-compose debootstrap patchelf podman catatonit netavark aardvark-dns bc"

# packages_missing NAME...: prints those that are not installed.
packages_missing() {
  local installed
  installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
    awk '$2 == "installed" { print $1 }' | tr '\n' ' ') "
  local name
  for name in "$@"; do
    [[ $installed == *" $name "* ]] || echo "$name"
  done
}

# packages_install PURPOSE INSTALL NAME...: installs what is missing, with INSTALL=yes; with INSTALL=no lists it and fails.
# Asks apt-get only when something is missing, so a second run costs a fraction of a second.
packages_install() {
  local purpose=$1 install=$2 missing
  shift 2
  command -v dpkg-query >/dev/null || die 64 "this is not a Debian system: install what deploy/lib/packages.sh lists yourself"
  missing=$(packages_missing "$@" | tr '\n' ' ')
  [[ -z $missing ]] && return 0
  if [[ $install != yes ]]; then
    die 64 "missing Debian packages for $purpose (install them, or run without --no-install): $missing"
  fi
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get)
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null ||
      die 64 "installing packages needs root or sudo; as root run: apt-get install $missing"
    apt=(sudo "${apt[@]}")
  fi
  say "Debian packages for $purpose: $missing"
  "${apt[@]}" -q update >&2 || note "apt-get update failed; trying with the package lists that are here"
  "${apt[@]}" -q install -y --no-install-recommends $missing >&2 ||
    die 75 "apt-get could not install the packages for $purpose (is the network up?): $missing"
}
