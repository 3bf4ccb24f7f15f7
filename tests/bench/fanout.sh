#!/bin/bash
# Fan-out beside other servers, 128 bytes a message. Published the way that is natural for
# each: lines on stdin (ws-serve and the floor), PUB over TCP (NATS), MQTT over TCP
# (mosquitto), POST (nchan), a publisher's WebSocket (node ws, socket.io, python);
# `relay`: by a member of the room, to all others in it.
#   ROUNDS=3 SECS=1.5 PEERS="floor ws-serve nats" SCENES="room1k paced" tests/bench/fanout.sh
set -u
cd "$(dirname "$0")/../.." || exit 2
SCENES=${SCENES:-room1k paced relay room10k rooms} CONNS=${CONNS:-10000}
# shellcheck source=peers.bash
. tests/bench/peers.bash
choose_peers
most=$(($(ulimit -n) - 200))
((CONNS > most)) && CONNS=$most

# So many messages on their way, a sixteenth for servers that send each by itself: more
# would only wait, and come when nobody waits for it any more.
window() { # PEER MESSAGES
	case $1 in
	node-ws | socketio | mosquitto | python) echo $(($2 / 16)) ;;
	*) echo "$2" ;;
	esac
}

for ((round = 0; round < ROUNDS; round++)); do
	for scene in $SCENES; do
		for peer in $PEERS; do
			# It adds minutes there, and is far behind already.
			[[ $peer == python && $scene =~ ^(room10k|rooms)$ ]] && continue
			options=()
			case $scene in
			room1k) how=(-c 1000 --window "$(window "$peer" 256)") ;;
			room10k) how=(-c "$CONNS" --window "$(window "$peer" 256)") ;;
			rooms) how=(-c "$CONNS" --rooms $((CONNS / 10)) --window "$(window "$peer" 4096)") ;;
			paced) how=(-c 1000 --rate 100) ;;
			relay)
				how=(-c 1000 --mode relay --window "$(window "$peer" 256)")
				options=(--events listen)
				;;
			*) echo "no scene $scene" && exit 2 ;;
			esac
			launch "$peer" "${options[@]}"
			put_load "$scene.$peer" "$peer" "${how[@]}"
			stop
		done
	done
done

columns=(rate=delivered/s p50=p50-ms p99=p99-ms p999=p99.9-ms lost=lost disordered=disordered server=server client=client)
for scene in $SCENES; do
	case $scene in
	room1k) title="1 room of 1,000, saturated" ;;
	room10k) title="1 room of $CONNS, saturated" ;;
	rooms) title="$((CONNS / 10)) rooms of 10, saturated" ;;
	paced) title="1 room of 1,000, 100 messages a second" ;;
	relay) title="1 room of 1,000, saturated by a member" ;;
	esac
	compare "$scene" rate_cpu "fan-out: $title" "${columns[@]}"
done
