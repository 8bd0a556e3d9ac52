#!/bin/sh
# The image's entry point. Without arguments, or with `schedule`: the schedule, until stopped. With anything else:
# that command once, its exit status being the container's; flags alone are flags of the tool.
set -eu

case "${1:-schedule}" in
  schedule)
    [ $# -eq 0 ] || shift
    exec node /app/image/schedule.ts "$@"
    ;;
  -*)
    exec backup "$@"
    ;;
  *)
    exec "$@"
    ;;
esac
