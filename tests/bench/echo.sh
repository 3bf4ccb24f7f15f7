#!/bin/bash
# A request and its answer beside other servers: 100 connections with 1 or 16 messages of
# 128 bytes on their way on each. What a client of node ws, socket.io and python says comes
# back; with NATS, mosquitto and nchan each client is alone in a room of its own and hears
# itself. ws-serve answers by itself (ping and pong with an id), and by a program
# (ws-route as --handler, the time of both counts).
#   ROUNDS=3 SECS=1.5 PEERS="floor ws-serve nats" WINDOWS="1 16" tests/bench/echo.sh
set -u
cd "$(dirname "$0")/../.." || exit 2
WINDOWS=${WINDOWS:-1 16}
# shellcheck source=peers.bash
. tests/bench/peers.bash
choose_peers
make -s B="$BIN" "$BIN/ws-route" || exit 2
printf 'message.echo\n\t{conn, data}\n' > "$work/echo.routes"

ROWS=$PEERS
[[ " $PEERS " == *" ws-serve "* ]] && ROWS+=" ws-serve+handler"
for ((round = 0; round < ROUNDS; round++)); do
	for window in $WINDOWS; do
		for row in $ROWS; do
			options=() also=()
			[[ $row == ws-serve+handler ]] && options=(--handler "exec $BIN/ws-route $work/echo.routes")
			launch "${row%+*}" "${options[@]}"
			[[ $row == ws-serve+handler ]] && also=(--server "$(pgrep -P "$server" ws-route)")
			put_load "echo$window.$row" "$row" --mode echo -c 100 --pipelined "$window" "${also[@]}"
			stop
		done
	done
done
for window in $WINDOWS; do
	compare "echo$window" rate_cpu "echo: 100 connections, $window on their way on each" \
		rate=answers/s p50=p50-ms p99=p99-ms p999=p99.9-ms disordered=disordered server=server client=client
done
