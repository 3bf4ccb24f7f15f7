#!/bin/bash
# amqp-tap and amqp-pub beside amqp-consume and amqp-publish (Debian's amqp-tools) and a
# node program with amqplib, on one broker of our own. Ratios of processor time a message
# and of messages a second; the median of ROUNDS interleaved rounds.
#   N=30000 ROUNDS=3 tests/bench/amqp.sh
set -eu
cd "$(dirname "$0")/../.."
BIN=${BIN:-build}
N=${N:-30000} ROUNDS=${ROUNDS:-3} FEW=${FEW:-500}
make -s B="$BIN" "$BIN/amqp-tap" "$BIN/amqp-pub"
work=$(mktemp -d)
export RABBIT_RUN=$work RABBIT_OWNER=$$
# shellcheck source=../lib/rabbit.bash
. tests/lib/rabbit.bash
trap 'rabbit_kill_all; rm -rf "$work"' EXIT
rabbit_start bench
RABBIT_VHOST=/
export AMQP_URL=amqp://guest:guest@127.0.0.1:$RABBIT_PORT
declare_queue q

seq "$N" | sed 's/.*/{"data":{"type":"payments.payment.created","data":{"paymentId":"pay-&","senderId":"user-&","amount":&,"currency":"EUR","status":"created"},"timestamp":"2026-12-10T10:30:00.000Z","correlationId":"req-&"}}/' > "$work/lines"
sed 's/^{"data":\(.*\)}$/\1/' "$work/lines" > "$work/bodies"
TIMEFORMAT='%U %S %R'

# measure NAME COUNT COMMAND: a line "microseconds of processor time a message, messages
# a second" into the file of that name.
measure() {
	local name=$1 count=$2
	shift 2
	{ time "$@" < "${INPUT:-/dev/null}" > /dev/null 2> "$work/errors"; } 2> "$work/time" ||
		{ echo "$name failed:"; cat "$work/errors"; exit 1; }
	awk -v n="$count" '{ printf "%.2f %.0f\n", ($1 + $2) * 1e6 / n, n / $3 }' "$work/time" >> "$work/$name"
}

fill() {
	erlang 'rabbit_amqqueue:purge(element(2, rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"q">>)))).' > /dev/null
	(($1 == 0)) || head -n "$1" "$work/lines" | "$BIN/amqp-pub" -q q
}

median() { sort -n "$work/$1" | sed -n "$((($(wc -l < "$work/$1") + 1) / 2))p"; }

compare() { # OURS PEER: what of the peer's figures ours are
	local ours peer
	ours=$(median "$1") peer=$(median "$2")
	echo "$ours $peer" | awk -v a="$1" -v b="$2" '{
		printf "%s: %.1f us a message, %d/s; beside %s: %.2f of the processor time, %.1f times the rate\n",
			a, $1, $2, b, $1 / $3, $2 / $4 }'
}

peers=()
if command -v amqp-consume > /dev/null; then peers+=(tools); else echo "skip amqp-tools: not here (Debian: amqp-tools)"; fi
NODE_PATH=$(realpath -m "$BIN")/npm/node_modules
export NODE_PATH
[[ -d $NODE_PATH/amqplib ]] || ! command -v npm > /dev/null ||
	npm install --silent --no-audit --no-fund --prefix "$BIN/npm" amqplib > "$work/npm" 2>&1 || true
if node -e 'require("amqplib")' 2> /dev/null; then peers+=(node); else echo "skip node: no amqplib, which npm would install"; fi
for ((round = 0; round < ROUNDS; round++)); do
	fill "$N"
	measure amqp-tap "$N" "$BIN/amqp-tap" -q q -n "$N"
	fill 0
	INPUT=$work/lines measure amqp-pub "$N" "$BIN/amqp-pub" -q q
	for peer in "${peers[@]}"; do
		case $peer in
		tools)
			# It runs a command for each message, and cannot do otherwise.
			fill "$FEW"
			measure amqp-consume "$FEW" amqp-consume -u "$AMQP_URL" -q q -c "$FEW" -p 100 cat
			fill 0
			INPUT=$work/bodies measure amqp-publish "$N" amqp-publish -u "$AMQP_URL" -r q -p -l
			;;
		node)
			fill "$N"
			measure node-consume "$N" node tests/bench/amqp-peer.js consume "$AMQP_URL" q "$N"
			fill 0
			INPUT=$work/lines measure node-publish "$N" node tests/bench/amqp-peer.js publish "$AMQP_URL" q "$N"
			;;
		esac
	done
done
for peer in "${peers[@]}"; do
	case $peer in
	tools)
		compare amqp-tap amqp-consume
		compare amqp-pub amqp-publish
		echo "(amqp-publish waits for no confirms)"
		;;
	node)
		compare amqp-tap node-consume
		compare amqp-pub node-publish
		;;
	esac
done
if ((${#peers[@]} == 0)); then
	for ours in amqp-tap amqp-pub; do
		echo "$ours: $(median $ours | sed 's| | us a message, |; s|$|/s|')"
	done
fi
