#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The packages on a bare root of Debian. The wheel onic-bin needs Python alone: pip installs it, its programs train. The package of Debian is made by
# `cpack -G DEB`, apt finds what it needs, its programs train, its manual and completions are found, and nothing stays when it is removed. Needs
# root, debootstrap, patchelf and a mirror of Debian.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
build=${ONIC_BUILD:?} mirror=${ONIC_DEBIAN_MIRROR:-http://deb.debian.org/debian}
[[ $(id -u) == 0 ]] || skip "needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
command -v patchelf >/dev/null || skip "patchelf is not installed"
root=$work/root
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }

step "the package"
(cd "$build" && cpack -G DEB -B "$work") >"$work/cpack.log" 2>&1 || fail "cpack: $(tail -3 "$work/cpack.log")"
package=$(ls "$work"/onic_*.deb) || fail "cpack made no package"
dpkg-deb --info "$package" | sed -n 's/^ Depends: //p'
dpkg-deb --info "$package" | says 'libopenblas0' || fail "the package does not depend on OpenBLAS, which is loaded by name"
dpkg-deb --contents "$package" >"$work/contents"
grep -qvE ' root/root ' "$work/contents" && fail "a file of the package is not root's: $(grep -vE ' root/root ' "$work/contents" | head -1)"
grep -qE '^[^d].*\./usr/(local|work|tmp)' "$work/contents" && fail "a file of the package lies outside of /usr"
dpkg-deb --extract "$package" "$work/unpacked"
grep -rlF "$build" "$work/unpacked" && fail "a file of the package names the build folder"
grep -q 'ExecStart=/usr/bin/onic-learner' "$work/unpacked/usr/lib/systemd/system/onic-learner.service" || fail "the unit names another program"

step "a bare root of Debian 12"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || skip "no mirror of Debian: $(tail -1 "$work/debootstrap.log")"
cp /etc/resolv.conf "$root/etc/" 2>/dev/null
for file in /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/99*; do [[ -f $file ]] && cp "$file" "$root/etc/apt/apt.conf.d/"; done
mkdir -p "$root/proc" && mount -t proc proc "$root/proc" && at_exit "umount -l '$root/proc'"
cp "$package" "$root/onic.deb"

inside apt-get -q update >"$work/apt.log" 2>&1 || fail "apt-get update: $(tail -3 "$work/apt.log")"

# try PREFIX NAME: the programs in PREFIX train, measure and balance.
try() {
  local program
  for program in onic onic-actor onic-learner onic-reward-server; do
    inside "$1/$program" --version >/dev/null || fail "$program of $2 does not start"
  done
  inside "$1/onic" doctor >"$work/doctor" 2>&1
  grep -E 'BLAS|kernels' "$work/doctor" || { cat "$work/doctor"; fail "onic doctor of $2 says nothing of OpenBLAS"; }
  inside "$1/onic" train --env.id=corridor --run-dir="/root/$2" --annotator.id=rules --frames=50000 >"$work/train" 2>&1 || fail "onic train of $2: $(tail -5 "$work/train")"
  inside "$1/onic" eval "/root/$2" --episodes=20 || fail "onic eval of $2"
  check_ledger "$(inside "$1/onic" ledger "/root/$2" --json)"
}

step "the wheel, where there is nothing but Python"
"$ONIC_SOURCE/deploy/wheel/make.py" "$build" "$root/wheels" >"$work/wheel" || fail "the wheel was not made"
inside apt-get -q install -y --no-install-recommends python3-venv >"$work/apt.log" 2>&1 || fail "apt-get install: $(tail -3 "$work/apt.log")"
inside python3 -m venv /venv || fail "no virtual environment"
inside sh -c '/venv/bin/pip install --no-index /wheels/onic_bin-*.whl' >"$work/pip.log" 2>&1 || fail "pip install: $(tail -3 "$work/pip.log")"
ls -l "$root/wheels"
try /venv/bin wheel
inside /venv/bin/python -c 'import onic_bin, os; assert os.access(onic_bin.path("onic-actor"), os.X_OK)' || fail "onic_bin.path names no program"
inside /venv/bin/python -c 'import ctypes, onic_bin; assert ctypes.CDLL(onic_bin.PREFIX + "/lib/libonic_env.so").onic_envs_abi() > 0' || fail "the wheel's libonic_env.so cannot be loaded"
[[ $(inside find /venv -name 'libonic_env.so*' | wc -l) == 1 ]] || fail "the wheel has libonic_env.so more than once"

step "the package of Debian"
inside apt-get -q install -y --no-install-recommends /onic.deb man-db bash-completion >"$work/apt.log" 2>&1 || fail "apt-get install: $(tail -3 "$work/apt.log")"
for program in onic onic-actor onic-learner onic-reward-server; do
  inside ldd "/usr/bin/$program" | grep 'not found' && fail "$program lacks a library"
done
try /usr/bin package
inside bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader onic-actor; complete -p onic-actor' || fail "bash does not find the completion"
inside sh -c 'ls /usr/share/man/man1/onic.1*' || fail "there is no page of the manual"

step "removing"
inside apt-get -q purge -y onic >"$work/apt.log" 2>&1 || fail "apt-get purge: $(tail -3 "$work/apt.log")"
left=$(inside find /usr /etc /var/lib -path '*onic*' -not -path '*ionice*' -not -path '*/dpkg/*' -not -path '*/apt/*' | head -3)
[[ -z $left ]] || fail "this stays: $left"
echo passed
