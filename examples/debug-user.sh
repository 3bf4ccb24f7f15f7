#!/bin/bash
# debug-user.sh - what one user's connections say and are sent, live, with what waits for
# them and what they lost.
#
#   examples/debug-user.sh SOCKET USER       the --control socket of a running ws-serve
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

ws-ctl "$1" get connections | jq -c --arg user "$2" 'select(.user == $user)'
exec ws-ctl "$1" watch "user=$2"
