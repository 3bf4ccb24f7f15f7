#!/bin/bash
# Very many idle connections: what one takes of ws-serve's memory. Where a process may not
# have so many descriptors, several servers share the port (--reuse-port), as on any host
# one for each processor, and several ws-bench hold the other ends.
#   IDLE=50000 tests/bench/idle.sh
set -u
cd "$(dirname "$0")/../.." || exit 2
BIN=${BIN:-build} IDLE=${IDLE:-50000}
make -s B="$BIN" "$BIN/ws-bench" "$BIN/ws-serve" || exit 2
ulimit -n $((IDLE + 200)) 2> /dev/null || ulimit -n "$(ulimit -Hn)"
work=$(mktemp -d)
servers=() clients=()
trap 'kill "${clients[@]}" "${servers[@]}" 2> /dev/null; wait; rm -rf "$work"' EXIT

# The kernel deals connections out by chance, not evenly.
most=$(($(ulimit -n) - 200))
processes=$(((IDLE + most - 1) / most))
((processes > 1)) && processes=$(((IDLE * 11 / 10 + most - 1) / most))
each=$(((IDLE + processes - 1) / processes))

rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }

address=127.0.0.1:0
for ((i = 0; i < processes; i++)); do
	"$BIN/ws-serve" --reuse-port --events listen,open "$address" < /dev/null > "$work/server.$i" 2> "$work/err" &
	servers+=($!)
	until grep -qs listen "$work/server.$i"; do sleep 0.02; done
	url=$(sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$work/server.$i" | head -n 1)
	address=${url#ws://} address=${address%/ws}
	before[i]=$(rss "${servers[i]}")
done
for ((i = 0; i < processes; i++)); do
	n=$((i == processes - 1 ? IDLE - i * each : each))
	"$BIN/ws-bench" --idle -d 1h --every 100ms -c "$n" --source "127.0.1.$((i + 1))" --subscribe all "$url" > "$work/client.$i" 2> "$work/err" &
	clients+=($!)
done
for ((i = 0; i < processes; i++)); do
	until grep -qs '"phase":"work"' "$work/client.$i"; do
		kill -0 "${clients[i]}" || exit 1
		sleep 0.1
	done
done
total=0 memory=0
for ((i = 0; i < processes; i++)); do
	n=$(grep -c '"event":"open"' "$work/server.$i")
	kb=$(($(rss "${servers[i]}") - before[i]))
	total=$((total + n)) memory=$((memory + kb))
	echo "process $((i + 1)) of $processes: $n connections, $((kb * 1024 / n)) bytes of memory each ($(rss "${servers[i]}") kB in all)"
done
echo "$total idle connections in a room: $((memory * 1024 / total)) bytes of memory each"
