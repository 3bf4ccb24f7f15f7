# faults.bash - a pipeline that moves a queue with acknowledgements while its stages are
# killed and its broker fails:  load lib/rabbit, then this. For the suite in small, for the
# soak tests in large.

# One run of the pipeline; its stages are $TAP, $ROUTE and $PUB. Each end of a pipe is
# opened when the other is: the order matters.
moving() {
	rm -f "$T/acks" "$T/one" "$T/two"
	mkfifo "$T/acks" "$T/one" "$T/two"
	amqp-tap -q from --ack stdin --reconnect-delay 20ms..200ms > "$T/one" < "$T/acks" 2>> "$T/tap.err" 3>&- &
	TAP=$!
	ws-route -m '**' -x . < "$T/one" > "$T/two" 2>> "$T/route.err" 3>&- &
	ROUTE=$!
	amqp-pub -q to --acks --reconnect-delay 20ms..200ms < "$T/two" > "$T/acks" 2>> "$T/pub.err" 3>&- &
	PUB=$!
}

# Its stages end when one of them has.
moved() {
	wait "$TAP" "$ROUTE" "$PUB" || true
}

emptied() { [[ $(queue_count from) == 0 ]]; }

# move_all COUNT KILLS KICKS STOPS: move COUNT numbered messages from the queue "from" to
# the queue "to"; kill a stage KILLS times, close the connections KICKS times, stop and
# start the broker STOPS times. Prints how many came twice; fails when one is missing.
move_all() {
	local count=$1 i fault faults=() kinds=() victim
	declare_queue from
	declare_queue to
	publish_numbers from 1 "$count"
	for ((i = 0; i < $2; i++)); do kinds+=(kill); done
	for ((i = 0; i < $3; i++)); do kinds+=(kick); done
	for ((i = 0; i < $4; i++)); do kinds+=(stop); done
	mapfile -t faults < <(printf '%s\n' "${kinds[@]}" | shuf)
	moving
	for fault in "${faults[@]}"; do
		# Some way into the work, so that each fault meets messages in every stage.
		i=$(queue_count to)
		retry progress "$i"
		case $fault in
		kill)
			victim=("$TAP" "$ROUTE" "$PUB")
			kill -s KILL "${victim[RANDOM % 3]}"
			moved
			moving
			;;
		kick) broker_kick ;;
		stop)
			broker_stop
			broker_start
			;;
		esac
	done
	DEADLINE=120 retry emptied
	kill "$TAP"
	moved
	amqp-tap -q to --idle-timeout 1s 2> "$T/check.err" | jq .data.n > "$T/moved"
	echo "# $count messages, faults: ${faults[*]}; $(($(wc -l < "$T/moved") - $(sort -nu "$T/moved" | wc -l))) came twice" >&3
	diff <(sort -nu "$T/moved") <(seq "$count") > "$T/missing" || {
		echo "missing or wrong:"
		head "$T/missing"
		return 1
	}
}

# Something more has arrived, or nothing is left to move.
progress() { [[ $(queue_count to) -gt $1 ]] || emptied; }
