#!/bin/bash
# The clients themselves: what ws-bench and the benchmarks' own client (load/) get out of a
# raw server (floor.c) beside the least that a client can be (least.c), and what a
# connection takes of ws-bench's memory. Ratios of interleaved rounds.
#   ROUNDS=3 SECS=1.5 CONNS=20000 tests/bench/harness.sh
set -eu
cd "$(dirname "$0")/../.."
CONNS=${CONNS:-20000}
# shellcheck source=peers.bash
. tests/bench/peers.bash
make -s B="$BIN" "$BIN/ws-bench"
"${CC:-cc}" -std=c11 -O2 -D_GNU_SOURCE -o "$work/least" tests/bench/least.c
launch floor

# WINDOW: answers a second, and for each second of the client's processor time, which is
# the steadier figure where others are at work: of ws-bench, of load, of the least.
round() {
	"${client_core[@]}" "$BIN/ws-bench" --echo -m '{id}{pad}' --size 64 -c 100 -r max --window "$1" \
		-d "${SECS}s" --json "ws://127.0.0.1:$port/" > "$work/report"
	jq -r '"\(.received_rate) \(.received_rate * .seconds / .cpu_seconds)"' "$work/report"
	"${client_core[@]}" "$work/load" --mode echo -c 100 --size 64 --pipelined "$1" -d "${SECS}s" \
		floor "$port" > "$work/report"
	sed 's/.* rate=\([^ ]*\).* client=\(.*\)/\1 \2/' "$work/report" | awk '{ print $1, $1 / $2 }'
	"${client_core[@]}" "$work/least" "$port" 100 "$1" "$SECS"
}

middle() { sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }
column() { cut -d' ' -f"$1" "$work/rounds" | middle; }

for window in 1 16; do
	for ((i = 0; i < ROUNDS; i++)); do
		round $window | paste -sd' ' |
			awk '{ printf "%.2f %.2f %.2f %.2f %d\n", $1 / $5, $2 / $6, $3 / $5, $4 / $6, $5 }'
	done > "$work/rounds"
	echo "echo, 100 connections, $window on their way on each, beside a minimal client ($(column 5) answers a second):"
	echo "  ws-bench: $(column 1) of its answers a second, $(column 2) for each second of processor time"
	echo "  load: $(column 3) of its answers a second, $(column 4) for each second of processor time"
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
