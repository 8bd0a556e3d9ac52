#!/bin/sh
# Builds the image of the Dockerfile in a chroot and tries it, on machines without a Docker engine.
#
# Usage: test/image/image-in-chroot.sh [FOLDER_OF_DOCKERFILE [PATTERN_OF_CHECKS]]
#
# A Debian bookworm made by debootstrap, with the Node of this checkout, stands for node:24-bookworm-slim. It is kept
# in $CACHE_DIR (default /var/tmp) for the next time. Takes about three minutes: the schedules are real ones.
# Needs root, debootstrap, unshare and nsenter, Debian's mirror and the npm registry; without root or debootstrap it
# says that it skips, and exits 0, or 1 if CONTAINER_TEST=required.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
base=${CACHE_DIR:-/var/tmp}/backup-image-base-bookworm

skip() {
  echo "SKIPPED container image test: $1"
  [ "${CONTAINER_TEST:-}" != required ] || exit 1
  exit 0
}

[ "$(uname -s)" = Linux ] || skip "not Linux"
[ "$(id -u)" = 0 ] || skip "not root"
for program in debootstrap unshare nsenter chroot npm; do
  command -v "$program" >/dev/null || skip "$program is not installed"
done
unshare --mount --pid --fork true 2>/dev/null || skip "namespaces are not permitted here"

trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Complete or absent: the name is given when the bootstrap is done.
if [ ! -d "$base" ]; then
  partial=$(mktemp -d "$base.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  debootstrap --variant=minbase --include=ca-certificates,tzdata bookworm "$partial" "$mirror" >"$partial.log" 2>&1 || {
    tail -n 20 "$partial.log" >&2
    exit 1
  }
  rm -f "$partial.log"
  chmod 755 "$partial"
  mv "$partial" "$base"
  trap - EXIT
fi

scratch=$(mktemp -d /var/tmp/backup-image-test.XXXXXX)
trial=
trap '[ -z "$trial" ] || kill -KILL "$trial" 2>/dev/null; wait; rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
npm_program=$(readlink -f "$(command -v npm)")
export NPM_FOLDER="${npm_program%/bin/npm-cli.js}"
NPM_CACHE=$(npm config get cache 2>/dev/null)
NPM_REGISTRY=$(npm config get registry 2>/dev/null)
export NPM_CACHE NPM_REGISTRY

# Mounts and processes belong to these namespaces, so nothing stays mounted or running, whatever happens.
unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
  "$repository/node_modules/.bin/node" "$here/image-in-chroot.ts" "${1:-$repository}" "$base" "$scratch" "${2:-.}" &
trial=$!
status=0
wait "$trial" || status=$?
trial=
exit "$status"
