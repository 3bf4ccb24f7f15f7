# Every script of examples/ does what its first lines say.

# shellcheck disable=SC2016 # some words are for another shell

load lib/common
load lib/rabbit

E=$ROOT/examples

# The WebSocket URL that a started example listens on.
listening() { # NAME
	wait_for "$1.out" '"event":"listen"'
	URL=$(jq -r 'select(.event == "listen").url' "$T/$1.out" | head -n 1)
	PORT=${URL##*:}
	PORT=${PORT%%/*}
}

@test "gateway.sh: an event of the bus reaches its user, what the user says reaches the bus" {
	requires_rabbitmq
	for e in payments auth admin client; do declare_exchange "${e}_events" topic; done
	declare_queue said
	bind_queue said client_events '#'
	echo "examples tests secret, 32 bytes and more" > "$T/secret"
	port=$(free_port)
	start gateway env JWT_SECRET_FILE="$T/secret" "$E/gateway.sh" "$port"
	retry bash -c ": < /dev/tcp/127.0.0.1/$port"
	jwt-sign --key-file "$T/secret" --sub u1 --claim role=USER --exp 1h > "$T/jwt"
	start_fed user ws-connect --token-file "$T/jwt" "ws://127.0.0.1:$port/ws"
	wait_for user.out 'connection:established'
	retry bash -c 'amqp-pub --as-recorded <<< '\''{"exchange":"payments_events","key":"payments.x","data":{"type":"payment.done","data":{"userId":"u1","n":1}}}'\'''
	wait_for user.out '"type":"payment:done"'
	feed user '{"type":"hello"}'
	retry bash -c 'amqp-tap -q said --requeue -n 3 --idle-timeout 1s | grep -q "\"type\":\"hello\""'
}

@test "jobs.sh: services POST to /broadcast with curl, clients hear of it" {
	start jobs "$E/jobs.sh" 0
	listening jobs
	start client ws-connect --subscribe jobs "$URL"
	wait_for client.out '"type":"subscribed"'
	run -0 curl -sS -X POST "http://localhost:$PORT/broadcast" \
		-H "Content-Type: application/json" \
		-d '{
    "type": "test_message",
    "data": {"message": "Hello WebSocket!"},
    "channel": "jobs"
  }'
	[ "$output" = '{"delivered":1}' ]
	wait_for client.out '"type":"test_message"'
	run -0 bash -c 'grep test_message "$1" | jq -c "{type, data}"' _ "$T/client.out"
	[ "$output" = '{"type":"test_message","data":{"message":"Hello WebSocket!"}}' ]
	run -0 bash -c "curl -sS http://localhost:$PORT/stats | jq -c '{total, by_channel}'"
	[ "$output" = '{"total":1,"by_channel":{"jobs":1}}' ]
	run -0 bash -c "curl -sS http://localhost:$PORT/health | jq -r .status"
	[ "$output" = healthy ]
}

@test "topics.sh: the token in the first message, then topics with wildcards" {
	echo "examples tests secret, 32 bytes and more" > "$T/secret"
	start_fed topics env SECRET_FILE="$T/secret" "$E/topics.sh" 0
	listening topics
	jwt-sign --key-file "$T/secret" --sub 123 --exp 1h > "$T/jwt"
	start client ws-connect --token-file "$T/jwt" --token-in message \
		--subscribe messages.user.123 --subscribe 'messages.channel.*' "$URL"
	wait_for client.out '"type":"subscribed"' 2
	wait_for client.out '"type":"auth_success","userId":"123"'
	feed topics '{"to":"messages.channel.9","data":{"type":"message","topic":"messages.channel.9"}}'
	wait_for client.out '"topic":"messages.channel.9"'
	start other ws-connect --token-file "$T/jwt" --token-in message --subscribe messages.user.7 "$URL"
	wait_for other.out '"type":"error","code":5'
}

@test "chat.sh: what one says the other hears, from whom is not the sender's to say" {
	start chat "$E/chat.sh" 0
	listening chat
	start_fed one ws-connect --subscribe chat:7 "$URL"
	start two ws-connect --subscribe chat:7 "$URL"
	wait_for one.out subscribed
	wait_for two.out subscribed
	feed one '{"type":"message","room":"chat:7","from":"somebody else","data":{"text":"hello"}}'
	wait_for two.out '"text":"hello"'
	run -1 grep 'somebody else' "$T/two.out"
	run -1 grep '"text":"hello"' "$T/one.out"
}

@test "live-log.sh: new lines of a file appear at the client, JSON or not" {
	touch "$T/log"
	start log "$E/live-log.sh" "$T/log" 0
	listening log
	start client ws-connect --raw "$URL"
	wait_for client.out established
	echo 'GET / 200 "quoted"' >> "$T/log"
	wait_for client.out '^GET / 200 "quoted"$'
}

@test "token-refresh.sh: a client outlives its tokens" {
	echo "examples tests secret, 32 bytes and more" > "$T/secret"
	start_fed serve ws-serve --auth "jwt-check --key-file $T/secret" 0
	listening serve
	start client "$E/token-refresh.sh" "$URL" jwt-sign --key-file "$T/secret" --sub u1 --exp 2s
	wait_for serve.out '"event":"open"' 3
	wait_for serve.out '"event":"close".*"code":4001' 2
}

@test "load-test.sh: a report as JSON, and thresholds that are met" {
	run -0 --separate-stderr env SECONDS_LONG=1 "$E/load-test.sh"
	jq -e . <<< "$output"
}

@test "replay-edited.sh: a recording, edited, at a pace of one's own" {
	run -0 --separate-stderr env SPEED=100x "$E/replay-edited.sh" tester
	[ "$(jq -r .data.data.senderId <<< "$output" | sort -u)" = tester ]
	[ "${#lines[@]}" -eq "$(grep -c '"key":"payments' "$E/payments.ndjson")" ]
}

@test "debug-user.sh: both directions of one user" {
	start_fed serve ws-serve --control "$T/control" 0
	listening serve
	start_fed client ws-connect --subscribe news "$URL"
	wait_for client.out subscribed
	conn=$(jq -r 'select(.event == "open").conn' "$T/serve.out")
	run -0 timeout 2 bash -c 'ws-ctl "$1" get connections | grep -c "$2"' _ "$T/control" "$conn"
	[ "$output" -ge 1 ]
}

@test "reroute.sh: new routes, the same connections" {
	requires_rabbitmq
	declare_exchange events topic
	printf '**\n\t{to: "news", data: {version: 1}}\n' > "$T/routes"
	start reroute env CONTROL="$T/control" "$E/reroute.sh" events "$T/routes" 0
	listening reroute
	start client ws-connect --subscribe news "$URL"
	wait_for client.out subscribed
	say() { amqp-pub -e events -r a.b --no-mandatory <<< '{"data":1}'; }
	retry bash -c 'amqp-pub -e events -r a.b <<< "{\"data\":1}"'
	wait_for client.out '"version":1'
	printf '**\n\t{to: "news", data: {version: 2}}\n' > "$T/routes"
	again() { say; has_lines "$T/client.out" '"version":2' 1; }
	retry again
	[ "$(grep -c '"event":"open"' "$T/reroute.out")" -eq 1 ]
}

@test "three-gateways.sh: three hosts behind one broker, one of them killed" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	ip netns add wsutils-try 2> /dev/null && ip netns exec wsutils-try true 2> /dev/null &&
		ip netns del wsutils-try || skip "no network namespaces here"
	requires_rabbitmq
	declare_exchange three topic
	run -0 --separate-stderr timeout -k 5 60 "$E/three-gateways.sh" three
	for i in 1 2 3; do
		grep -q "^client $i: .*all three are there" <<< "$output"
		grep -q "^client $i: .*gateway 2 is back" <<< "$output"
	done
	grep -q '^client 1: .*gateway 2 was killed' <<< "$output"
	grep -q '^client 3: .*gateway 2 was killed' <<< "$output"
	run -1 grep '^client 2: .*gateway 2 was killed' <<< "$output"
}

@test "screenshot.sh: a picture of the page, connected" {
	command -v chromedriver > /dev/null || skip "chromium-driver is not installed"
	run -0 timeout -k 5 100 "$E/screenshot.sh" "$T/picture.png"
	[ -z "$output" ]
	[ "$(head -c 8 "$T/picture.png" | od -An -tx1)" = " 89 50 4e 47 0d 0a 1a 0a" ]
	[ "$(stat -c %s "$T/picture.png")" -gt 20000 ] # more than an empty page
}

@test "nginx.conf is what nginx takes" {
	command -v nginx > /dev/null || skip "nginx is not installed"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-keyout "$T/key" -out "$T/cert" 2> /dev/null
	{
		echo "pid $T/pid; error_log stderr; events {} http {"
		sed -e "s|/etc/ssl/certs/gateway.pem|$T/cert|; s|/etc/ssl/private/gateway.key|$T/key|" \
			-e "s|/var/log/nginx|$T|; s|listen 443|listen 127.0.0.1:$(free_port)|" "$E/nginx.conf"
		echo "}"
	} > "$T/nginx.conf"
	run -0 nginx -t -p "$T" -c "$T/nginx.conf"
}

@test "the systemd units are sound" {
	command -v systemd-analyze > /dev/null || skip "systemd is not installed"
	mkdir "$T/units"
	for u in service socket; do
		sed "s|/usr/bin/ws-serve|$BIN/ws-serve|" "$E/systemd/ws-serve@.$u" > "$T/units/ws-serve@x.$u"
	done
	run -0 env SYSTEMD_UNIT_PATH="$T/units:" systemd-analyze verify --man=no "$T/units/ws-serve@x.service" "$T/units/ws-serve@x.socket"
}
