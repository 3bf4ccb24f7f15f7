# amqp-pub: lines to RabbitMQ.

load lib/common
load lib/rabbit

setup() {
	requires_rabbitmq
}

# What is in a queue, taken out of it, without the times.
taken() { amqp-tap -q "$1" --idle-timeout 300ms "${@:2}" | jq -c 'del(.time, .queue)'; }

@test "lines are published to an exchange with a key and confirmed" {
	declare_exchange x topic
	declare_queue q
	bind_queue q x 'a.#'
	run -0 amqp-pub -e x -r a.b <<< '{"data":{"n":1}}
{"text":"not JSON"}
{"base64":"AP8="}'
	[ -z "$output" ]
	run -0 taken q
	[ "$output" = '{"exchange":"x","key":"a.b","properties":{"content_type":"application/json","delivery_mode":2},"data":{"n":1}}
{"exchange":"x","key":"a.b","properties":{"delivery_mode":2},"text":"not JSON"}
{"exchange":"x","key":"a.b","properties":{"delivery_mode":2},"base64":"AP8="}' ]
}

@test "-q publishes to a queue, -v tells the count" {
	declare_queue q
	run -0 amqp-pub -v -q q <<< '{"data":1}'
	[ "${lines[1]}" = "amqp-pub: 1 confirmed, 0 not delivered, 0 sent again" ]
	run -0 queue_count q
	[ "$output" = 1 ]
}

@test "a template makes the key, and no client can add a word or a wildcard to it" {
	declare_exchange x topic
	declare_queue q
	bind_queue q x 'client.#'
	run -0 amqp-pub -e x -r 'client.{event}.{room|none}' --body record <<< '{"event":"message","room":"a.b.#"}
{"event":"open"}
{"event":"* %"}'
	[ "$(taken q | jq -r .key)" = "client.message.a%2Eb%2E%23
client.open.none
client.%2A%20%25.none" ]
}

@test "--body record sends the whole line, --body data the payload" {
	declare_queue q
	run -0 amqp-pub -q q --body record <<< ' {"event":"open",  "n":9007199254740993} '
	run -0 taken q
	[ "$output" = '{"exchange":"","key":"q","properties":{"content_type":"application/json","delivery_mode":2},"data":{"event":"open","n":9007199254740992}}' ]
	run -0 amqp-pub -q q --body record <<< '{"event":"open",  "n":9007199254740993}'
	[[ $(amqp-tap -q q -n 1) == *'"data":{"event":"open",  "n":9007199254740993}}' ]]
}

@test "--raw sends each line as a body" {
	declare_queue q
	printf 'one\n{"a":\n\n\xff\n' | amqp-pub --raw -q q
	run -0 taken q
	[ "$(jq -r '.text // .base64' <<< "$output")" = 'one
{"a":

/w==' ]
}

@test "--as-recorded: what amqp-tap writes is sent again unchanged" {
	declare_exchange x topic
	for q in a b; do
		declare_queue $q
		bus mixed $q =200 > /dev/null
	done
	amqp-tap -q a -n 200 > "$T/recording"
	amqp-pub --as-recorded < "$T/recording"
	run -0 bus equal b a
	[ "$output" = "{equal, 200}" ]
}

@test "exchange and key of the record are used only when asked for" {
	declare_queue q
	declare_queue prod
	run -2 amqp-pub <<< '{"exchange":"","key":"prod","data":1}'
	run -0 amqp-pub -q q <<< '{"exchange":"","key":"prod","data":1}'
	run -0 queue_count prod
	[ "$output" = 0 ]
	run -0 amqp-pub --as-recorded -r q <<< '{"exchange":"","key":"prod","data":1}'
	run -0 queue_count q
	[ "$output" = 2 ]
}

@test "--dry-run shows what would be sent, without a broker" {
	AMQP_URL=amqp://127.0.0.1:1 run -0 amqp-pub --dry-run -e x -r 'a.{n}' -H h=1 <<< '{"n":5,"data":{"a":1}}'
	[ "$output" = '{"exchange":"x","key":"a.5","headers":{"h":1},"properties":{"content_type":"application/json","delivery_mode":2},"data":{"a":1}}' ]
	AMQP_URL=amqp://127.0.0.1:1 run -3 amqp-pub --dry-run -e x -r 'a.{n}' <<< '{"data":{"a":1}}'
	[ "$output" = 'amqp-pub: line 1: a value is missing: {n}' ]
}

@test "options give properties and headers to messages that have none" {
	run -0 amqp-pub --dry-run -q q -p type=5 -p priority=3 -p delivery_mode=1 -H a=1 -H 'b=x y' -H c=true <<< \
		'{"headers":{"a":2},"properties":{"priority":9},"data":1}
{"data":1}'
	[ "${lines[0]}" = '{"exchange":"","key":"q","headers":{"a":2,"b":"x y","c":true},"properties":{"delivery_mode":1,"priority":9,"type":"5"},"data":1}' ]
	[ "${lines[1]}" = '{"exchange":"","key":"q","headers":{"a":1,"b":"x y","c":true},"properties":{"content_type":"application/json","delivery_mode":1,"priority":3,"type":"5"},"data":1}' ]
}

@test "a bad line costs that line: reported, kept with the reason, exit code 3" {
	declare_queue q
	run -3 amqp-pub -q q --dead-letter "$T/dead" <<< '{"data":1}
nonsense
{"data":1,"text":"x"}
{"n":1}
{"headers":{"a":{"!int8":300}},"data":1}
{"data":2}'
	[ "$output" = "amqp-pub: line 2: $(jq -r .error "$T/dead" | head -n 1)
amqp-pub: line 3: more than one of data, text and base64
amqp-pub: line 4: no data, text or base64
amqp-pub: line 5: a number is out of its type's range
amqp-pub: 2 confirmed, 4 not delivered, 0 sent again" ]
	[[ ${lines[0]} == *": not a JSON object at byte 1 (plain lines need --raw)" ]]
	[ "$(jq -c '[.line, .data // .text]' "$T/dead" | tr '\n' ' ')" = '[2,"nonsense"] [3,{"data":1,"text":"x"}] [4,{"n":1}] [5,{"headers":{"a":{"!int8":300}},"data":1}] ' ]
	[ "$(taken q | jq -c .data | tr '\n' ' ')" = "1 2 " ]
}

@test "properties that RabbitMQ closes the channel for cost their line only" {
	declare_queue q
	printf '{"data":%s,"properties":%s}\n' 1 '{"expiration":"600000"}' 2 '{"expiration":"soon"}' \
		3 '{"expiration":"4294967296"}' 4 '{"delivery_mode":3}' 5 '{"delivery_mode":1}' > "$T/in"
	run -3 amqp-pub -q q < "$T/in"
	[ "$output" = "amqp-pub: line 2: expiration is not a number of milliseconds from 0 to 4294967295
amqp-pub: line 3: expiration is not a number of milliseconds from 0 to 4294967295
amqp-pub: line 4: delivery_mode is neither 1 nor 2
amqp-pub: 2 confirmed, 3 not delivered, 0 sent again" ]
	[ "$(queue_count q)" = 2 ]
}

@test "a missing exchange or queue is exit code 5 at once, never silence" {
	run -5 amqp-pub -e nowhere <<< '{"data":1}'
	[ "$output" = "amqp-pub: amqp://127.0.0.1:$RABBIT_PORT/$RABBIT_VHOST: NOT_FOUND - no exchange 'nowhere' in vhost '$RABBIT_VHOST'" ]
	run -5 amqp-pub -q nowhere <<< '{"data":1}'
	run -5 amqp-pub --as-recorded <<< '{"exchange":"nowhere","key":"k","data":1}'
	[[ $output == *"no exchange 'nowhere'"*"1 line was not confirmed, from line 1 on"* ]]
}

@test "an exchange that is deleted while lines come in is exit code 5" {
	declare_exchange x fanout
	start_fed pub amqp-pub -v -e x --no-mandatory --metrics-file "$T/metrics"
	wait_for pub.err publishing
	bus delete_exchange x > /dev/null
	feed pub '{"data":1}'
	wait_end pub
	[ "$status" -eq 5 ]
	grep -q "no exchange 'x'" "$T/pub.err"
}

@test "what no queue takes is reported once a key, kept, and exit code 3" {
	declare_exchange x topic
	declare_queue q
	bind_queue q x yes
	for k in no yes no other no; do echo "{\"key\":\"$k\",\"data\":\"$k\"}"; done > "$T/in"
	run -3 amqp-pub -e x -r '{key}' --dead-letter "$T/dead" < "$T/in"
	[ "$output" = "amqp-pub: line 1: no queue took the message for key no at exchange x
amqp-pub: line 4: no queue took the message for key other at exchange x
amqp-pub: 1 confirmed, 4 not delivered, 0 sent again" ]
	[ "$(jq -r '[.line, .error, .data.key] | join(" ")' "$T/dead")" = "1 no queue took it no
3 no queue took it no
4 no queue took it other
5 no queue took it no" ]
	run -0 amqp-pub -e x -r '{key}' --no-mandatory < "$T/in"
	[ -z "$output" ]
}

@test "thousands of unroutable lines are all kept" {
	declare_exchange x topic
	seq 5000 | sed 's/.*/{"data":&}/' > "$T/in"
	run -3 amqp-pub -e x -r k --dead-letter "$T/dead" < "$T/in"
	diff <(jq .data.data "$T/dead") <(seq 5000)
}

@test "a full queue that refuses: nacked messages are kept with the reason" {
	declare_queue q true '[{<<"x-max-length">>, long, 3}, {<<"x-overflow">>, longstr, <<"reject-publish">>}]'
	seq 6 | sed 's/.*/{"data":&}/' > "$T/in"
	run -3 amqp-pub -q q --window 1 --dead-letter "$T/dead" < "$T/in"
	[[ $output == *"the broker refused the message"* ]]
	n=$(queue_count q)
	[ "$n" -ge 3 ]
	[ "$((n + $(wc -l < "$T/dead")))" -eq 6 ]
	[ "$(jq -r .error "$T/dead" | sort -u)" = "the broker refused the message" ]
}

@test "a message too large for the broker is given up, the others arrive once more at most" {
	requires_rabbitmq_alone
	erlang 'application:set_env(rabbit, max_message_size, 100000).' > /dev/null
	declare_queue q
	{
		seq 10 | sed 's/.*/{"data":&}/'
		echo "{\"text\":\"$(head -c 150000 /dev/zero | tr '\0' x)\"}"
		seq 11 20 | sed 's/.*/{"data":&}/'
	} > "$T/in"
	run -3 amqp-pub -q q --dead-letter "$T/dead" < "$T/in"
	[[ $output == *"line 11: the message is too large for the broker: PRECONDITION_FAILED - message size 150000 is larger than configured max size 100000"* ]]
	[ "$(jq -r '"\(.line) \(.error)"' "$T/dead")" = "11 the message is too large for the broker" ]
	diff <(taken q | jq .data | sort -nu) <(seq 20)
}

@test "--acks writes the tag when that line and all before it are done" {
	declare_queue q
	start_fed pub amqp-pub -q q --acks
	feed pub '{"tag":1,"data":1}' '{"tag":2}' '{"data":2}' '{"tag":3,"data":3}'
	wait_for pub.out '"tag":3}'
	feed pub '{"tag":7}'
	wait_for pub.out '"tag":7}'
	[ "$(tail -n 2 "$T/pub.out")" = '{"tag":3}
{"tag":7}' ]
	end_feed pub
	wait_end pub
	[ "$status" -eq 0 ]
	[ "$(queue_count q)" = 3 ]
}

@test "--acks: a line that was not delivered and not kept is told with requeue false" {
	declare_exchange x topic
	declare_queue q
	bind_queue q x yes
	printf '%s\n' '{"tag":1,"key":"yes","data":1}' '{"tag":2,"key":"no","data":2}' '{"tag":3,"key":"yes","data":3}' > "$T/in"
	run -3 --separate-stderr amqp-pub -e x -r '{key}' --acks --window 100 < "$T/in"
	[ "$output" = '{"tag":1}
{"tag":2,"requeue":false}
{"tag":3}' ]
	run -3 --separate-stderr amqp-pub -e x -r '{key}' --acks --dead-letter "$T/dead" < "$T/in"
	[ "$(tail -n 1 <<< "$output")" = '{"tag":3}' ]
	[[ $output != *requeue* ]]
}

@test "--acks: a line that cannot be kept is not acknowledged" {
	declare_queue q
	printf '%s\n' '{"tag":1}' '{"tag":2,"data":2,"headers":7}' > "$T/in"
	run -6 --separate-stderr amqp-pub -q q --acks --dead-letter /dev/full < "$T/in"
	[[ $output != *'"tag":2'* ]]
	[[ $stderr == *'/dev/full: No space left on device'* ]]
}

@test "tap, route and pub with acknowledgements move a queue without loss, and all end with 0" {
	declare_queue from
	declare_queue to
	mkfifo "$T/acks"
	for i in 1 2 3 4 5; do
		publish_numbers from 1 400
		amqp-tap -q from --ack stdin -n 400 < "$T/acks" 2> "$T/tap.err" |
			ws-route -m '**' -x . | amqp-pub -q to --acks 2> "$T/pub.err" > "$T/acks"
		[ "${PIPESTATUS[*]}" = "0 0 0" ]
		[ "$(queue_count from)" = 0 ]
		[ "$(queue_count to)" = $((400 * i)) ]
		[ ! -s "$T/tap.err" ]
	done
}

@test "--acks: a reader of them that goes away ends it as SIGPIPE does, also while idle" {
	declare_queue q
	mkfifo "$T/acks"
	mkfifo "$T/in"
	exec {in}<> "$T/in"
	amqp-pub -q q --acks < "$T/in" > "$T/acks" 3>&- &
	PID[pub]=$!
	exec {acks}< "$T/acks"
	echo '{"tag":1,"data":1}' >&$in
	read -r -u $acks line
	[ "$line" = '{"tag":1}' ]
	exec {acks}<&-
	wait_end pub
	[ "$status" -eq 141 ]
	exec {in}>&-
}

@test "connections closed by the broker: all is sent again, in order, none is lost" {
	declare_queue q
	start_fed pub amqp-pub -v -q q --reconnect-delay 20ms..50ms
	for round in 1 2 3; do
		seq $((round * 1000 - 999)) $((round * 1000)) | sed 's/.*/{"data":{"n":&}}/' >&"${FEED[pub]}"
		wait_for pub.err publishing "$round"
		broker_kick
		wait_for pub.err 'lost the connection' "$round"
	done
	end_feed pub
	wait_end pub
	[ "$status" -eq 0 ]
	amqp-tap -q q --idle-timeout 500ms | jq .data.n > "$T/got"
	diff <(sort -nu "$T/got") <(seq 3000)
	# The first of each number come in order.
	diff <(awk '!seen[$0]++' "$T/got") <(seq 3000)
}

@test "the broker is stopped and started again: every line arrives, exit 0" {
	requires_rabbitmq_alone
	declare_queue q
	start_fed pub amqp-pub -v -q q --reconnect-delay 50ms..200ms
	feed pub '{"data":1}'
	retry queue_has q 1
	broker_stop
	wait_for pub.err 'lost the connection'
	feed pub '{"data":2}' '{"data":3}'
	broker_start
	end_feed pub
	wait_end pub
	[ "$status" -eq 0 ]
	[ "$(taken q | jq -c .data | sort -u | tr '\n' ' ')" = "1 2 3 " ]
}

@test "with the broker gone for good it ends with 4 and says how many were not confirmed" {
	declare_queue q
	port=$(free_port)
	start proxy socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "TCP:127.0.0.1:$RABBIT_PORT"
	start_fed pub amqp-pub -v -u "amqp://127.0.0.1:$port/$RABBIT_VHOST" -q q --reconnect=20 --reconnect-delay 50ms
	wait_for pub.err publishing
	feed pub '{"data":1}'
	retry queue_has q 1
	kill -s STOP "${PID[proxy]}"
	feed pub '{"data":2}' '{"data":3}'
	kill -s KILL "${PID[proxy]}"
	wait_end pub
	[ "$status" -eq 4 ]
	grep -q '2 lines were not confirmed, from line 2 on' "$T/pub.err"
	grep -q '1 confirmed, 2 not delivered' "$T/pub.err"
}

@test "SIGTERM: the input is read to its end, the confirms are awaited, exit 0" {
	declare_queue q
	seq 3000 | sed 's/.*/{"data":&}/' > "$T/lines"
	mkfifo "$T/in"
	amqp-pub -q q < "$T/in" 2> "$T/pub.err" 3>&- &
	PID[pub]=$!
	exec {in}> "$T/in"
	head -n 1000 "$T/lines" >&$in
	retry queue_has q 1000
	kill "${PID[pub]}"
	tail -n +1001 "$T/lines" >&$in
	exec {in}>&-
	wait_end pub
	[ "$status" -eq 0 ]
	[ "$(queue_count q)" = 3000 ]
}

@test "SIGTERM while the broker is away: it is tried on, and the lines arrive when it is back" {
	declare_queue q
	port=$(free_port)
	start_fed pub amqp-pub -v -u "amqp://127.0.0.1:$port/$RABBIT_VHOST" -q q --reconnect-delay 20ms..50ms --drain 20s
	feed pub '{"data":1}' '{"data":2}'
	wait_for pub.err 'cannot connect' 2
	kill "${PID[pub]}"
	end_feed pub
	start proxy socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "TCP:127.0.0.1:$RABBIT_PORT"
	wait_end pub
	[ "$status" -eq 0 ]
	[ "$(queue_count q)" = 2 ]
}

@test "SIGTERM with an input that does not end: --drain, then the end" {
	declare_queue q
	start_fed pub amqp-pub -q q --drain 300ms
	feed pub '{"data":1}'
	retry queue_has q 1
	stop pub
	[ "$status" -eq 0 ]
}

@test "--rate holds the lines back" {
	declare_queue q
	start_fed pub amqp-pub -q q --rate 1/1h:3
	feed pub '{"data":1}' '{"data":2}' '{"data":3}' '{"data":4}'
	retry queue_has q 3
	kill -s KILL "${PID[pub]}"
	wait "${PID[pub]}" || true
	[ "$(queue_count q)" = 3 ]
}

@test "a broker that blocks publishers is waited for" {
	requires_rabbitmq_alone
	declare_queue q
	start_fed pub amqp-pub -v -q q --heartbeat 1s
	wait_for pub.err publishing
	erlang 'rabbit_alarm:set_alarm({{resource_limit, disk, node()}, []}).' > /dev/null
	# The broker tells at the first message, and takes that one.
	feed pub '{"data":1}'
	wait_for pub.err 'takes no messages for now: low on disk'
	feed pub '{"data":2}'
	erlang 'rabbit_alarm:clear_alarm({resource_limit, disk, node()}).' > /dev/null
	wait_for pub.err 'takes messages again'
	end_feed pub
	wait_end pub
	[ "$status" -eq 0 ]
	[ "$(queue_count q)" = 2 ]
}

@test "SIGTERM while the broker blocks publishers: --drain, then 4 with the number of lines" {
	requires_rabbitmq_alone
	declare_queue q
	start_fed pub amqp-pub -v -q q --drain 300ms
	wait_for pub.err publishing
	erlang 'rabbit_alarm:set_alarm({{resource_limit, disk, node()}, []}).' > /dev/null
	feed pub '{"data":1}'
	wait_for pub.err 'takes no messages for now: low on disk'
	feed pub "{\"text\":\"$(head -c 10000000 /dev/zero | tr '\0' x)\"}" '{"data":3}'
	stop pub
	erlang 'rabbit_alarm:clear_alarm({resource_limit, disk, node()}).' > /dev/null
	[ "$status" -eq 4 ]
	grep -Eq '[23] lines were not confirmed, from line [12] on' "$T/pub.err"
}

@test "the dead letter file is opened again by SIGHUP" {
	declare_exchange x topic
	# Without a controlling terminal SIGHUP reloads.
	mkfifo "$T/in"
	setsid amqp-pub -e x --dead-letter "$T/dead" < "$T/in" 2> "$T/pub.err" 3>&- &
	PID[pub]=$!
	exec {in}> "$T/in"
	echo bad >&$in
	wait_for "$T/dead" bad
	mv "$T/dead" "$T/old"
	kill -s HUP "${PID[pub]}"
	wait_for "$T/pub.err" 'line 1'
	retry test -e "$T/dead"
	echo worse >&$in
	wait_for "$T/dead" worse
	exec {in}>&-
	wait_end pub
	[ "$status" -eq 3 ]
}

@test "the counters are written for Prometheus" {
	declare_queue q
	run -3 amqp-pub -q q --metrics-file "$T/metrics" <<< '{"data":1}
bad'
	grep -qx 'amqp_pub_lines_total 2' "$T/metrics"
	grep -qx 'amqp_pub_confirmed_total 1' "$T/metrics"
	grep -qx 'amqp_pub_bad_lines_total 1' "$T/metrics"
}

@test "options that do not go together are refused in one line" {
	run -2 amqp-pub < /dev/null
	[ "$output" = "amqp-pub: where to? give -e EXCHANGE, -q QUEUE or --as-recorded; see amqp-pub --help" ]
	run -2 amqp-pub -e x -q q < /dev/null
	run -2 amqp-pub -q q --as-recorded < /dev/null
	run -2 amqp-pub --raw -e x -r '{a}' < /dev/null
	run -2 amqp-pub --raw -q q --acks < /dev/null
	run -2 amqp-pub -e x -r '{a' < /dev/null
	[ "$output" = "amqp-pub: --routing-key: a '{' without a '}': {a; see amqp-pub --help" ]
	run -2 amqp-pub -q q -p nothing=1 < /dev/null
	run -2 amqp-pub -q q -p priority=high < /dev/null
	run -2 amqp-pub -q q -H novalue < /dev/null
	run -2 amqp-pub -q q --rate 0/1s < /dev/null
	run -2 amqp-pub -q q --dead-letter /nowhere/file < /dev/null
	run -2 amqp-pub -q q --dry-run --dead-letter "$T/dead" < /dev/null
}
