#!/bin/bash
# A storm of CONNS connects beside other servers, 256 at a time, each of which gets into a
# room by the way that is the server's own, and the memory that such a connection takes
# while it is idle. ws-serve also with a room that the upgrade brings (auto), as it does
# with the floor, nchan, node ws and python, and the same with tokens that jwt-check checks
# (whose time counts, too).
#   ROUNDS=3 CONNS=10000 PEERS="floor ws-serve nats" tests/bench/connect.sh
set -u
cd "$(dirname "$0")/../.." || exit 2
CONNS=${CONNS:-10000}
# shellcheck source=peers.bash
. tests/bench/peers.bash
choose_peers
make -s B="$BIN" "$BIN/jwt-check" "$BIN/jwt-sign" || exit 2
most=$(($(ulimit -n) - 200))
((CONNS > most)) && CONNS=$most
head -c 40 /dev/urandom | base64 -w 0 > "$work/secret"
"$BIN/jwt-sign" --key-file "$work/secret" --sub 'user-%d' --exp 1h --count "$CONNS" > "$work/tokens"

ROWS=$PEERS
[[ " $PEERS " == *" ws-serve "* ]] && ROWS+=" ws-serve+auto ws-serve+token"
for ((round = 0; round < ROUNDS; round++)); do
	for row in $ROWS; do
		options=() how=() rule=""
		case $row in
		ws-serve+auto)
			rule='r0 auto anyone'
			options=(--endpoint /ws=topic)
			how=(--target /ws)
			;;
		ws-serve+token)
			rule='r0 auto'
			options=(--endpoint /ws=topic --auth "exec $BIN/jwt-check --key-file $work/secret")
			how=(--target /ws --tokens "$work/tokens")
			;;
		esac
		launch "${row%+*}" "${options[@]}"
		[[ $row == ws-serve+token ]] && how+=(--server "$(pgrep -P "$server" jwt-check)")
		put_load "connect.$row" "${row%+*}" --mode idle -c "$CONNS" "${how[@]}"
		stop
	done
done
compare connect connect_cpu "$CONNS connects" connect_rate=connects/s memory=bytes-each
