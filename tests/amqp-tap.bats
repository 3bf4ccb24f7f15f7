# amqp-tap: RabbitMQ to lines.

load lib/common
load lib/rabbit

setup() {
	requires_rabbitmq
}

# tap [OPTIONS...]: an amqp-tap named "tap" that is ready.
tap() {
	start tap amqp-tap -v --reconnect-delay 20ms..100ms "$@"
	wait_for tap.err 'tapping|consuming'
}

bodies() { jq -c ".data // .text // .base64" "$T/tap.out"; }

@test "a tap writes what is published to an exchange, by key" {
	declare_exchange x topic
	tap -e x -r 'a.#' -n 3
	publish x b.x '"no"'
	publish x a.x '{"n":1}' 'not JSON' ''
	wait_end tap
	[ "$status" -eq 0 ]
	run -0 jq -c 'del(.time)' "$T/tap.out"
	[ "$output" = '{"exchange":"x","key":"a.x","properties":{},"data":{"n":1}}
{"exchange":"x","key":"a.x","properties":{},"text":"not JSON"}
{"exchange":"x","key":"a.x","properties":{},"text":""}' ]
}

@test "several exchanges and keys, each key belongs to the exchange before it" {
	declare_exchange x topic
	declare_exchange y direct
	tap -e x -r a -r b -e y -r c -n 3
	publish y a 0
	publish y c 1
	publish x c 0
	publish x b 2
	publish x a 3
	wait_end tap
	[ "$(bodies | tr '\n' ' ')" = "1 2 3 " ]
}

@test "without a key: all of a topic or fanout exchange, an error that names the type of others" {
	declare_exchange t topic
	declare_exchange f fanout
	declare_exchange d direct
	declare_exchange h headers
	tap -e t -e f -n 2
	publish t any.key 1
	publish f '' 2
	wait_end tap
	[ "$(bodies | tr '\n' ' ')" = "1 2 " ]
	run -5 amqp-tap -e d
	[[ $output == *": exchange d is a direct exchange: give -r KEY" ]]
	run -5 amqp-tap -e h
	[[ $output == *": exchange h is a headers exchange: give --match-header" ]]
}

@test "a headers exchange is tapped by header" {
	declare_exchange h headers
	tap -e h --match-header kind=a --match-header n=5 -n 1
	for kind in b a; do
		amqp-pub -e h -H "kind=$kind" -H n=5 --no-mandatory <<< "{\"data\":\"$kind\"}"
	done
	wait_end tap
	[ "$(bodies)" = '"a"' ]
}

@test "a tap leaves no queue behind and takes nothing from others" {
	declare_exchange x fanout
	declare_queue work
	bind_queue work x ''
	tap -e x
	publish x '' 1
	wait_for tap.out '"data":1'
	run -0 queue_count work
	[ "$output" = 1 ]
	stop tap
	[ "$status" -eq 0 ]
	retry queues_are 1
}

queues_are() { [ "$(bus queues | grep -o '{name' | wc -l)" -eq "$1" ]; }

@test "the queue of a tap is bounded on the broker" {
	declare_exchange x fanout
	tap -e x --tap-limit 1000
	run -0 bus queues
	[[ $output == *"{exclusive, true}, {auto_delete, true}"*"signedint, 1000}"* ]]
}

@test "a missing exchange or queue is refused with exit code 5" {
	run -5 amqp-tap -e nowhere
	[[ $output == "amqp-tap: amqp://127.0.0.1:"*": NOT_FOUND - no exchange 'nowhere' in vhost '$RABBIT_VHOST'" ]]
	run -5 amqp-tap -q nowhere
	[[ $output == *"NOT_FOUND - no queue 'nowhere' in vhost '$RABBIT_VHOST'" ]]
}

@test "the default exchange cannot be tapped, and the message says what to do" {
	run -2 amqp-tap -e ''
	[[ $output == *"the default exchange cannot be tapped"*"use -q"* ]]
}

@test "an exchange is declared when asked for, a queue too, with arguments and bindings" {
	tap -q work --durable --queue-arg x-max-length=7 -e x --declare-exchange topic:durable -r 'k.#' -n 1
	publish x k.1 1
	wait_end tap
	run -0 bus queues
	[[ $output == *"{durable, true}"* ]]
	[[ $output == *7* ]]
	run -0 amqp-tap -q other --declare --idle-timeout 200ms
	run -0 queue_count other
	[ "$output" = 0 ]
}

@test "a queue is consumed and acknowledged when the lines are written" {
	declare_queue q
	publish_numbers q 1 500
	tap -q q
	wait_for tap.out '"n":500'
	retry queue_has q 0
	diff <(jq .data.n "$T/tap.out") <(seq 500)
	[ "$(jq -r .queue "$T/tap.out" | sort -u)" = q ]
	stop tap
	[ "$status" -eq 0 ]
}

@test "a line that stdout has not taken in full is not acknowledged" {
	declare_queue q
	publish_large q 10 100000
	mkfifo "$T/pipe"
	exec {reader}<> "$T/pipe"
	amqp-tap -v -q q > "$T/pipe" 2> "$T/tap.err" 3>&- {reader}>&- &
	PID[tap]=$!
	# A pipe holds 64 KiB: none of the lines is in it in full.
	retry queue_out q 10
	kill -s KILL "${PID[tap]}"
	wait "${PID[tap]}" || true
	exec {reader}>&-
	retry queue_ready q 10
}

queue_out() { [[ $(queue_stats "$1") == "{0, $2}" ]]; }
queue_ready() { [[ $(queue_stats "$1") == "{$2, 0}" ]]; }

@test "--ack stdin: a tag acknowledges all before it, requeue rejects one" {
	declare_queue q
	publish_numbers q 1 5
	start_fed tap amqp-tap -v -q q --ack stdin
	wait_for tap.out '"n":5'
	[ "$(jq -c .tag "$T/tap.out" | tr '\n' ' ')" = "1 2 3 4 5 " ]
	feed tap '{"tag":2}'
	retry queue_has q 3
	feed tap '{"tag":4,"requeue":false}'
	retry queue_has q 2
	feed tap '{"tag":3,"requeue":true}'
	wait_for tap.out '"tag":6,'
	run -0 jq -c 'select(.tag == 6) | [.redelivered, .data.n]' "$T/tap.out"
	[ "$output" = '[true,3]' ]
	feed tap '{"tag":6}'
	retry queue_has q 0
	end_feed tap
	wait_end tap
	[ "$status" -eq 0 ]
	[ "$(grep -vc consuming "$T/tap.err")" -eq 0 ]
}

@test "--ack stdin: what is not acknowledged stays in the queue" {
	declare_queue q
	publish_numbers q 1 10
	start_fed tap amqp-tap -q q --ack stdin -n 10
	wait_for tap.out '"n":10'
	feed tap '{"tag":7}'
	end_feed tap
	wait_end tap
	[ "$status" -eq 0 ]
	retry queue_ready q 3
}

@test "--ack stdin: bad lines are reported with their number, unknown and stale tags do no harm" {
	declare_queue q
	publish_numbers q 1 2
	start_fed tap amqp-tap -q q --ack stdin
	wait_for tap.out '"n":2'
	feed tap nonsense '{"a":1}' '{"tag":9}' '{"tag":1}' '{"tag":1}' '{"tag":2,"requeue":1}' '{"event":"open"}' '{"tag":2}'
	retry queue_has q 0
	end_feed tap
	wait_end tap
	[ "$status" -eq 0 ]
	run -0 sed 's/line 1: .*: skipped/line 1: …: skipped/' "$T/tap.err"
	[ "$output" = "amqp-tap: standard input: line 1: …: skipped
amqp-tap: standard input: line 2: no tag: skipped
amqp-tap: standard input: line 3: a tag that was not given: skipped
amqp-tap: standard input: line 6: requeue is neither true nor false: skipped" ]
}

@test "--prefetch bounds what is out" {
	declare_queue q
	publish_numbers q 1 50
	start_fed tap amqp-tap -q q --ack stdin --prefetch 5
	wait_for tap.out '"n":5'
	[ "$(queue_stats q)" = "{45, 5}" ]
	feed tap '{"tag":5}'
	wait_for tap.out '"n":10'
	[ "$(wc -l < "$T/tap.out")" -eq 10 ]
}

@test "--ack none: the broker waits for none" {
	declare_queue q
	publish_numbers q 1 3
	run -0 amqp-tap -q q --ack none -n 3
	retry queue_has q 0
}

@test "--requeue looks at the whole queue and leaves it as it was" {
	declare_queue q
	publish_numbers q 1 300
	run -0 amqp-tap -q q --requeue --idle-timeout 300ms
	[ "${#lines[@]}" -eq 300 ]
	retry queue_ready q 300
	run -0 amqp-tap -q q -n 300
	diff <(jq .data.n <<< "$output") <(seq 300)
}

@test "-n ends after so many, the rest stays" {
	declare_queue q
	publish_numbers q 1 10
	run -0 amqp-tap -q q -n 4
	diff <(jq .data.n <<< "$output") <(seq 4)
	retry queue_ready q 6
}

@test "--timeout gives up with 124, -d ends with 0, --idle-timeout with 0 or 124" {
	declare_queue q
	run -124 amqp-tap -q q -n 1 --timeout 100ms
	run -0 amqp-tap -q q -n 1 -d 100ms
	run -0 amqp-tap -q q --idle-timeout 100ms
	run -124 amqp-tap -q q -n 1 --idle-timeout 100ms
}

@test "-d and --idle-timeout end with 4 when there is no connection" {
	local url=amqp://127.0.0.1:1
	run -4 amqp-tap -q q -u $url -d 100ms
	[ "$output" = "amqp-tap: cannot connect to $url: Connection refused" ]
	run -4 amqp-tap -q q -u $url --idle-timeout 100ms
	run -124 amqp-tap -q q -u $url --idle-timeout 100ms -n 1
}

@test "--timeout counts until the last message is acknowledged" {
	declare_queue q
	publish "" q 1
	mkfifo "$T/acks"
	exec {acks}<> "$T/acks"
	run -124 amqp-tap -q q --ack stdin -n 1 --timeout 300ms --drain 100ms < "$T/acks"
	[ "$(jq .data <<< "$output")" = 1 ]
	exec {acks}>&-
	retry queue_ready q 1
}

@test "-d ends in time when the reader of the lines does not" {
	declare_queue q
	publish_large q 10 100000
	mkfifo "$T/pipe"
	exec {reader}<> "$T/pipe"
	amqp-tap -q q -d 300ms --drain 100ms > "$T/pipe"
	exec {reader}>&-
	retry queue_has q 10
}

@test "all that AMQP knows of a message is in the record" {
	declare_queue q
	bus mixed q =6 > /dev/null
	run -0 amqp-tap -q q -n 6
	# The bytes of the line: jq would round the largest number.
	line=$(grep '"uint"' <<< "$output")
	for member in '"small":{"!int64":1}' '"long":9223372036854775805' '"decimal":{"!decimal":"1.50"}' \
		'"time":{"!timestamp":1700000002}' '"binary":{"!bytes":"AQIA/w=="}' '"bytes":{"!string":"AP/+AAI="}' \
		'"void":null' '"same":1,"same":2' '"properties":{"delivery_mode":1}'; do
		[[ $line == *"$member"* ]] || { echo "no $member in $line"; false; }
	done
}

@test "--payload text and base64 pin the form" {
	declare_queue q
	publish "" q '{"a": 1}' '{"a": 1}'
	run -0 amqp-tap -q q -n 1 --payload text
	[[ $output == *'"text":"{\"a\": 1}"}' ]]
	run -0 amqp-tap -q q -n 1 --payload base64
	[[ $output == *'"base64":"eyJhIjogMX0="}' ]]
}

@test "JSON bodies pass byte for byte, line ends apart" {
	declare_queue q
	publish "" q $'{"n":9007199254740993, "n":1e400,\n"x":"\\u0000"}'
	run -0 amqp-tap -q q -n 1
	[[ $output == *'"data":{"n":9007199254740993, "n":1e400, "x":"\u0000"}}' ]]
}

@test "a message longer than --max-line stays in its queue, and the tool says so" {
	declare_queue q
	publish "" q 1 "$(head -c 5000 /dev/zero | tr '\0' x)"
	run -3 --separate-stderr amqp-tap -q q --max-line 4096
	[ "$(jq .data <<< "$output")" = 1 ]
	[ "$stderr" = "amqp-tap: message of 5000 bytes with key q is longer than --max-line allows; it stays in the queue" ]
	retry queue_ready q 1
}

@test "a message longer than --max-line ends --ack stdin when those before it are done" {
	declare_queue q
	publish "" q 1 "$(head -c 5000 /dev/zero | tr '\0' x)" 2
	start_fed tap amqp-tap -q q --ack stdin --max-line 4096
	wait_for tap.err 'it stays in the queue'
	feed tap '{"tag":1}'
	wait_end tap
	[ "$status" -eq 3 ]
	[ "$(bodies)" = 1 ]
	retry queue_ready q 2
}

@test "a tap skips a message longer than --max-line and goes on" {
	declare_exchange x fanout
	tap -e x --max-line 4096 -n 2
	publish x '' 1 "$(head -c 5000 /dev/zero | tr '\0' x)" 2
	wait_end tap
	[ "$status" -eq 0 ]
	[ "$(bodies | tr '\n' ' ')" = "1 2 " ]
	grep -q 'message of 5000 bytes with key  is longer than --max-line allows; skipped' "$T/tap.err"
}

@test "a stream is read from an offset" {
	declare_queue s true '[{<<"x-queue-type">>, longstr, <<"stream">>}]'
	publish_numbers s 1 10
	run -0 amqp-tap -q s --offset first -n 3
	[ "$(jq .data.n <<< "$output" | tr '\n' ' ')" = "1 2 3 " ]
	run -0 amqp-tap -q s --offset 7 -n 2
	[ "$(jq .data.n <<< "$output" | tr '\n' ' ')" = "8 9 " ]
	run -0 amqp-tap -q s --offset 2020-01-01T00:00:00Z -n 1
	[ "$(jq .data.n <<< "$output")" = 1 ]
	run -2 amqp-tap -q s --offset sometime
}

@test "a stream goes on behind the last message read after a lost connection" {
	declare_queue s true '[{<<"x-queue-type">>, longstr, <<"stream">>}]'
	publish_numbers s 1 10
	tap -q s --offset first
	wait_for tap.out '"n":10'
	broker_kick
	wait_for tap.err consuming 2
	publish_numbers s 11 12
	wait_for tap.out '"n":12'
	diff <(jq .data.n "$T/tap.out") <(seq 12)
}

@test "--firehose shows what the broker traces" {
	declare_queue q
	tap --firehose -n 1
	erlang "rabbit_trace:start(<<\"$RABBIT_VHOST\">>)." > /dev/null
	publish "" q 1
	wait_end tap
	[ "$(jq -r '.key' "$T/tap.out")" = publish. ]
}

@test "connections closed by the broker are made again, the gap of a tap is reported" {
	declare_exchange x fanout
	tap -e x
	publish x '' 1
	wait_for tap.out '"data":1'
	broker_kick
	wait_for tap.err 'tapping' 2
	publish x '' 2
	wait_for tap.out '"data":2'
	grep -Eq 'lost the connection to amqp://127.0.0.1:[0-9]+/t[0-9]+: CONNECTION_FORCED - tests; connecting again in [0-9]+ ms' "$T/tap.err"
	grep -Eq 'gap: what was published between 20[0-9T:.-]+Z and 20[0-9T:.-]+Z is missing' "$T/tap.err"
}

@test "tags go on after a reconnect, and those from before are ignored" {
	declare_queue q
	publish_numbers q 1 2
	start_fed tap amqp-tap -v -q q --ack stdin --reconnect-delay 20ms..100ms
	wait_for tap.out '"n":2'
	broker_kick
	wait_for tap.out '"tag":4,'
	run -0 jq -c '[.tag, .redelivered, .data.n]' "$T/tap.out"
	[ "$output" = '[1,null,1]
[2,null,2]
[3,true,1]
[4,true,2]' ]
	feed tap '{"tag":2}' '{"tag":3}'
	retry queue_has q 1
	feed tap '{"tag":4}'
	retry queue_has q 0
}

@test "a connection lost before the last acknowledgements is exit code 4, not success" {
	declare_queue q
	publish_numbers q 1 3
	start_fed tap amqp-tap -q q --ack stdin -n 3
	wait_for tap.out '"n":3'
	feed tap '{"tag":1}'
	retry queue_has q 2
	broker_kick
	wait_end tap
	[ "$status" -eq 4 ]
	retry queue_ready q 2
	grep -q 'messages were not acknowledged' "$T/tap.err"
}

@test "a queue that is deleted under the consumer ends it with exit code 5" {
	declare_queue q
	tap -q q
	bus delete_queue q > /dev/null
	wait_end tap
	[ "$status" -eq 5 ]
	grep -q 'the broker ended the consumer: the queue was deleted or moved' "$T/tap.err"
	grep -q "NOT_FOUND - no queue 'q'" "$T/tap.err"
}

@test "several URLs are tried in turn" {
	declare_exchange x fanout
	export AMQP_URL="amqp://127.0.0.1:1,amqp://127.0.0.1:2/a $AMQP_URL"
	tap -e x
	grep -q 'cannot connect to amqp://127.0.0.1:1: Connection refused' "$T/tap.err"
	grep -q 'cannot connect to amqp://127.0.0.1:2/a: Connection refused' "$T/tap.err"
}

@test "an address that answers nothing does not take the time of the broker's others" {
	requires_rabbitmq
	declare_queue q
	publish_numbers q 1 1
	printf '%s both.test\n' ::1 127.0.0.1 > "$T/hosts"
	unshare -rm mount --bind "$T/hosts" /etc/hosts 2> /dev/null || skip "needs a mount namespace"
	# Nobody takes connections there, and the queue for them is full.
	start deaf /usr/bin/python3 -c 'import signal, socket, sys
s = socket.socket(socket.AF_INET6)
s.bind(("::1", int(sys.argv[1])))
s.listen(0)
clients = [socket.socket(socket.AF_INET6) for _ in range(3)]
for c in clients:
    c.setblocking(False)
    c.connect_ex(s.getsockname())
print("deaf", flush=True)
signal.pause()' "$RABBIT_PORT"
	wait_for deaf.out deaf
	run -0 timeout 60 unshare -rm sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh \
		"$T/hosts" amqp-tap -u "${AMQP_URL/127.0.0.1/both.test}" -q q -n 1 --reconnect=0
	[[ $output == *'"data":{"n":1}}' ]] || false
}

@test "a broker that is not there: exit code 4 after the attempts that --reconnect allows" {
	run -4 amqp-tap -u amqp://127.0.0.1:1 -e x --reconnect=0
	[ "$output" = "amqp-tap: cannot connect to amqp://127.0.0.1:1: Connection refused" ]
	run -4 amqp-tap -v -u amqp://127.0.0.1:1 -e x --reconnect=2 --reconnect-delay 1ms
	[ "${#lines[@]}" -eq 3 ]
}

@test "a peer that is no AMQP broker is told, whatever it says" {
	port=$(free_port)
	start web socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" 'SYSTEM:printf "HTTP/1.1 400 Bad Request\\r\\n\\r\\n"; cat > /dev/null'
	retry bash -c "exec 3<> /dev/tcp/127.0.0.1/$port" 2> /dev/null
	run -4 amqp-tap -u "amqp://127.0.0.1:$port" -e x --reconnect=0
	[ "$output" = "amqp-tap: cannot connect to amqp://127.0.0.1:$port: the peer does not speak AMQP 0-9-1" ]
	run -4 amqp-tap -u "amqps://127.0.0.1:$port" -e x --reconnect=0
	[[ $output == "amqp-tap: cannot connect to amqps://127.0.0.1:$port: TLS: "* ]]
}

@test "a broker that offers AMQPLAIN does not offer PLAIN" {
	start broker /usr/bin/python3 -c 'import socket, struct
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True)
c = s.accept()[0]
c.recv(8)
start = struct.pack("!HHBBI", 10, 10, 0, 9, 0)
start += b"".join(struct.pack("!I", len(t)) + t for t in (b"AMQPLAIN", b"en_US"))
c.sendall(struct.pack("!BHI", 1, 0, len(start)) + start + b"\xce")
c.recv(1)'
	wait_for broker.out .
	run -5 --separate-stderr timeout 30 amqp-tap -u "amqp://127.0.0.1:$(cat "$T/broker.out")" -q q
	[[ $stderr == *": the broker does not offer to log in with PLAIN" ]] || false
}

@test "a wrong password is final and is not shown" {
	export AMQP_URL=${AMQP_URL/guest:guest/guest:sesame}
	run -5 amqp-tap -e x
	[[ $output == *"ACCESS_REFUSED"* ]]
	[[ $output != *sesame* ]]
}

@test "user and password come from options, a file or the environment; the URL from a file" {
	declare_queue q
	echo guest > "$T/password"
	echo "amqp://nobody:wrong@127.0.0.1:$RABBIT_PORT/$RABBIT_VHOST" > "$T/url"
	unset AMQP_URL
	run -0 amqp-tap --url-file "$T/url" --user guest --password-file "$T/password" -q q --idle-timeout 50ms
	AMQP_PASSWORD=guest run -0 amqp-tap --url-file "$T/url" --user guest -q q --idle-timeout 50ms
	AMQP_TAP_URL="amqp://127.0.0.1:$RABBIT_PORT/$RABBIT_VHOST" AMQP_URL=amqp://127.0.0.1:1 \
		run -0 amqp-tap -q q --idle-timeout 50ms
	run -2 amqp-tap -u amqp://u:sesame@h:port -q q
	[[ $output != *sesame* ]]
}

@test "a virtual host with a slash in its name" {
	RABBIT_VHOST=a/$RABBIT_VHOST
	bus vhost > /dev/null
	declare_queue q
	publish "" q 1
	run -0 amqp-tap -u "amqp://127.0.0.1:$RABBIT_PORT/${RABBIT_VHOST/\//%2F}" -q q -n 1
	[ "$(jq .data <<< "$output")" = 1 ]
	run -5 amqp-tap -u "amqp://127.0.0.1:$RABBIT_PORT/none-such" -q q -n 1
	[[ $output == *"vhost none-such not found"* ]]
}

@test "TLS: the broker's certificate must be signed by the authority and be for the host" {
	declare_queue q
	publish "" q 1
	run -0 amqp-tap -u "$AMQPS_URL" --cacert "$RABBIT_DIR/ca.pem" -q q -n 1
	[ "$(jq .data <<< "$output")" = 1 ]
	run -5 amqp-tap -u "$AMQPS_URL" --cacert "$RABBIT_DIR/stranger.pem" -q q -n 1
	[[ $output == *"TLS: unable to get local issuer certificate"* ]] || [[ $output == *"TLS: "*"certificate"* ]]
	run -5 amqp-tap -u "$AMQPS_URL" -q q -n 1
	run -5 amqp-tap -u "${AMQPS_URL/localhost/127.0.0.1}" --cacert "$RABBIT_DIR/ca.pem" -q q -n 1
	[[ $output == *"TLS: IP address mismatch"* ]]
	publish "" q 2
	run -0 amqp-tap -u "${AMQPS_URL/localhost/127.0.0.1}" -k -q q -n 1
	run -2 amqp-tap -u "$AMQPS_URL" --cacert "$T/none.pem" -q q
}

@test "TLS: a client certificate is shown to the broker" {
	declare_queue q
	tap -u "$AMQPS_URL" --cacert "$RABBIT_DIR/ca.pem" --cert "$RABBIT_DIR/client.pem" --key "$RABBIT_DIR/client.key" -q q
	run -0 rabbitctl list_connections vhost peer_cert_subject
	[[ $output == *"$RABBIT_VHOST"*"CN=client"* ]]
}

@test "TLS: --external logs in with the client certificate" {
	declare_queue q
	publish "" q 1
	# The certificate is for the common name "client".
	rabbitctl add_user client nothing
	run -0 rabbitctl set_permissions -p "$RABBIT_VHOST" client '.*' '.*' '.*'
	run -0 amqp-tap -u "$AMQPS_URL" --cacert "$RABBIT_DIR/ca.pem" --cert "$RABBIT_DIR/client.pem" \
		--key "$RABBIT_DIR/client.key" --external -q q -n 1
	[ "$(jq .data <<< "$output")" = 1 ]
	run -2 amqp-tap -u "$AMQPS_URL" --external -q q
}

@test "TLS: 20 messages of 1 MiB come through" {
	declare_queue q
	declare_queue r
	for queue in q r; do publish_large $queue 20 1048576; done
	amqp-tap -u "$AMQPS_URL" --cacert "$RABBIT_DIR/ca.pem" -q q -n 20 |
		amqp-pub -u "$AMQPS_URL" --cacert "$RABBIT_DIR/ca.pem" --as-recorded
	run -0 bus equal r q
	[ "$output" = "{equal, 20}" ]
}

@test "heartbeats go on while stdout blocks, nothing is lost and memory stays flat" {
	declare_queue q
	publish_large q 300 100000
	mkfifo "$T/pipe"
	exec {reader}<> "$T/pipe"
	amqp-tap -v -q q --ack none --heartbeat 1s -n 300 > "$T/pipe" 2> "$T/tap.err" 3>&- {reader}>&- &
	PID[tap]=$!
	wait_for tap.err consuming
	# The reader is stopped for four intervals: the broker would have given up after two.
	sleep 4
	[ "$(awk '/VmRSS/ { print $2 }' "/proc/${PID[tap]}/status")" -lt 60000 ]
	cat < "$T/pipe" > "$T/got" 3>&- {reader}>&- &
	PID[cat]=$!
	exec {reader}>&-
	wait_end tap
	[ "$status" -eq 0 ]
	wait_end cat
	[ "$(wc -l < "$T/got")" -eq 300 ]
	[ "$(grep -c . "$T/tap.err")" -eq 1 ]
}

@test "a peer that falls silent is noticed within two heartbeats" {
	declare_queue q
	port=$(free_port)
	start proxy socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "TCP:127.0.0.1:$RABBIT_PORT"
	# The first attempt may come before the proxy listens.
	start tap amqp-tap -v -u "amqp://127.0.0.1:$port/$RABBIT_VHOST" -q q --heartbeat 1s --reconnect-delay 20ms..50ms
	wait_for tap.err consuming
	kill -s STOP "${PID[proxy]}"
	wait_for tap.err 'lost the connection to .*: no sign of life for 2 s'
	kill -s CONT "${PID[proxy]}"
}

@test "a peer that falls silent is the end when no attempt is left" {
	declare_queue q
	port=$(free_port)
	start proxy socat -d -d "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "TCP:127.0.0.1:$RABBIT_PORT"
	wait_for proxy.err 'listening on'
	start tap amqp-tap -v -u "amqp://127.0.0.1:$port/$RABBIT_VHOST" -q q --heartbeat 1s --reconnect=0
	wait_for tap.err consuming
	kill -s STOP "${PID[proxy]}"
	wait_end tap
	kill -s CONT "${PID[proxy]}"
	[ "$status" -eq 4 ]
	grep -q 'lost the connection to .*: no sign of life for 2 s$' "$T/tap.err"
}

@test "SIGTERM: what was written is acknowledged, the rest goes back, exit 0" {
	declare_queue q
	publish_numbers q 1 1000
	tap -q q
	wait_for tap.out '"n":1000'
	publish_numbers q 1001 1100
	stop tap
	[ "$status" -eq 0 ]
	retry queue_ready q "$((1100 - $(wc -l < "$T/tap.out")))"
}

@test "a reader that goes away ends it as SIGPIPE does, also while idle" {
	declare_queue q
	mkfifo "$T/pipe"
	exec {reader}<> "$T/pipe"
	amqp-tap -v -q q > "$T/pipe" 2> "$T/tap.err" 3>&- {reader}>&- &
	PID[tap]=$!
	wait_for tap.err consuming
	exec {reader}>&-
	wait_end tap
	[ "$status" -eq 141 ]
}

@test "the counters are written for Prometheus" {
	declare_queue q
	publish_numbers q 1 3
	run -0 amqp-tap -q q -n 3 --metrics-file "$T/metrics"
	grep -qx 'amqp_tap_messages_total 3' "$T/metrics"
	grep -qx 'amqp_tap_acknowledged_total 3' "$T/metrics"
}

@test "options that do not go together are refused in one line" {
	run -2 amqp-tap
	[ "$output" = "amqp-tap: nothing to listen to: give -e EXCHANGE, -q QUEUE or --firehose; see amqp-tap --help" ]
	run -2 amqp-tap -r a -e x
	run -2 amqp-tap -e x --ack write
	run -2 amqp-tap -e x --durable
	run -2 amqp-tap -q x --durable
	run -2 amqp-tap -q x --ack none --offset first
	run -2 amqp-tap -q x --requeue --ack write
	run -2 amqp-tap --firehose -q x
	run -2 amqp-tap -q x --prefetch 0
	run -2 amqp-tap -q x --heartbeat 500ms
	run -2 amqp-tap -q x --reconnect-delay 5s..1s
	run -2 amqp-tap -q x -k
	run -2 amqp-tap -q x more
}
