# Every example of the manuals and of the README does what the sentence before it says. A
# test has the name of its example: page and sentence.

# shellcheck disable=SC2154 # output, stderr and lines are set by run

load lib/common
load lib/rabbit
load lib/manual

setup() { sandbox; }
teardown() { manual_teardown; }

@test "every example has a test, and every test an example" {
	diff <(examples | sort) <(sed -n 's/^@test "\([A-Za-z-]*\.[a-z0-9]*: .*\)" {$/\1/p' "$BATS_TEST_FILENAME" | sort)
}

# exchange NAME: a topic exchange, all of whose messages stand in the queue NAME-seen.
exchange() {
	declare_exchange "$1" topic
	declare_queue "$1-seen"
	bind_queue "$1-seen" "$1" '#'
}

# A message a while apart until somebody who came after the first has it.
publish_until() { # EXCHANGE KEY BODY COMMAND...
	again() {
		publish "$1" "$2" "$3"
		"${@:4}"
	}
	retry again "$@"
}

# A loop of acknowledgements has ended well. Its first stage goes when all is acknowledged;
# the others may see the end of their input or of their reader first.
acknowledged() { [[ $output =~ ^0\ (0|141)\ (0|141)$ ]]; }

token() { jwt-sign --key-file secret.txt --sub "$1" --exp "${2:-1h}"; }

# --- amqp-tap and amqp-pub ---

@test "amqp-pub.1: Publish one event" {
	requires_rabbitmq
	exchange orders
	run_example 0
	queue_has orders-seen 1
}

@test "amqp-pub.1: Fill a queue with the lines of a file, at 100 a second" {
	requires_rabbitmq
	declare_queue work
	run_example 0
	queue_has work 2
}

@test "amqp-pub.1: See what would be sent where, before it is" {
	run_example 0
	[[ $output == *'"key":"work"'* ]]
}

@test "amqp-pub.1: Send what WebSocket clients say to the bus, by event and room" {
	requires_rabbitmq
	exchange client_events
	start_example
	listens
	listener client news
	end_example ws-serve
	[ "$output" = "0 0" ]
	run -0 amqp-tap -q client_events-seen --idle-timeout 200ms
	jq -se 'map(.key) | index("client.open.none") and index("client.join.news")' <<< "$output"
}

@test "amqp-tap.1: Show what happens on an exchange" {
	requires_rabbitmq
	declare_exchange payments_events topic
	start_example
	publish_until payments_events a.b '{"n":1}' has_lines "$T/example.out" '"key":"a.b".*"data":\{"n":1\}' 1
	end_example amqp-tap
	[ "$output" = 0 ]
}

@test "amqp-tap.1: Follow some keys of two exchanges" {
	requires_rabbitmq
	declare_exchange payments_events topic
	declare_exchange auth_events topic
	start_example
	publish_until payments_events payments.a.b 1 has_lines "$T/example.out" '"key":"payments.a.b"' 1
	publish auth_events auth.a.b 1
	publish auth_events auth.c 1
	wait_for example.out '"key":"auth.c"'
	end_example amqp-tap
	[ "$output" = 0 ]
	run -1 grep '"key":"auth.a.b"' example.out
}

@test "amqp-tap.1: Wait up to a minute for one event, in a test" {
	requires_rabbitmq
	declare_exchange orders topic
	AMQP_TAP_VERBOSE=1 start_example
	wait_for example.err '^amqp-tap: tapping '
	publish orders order.created '{"id":7}'
	wait_for example.out '^7$'
	wait_end example
	[ "$(< codes)" = "0 0" ]
}

@test "amqp-tap.1: Look at what is stuck in a queue, and leave it there" {
	requires_rabbitmq
	declare_queue work
	publish "" work 1 2
	run_example 0
	[ "$output" = "      2 work" ]
	retry queue_has work 2
}

@test "amqp-tap.1: Save a queue to a file, and send it again later" {
	requires_rabbitmq
	declare_queue work
	publish "" work '{"n":1}' 'two'
	run_example 0
	[ "$(jq -c '.data // .text' work.ndjson)" = $'{"n":1}\n"two"' ]
	queue_has work 2
}

@test "amqp-tap.1: A durable queue of one's own, bound to an exchange" {
	requires_rabbitmq
	declare_exchange payments_events topic
	start_example
	publish_until payments_events a 1 has_lines "$T/example.out" '"key":"a"' 1
	end_example amqp-tap
	[ "$output" = 0 ]
}

@test "amqp-tap.1: Move messages from one queue to another through a route, and lose none whoever dies" {
	requires_rabbitmq
	declare_queue work
	declare_queue 'done'
	publish "" work 1 2 3
	start_example
	retry queue_has 'done' 3
	retry queue_has work 0
	end_example amqp-tap
	acknowledged
}

# --- jwt-check and jwt-sign ---

@test "jwt-check.1: See what is in a token, and whether it is good" {
	TOKEN=$(token u1)
	export TOKEN
	run_example 0
	[ "$(jq -r .sub <<< "$output")" = u1 ]
}

@test "jwt-check.1: Guard a server with tokens signed with a shared secret" {
	start_example
	listens
	token u1 > user.jwt
	listener client news --token-file user.jwt
	run -5 ws-connect "ws://127.0.0.1:$PORT/ws"
	end_example ws-serve
	[ "$output" = 0 ]
}

@test "jwt-check.1: With the keys of an identity provider, whose roles are under another name" {
	# The provider: its key and a token of it.
	openssl genrsa -out idp.key 2048 2> /dev/null
	n=$(openssl rsa -in idp.key -noout -modulus | /usr/bin/python3 -c 'import base64
print(base64.urlsafe_b64encode(bytes.fromhex(input().split("=")[1])).decode().rstrip("="))')
	mkdir bin
	printf '#!/bin/sh\necho '\''{"keys":[{"kty":"RSA","alg":"RS256","n":"%s","e":"AQAB"}]}'\''\n' "$n" > bin/curl
	chmod +x bin/curl
	PATH=$T/bin:$PATH
	jwt-sign --alg RS256 --key-file idp.key --sub u1 --exp 1h --claim iss=https://id.example.com \
		--claim aud=gateway --claim 'realm_access={"roles":["a"]}' > user.jwt
	start_example
	listens
	listener client news --token-file user.jwt
	end_example ws-serve
	[ "$output" = 0 ]
}

@test "jwt-check.1: Count why tokens in a file are refused" {
	{ token late -1m; token late -1h; token good; } > tokens
	run_example 0
	[[ $output =~ ^\ +2\ .*expired && ${#lines[@]} -eq 1 ]]
}

@test "jwt-sign.1: A token for user u1, good for an hour" {
	run_example 0
	jwt-check --key-file secret.txt --require sub=u1 --require role=USER <<< "$output"
	run -1 jwt-check --key-file secret.txt --now "$(date -ud '+61 minutes' +%FT%TZ)" <<< "$output"
}

@test "jwt-sign.1: One that has expired, to see it refused" {
	run_example 1
	[[ $output == *'"ok":false'*expired* ]]
}

@test "jwt-sign.1: Ten thousand users for a load test" {
	run_example 0
	[ "$(sort -u tokens | wc -l)" -eq 10000 ]
}

@test "jwt-sign.1: Connect with a fresh token at each attempt" {
	gateway_at "$PORT" --auth 'jwt-check --key-file secret.txt' --drain 100ms
	start_example
	wait_for example.out '"userId":"u1"'
	end_feed serve
	wait_end serve
	rm serve.in
	gateway_at "$PORT" --auth 'jwt-check --key-file secret.txt'
	wait_for example.out '"userId":"u1"' 2
	end_example ws-connect
	[ "$output" = 0 ]
}

# --- ws-bench ---

@test "ws-bench.1: Round trips of a thousand connections, ten a second each" {
	gateway_at "$PORT"
	run_example 0
	[[ $output == *rtt* ]]
}

@test "ws-bench.1: Fail a build when the server has become slow or loses messages" {
	gateway_at "$PORT"
	export WS_BENCH_DURATION=500ms
	run_example 0
	run -1 bash -c "$(example | sed 's/<100ms/<0ms/')"
}

@test "ws-bench.1: Hold 20000 connections, opened at 2000 a second" {
	gateway_at "$PORT"
	run_example 0
	[[ $output == *20* ]]
}

@test "ws-bench.1: How fast does ws-serve(1) fan out what comes in on its control socket?" {
	export WS_BENCH_DURATION=500ms
	start_example
	wait_end example
	[ "$(< codes)" = 0 ]
	grep -q delivery "$T/example.out"
}

@test "ws-bench.1: How many messages a second does an echo server answer within 50 ms?" {
	start_fed serve ws-serve --handler "jq --unbuffered -c 'select(.event == \"message\") | {conn, data}'" \
		-e /=payload --message-rate 0 "$OTHER_PORT"
	wait_for serve.out '"event":"listen"'
	export DEADLINE=60
	run_example 0
}

@test "ws-bench.1: Each connection with a token of its own, subscribed to its user's room" {
	gateway_at "$PORT" --auth 'jwt-check --key-file secret.txt'
	export WS_BENCH_DURATION=500ms
	run_example 0
	retry has_lines "$T/serve.out" '"event":"open".*"user":"user-20"' 1
}

@test "ws-bench.1: How long does it take until all have come back after everyone was cut off?" {
	gateway_at "$PORT"
	run_example 0
	[[ $output == *recovery* ]]
}

@test "ws-bench.1: Send what was recorded, at its own pace" {
	gateway_at "$PORT"
	jq -nc '{event: "message", time: "2026-12-10T10:30:00Z", data: {type: "hello"}}' > clients.ndjson
	run_example 0
	wait_for serve.out '"type":"hello"'
}

# --- ws-connect ---

@test "ws-connect.1: Talk to a server by hand" {
	gateway_at "$PORT"
	start_example
	wait_for example.out connection:established
	feed example '{"type":"ping"}'
	wait_for example.out '"type":"pong"'
	end_example ws-connect
	[ "$output" = 0 ]
}

@test "ws-connect.1: Send a line and wait for its answer, 5 s at most" {
	gateway_at "$PORT"
	run_example 0
	[ "${#lines[@]}" -eq 1 ]
	jq -e '.type == "pong"' <<< "$output"
}

@test "ws-connect.1: Follow the payments of a gateway, through restarts of the server and of the token" {
	gateway_at "$PORT" --auth 'jwt-check --key-file secret.txt'
	start_example
	wait_for serve.out '"event":"join".*"room":"payments"'
	feed serve '{"to":"payments","data":{"payload":{"id":7}}}' '{"to":"payments","data":{"payload":{"id":7}}}'
	end_example ws-connect
	[ "$output" = "0 0" ]
	jq -se 'map(.id?) | contains([7, 7])' example.out
}

@test "ws-connect.1: Wait in a script for one event" {
	gateway_at "$PORT"
	start_example
	wait_for serve.out '"event":"open"'
	feed serve '{"all":true,"data":{"type":"payment:completed","payload":{"id":41}}}' \
		'{"all":true,"data":{"type":"payment:completed","payload":{"id":42}}}'
	wait_end example
	[ "$(< codes)" = 0 ]
	[ "$(< example.out)" = '{"type":"payment:completed","payload":{"id":42}}' ]
}

@test "ws-connect.1: Send a pretty-printed document as one message" {
	gateway_at "$PORT"
	run_example 0
	wait_for serve.out '"event":"(message|invalid)"'
}

@test "ws-connect.1: Record a session, and send the same messages again later" {
	gateway_at "$PORT"
	start_fed other ws-serve "$OTHER_PORT"
	wait_for other.out '"event":"listen"'
	start_example
	wait_for session.ndjson '"event":"open"'
	feed serve '{"all":true,"data":{"type":"news"}}'
	wait_for session.ndjson '"type":"news"'
	signal_example ws-connect
	wait_end example
	[ "$(< codes)" = "0 0" ]
	wait_for other.out '"event":"message".*"type":"news"'
}

# --- ws-ctl ---

@test "ws-ctl.1: Feed events from a message bus to two servers on one host" {
	requires_rabbitmq
	declare_exchange payments_events topic
	for s in a b; do
		start "$s" ws-serve --control "run/ws-$s.sock" 0
		wait_for "$s.out" '"event":"listen"'
		URL=$(jq -r 'select(.event == "listen").url' "$s.out")
		start "client-$s" ws-connect --subscribe user:u1 "$URL"
		wait_for "client-$s.out" '"type":"subscribed"'
	done
	start_example
	publish_until payments_events payments.x '{"type":"x.done","data":{"userId":"u1"}}' \
		has_lines "$T/client-a.out" '"type":"payment:done"' 1
	wait_for client-b.out '"type":"payment:done"'
	end_example amqp-tap
	[ "$output" = "0 0 0" ]
}

@test "ws-ctl.1: Tell everybody something" {
	gateway_at "$PORT"
	listener client news --raw
	run_example 0
	wait_for client.out '^maintenance at 12:00$'
}

# A server that knows user u1 by a token, and a client of that user.
server_of_u1() {
	gateway_at "$PORT" --auth 'jwt-check --key-file secret.txt'
	token u1 > user.jwt
	listener client user:u1 --token-file user.jwt --reconnect=0
}

@test "ws-ctl.1: See what user u1 sends and gets" {
	server_of_u1
	start_example
	watched() {
		feed serve '{"user":"u1","data":{"hello":7}}'
		has_lines "$T/example.out" hello 1
	}
	retry watched || {
		# jq writes to a pipe in blocks: it shows the rest at the end.
		end_example ws-ctl
		has_lines "$T/example.out" hello 1
	}
}

@test "ws-ctl.1: The ten connections with the most bytes waiting for them" {
	server_of_u1
	run_example 0
	jq -e '.user == "u1" and .queued == 0' <<< "$output"
}

@test "ws-ctl.1: Throw somebody out for ten minutes" {
	server_of_u1
	run_example 0
	wait_for serve.out '"event":"close".*"user":"u1","code":4003,"reason":"abuse"'
	wait_end client
	[ "$status" -eq 5 ]
	run -5 ws-connect --reconnect=0 --token-file user.jwt "ws://127.0.0.1:$PORT/ws"
}

@test "ws-ctl.1: Take a new rooms file into use, if it is right" {
	gateway_at "$PORT" --rooms gateway.rooms
	run_example 0
	[[ $output == *taken ]]
	echo 'news no-such-option' > gateway.rooms
	run -2 --separate-stderr bash -c "$(example)"
	[[ $stderr == *no-such-option* ]]
}

# --- ws-replay ---

@test "ws-replay.1: See a recording at the pace at which it was made" {
	start_example
	wait_for example.out payments.payment.created
	end_example ws-replay
	[ "$output" = 0 ]
}

@test "ws-replay.1: Feed a server from it for ever, ten times as fast, with nothing quieter than a second" {
	start_example
	listens
	listener client user:u1
	wait_for client.out '"type":"payment:'
	end_example ws-replay
	[ "$output" = "0 0 0" ]
}

@test "ws-replay.1: Play the five minutes around an incident out of two recordings" {
	printf '{"time":"2026-12-10T10:%s:00Z","n":%s}\n' 27 1 28 2 33 4 > bus.ndjson
	printf '{"time":"2026-12-10T10:%s:00.5Z","n":%s}\n' 28 3 34 5 > clients.ndjson
	run_example 0
	[ "$(jq -sc 'map(.n)' <<< "$output")" = "[2,3]" ]
}

@test "ws-replay.1: Merge recordings by time without waiting" {
	printf '{"time":"2026-12-10T10:0%s:00Z","n":%s}\n' 1 1 3 3 > a.ndjson
	printf '{"time":"2026-12-10T10:0%s:00Z","n":%s}\n' 2 2 4 4 > b.ndjson
	run_example 0
	[ "$(jq -sc 'map(.n)' both.ndjson)" = "[1,2,3,4]" ]
}

# --- ws-rooms ---

# asks CLAIM ROOM: what a client with this claim hears when it subscribes.
asks() {
	jwt-sign --key-file secret.txt --sub u1 --exp 1h --claim "$1" > user.jwt
	ws-connect --token-file user.jwt -s "$2" -n 2 --timeout 10s "ws://127.0.0.1:$PORT/ws" |
		jq -rs '.[1] | .payload.code? // .code // .type'
}

# Serve with the example as rooms file.
serve_rooms() {
	example > rooms
	gateway_at "$PORT" --auth 'jwt-check --key-file secret.txt' --guests --rooms rooms
}

@test "ws-rooms.5: Tenants that see all of their own rooms and nothing of others'" {
	serve_rooms
	[ "$(asks 'org={"id":"a"}' tenant:a:x:y)" = subscribed ]
	[ "$(asks 'org={"id":"a"}' tenant:b:x)" = AUTHORIZATION_FAILED ]
}

@test "ws-rooms.5: A lobby that everybody reads and in which moderators write" {
	serve_rooms
	start_fed guest ws-connect "ws://127.0.0.1:$PORT/ws"
	jwt-sign --key-file secret.txt --sub u1 --exp 1h --claim 'roles=["moderator"]' > user.jwt
	start_fed moderator ws-connect --token-file user.jwt "ws://127.0.0.1:$PORT/ws"
	wait_for guest.out '"rooms":\["lobby"\]'
	wait_for moderator.out '"rooms":\["lobby"\]'
	feed guest '{"type":"message","room":"lobby","data":1}'
	wait_for guest.out '"code":"AUTHORIZATION_FAILED"'
	feed moderator '{"type":"message","room":"lobby","data":2}'
	wait_for guest.out '"type":"message".*"data":2'
}

@test "ws-rooms.5: Close a name space for all but administrators, and leave the rest open" {
	serve_rooms
	[ "$(asks role=admin internal.x)" = subscribed ]
	[ "$(asks role=user internal.x)" = AUTHORIZATION_FAILED ]
	[ "$(asks role=user other)" = subscribed ]
}

# --- ws-route ---

@test "ws-route.1: Turn each payment into a message to a room" {
	run_example 0
	[ "$(jq -r .to <<< "$output" | sort | uniq -c)" = "$(grep -c '"key":"payments\.' payments.ndjson | sed 's/.*/     & payments/; s/^ *\(.\{7\} \)/\1/')" ]
}

@test "ws-route.1: See what the routes of a gateway make of a recording" {
	run_example 0
	jq -se 'any(.to == ["user:u1","role:admin"])' <<< "$output"
}

@test "ws-route.1: Feed a server from a broker, and keep what goes wrong" {
	requires_rabbitmq
	declare_exchange payments_events topic
	start_example
	listens
	listener client user:u1
	publish_until payments_events payments.x '{"type":"x.done","data":{"userId":"u1"}}' \
		has_lines "$T/client.out" '"type":"payment:done"' 1
	publish payments_events payments.x '{"type":7}'
	wait_for "$T/dead.ndjson" '"key":"payments.x"'
	end_example amqp-tap
	[ "$output" = "0 3 0" ]
}

@test "ws-route.1: Route again what was rejected, after the routes have been corrected" {
	run_example 0
	[ "$(jq -r .to <<< "$output")" = user:u1 ]
}

@test "ws-route.1: Which events does nobody want?" {
	echo '{"key":"other","data":1}' >> payments.ndjson
	run_example 0
	[ "$stderr" = '{"key":"other","data":1}' ]
	[ -z "$output" ]
}

@test "ws-route.1: Check routes before they go into production" {
	run_example 0
}

@test "ws-route.1: Let the handler of a chat server be a routes file" {
	start_example
	listens
	start_fed client ws-connect "ws://127.0.0.1:$PORT/ws"
	wait_for client.out established
	feed client '{"type":"time"}'
	wait_for client.out '"type":"time","now"'
	end_example ws-serve
	[ "$output" = 0 ]
}

# routed LINE: what the example, as a routes file, makes of it.
routed() {
	example > routes
	run -0 --separate-stderr ws-route routes <<< "$1"
	[ -z "$stderr" ]
}

@test "ws-routes.5: Take an event and write nothing" {
	routed '{"key":"heartbeat.x"}'
	[ -z "$output" ]
}

@test "ws-routes.5: A room for each order and one for each customer" {
	routed '{"key":"orders.7.shipped","data":{"customerId":9}}'
	[ "$output" = '{"to":["order:7","customer:9"],"data":{"type":"order:shipped","payload":{"customerId":9}}}' ]
}

@test "ws-routes.5: Answer a client of ws-serve(1), with the routes as its handler" {
	example > chat.routes
	start_example 'ws-route.1: Let the handler of a chat server be a routes file'
	listens
	run -0 ws-connect -n 1 -m type=time --timeout 10s "ws://127.0.0.1:$PORT/ws" <<< '{"type":"time"}'
	jq -e .now <<< "$output"
}

@test "ws-routes.5: Everything, for a log" {
	routed '{"key":"a.b","data":1}'
	jq -e '.to == "log" and .data.subject == "a.b"' <<< "$output"
}

# --- ws-serve ---

@test "ws-serve.1: Everything that is written on the terminal goes to every browser" {
	start_example
	listens
	listener client news --raw
	feed example 'any words'
	wait_for client.out '^any words$'
	end_example ws-serve
	[ "$output" = 0 ]
}

@test "ws-serve.1: A gateway with tokens and rooms" {
	start_example
	listens
	token u1 > user.jwt
	listener client payments --token-file user.jwt
	feed example '{"key":"auth.x","data":{"type":"x","data":{"userId":"u1"}}}'
	wait_for client.out '"type":"session:x"'
	end_feed example
	wait_end example
	[ "$(< codes)" = "0 0" ]
}

@test "ws-serve.1: With TLS, a page for browsers, and health checks on another port" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-keyout key.pem -out chain.pem 2> /dev/null
	start_example
	listens "$OTHER_PORT"
	run -0 curl -ks "https://127.0.0.1:$OTHER_PORT/"
	[ "$output" = '<title>here</title>' ]
	run -0 curl -s "http://127.0.0.1:$ADMIN_PORT/health"
	jq -e '.status == "healthy"' <<< "$output"
	end_example ws-serve
	[ "$output" = 0 ]
}

@test "ws-serve.1: An echo server with a program of its own behind it" {
	start_example
	listens
	run -0 ws-connect -n 1 -m type=hello --timeout 10s "ws://127.0.0.1:$PORT/ws" <<< '{"type":"hello"}'
	[ "$output" = '{"type":"hello"}' ]
}

@test "ws-serve.1: A server whose feeders come and go" {
	start_example
	listens
	listener client news
	for n in 1 2; do
		ws-ctl run/ws.sock <<< "{\"to\":\"news\",\"data\":$n}"
		wait_for client.out "^$n\$"
	done
	end_example ws-serve
	[ "$output" = 0 ]
}

@test "ws-serve.1: Show who comes and goes" {
	start_example
	listens
	listener client news
	stop client
	wait_for example.out '"event":"close"'
	end_example ws-serve
	[ "$(jq -r .event example.out | paste -sd ' ')" = "open close" ]
}

# --- ws-stream ---

@test "ws-stream.5: An event as amqp-tap(1) writes it" {
	run -0 --separate-stderr amqp-pub --as-recorded --dry-run <<< "$(example)"
	jq -e '.exchange == "payments_events" and .key == "payments.created"' <<< "$output"
}

@test "ws-stream.5: What ws-route(1) may make of it for ws-serve(1)" {
	gateway_at "$PORT"
	listener client user:u1
	feed serve "$(example)"
	wait_for client.out '^\{"type":"payment:created"\}$'
}

# --- the recipes ---

@test "wsutils.7: Show what happens on an exchange and touch no queue of production" {
	requires_rabbitmq
	declare_exchange payments_events topic
	AMQP_TAP_VERBOSE=1 start_example
	wait_for example.err '^amqp-tap: tapping '
	publish payments_events payments.x '{"n":1}'
	end_example amqp-tap
	[ "$output" = "0 0" ]
	[ "$(sort -u example.out)" = '{"n":1}' ]
}

@test "wsutils.7: Record ten minutes" {
	requires_rabbitmq
	declare_exchange payments_events topic
	rm payments.ndjson
	start_example
	publish_until payments_events a 1 has_lines "$T/payments.ndjson" '"key":"a"' 1
	end_example amqp-tap
	[ "$output" = 0 ]
}

@test "wsutils.7: Look into a queue and leave it as it was" {
	requires_rabbitmq
	declare_queue work
	publish "" work 1 2 3 4 5 6 7 8 9 10 11
	run_example 0
	[ "${#lines[@]}" -eq 10 ]
	retry queue_has work 11
}

# The example is a gateway: u1 gets the events of an exchange, and is heard on the bus.
gateway_works() { # EXCHANGE KEY TYPE
	requires_rabbitmq
	for e in payments auth admin; do declare_exchange "${e}_events" topic; done
	exchange client_events
	token u1 > user.jwt
	start_example
	listens
	start_fed client ws-connect --token-file user.jwt "ws://127.0.0.1:$PORT/ws"
	wait_for client.out '"userId":"u1"'
	publish_until "$1" "$2" '{"type":"x.done","data":{"userId":"u1"}}' \
		has_lines "$T/client.out" "\"type\":\"$3\"" 1
	feed client '{"type":"hello"}'
	said() { amqp-tap -q client_events-seen --idle-timeout 200ms | grep -q '"key":"client.message".*"type":"hello"'; }
	retry said
	end_example amqp-tap
	[ "$output" = "0 0 0 0" ]
}

@test "wsutils.7: Events from RabbitMQ reach the clients they are for, what clients say goes back" {
	gateway_works payments_events payments.x payment:done
}

@test "wsutils.7: Lose nothing, whoever dies" {
	requires_rabbitmq
	exchange out
	declare_queue work
	declare_exchange in topic
	bind_queue work in '#'
	publish in a.b 1 2 3
	start_example
	retry queue_has out-seen 3
	retry queue_has work 0
	end_example amqp-tap
	acknowledged
	run -0 amqp-tap -q out-seen -n 3 --timeout 10s
	[ "$(jq -r .key <<< "$output" | uniq -c)" = "      3 a.b" ]
}

@test "wsutils.7: Change routes while 1,000 clients stay connected, with the server apart" {
	requires_rabbitmq
	declare_exchange events topic
	start_example
	listens
	listener client news
	publish_until events a.b '{"n":1}' has_lines "$T/client.out" '"body":{"n":1}' 1
	end_example amqp-tap
	[ "$output" = "0 0 0" ]
	reachable "$PORT"
}

@test "wsutils.7: A chat server in one line; what one member of a room says, the others hear" {
	start_example
	listens
	start_fed one ws-connect -s chat:7 "ws://127.0.0.1:$PORT/ws"
	wait_for one.out '"type":"subscribed"'
	listener two chat:7
	feed one '{"type":"message","room":"chat:7","data":"hello"}'
	wait_for two.out '"type":"message".*"data":"hello"'
	end_example ws-serve
	[ "$output" = 0 ]
}

@test "wsutils.7: A log in the browser" {
	start_example
	listens
	listener client log --raw
	echo 'GET /index.html' >> app.log
	wait_for client.out '^GET /index.html$'
	end_example tail
	[ "$output" = "143 0" ]
}

@test "wsutils.7: Several share a port, fed by one tap and one router" {
	requires_rabbitmq
	declare_exchange events topic
	start_example
	wait_for "$T/a.events" '"event":"listen"'
	wait_for "$T/b.events" '"event":"listen"'
	for i in 1 2 3 4; do listener "client-$i" news; done
	publish_until events a.b '{"n":1}' has_lines "$T/client-1.out" '"body":{"n":1}' 1
	for i in 2 3 4; do wait_for "client-$i.out" '"body":{"n":1}'; done
	end_example amqp-tap
	[ "$output" = "0 0 0" ]
}

@test "wsutils.7: Find out what one user sees" {
	server_of_u1
	start_example
	watched() {
		feed serve '{"user":"u1","data":{"hello":7}}'
		has_lines "$T/example.out" '"hello":7' 1
	}
	retry watched
	signal_example ws-ctl
	wait_end example
	grep -q '"user":"u1".*"queued"' example.out
	wait_for serve.out '"event":"close".*"user":"u1","code":4003'
}

@test "wsutils.7: A load test that fails when it is too slow" {
	gateway_at "$PORT"
	run_example 0
}

@test "wsutils.7: Yesterday's events once more, edited, at twice the pace" {
	start_example
	listens
	listener client news
	wait_for client.out '"userId":"test"'
	end_example ws-replay
	[[ $output =~ ^[0-9]+\ 0\ 0\ 0$ ]]
}

# --- the README ---

@test "README.md: Tap production events" {
	requires_rabbitmq
	declare_exchange payments_events topic
	AMQP_TAP_VERBOSE=1 start_example
	wait_for example.err '^amqp-tap: tapping '
	publish payments_events payments.x '{"type":"payments.x","data":1,"correlationId":"r1"}'
	end_example amqp-tap
	[ "$output" = "0 0" ]
	[ "$(< example.out)" = '{"type":"payments.x","correlationId":"r1"}' ]
}

@test "README.md: A gateway" {
	gateway_works auth_events auth.x session:done
}

@test "README.md: A load test with thresholds" {
	start_example
	wait_end example
	[ "$(< codes)" = 0 ]
	grep -q 'met  *errors=0' example.out
}

@test "README.md: Replay a recording" {
	start_example
	listens
	grep -oF 'ws-connect -s user:u1 ws://127.0.0.1:3000/ws' "$ROOT/README.md"
	start client ws-connect -s user:u1 "ws://127.0.0.1:$PORT/ws"
	wait_for client.out '"type":"payment:created"'
	end_example ws-replay
	[ "$output" = "0 0 0" ]
}

@test "README.md: Make and check tokens" {
	rm secret.txt
	run_example 0
	jq -e '.ok and .user == "u1" and .claims.role == "USER"' <<< "$output"
}
