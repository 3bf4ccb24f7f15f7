#!/bin/bash
# reroute.sh - routes that change while clients stay connected: server and router live
# apart, joined by the server's control socket. The router reads its routes again when the
# file changes; it can also be stopped and started, and no client notices.
#
#   AMQP_URL=… examples/reroute.sh EXCHANGE ROUTES [PORT]     3000 unless given
set -u
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi

socket=${CONTROL:-/tmp/reroute-$$.sock}
ws-serve --control "$socket" "${3:-3000}" < /dev/null &
server=$!
trap 'kill $server; wait' EXIT
trap exit INT TERM

# Whichever of the three ends is started again; ws-ctl waits for the server.
while kill -0 "$server"; do
	amqp-tap -e "$1" -r '#' | ws-route --watch "$2" | ws-ctl "$socket"
	sleep 1
done
