# The gateway as one pipeline: events reach the right WebSocket clients and nobody else.

load lib/common
load lib/rabbit
load lib/nginx

setup() {
	echo "pipeline tests secret, 32 bytes and more" > "$T/secret"
}

token() { # USER ROLE
	jwt-sign --key-file "$T/secret" --sub "$1" --claim "role=$2" --exp 1h
}

# The name of a file with such a token.
jwt() { # USER ROLE
	token "$@" > "$T/$1.jwt"
	echo "$T/$1.jwt"
}

exchanges() {
	local e
	for e in payments auth admin; do declare_exchange "${e}_events" topic; done
}

# The gateway of examples/gateway.sh, up to ws-serve; it is process "gateway".
gateway() {
	# shellcheck disable=SC2016
	start gateway bash -c 'amqp-tap -v -e payments_events -r "payments.#" -e auth_events -r "auth.#" \
		-e admin_events -r "admin.#" 2> "$T/tap.err" |
		ws-route "$ROOT/examples/gateway.routes" 2> "$T/route.err" |
		ws-serve --auth "jwt-check --key-file $T/secret" --rooms "$ROOT/examples/gateway.rooms" \
			--message-rate 10000/1s 0 2> "$T/serve.err"'
	wait_for gateway.out '"event":"listen"'
	URL=$(jq -r 'select(.event == "listen").url' "$T/gateway.out")
	PORT=${URL##*:}
	PORT=${PORT%%/*}
	wait_for tap.err 'tapping|consuming'
}

# The numbers of the events that a client has received, in their order.
received() { # NAME
	jq -r 'select(.type | startswith("connection") | not) | .payload.n | select(. > 0)' "$T/$1.out"
}

# The last event for each of them, after which nothing else comes: n is 0.
last_events() { # USERS
	local i
	for i in $(seq "$1"); do
		echo '{"exchange":"auth_events","key":"auth.end","data":{"type":"auth.end","data":{"userId":"u'"$i"'","n":0}}}'
	done
	echo '{"exchange":"admin_events","key":"admin.end","data":{"type":"admin.end","data":{"n":0}}}'
}

same() { # CLIENT WANT
	diff <(received "$1") "$T/want.$2" > "$T/diff" ||
		{ echo "$1 did not get what $2 is to get:"; head -n 5 "$T/diff"; return 1; }
}

# shellcheck disable=SC2030,SC2031 # each test is a subshell, and meant to be one
export T ROOT NODE_PATH=/usr/share/nodejs

@test "1,000 events of three exchanges reach 20 users and 2 admins, each its own, in order, once" {
	requires_rabbitmq
	exchanges
	gateway
	for i in $(seq 20); do
		start "u$i" ws-connect --token-file "$(jwt "u$i" USER)" "$URL"
	done
	for i in 1 2; do
		start "admin$i" ws-connect --token-file "$(jwt "boss$i" ADMIN)" "$URL"
	done
	wait_for gateway.out '"event":"open"' 22

	/usr/bin/python3 "$ROOT/tests/fixtures/pipeline/events.py" 1000 1 20 "$T" > "$T/events"
	last_events 20 >> "$T/events"
	amqp-pub --as-recorded < "$T/events"

	for i in $(seq 20); do
		wait_for "u$i.out" '"n":0'
		same "u$i" "u$i"
	done
	for i in 1 2; do
		wait_for "admin$i.out" '"n":0'
		same "admin$i" admin
	done
}

@test "the same through nginx, to node's ws and python's websockets" {
	requires_rabbitmq
	exchanges
	gateway
	start_nginx "$PORT"
	url=ws://127.0.0.1:$NGINX_PORT/ws
	start u1 node "$ROOT/tests/fixtures/clients/node.js" "$url" "$(token u1 USER)"
	start u2 /usr/bin/python3 "$ROOT/tests/fixtures/clients/python.py" "$url" "$(token u2 USER)"
	start u3 ws-connect --token-file "$(jwt u3 USER)" "$url"
	start admin1 node "$ROOT/tests/fixtures/clients/node.js" "$url" "$(token boss ADMIN)"
	wait_for gateway.out '"event":"open"' 4

	/usr/bin/python3 "$ROOT/tests/fixtures/pipeline/events.py" 300 1 3 "$T" > "$T/events"
	last_events 3 >> "$T/events"
	amqp-pub --as-recorded < "$T/events"

	for i in 1 2 3; do
		wait_for "u$i.out" '"n":0'
		same "u$i" "u$i"
	done
	wait_for admin1.out '"n":0'
	same admin1 admin
}

@test "a stranger's token is refused with 401, through nginx too, whatever the client" {
	requires_rabbitmq
	exchanges
	gateway
	start_nginx "$PORT"
	echo "another secret, as long as the first one is" > "$T/other"
	stranger=$(jwt-sign --key-file "$T/other" --sub u1 --claim role=ADMIN --exp 1h)
	echo "$stranger" > "$T/stranger"
	for url in "$URL" "ws://127.0.0.1:$NGINX_PORT/ws"; do
		run -5 node "$ROOT/tests/fixtures/clients/node.js" "$url" "$stranger"
		[ "$output" = 401 ]
		run -5 /usr/bin/python3 "$ROOT/tests/fixtures/clients/python.py" "$url" "$stranger"
		[ "$output" = 401 ]
		run -5 ws-connect --token-file "$T/stranger" "$url"
		[[ $output == *401* ]]
		[[ $output != *"$stranger"* ]]
	done
	run -0 grep -c '"event":"refused".*"status":401' "$T/gateway.out"
	[ "$output" -eq 6 ]
	run -1 grep -rF "$stranger" "$T/gateway.out" "$T/serve.err"
}

@test "a user that asks for another's room gets the error and no event" {
	requires_rabbitmq
	exchanges
	gateway
	start u1 ws-connect --token-file "$(jwt u1 USER)" --subscribe user:u2 --subscribe role:admin "$URL"
	start u2 ws-connect --token-file "$(jwt u2 USER)" "$URL"
	wait_for u1.out '"type":"error".*AUTHORIZATION_FAILED' 2
	wait_for gateway.out '"event":"denied"' 2
	wait_for gateway.out '"event":"open"' 2

	/usr/bin/python3 "$ROOT/tests/fixtures/pipeline/events.py" 100 1 2 "$T" > "$T/events"
	last_events 2 >> "$T/events"
	amqp-pub --as-recorded < "$T/events"
	wait_for u1.out '"n":0'
	wait_for u2.out '"n":0'
	same u1 u1
	same u2 u2
}

@test "what a client says arrives at the bus, with a key it cannot choose" {
	requires_rabbitmq
	declare_exchange client_events topic
	start tap amqp-tap -v -e client_events -r '#'
	wait_for tap.err 'tapping|consuming'
	# shellcheck disable=SC2016
	start gateway bash -c 'ws-serve --auth "jwt-check --key-file $T/secret" 0 < /dev/null 2> "$T/serve.err" |
		tee "$T/events" | amqp-pub -e client_events -r "client.{event}" --body record'
	wait_for "$T/events" '"event":"listen"'
	URL=$(jq -r 'select(.event == "listen").url' "$T/events")
	run -0 ws-connect --token-file "$(jwt u1 USER)" -n 1 "$URL" <<< '{"type":"hello.#","payload":{"n":1}}'
	wait_for tap.out '"key":"client.message"'
	run -0 jq -c 'select(.key == "client.message").data | {user, data}' "$T/tap.out"
	[ "$output" = '{"user":"u1","data":{"type":"hello.#","payload":{"n":1}}}' ]
}

@test "the broker is stopped and started again: no confirmed event is lost, duplicates are marked" {
	requires_rabbitmq pipeline
	exchanges
	start tap amqp-tap -v -q gateway --durable -e payments_events -r '#' -e auth_events -r '#' \
		-e admin_events -r '#' --reconnect-delay 100ms..500ms
	wait_for tap.err 'tapping|consuming'
	/usr/bin/python3 "$ROOT/tests/fixtures/pipeline/events.py" 500 1 3 "$T" | tee "$T/first" | amqp-pub --as-recorded
	broker_stop
	wait_for tap.err 'lost|connect'
	broker_start
	/usr/bin/python3 "$ROOT/tests/fixtures/pipeline/events.py" 500 501 3 "$T" > "$T/second"
	retry amqp-pub --as-recorded < "$T/second"
	wait_for tap.out '"n":1000[,}]'
	# Each number is there; what is there twice is marked from the second time on.
	diff <(jq .data.data.n "$T/tap.out" | sort -nu) <(seq 1000)
	run -0 jq -s 'group_by(.data.data.n)[] | .[1:][] | select(.redelivered | not)' "$T/tap.out"
	[ -z "$output" ]
}

@test "a bad line in the middle of 10,000 costs that line and one report" {
	# shellcheck disable=SC2016
	start gateway bash -c '{ until [ -e "$T/go" ]; do sleep 0.02; done; cat "$T/in"; } |
		ws-route -m "#" -x "{to: \"all\", data: {n: .n}}" 2> "$T/route.err" |
		ws-serve --client-queue 16M 0 2> "$T/serve.err"'
	{
		seq 5000 | sed 's/.*/{"key":"a.b","n":&}/'
		echo '{"key":"a.b","n":tru}'
		seq 5001 10000 | sed 's/.*/{"key":"a.b","n":&}/'
	} > "$T/in"
	# ws-serve listens before its first line comes.
	wait_for gateway.out '"event":"listen"'
	URL=$(jq -r 'select(.event == "listen").url' "$T/gateway.out")
	start c ws-connect --subscribe all "$URL"
	wait_for gateway.out '"event":"join"'
	touch "$T/go"
	wait_for c.out '"n":10000}'
	diff <(jq '.n // empty' "$T/c.out") <(seq 10000)
	[ "$(wc -l < "$T/route.err")" -eq 1 ]
	grep -q '5001' "$T/route.err"
	[ ! -s "$T/serve.err" ]
}

@test "killing any one stage leaves the others in a defined state, with a message" {
	requires_rabbitmq
	exchanges
	declare_exchange client_events topic
	declare_queue clients
	bind_queue clients client_events '#'
	for victim in amqp-tap ws-route ws-serve amqp-pub; do
		rm -f "$T"/*.status "$T"/*.errors
		# shellcheck disable=SC2016
		start pipe bash -c '
			stage() { "$@" 2> "$T/$1.errors" & echo $! > "$T/$1.pid"; wait $!; echo $? > "$T/$1.status"; }
			stage amqp-tap -v -e payments_events -r "#" |
			stage ws-route "$ROOT/examples/gateway.routes" |
			stage ws-serve --drain 1s -v 0 |
			stage amqp-pub -e client_events -r "client.{event}" --body record'
		wait_for amqp-tap.errors 'tapping|consuming'
		wait_for ws-serve.errors 'listening'
		kill -KILL "$(< "$T/$victim.pid")"
		wait_end pipe
		for stage in amqp-tap ws-route ws-serve amqp-pub; do
			echo "$victim killed: $stage ended with $(< "$T/$stage.status"): $(tail -n 1 "$T/$stage.errors")"
		done
		[ "$(< "$T/$victim.status")" -eq 137 ]
		case $victim in
		amqp-tap) # the input ends for the others: all is drained
			[ "$(< "$T/ws-route.status") $(< "$T/ws-serve.status") $(< "$T/amqp-pub.status")" = "0 0 0" ]
			;;
		ws-route) # the reader is gone for the tap; the others see the end of input
			[ "$(< "$T/amqp-tap.status") $(< "$T/ws-serve.status") $(< "$T/amqp-pub.status")" = "141 0 0" ]
			;;
		ws-serve)
			[ "$(< "$T/amqp-tap.status") $(< "$T/ws-route.status") $(< "$T/amqp-pub.status")" = "141 141 0" ]
			;;
		amqp-pub) # ws-serve says so, drains and exits 6
			[ "$(< "$T/ws-serve.status")" -eq 6 ]
			grep -q 'standard output' "$T/ws-serve.errors"
			[ "$(< "$T/amqp-tap.status") $(< "$T/ws-route.status")" = "141 141" ]
			;;
		esac
	done
}

@test "make demo shows a user and an admin what each is to get, and ends by itself" {
	run -0 env DEMO_SECONDS=4 DEMO_SPEED=20x "$ROOT/examples/demo.sh"
	[[ $output == *'user u1     {"type":"connection:established"'* ]]
	[[ $output == *'user u1     {"type":"payment:completed"'* ]]
	[[ $output == *'admin boss  {"type":"admin:metrics"'* ]]
	[[ $output == *'/#token='* ]]
	run -1 grep -E '^user u1 .*("senderId":"u[23]"|"type":"admin:)' <<< "$output"
}

no_process_in() { ! pgrep -s "$1"; }

@test "Ctrl-C ends the demo and every process it started" {
	command -v setsid > /dev/null || skip "no setsid here"
	start demo setsid "$ROOT/examples/demo.sh"
	wait_for demo.out 'payment:'
	session=$(ps -o sid= "${PID[demo]}" | tr -d ' ')
	kill -INT "${PID[demo]}"
	wait_end demo
	[ "$status" -eq 0 ]
	# The authenticator sees the end of its input a moment after the rest has ended.
	retry no_process_in "$session"
}
