#!/bin/bash
# live-log.sh - a log file, live in every browser and terminal that subscribes to "log".
#
#   examples/live-log.sh FILE [PORT]         3000 unless given
#   ws-connect --raw --subscribe log ws://localhost:3000/ws
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

tail -n 0 -F "$1" | ws-serve --raw log --rooms <(echo 'log anyone auto') --static "$here/browser" "${2:-3000}"
