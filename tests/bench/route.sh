#!/bin/bash
# Routing beside jq -c and, where there is one, gojq: the gateway's routes, the same
# program, the same events. Processor time, the median of ROUNDS interleaved rounds.
set -eu
cd "$(dirname "$0")/../.."
BIN=${BIN:-build}
N=${N:-200000} ROUNDS=${ROUNDS:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make -s B="$BIN" "$BIN/ws-route"
routes=examples/gateway.routes

# What amqp-tap writes; no two events are the same.
events() { # COUNT KEY
	awk -v n="$1" -v key="$2" 'BEGIN {
		split("created updated completed failed", status, " ")
		for (i = 1; i <= n; i++)
			printf "{\"time\":\"2026-12-10T10:30:%02d.%06dZ\",\"exchange\":\"payments_events\",\"key\":\"%s.payment.%s\",\"properties\":{\"content_type\":\"application/json\",\"delivery_mode\":2,\"message_id\":\"evt-%d\"},\"data\":{\"type\":\"payments.payment.%s\",\"data\":{\"paymentId\":\"pay-%d\",\"senderId\":\"user-%d\",\"recipientId\":\"user-%d\",\"amount\":%d,\"currency\":\"EUR\",\"status\":\"%s\"},\"timestamp\":\"2026-12-10T10:30:%02d.%03dZ\",\"correlationId\":\"req-%d\"}}\n", i % 60, i, key, status[i % 4 + 1], i, status[i % 4 + 1], i * 7, i % 5000, i % 4999, i % 100000, status[i % 4 + 1], i % 60, i % 1000, i
	}'
}
events "$N" payments > "$work/taken"
events "$N" other > "$work/none"

# The routes as one jq program: the helpers as a user would write them (the fastest that
# do the same), the definitions as they are, a test of the key for each route.
{
	echo 'def last_word: split(".")[-1]; def drop_nulls: del(.[] | nulls);'
	sed -n '/^def/,/^[^ d#]/p' "$routes" | grep '^ '
	echo 'if (.key | startswith("payments.")) then'
	grep -h 'event("payment")' "$routes"
	echo 'elif (.key | startswith("auth.")) then'
	grep -h 'event("session")' "$routes"
	echo 'elif (.key | startswith("admin.")) then'
	grep -h 'event("admin")' "$routes"
	echo 'else empty end'
} > "$work/program.jq"

peers=("jq -c")
if command -v gojq > /dev/null; then peers+=("gojq -c"); else echo "gojq is not here"; fi

head -n 1000 "$work/taken" > "$work/some"
cmp <("$BIN/ws-route" "$routes" < "$work/some" | jq -c 'del(.time)') <(jq -c -f "$work/program.jq" "$work/some")

# cpu COMMAND...: microseconds of processor time.
cpu() {
	local TIMEFORMAT='%3U %3S' t
	t=$({ time "$@" > /dev/null; } 2>&1 | tail -n 1)
	awk -v t="$t" 'BEGIN { split(t, p, " "); print int((p[1] + p[2]) * 1000000) }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

ours() { "$BIN/ws-route" "$1" < "$2"; }
theirs() { "$@" -f "$work/program.jq" "$input"; }

# Loading is not part of a figure per event.
idle=$(for ((i = 0; i < 3; i++)); do cpu ours "$routes" /dev/null; done | median)

compare() { # LABEL INPUT
	local label=$1 input=$2 i p
	rm -f "$work"/t.*
	for ((i = 0; i < ROUNDS; i++)); do
		cpu ours "$routes" "$input" >> "$work/t.ours"
		for p in "${peers[@]}"; do
			# shellcheck disable=SC2086 # a command and its option
			cpu theirs $p >> "$work/t.$p"
		done
	done
	for p in "${peers[@]}"; do
		awk -v label="$label" -v p="$p" -v n="$N" -v a="$(($(median < "$work/t.ours") - idle))" \
			-v b="$(($(median < "$work/t.$p") - idle))" \
			'BEGIN { printf "%-28s ws-route %6.2f us, %s %6.2f us an event: %5.2f times as fast\n", label, a / n, p, b / n, b / a }'
	done
}
compare "events that a route takes" "$work/taken"
compare "events that none takes" "$work/none"

# The price of many routes: the same events, of which each fits one.
table() { # COUNT
	for ((i = 0; i < $1; i++)); do
		printf 'svc%d.#\n    {to: "room:%d", data: .data.data, type: .data.type}\n' "$i" "$i"
	done
}
table 10 > "$work/10.routes"
table 1000 > "$work/1000.routes"
awk '{ sub("\"key\":\"payments", "\"key\":\"svc" NR % 10) } 1' "$work/taken" > "$work/ten"
awk '{ sub("\"key\":\"payments", "\"key\":\"svc" NR % 1000) } 1' "$work/taken" > "$work/all"
idle10=$(for ((i = 0; i < 3; i++)); do cpu ours "$work/10.routes" /dev/null; done | median)
idle1000=$(for ((i = 0; i < 3; i++)); do cpu ours "$work/1000.routes" /dev/null; done | median)
for ((i = 0; i < ROUNDS; i++)); do
	cpu ours "$work/10.routes" "$work/ten" >> "$work/t.10"
	cpu ours "$work/1000.routes" "$work/ten" >> "$work/t.1000"
	cpu ours "$work/1000.routes" "$work/all" >> "$work/t.all"
done
awk -v n="$N" -v a="$(($(median < "$work/t.10") - idle10))" -v b="$(($(median < "$work/t.1000") - idle1000))" \
	-v c="$(($(median < "$work/t.all") - idle1000))" -v load="$idle1000" 'BEGIN {
	printf "%-28s %.2f us an event; of 1000: %.2f us, %+.1f %%; spread over all: %+.1f %%\n", "one of 10 routes takes it", a / n, b / n, (b / a - 1) * 100, (c / a - 1) * 100
	printf "%-28s %.2f s\n", "loading 1000 routes", load / 1000000 }'

# One event through an idle pipeline, there and back, from a client that waits for it.
/usr/bin/python3 - "$BIN/ws-route" "$routes" "$work/some" <<-'PYTHON'
	import subprocess, sys, time
	route = subprocess.Popen([sys.argv[1], sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
	took = []
	for line in open(sys.argv[3], "rb").read().splitlines(True):
	    begin = time.perf_counter()
	    route.stdin.write(line)
	    route.stdin.flush()
	    route.stdout.readline()
	    took.append(time.perf_counter() - begin)
	    time.sleep(0.001)
	route.stdin.close()
	took.sort()
	print("%-28s median %.0f us, p99 %.0f us" % ("one event, idle pipeline", took[len(took) // 2] * 1e6, took[len(took) * 99 // 100] * 1e6))
PYTHON
