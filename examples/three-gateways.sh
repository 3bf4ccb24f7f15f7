#!/bin/bash
# three-gateways.sh - three gateways on three hosts behind one RabbitMQ, one of them killed
# and started again. The hosts are network namespaces, so this needs root; the bus is the
# broker of AMQP_URL on this machine, whose topic exchange EXCHANGE exists.
#
#   AMQP_URL=amqp://guest:guest@127.0.0.1:5672/ examples/three-gateways.sh EXCHANGE
#
# Every gateway taps the exchange with a queue of its own, so each sees every event and
# serves it to its own clients. The output shows what one client of each of them gets.
set -u
here=$(cd "$(dirname "$0")" && pwd)
if [[ -x $here/../build/ws-serve ]]; then PATH=$here/../build:$PATH; fi
exchange=$1 net=10.77.$((RANDOM % 250 + 1)) id=$$ dir=$(mktemp -d)
declare -A group=()
set -m

finish() {
	trap - EXIT INT TERM
	for g in "${group[@]}"; do kill -TERM -- "-$g" 2> /dev/null; done
	{ wait; } 2> /dev/null
	for i in 1 2 3; do ip netns del "gw$id-$i" 2> /dev/null; done
	ip link del gwbr$id 2> /dev/null
	rm -rf "$dir"
	exit "${1:-0}"
}
trap finish INT TERM
trap 'finish $?' EXIT

# Three hosts at one switch; the broker is reached at the switch's address.
ip link add gwbr$id type bridge && ip addr add $net.254/24 dev gwbr$id && ip link set gwbr$id up || exit
for i in 1 2 3; do
	ip netns add "gw$id-$i" && ip link add "gwv$id-$i" type veth peer name eth0 netns "gw$id-$i" || exit
	ip link set "gwv$id-$i" master gwbr$id up
	ip -n "gw$id-$i" link set lo up
	ip -n "gw$id-$i" addr add "$net.$i/24" dev eth0 && ip -n "gw$id-$i" link set eth0 up || exit
done
broker=${AMQP_URL#*@}
broker=${broker%%/*}
socat "TCP-LISTEN:5672,bind=$net.254,fork,reuseaddr" "TCP:$broker" &
group[bus]=$!
bus=${AMQP_URL/"@$broker"/"@$net.254:5672"}

# Wait for a line of a file; give up when the job that is to write it has ended.
await() { # JOB PATTERN FILE
	until grep -qs "$2" "$3"; do
		kill -0 -- "-${group[$1]}" 2> /dev/null || { echo "$1 has ended" >&2; exit 6; }
		sleep 0.05
	done
}

gateway() { # NUMBER
	# shellcheck disable=SC2016 # words for another shell
	ip netns exec "gw$id-$1" env AMQP_URL="$bus" bash -c '
		amqp-tap -v -e "$1" -r "#" 2> "$3/tap" | ws-route -m "#" -x "{to: \"news\", data: .data}" |
		ws-serve --drain 1s "$2:3000" > "$3/events"' gateway "$exchange" "$net.$1" "$dir/$1" &
	group[gateway$1]=$!
	await "gateway$1" listen "$dir/$1/events"
	await "gateway$1" tapping "$dir/$1/tap"
}

for i in 1 2 3; do
	mkdir "$dir/$i"
	gateway "$i"
	ws-connect --subscribe news --reconnect=forever --reconnect-delay 200ms..1s "ws://$net.$i:3000/ws" < /dev/null |
		tee "$dir/client$i" | sed -u "s/^/client $i: /" &
	group[client$i]=$(jobs -p %%)
	await "client$i" '"event":"join".*news' "$dir/$i/events"
done

# Publish it, and wait until these clients have it.
say() { # TEXT CLIENT...
	local text=$1 i
	shift
	jq -cn --arg exchange "$exchange" --arg text "$text" \
		'{$exchange, key: "news.local", data: {type: "news", payload: $text}}' |
		amqp-pub --as-recorded --quiet
	for i; do await "client$i" "$text" "$dir/client$i"; done
}

say 'all three are there' 1 2 3
kill -KILL -- "-${group[gateway2]}"
# All of it, or its port is still taken.
{ wait "${group[gateway2]}"; } 2> /dev/null
while kill -0 -- "-${group[gateway2]}" 2> /dev/null; do sleep 0.05; done
rm "$dir"/2/*
say 'gateway 2 was killed' 1 3
gateway 2
await client2 '"event":"join".*news' "$dir/2/events"
say 'gateway 2 is back' 1 2 3
