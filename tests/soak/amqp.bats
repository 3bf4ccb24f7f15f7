# amqp-tap and amqp-pub for long, with many faults.

load ../lib/common
load ../lib/rabbit
load ../lib/faults

export BATS_TEST_TIMEOUT=900

@test "20,000 messages of every kind arrive equal in properties, headers and body" {
	requires_rabbitmq
	for q in a b original; do declare_queue $q; done
	for form in auto text; do
		bus mixed a =20000 > /dev/null
		bus mixed original =20000 > /dev/null
		amqp-tap --payload $form -q a -n 20000 | amqp-pub -q b
		run -0 bus "$([ $form = text ] && echo same || echo equal)" original b
		[ "$output" = "{equal, 20000}" ]
	done
}

@test "50,000 messages, 20 kills, 5 kicks, 2 restarts of the broker: none is missing" {
	requires_rabbitmq_alone
	move_all 50000 20 5 2
}

@test "amqp-pub under the same faults: every line is in the queue, exit 0" {
	requires_rabbitmq_alone
	declare_queue q
	start_fed pub amqp-pub -v -q q --reconnect-delay 20ms..200ms
	for round in $(seq 10); do
		seq $((round * 5000 - 4999)) $((round * 5000)) | sed 's/.*/{"data":{"n":&}}/' >&"${FEED[pub]}"
		wait_for pub.err publishing "$round"
		if ((round % 5)); then
			broker_kick
		else
			broker_stop
			broker_start
		fi
		wait_for pub.err 'lost the connection' "$round"
	done
	end_feed pub
	DEADLINE=60 wait_end pub
	[ "$status" -eq 0 ]
	amqp-tap -q q --idle-timeout 1s | jq .data.n > "$T/got"
	echo "# $(($(wc -l < "$T/got") - 50000)) came twice" >&3
	diff <(sort -nu "$T/got") <(seq 50000)
}

@test "a stopped reader for 5 heartbeats: connection alive, memory flat, nothing lost" {
	requires_rabbitmq
	declare_queue q
	publish_large q 500 1000000
	mkfifo "$T/pipe"
	start reader cat "$T/pipe"
	amqp-tap -v -q q --heartbeat 2s -n 500 > "$T/pipe" 2> "$T/tap.err" 3>&- &
	PID[tap]=$!
	retry test -s "$T/reader.out"
	kill -s STOP "${PID[reader]}"
	before=$(awk '/VmRSS/ { print $2 }' "/proc/${PID[tap]}/status")
	sleep 10
	after=$(awk '/VmRSS/ { print $2 }' "/proc/${PID[tap]}/status")
	echo "# resident before $before kB, after $after kB" >&3
	[ "$after" -lt $((before + 4096)) ]
	kill -s CONT "${PID[reader]}"
	DEADLINE=60 wait_end tap
	[ "$status" -eq 0 ]
	wait_end reader
	[ "$(wc -l < "$T/reader.out")" -eq 500 ]
	grep -qv 'lost the connection' "$T/tap.err"
	retry queue_has q 0
}
