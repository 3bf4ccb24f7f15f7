#!/bin/bash
# ws-serve by itself: processor time of the server for a command, by what it has to do, and
# for a connect that joins three rooms; memory of such a connection while it is idle. The
# first figure, a command to an empty room, is what the others are ratios of.
#   CONNS=10000 COMMANDS=1000000 tests/bench/serve.sh
set -u
cd "$(dirname "$0")/../.." || exit 2
BIN=${BIN:-build}
CONNS=${CONNS:-10000} COMMANDS=${COMMANDS:-1000000}
make -s B="$BIN" "$BIN/ws-bench" "$BIN/ws-serve" || exit 2
PATH=$PWD/$BIN:$PATH
ulimit -n "$(ulimit -Hn)"
most=$(($(ulimit -n) - 200))
((CONNS > most)) && CONNS=$most
work=$(mktemp -d)
server="" client=""
trap 'kill $server $client 2> /dev/null; rm -rf "$work"' EXIT

on() { if (($(nproc) > 1)); then exec taskset -c "$1" "${@:2}"; else exec "${@:2}"; fi; }

# serve OPTION...: a server with its commands on descriptor 8; sets url.
serve() {
	rm -f "$work/in"
	mkfifo "$work/in"
	: > "$work/out"
	on 0 ws-serve --message-rate 0 --max-rooms 60000 --max-patterns 60000 "$@" 0 < "$work/in" > "$work/out" 2> "$work/err" &
	server=$!
	exec 8> "$work/in"
	until grep -q listen "$work/out"; do sleep 0.01; done
	url=$(sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$work/out" | head -n 1)
}

stop() {
	exec 8>&-
	wait "$server"
	server=""
}

# Clock ticks of processor time of the server, its children not counted.
ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }
rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$server/status"; }

# clients OPTION...: ws-bench holds connections until `release`.
clients() {
	: > "$work/lines"
	on 1 ws-bench --idle -d 1h --every 50ms "$@" "$url" > "$work/lines" 2> /dev/null 8>&- &
	client=$!
	until grep -q '"phase":"work"' "$work/lines"; do sleep 0.02; done
}

release() {
	kill "$client"
	wait "$client"
	client=""
}

# lines LINE: COMMANDS times this line.
lines() { yes "$1" | head -n "$COMMANDS"; }

base="" runs=0
# cost WHAT: send the lines of stdin; print what one took.
cost() {
	local before after
	cat > "$work/commands"
	before=$(ticks)
	cat "$work/commands" >&8
	runs=$((runs + 1))
	echo "{\"tag\":1,\"id\":$runs}" >&8
	until grep -q "\"id\":$runs," "$work/out"; do sleep 0.01; done
	after=$(ticks)
	awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$COMMANDS" -v base="$base" -v what="$1" 'BEGIN {
		us = t * 1e6 / hz / n
		printf "%-58s %7.2f us", what, us
		if (base) printf "  %6.2f x", us / base
		print ""
	}' | tee "$work/figure"
	[[ $base ]] || base=$(awk '{ print $(NF - 1) }' "$work/figure")
}

payload='"data":{"type":"payment:updated","payload":{"paymentId":"pay-123","status":"completed","amount":100.0,"currency":"USD"}}'

serve --events listen
cost "a command to an empty room" < <(lines "{\"to\":\"empty\",$payload}")
clients -c 1 --subscribe one --subscribe two
cost "to a room with one member" < <(lines "{\"to\":\"one\",$payload}")
cost "to a union of two rooms with the same member" < <(lines "{\"to\":[\"one\",\"two\"],$payload}")
release
clients -c 10 --subscribe ten --subscribe 'own{conn}'
cost "to a room of ten" < <(lines "{\"to\":\"ten\",$payload}")
release
clients -c 1000 --subscribe 'r{conn}'
awk -v n="$COMMANDS" -v rest="$payload" \
	'BEGIN { for (i = 0; i < n; i++) printf "{\"to\":\"r%d\",%s}\n", i % 1000, rest }' > "$work/turns"
cost "to 1,000 rooms of one member in turn" < "$work/turns"
release
stop

# A wildcard subscription among 100,000 rooms and 10,000 patterns that do not match.
serve --events listen
many=()
for i in {1..100}; do many+=(--subscribe "room.{conn}.$i"); done
for i in {1..10}; do many+=(--subscribe "pattern.{conn}.$i.*"); done
clients -c 1000 "${many[@]}"
cost "to one of 100,000 rooms beside 10,000 patterns" < <(lines "{\"to\":\"room.7.7\",$payload}")
cost "to a name that one of the patterns matches" < <(lines "{\"to\":\"pattern.7.7.x\",$payload}")
release
stop

# connects WHAT OPTION...: processor time of the server for each of CONNS at once.
connects() {
	local before after few
	before=$(ticks)
	few=$(rss)
	clients -c "$CONNS" --handshakes 1000 "${@:2}"
	after=$(ticks)
	awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$CONNS" -v kb=$(($(rss) - few)) -v what="$1" \
		'BEGIN { printf "%-58s %7.2f us, %d bytes of memory each\n", what, t * 1e6 / hz / n, kb * 1024 / n }'
	release
}

serve --events listen
connects "a connect that joins three rooms ($CONNS at once)" --subscribe a --subscribe 'b{conn}'
stop
