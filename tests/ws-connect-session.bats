#!/usr/bin/env bats
# ws-connect: reconnecting, what is said first on each connection, tokens, heartbeat.
#
# shellcheck disable=SC2154 # status, output and stderr are set by run
load lib/common
load fixtures/ws-connect/peer

FAST=(--reconnect-delay 10ms..20ms)

@test "--subscribe and --on-open are sent on each connection, before the input" {
	peer
	printf '%s\n' first '' second > "$T/hello"
	start_fed client ws-connect "${FAST[@]}" -r --on-open "$T/hello" -s news -s 'user:u1' "$WS/drop"
	feed client input drop
	got '"open"' 2
	feed client more
	got '"message":"more"'
	sed -n 's/"timestamp\\":\\"[^"]*"/TIME/; s/{"message":"\(.*\)"}/\1/p' "$T/peer.out" > "$T/messages"
	hello='first
second
{\"type\":\"subscribe\",\"payload\":{\"channel\":\"news\"},\TIME}
{\"type\":\"subscribe\",\"payload\":{\"channel\":\"user:u1\"},\TIME}'
	[ "$(cat "$T/messages")" = "$hello
input
drop
$hello
more" ]
}

@test "messages that come while the connection is away are sent later, in order" {
	port=$(free_port)
	start_fed client ws-connect "${FAST[@]}" --reconnect=forever -n 1000 "ws://127.0.0.1:$port/echo"
	feed client $(seq 500)
	wait_for client.err 'Connection refused'
	peer --port "$port"
	feed client $(seq 501 1000)
	wait_end client
	[ "$status" = 0 ]
	[ "$(cat "$T/client.out")" = "$(seq 1000)" ]
}

@test "nothing is lost and nothing comes twice when the connection is dropped again and again" {
	peer
	start_fed client ws-connect "${FAST[@]}" --reconnect=forever "$WS/drop"
	for i in $(seq 10); do
		feed client "$i" drop
		got '"open"' $((i + 1))
	done
	feed client last
	got '"message":"last"'
	[ "$(grep -c '"message":"drop"' "$T/peer.out")" = 10 ]
	for i in $(seq 10); do
		[ "$(grep -c "\"message\":\"$i\"" "$T/peer.out")" = 1 ]
	done
}

@test "a full queue stops reading: nothing is lost" {
	port=$(free_port)
	seq 20000 > "$T/in"
	start client bash -c "exec ws-connect ${FAST[*]} --reconnect=forever --queue 4k -n 20000 'ws://127.0.0.1:$port/echo' < '$T/in'"
	wait_for client.err 'Connection refused'
	peer --port "$port"
	wait_end client
	[ "$status" = 0 ]
	cmp "$T/in" "$T/client.out"
}

@test "--queue-full drop keeps the newest, tells how many were lost, and is exit code 3" {
	port=$(free_port)
	start_fed client ws-connect "${FAST[@]}" --reconnect=forever --queue 1k --queue-full drop --linger 200ms \
		"ws://127.0.0.1:$port/echo"
	wait_for client.err 'Connection refused'
	feed client $(seq 1000)
	end_feed client
	wait_for client.err 'the queue is full: the oldest messages are dropped'
	peer --port "$port"
	wait_end client
	[ "$status" = 3 ]
	[ "$(tail -n 1 "$T/client.out")" = 1000 ]
	lost=$(sed -n 's/^ws-connect: \([0-9]*\) messages were not sent$/\1/p' "$T/client.err")
	[ $((lost + $(wc -l < "$T/client.out"))) = 1000 ]
}

@test "attempts are counted, and end with exit code 4" {
	port=$(free_port)
	run -4 --separate-stderr ws-connect "${FAST[@]}" -j --reconnect=2 "ws://127.0.0.1:$port/" < /dev/null
	[ "$(grep -c '"status":"connecting"' <<< "$output")" = 3 ]
	[ "$(grep -c '"status":"reconnecting"' <<< "$output")" = 2 ]
	[ "$(grep -c '"status":"error","error":"Connection refused"' <<< "$output")" = 3 ]
	[ "${stderr_lines[-1]}" = "ws-connect: giving up after 3 attempts" ]
}

@test "without --reconnect one failure is the end" {
	port=$(free_port)
	run -4 --separate-stderr ws-connect "ws://127.0.0.1:$port/" < /dev/null
	[ "$stderr" = "ws-connect: cannot connect to ws://127.0.0.1:$port/: Connection refused" ]
}

@test "without --reconnect a connection that is lost is the end, whatever came on it" {
	peer
	run -4 --separate-stderr ws-connect "${FAST[@]}" --on-open <(printf '%s\n' hello drop) "$WS/drop" < /dev/null
	[ "$output" = '"hello"' ]
	[ "$(grep -c '"open"' "$T/peer.out")" = 1 ]
}

@test "--reconnect=N is N attempts also after a connection that was of use" {
	peer
	start_fed client ws-connect "${FAST[@]}" -j --reconnect=2 "$WS/drop"
	feed client '{"text":"hello"}'
	wait_for client.out '"text":"hello"'
	stop peer
	wait_end client
	[ "$status" -eq 4 ]
	[ "$(grep -c '"status":"reconnecting"' "$T/client.out")" = 2 ]
}

@test "each step of reconnecting is a record" {
	peer
	start_fed client ws-connect "${FAST[@]}" -j --reconnect=1 "$WS/drop"
	feed client '{"text":"drop"}'
	got '"open"' 2
	feed client '{"text":"x"}'
	wait_for client.out '"text":"x"'
	run -0 jq -r 'select(.event!="message") | "\(.event) \(.status // .code) \(.attempt // "")"' "$T/client.out"
	[ "$output" = "status connecting 1
open null 
status connected 
close 1006 
status disconnected 
status reconnecting 2
status connecting 2
open null 
status connected " ]
}

@test "no reconnecting after 1000, nor after a final code, but after 1001" {
	peer
	run -0 ws-connect "${FAST[@]}" -r "$WS/close/1000/" <<< x
	run -5 ws-connect "${FAST[@]}" -r "$WS/close/4003/" <<< x
	run -5 ws-connect "${FAST[@]}" -r "$WS/close/1008/" <<< x
	[ "$(grep -c '"open"' "$T/peer.out")" = 3 ]
	run -4 ws-connect "${FAST[@]}" --reconnect=2 --on-open <(echo x) "$WS/close/1001/" < /dev/null
	[ "$(grep -c '"open"' "$T/peer.out")" = 6 ]
}

@test "a refused upgrade shows status and body" {
	peer
	run -5 --separate-stderr ws-connect "$WS/refuse/404" < /dev/null
	[ "$stderr" = "ws-connect: cannot connect to $WS/refuse/404: refused with HTTP status 404 Not Found: {\"error\": \"as you wished\"}" ]
}

@test "HTTP 408, 425, 429 and 5xx are exit code 4, other refusals 5" {
	peer
	for pair in 400:5 401:5 403:5 404:5 426:5 302:5 408:4 425:4 429:4 500:4 502:4 503:4; do
		got_status=0
		ws-connect "$WS/refuse/${pair%:*}" < /dev/null 2> "$T/err" || got_status=$?
		echo "$pair: $got_status"
		[ "$got_status" = "${pair#*:}" ]
	done
	run -4 ws-connect "${FAST[@]}" --reconnect=2 "$WS/refuse/503" < /dev/null
	[ "$(grep -c '"refused":503' "$T/peer.out")" = 4 ]
	run -5 ws-connect "${FAST[@]}" --reconnect=2 "$WS/refuse/403" < /dev/null
	[ "$(grep -c '"refused":403' "$T/peer.out")" = 2 ]
}

@test "Retry-After is waited for" {
	peer
	run -4 ws-connect "${FAST[@]}" -j --reconnect=1 "$WS/refuse/429" < /dev/null
	grep -q '"status":"reconnecting","attempt":2,"delay":1.000' <<< "$output"
}

@test "when the peer is slow, standard input is not read on" {
	rude
	head -c 100000000 /dev/zero | tr '\0' x | fold -w 1000 > "$T/in"
	start client bash -c "exec ws-connect '$WS/never-reads' < '$T/in'"
	wait_for client.out hi
	offset() { sed -n 's/^pos:\t//p' "/proc/${PID[client]}/fdinfo/0"; }
	settled() { local a; a=$(offset); sleep 0.2; [ "$(offset)" = "$a" ]; }
	retry settled
	[ "$(offset)" -lt 50000000 ]
	[ "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/${PID[client]}/status")" -lt 500000 ]
}

@test "a peer that reads nothing more does not hold up the end" {
	rude
	head -c 20000000 /dev/zero | tr '\0' x | fold -w 1000000 > "$T/in"
	start client bash -c "exec ws-connect --drain 300ms --queue 100M '$WS/never-reads' < '$T/in'"
	wait_for client.out hi
	stop client
	[ "$status" = 3 ]
	grep -Eqx 'ws-connect: [0-9]+ messages were not sent' "$T/client.err"
}

@test "the token goes where --token-in says" {
	peer
	echo good-token > "$T/token"
	for place in header query protocol; do
		run -0 ws-connect -t "$T/token" --token-in "$place" --linger 0 "$WS/token/good-token?a=b" < /dev/null
	done
	[ "$(grep -c '"token":"good-token"' "$T/peer.out")" = 3 ]
	grep -qF '"open":"/token/good-token?a=b&token=good-token"' "$T/peer.out"
	run -0 ws-connect -t "$T/token" --token-in message -n 1 "$WS/echo" < /dev/null
	[ "$output" = '{"type":"auth","token":"good-token"}' ]
}

@test "a refused token ends it with exit code 5, and the token is never shown" {
	peer
	echo stale-token > "$T/token"
	run -5 --separate-stderr ws-connect -vv -j -t "$T/token" --token-in query "$WS/token/good" < /dev/null
	[[ $stderr == *"refused with HTTP status 401 Unauthorized: token expired"* ]] || false
	[[ "$stderr$output" != *stale-token* ]] || false
}

@test "after 401 it connects again only with another token, and waits for one" {
	peer
	echo old > "$T/token"
	run -5 --separate-stderr ws-connect "${FAST[@]}" --reconnect=3 -t "$T/token" "$WS/token/good" < /dev/null
	[[ ${stderr_lines[-2]} == *"the token was refused, and there is no new one" ]] || false
	[ "$(grep -c '"token":"old"' "$T/peer.out")" = 1 ]
	start client ws-connect "${FAST[@]}" --reconnect=forever -t "$T/token" "$WS/token/good"
	wait_for client.err 'there is no new one'
	echo good > "$T/token"
	got '"open":"/token/good"'
	[ "$(grep -c '"token":"old"' "$T/peer.out")" = 2 ]
}

@test "after close code 4001 it connects again only with another token" {
	peer
	echo one > "$T/token"
	run -5 --separate-stderr ws-connect "${FAST[@]}" --reconnect=2 -t "$T/token" "$WS/close/4001/expired" <<< x
	[ "$(grep -c '"open"' "$T/peer.out")" = 1 ]
	printf '%s\n' two three three three three > "$T/tokens"
	run -5 ws-connect "${FAST[@]}" --reconnect=4 --on-open <(echo x) \
		--token-command "head -n 1 '$T/tokens'; sed -i 1d '$T/tokens'" "$WS/close/4001/expired" < /dev/null
	[ "$(grep -c '"open"' "$T/peer.out")" = 3 ]
}

@test "a token command that fails, says nothing or never ends is told" {
	peer
	run -4 --separate-stderr ws-connect --token-command 'exit 1' "$WS/echo" < /dev/null
	[[ $stderr == *": the token command failed" ]] || false
	run -4 --separate-stderr ws-connect --token-command true "$WS/echo" < /dev/null
	[[ $stderr == *": the token is empty" ]] || false
	run -4 --separate-stderr ws-connect --token-command 'sleep 60' --connect-timeout 200ms "$WS/echo" < /dev/null
	[[ $stderr == *": the token command takes too long" ]] || false
	run -4 --separate-stderr ws-connect --token-command 'printf "a\nX: y"' "$WS/echo" < /dev/null
	[[ $stderr == *": the token has a blank or a character that is not ASCII" ]] || false
	[ "$(grep -c open "$T/peer.out")" = 0 ]
}

@test "a server that does not answer pings is given up: exit code 4" {
	peer
	run -4 --separate-stderr ws-connect --ping-interval 100ms --ping-timeout 200ms "$WS/silent" < /dev/null
	[ "$stderr" = "ws-connect: $WS/silent: ping timeout" ]
}

@test "pings keep a connection that is alive" {
	peer
	start client ws-connect --ping-interval 50ms --ping-timeout 5s "$WS/echo"
	got '"ping":true' 5
	stop client
	[ "$status" = 0 ]
}

@test "pings go on while standard output is blocked, and nothing is lost" {
	peer
	mkfifo "$T/pipe"
	start client bash -c "exec ws-connect --ping-interval 50ms --ping-timeout 100ms -n 200000 '$WS/count/200000' > '$T/pipe'"
	exec 9< "$T/pipe"
	got '"ping":true' 5
	kill -0 "${PID[client]}"
	[ "$(wc -l <&9)" = 200000 ]
	exec 9<&-
	wait_end client
	[ "$status" = 0 ]
}

@test "SIGHUP connects anew with a fresh token" {
	peer
	echo one > "$T/token"
	start client setsid ws-connect -t "$T/token" --token-in query "$WS/echo"
	got '"open":"/echo.token=one"'
	echo two > "$T/token"
	kill -HUP "${PID[client]}"
	got '"open":"/echo.token=two"'
	[ "$(grep -c '"close":1000' "$T/peer.out")" = 1 ]
	stop client
	[ "$status" = 0 ]
}

@test "--metrics-file has the counters at the end" {
	peer
	run -0 ws-connect --metrics-file "$T/metrics" -n 2 "$WS/echo" <<< $'1\n2'
	grep -qx 'ws_connect_sent_total 2' "$T/metrics"
	grep -qx 'ws_connect_received_total 2' "$T/metrics"
	grep -qx 'ws_connect_connections_total 1' "$T/metrics"
}
