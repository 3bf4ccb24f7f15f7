#!/bin/bash
# load-test.sh - a load test for CI: fails (exit code 1) when the server is slower than
# agreed, and says by how much.
#
#   examples/load-test.sh [URL]      without URL it tests a ws-serve of its own
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

if [[ ${1:-} ]]; then
	url=$1
else
	events=$(mktemp)
	ws-serve 0 < /dev/null > "$events" &
	trap 'kill $!; rm -f "$events"' EXIT
	until url=$(grep -o 'ws://[^"]*' "$events"); do sleep 0.05; done
fi
ws-bench -c 100 -r 10 -d "${SECONDS_LONG:-5}s" --json \
	--require 'rtt.p99<100ms' --require 'lost=0' --require 'errors=0' "$url"
