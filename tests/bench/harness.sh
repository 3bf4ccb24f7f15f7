#!/bin/bash
# ws-bench itself: what it gets out of a raw echo server beside the least that a client can
# be (echo.c), and what a connection takes of its memory. Ratios of interleaved rounds.
#   ROUNDS=3 SECS=2 CONNS=20000 tests/bench/harness.sh
set -eu
cd "$(dirname "$0")/../.."
BIN=${BIN:-build}
ROUNDS=${ROUNDS:-3} SECS=${SECS:-2} CONNS=${CONNS:-20000}
make -s B="$BIN" "$BIN/ws-bench"
work=$(mktemp -d)
"${CC:-cc}" -std=c11 -O2 -D_GNU_SOURCE -o "$work/echo" tests/bench/echo.c -lcrypto
ulimit -n "$(ulimit -Hn)"

# One core each, so that neither end takes time from the other. taskset becomes what it
# starts, so that $! is the server itself.
server_core=() client_core=()
(($(nproc) > 1)) && server_core=(taskset -c 0) client_core=(taskset -c 1)
"${server_core[@]}" "$work/echo" server > "$work/port" &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
until [[ -s $work/port ]]; do sleep 0.02; done
port=$(< "$work/port")

# WINDOW: ratios of answers a second, and of answers for each second of processor time,
# which is the steadier figure where others are at work.
round() {
	"${client_core[@]}" "$work/echo" client "$port" 100 "$1" "$SECS" > "$work/least"
	"${client_core[@]}" "$BIN/ws-bench" --echo -m '{id}{pad}' --size 64 -c 100 -r max --window "$1" \
		-d "${SECS}s" --json "ws://127.0.0.1:$port/" > "$work/ours"
	jq -r '"\(.received_rate) \(.received_rate * .seconds / .cpu_seconds)"' "$work/ours" |
		paste -d' ' - "$work/least" |
		awk '{ printf "%.2f %.2f %d %d\n", $1 / $3, $2 / $4, $1, $3 }'
}

median() { sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }

for window in 1 16; do
	for ((i = 0; i < ROUNDS; i++)); do round $window; done > "$work/rounds"
	echo "echo, 100 connections, window $window: ws-bench beside a minimal client:" \
		"$(cut -d' ' -f1 "$work/rounds" | median) of its answers a second," \
		"$(cut -d' ' -f2 "$work/rounds" | median) for each second of processor time" \
		"($(cut -d' ' -f3 "$work/rounds" | median)/s, $(cut -d' ' -f4 "$work/rounds" | median)/s)"
done

rss() { # CONNECTIONS: kilobytes, while all of them are open and idle
	local pid kb
	: > "$work/lines"
	"$BIN/ws-bench" -c "$1" --idle -d 2s --every 100ms "ws://127.0.0.1:$port/" > "$work/lines" &
	pid=$!
	until grep -q '"phase":"work"' "$work/lines"; do sleep 0.05; done
	kb=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
	wait "$pid"
	echo "$kb"
}

max=$(($(ulimit -n) - 64))
((CONNS > max)) && CONNS=$max
few=$(rss 100)
many=$(rss "$CONNS")
echo "memory: $CONNS connections, $(((many - few) * 1024 / (CONNS - 100))) bytes of user memory each (RSS $few kB with 100, $many kB)"
