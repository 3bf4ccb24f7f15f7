load lib/common

# server [MODE...]: a WebSocket server that misbehaves as asked (fixtures/ws-bench/server.py)
# under the name "server"; $URL is its URL.
server() {
	rm -f "$T/server.out" # of the one before
	start server /usr/bin/python3 "$ROOT/tests/fixtures/ws-bench/server.py" "$@"
	wait_for server.out '^listen '
	URL=$(sed -n 's/^listen //p' "$T/server.out")
}

# bench [OPTIONS...]: ws-bench against $URL with a JSON report in $T/report. Where nothing
# is to be lost, it waits as long as a busy machine may take.
bench() {
	local -a wait=()
	[[ " $* " == *" lost=0 "* ]] && wait=(--linger 20s)
	timeout 60 ws-bench --json "${wait[@]}" "$@" "$URL" > "$T/report"
}

# is FILTER: true of the report (jq); shows it when not.
is() {
	jq -e "$1" "$T/report" > "$T/answer" || { echo "not so: $1"; cat "$T/report"; return 1; }
}

# --- round trips ---

@test "pings are answered by pongs with the same correlationId" {
	server pong
	bench -c 5 -r 20 -d 1s --require lost=0 --require duplicated=0
	is '.opened == 5 and .sent == 100 and .expected == 100 and .delivered == 100'
	is '.rtt.count == 100 and .rtt.p50 > 0 and .rtt.p50 <= .rtt.p99 and .rtt.p99 <= .rtt.max'
	is '.connect.count == 5 and .errors == 0 and .failed == 0 and .dropped == 0'
}

@test "an echo server's answers are counted with --echo" {
	server
	bench --echo -c 3 -r 50 -d 1s --require lost=0
	is '.sent == 150 and .delivered == 150 and .rtt.count == 150'
}

@test "--total-rate is shared by all connections" {
	server
	bench --echo -c 4 --total-rate 50 -d 2s
	is '.sent == 100 and .delivered == 100'
}

@test "a rate may be less than one a second" {
	server
	bench --echo -c 10 -r 30/1m -d 2s
	is '.sent == 10'
}

@test "--rate max keeps a window of messages on their way" {
	server
	bench --echo -c 2 -r max --window 4 -d 500ms --require lost=0
	is '.sent > 100 and .delivered == .sent'
}

@test "--rate max goes on at once when deliveries come that were given up" {
	server fanout subscribe stall=2@20
	bench --fanout -c 3 -r max --window 4 -d 3s --linger 20s
	is '.sent > 200 and .delivered == .expected'
}

@test "--size brings messages to that many bytes, also long ones" {
	server
	bench --echo -c 1 -r 10 -d 1s --size 200k --require lost=0
	is '.delivered == 10 and .bytes_out > 10 * 200 * 1024 and .bytes_out < 10 * 201 * 1024'
}

@test "messages are made from templates" {
	server subscribe
	printf '%s\n' a b > "$T/tokens"
	timeout 20 ws-bench --echo -c 2 -r 1 -d 1s --tokens "$T/tokens" --json \
		-m '{"n":{n},"conn":{conn},"user":"{user}","room":{room},"id":"{id}","time":"{time}"}' "$URL" > "$T/report"
	is '.delivered == 2'
}

@test "a message without {id} cannot be followed and is refused" {
	run -2 ws-bench --echo -m hello ws://127.0.0.1:1/
	[ "$output" = "ws-bench: each message needs an {id}, by which its answers are known; see ws-bench --help" ]
	run -2 ws-bench -m 'x {usr}' ws://127.0.0.1:1/
	[ "$output" = "ws-bench: --message: unknown {usr}: x {usr}; see ws-bench --help" ]
}

@test "messages that need no answer are sent at their rate" {
	server
	bench -c 2 -r 20 -d 1s -m one -m two
	is '.sent == 40 and .expected == 0 and .lost == 0'
	wait_for server.out request 2
}

@test "the lines of a file are sent in turn" {
	server
	printf '%s\n' '{"a":"{id}"}' '' '{"b":"{id}"}' > "$T/messages"
	bench --echo --messages "$T/messages" -c 1 -r 10 -d 1s --require lost=0
	is '.sent == 10'
}

@test "lines on standard input are sent as they come, and their end is the end" {
	server
	seq 1000 | ws-bench --json -c 3 --messages - -d 0 "$URL" > "$T/report"
	is '.sent == 1000 and .dropped == 0'
	seq 1000 > "$T/lines"
	ws-bench --json -c 3 --messages - -d 0 "$URL" < "$T/lines" > "$T/report"
	is '.sent == 1000 and .dropped == 0'
}

@test "a burst of lines on standard input is sent whole before the next one comes" {
	server
	start_fed bench ws-bench --json -c 3 --messages - -d 0 --max-message 1k --every 50ms "$URL"
	wait_for server.out request 3
	printf '%s\n' {1..1000} "$(printf '%02000d' 0)" >&"${FEED[bench]}"
	retry eval '[ "$(jq -s "map(.sent) | add" "$T/bench.out")" = 1000 ]'
	end_feed bench
	wait_end bench
	[ "$status" -eq 3 ]
	[ "$(cat "$T/bench.err")" = "ws-bench: line 1001: too long, skipped" ]
}

@test "with a rate the lines of standard input are read first and paced" {
	server
	echo '{"id":"{id}"}' | ws-bench --json --echo --messages - -r 20 -d 1s "$URL" > "$T/report"
	is '.sent == 20 and .delivered == 20'
}

# --- what a server may do wrong ---

@test "a stall of one second shows in the tail, since latency counts from the due time" {
	server stall=1@50
	bench --echo -c 1 -r 100 -d 2s --require lost=0
	# 100 of 200 messages came due in that second. Counted from when they could be
	# written, one of them would have waited.
	is '.rtt.max >= 990 and .rtt.p99 >= 900 and .rtt.p75 >= 400'
	is '.sent == 200 and .delivered == 200'
}

@test "percentiles are those of the values" {
	# A server that waits 0.2 s once holds up 20 messages of 100 by 10, 20, ... 200 ms.
	server stall=0.2@40
	bench --echo -c 1 -r 100 -d 1s
	is '.rtt.count == 100'
	is '.rtt.max >= 195 and .rtt.p95 >= 145 and .rtt.p90 >= 95 and .rtt.p75 <= .rtt.p90'
}

@test "lost messages are counted" {
	server fanout subscribe lose=10
	run -1 bench --fanout -c 5 -r 100 -d 1s --linger 300ms --require lost=0
	# Of the 100 that each of four others should get, every tenth is not sent.
	is '.sent == 100 and .expected == 400 and .delivered == 360 and .lost == 40'
	is '.duplicated == 0 and .reordered == 0 and .met == false'
	is '.require == [{"requirement":"lost=0","value":40,"met":false}]'
}

@test "duplicated messages are counted" {
	server fanout subscribe duplicate=10
	bench --fanout -c 5 -r 100 -d 1s --require lost=0
	is '.delivered == 400 and .duplicated == 40 and .reordered == 0 and .received >= 440'
}

@test "messages out of order are counted" {
	server fanout subscribe swap=10
	bench --fanout -c 5 -r 101 -d 1s --linger 300ms
	is '.expected == 404 and .delivered == 404 and .lost == 0 and .duplicated == 0 and .reordered == 40'
}

@test "lost, duplicated and reordered answers of a ping are counted too" {
	server pong lose=7 duplicate=5 swap=9
	bench -c 1 -r 101 -d 1s --linger 300ms
	# Of 101 answers 14 are lost (7, 14, ...), 11 are held back (9, 18, ... but 63), and 17 are
	# doubled (5, 10, ... but 35, 45, 70 and 90).
	is '.expected == 101 and .lost == 14 and .duplicated == 16'
	is '.reordered == 10'
}

@test "fan-out to all reaches the sender too" {
	server fanout-all subscribe
	bench --fanout=all -c 5 -r 20 -d 1s --require lost=0
	is '.expected == 100 and .delivered == 100 and .delivery.count == 100 and .unexpected == 0'
}

@test "fan-out to others does not expect the sender's own copy" {
	server fanout-all subscribe
	bench --fanout -c 5 -r 20 -d 1s
	is '.expected == 80 and .delivered == 80 and .unexpected == 20'
}

@test "what fan-out should not bring is counted as unexpected" {
	# Two rooms, but the server sends to everybody.
	server fanout subscribe
	bench --fanout --rooms 2 -c 4 -r 10 -d 1s
	is '.sent == 20 and .expected == 20 and .delivered == 20 and .unexpected == 40'
}

@test "connections that the server closes are counted by code, and made again on request" {
	server pong close=4008@10
	bench -c 2 -r 20 -d 1s --linger 100ms
	is '.opened == 2 and .dropped == 1 and .kinds == {"closed 4008":1} and .errors == 1 and .unsent > 0'
	stop server
	server pong close=4008@10
	bench -c 2 -r 20 -d 1s --linger 100ms --reconnect --reconnect-delay 100ms
	is '.opened == 3 and .dropped == 1'
}

@test "refused upgrades are counted by status" {
	server pong refuse=503 refuse-after=3
	run -4 bench -c 5 -d 100ms
	[ "${lines[0]}" = "ws-bench: no connection could be set up: HTTP 503" ]
	is '.opened == 0 and .failed == 5 and .kinds == {"HTTP 503":5}'
	stop server
	server pong refuse=401
	run -5 bench -c 1 -d 100ms
}

@test "some refused upgrades leave the others at work" {
	server pong refuse-after=3
	bench -c 5 -r 10 -d 1s --handshakes 1
	is '.opened == 3 and .failed == 2 and .kinds == {"HTTP 503":2} and .sent == 30 and .delivered == 30'
}

@test "a server that is not there is exit 4" {
	URL=ws://127.0.0.1:$(free_port)/
	run -4 bench -c 2 -d 100ms
	[ "${lines[0]}" = "ws-bench: no connection could be set up: cannot connect: Connection refused" ]
}

@test "handshakes that prove nothing are refused" {
	for bad in accept extension http; do
		server bad=$bad
		run -4 bench --echo -c 1 -d 100ms
		is '.opened == 0 and .failed == 1'
		is '.kinds | keys[0] | startswith("bad handshake: ")'
		stop server
	done
}

@test "frames that violate the protocol end the connection" {
	server bad=masked
	bench --echo -c 1 -r 10 -d 300ms --linger 100ms
	is '.kinds == {"bad frame: frame is masked":1} and .dropped == 1'
	stop server
	server bad=reserved
	bench --echo -c 1 -r 10 -d 300ms --linger 100ms
	is '.kinds == {"bad frame: reserved bits are set":1}'
}

@test "a message longer than --max-message ends the connection" {
	server
	bench --echo -c 1 -r 10 -d 300ms --linger 100ms --size 5000 --max-message 4k
	is '.kinds == {"bad frame: message too long":1}'
}

@test "a server that never answers the handshake is given up after --timeout" {
	start server /usr/bin/python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0)); print("listen ws://127.0.0.1:%d/" % s.getsockname()[1], flush=True); time.sleep(60)'
	wait_for server.out '^listen'
	URL=$(sed -n 's/^listen //p' "$T/server.out")
	run -4 bench -c 2 --timeout 200ms
	is '.kinds == {"timed out while upgrading":2}'
}

@test "subscriptions that are never confirmed are given up after --timeout" {
	server # which echoes them
	run -4 bench --fanout -c 2 --timeout 200ms
	is '.kinds == {"timed out while subscribing":2} and .sent == 0'
}

# --- trouble on purpose ---

@test "connections come back after each storm" {
	server
	bench --echo -c 20 -r 10 -d 1500ms --storm 500ms --storm-share 50 --require lost=0
	is '.storms == 2 and .opened == 40 and .recovery > 0 and .dropped == 0 and .duplicated == 0'
}

@test "slow readers take nothing, and do not count" {
	server fanout subscribe
	bench --fanout -c 6 --slow 2 -r 20 -d 1s --require lost=0
	is '.sent == 20 and .expected == 60 and .delivered == 60'
}

@test "slow readers read at --slow-rate" {
	server fanout subscribe
	bench --fanout -c 3 --slow 1 --slow-rate 10k -r 20 -d 1s
	is '.expected == 20 and .delivered == 20 and .received > 30'
}

@test "--ramp opens so many connections a second" {
	server
	bench --echo -c 10 --ramp 20/s -r 1 -d 100ms
	is '.opened == 10 and .ready_seconds >= 0.44'
}

@test "--source gives the addresses to connect from" {
	server pong
	bench -c 4 -d 100ms -r 10 --source 127.0.0.2,127.0.0.4-127.0.0.5
	is '.opened == 4'
	run -2 ws-bench --source 127.0.0.9-127.0.0.2 "$URL"
	[ "$output" = "ws-bench: --source: not a range of IPv4 addresses: 127.0.0.9-127.0.0.2; see ws-bench --help" ]
}

# --- tokens ---

@test "tokens are taken in turn, in the header, the query or the sub-protocol" {
	printf '%s\n' one two > "$T/tokens"
	server pong
	bench -c 3 -d 100ms --tokens "$T/tokens"
	[ "$(grep -c '"authorization": "Bearer one"' "$T/server.out")" -eq 2 ]
	[ "$(grep -c '"authorization": "Bearer two"' "$T/server.out")" -eq 1 ]
	bench -c 1 -d 100ms --tokens "$T/tokens" --token-in query
	grep -q '"line": "GET /?token=one HTTP/1.1"' "$T/server.out"
	bench -c 1 -d 100ms --tokens "$T/tokens" --token-in protocol
	grep -q '"sec-websocket-protocol": "bearer, one"' "$T/server.out"
	grep -c one "$T/report" && false
	true
}

@test "further headers, origin and sub-protocol are sent" {
	server pong
	bench -d 100ms -H 'X-Test: 1' --origin http://o --subprotocol chat
	grep -q '"origin": "http://o", "sec-websocket-protocol": "chat", "x-test": "1"' "$T/server.out"
	run -2 ws-bench -H $'X: 1\r\nY: 2' "$URL"
}

# --- TLS and Unix sockets ---

@test "wss: the certificate is checked against --cacert, or not with -k" {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$T/key" -out "$T/cert" 2> "$T/openssl"
	server pong "tls=$T/cert,$T/key"
	bench -c 3 -r 50 -d 1s --cacert "$T/cert" --require lost=0
	is '.opened == 3 and .delivered == 150'
	bench -c 1 -r 10 -d 500ms -k --require lost=0
	run -5 bench -c 1 -d 100ms
	is '.kinds | keys[0] | startswith("TLS: ")'
	run -2 bench --cacert "$T/none"
	cat "$T/cert" "$T/key" > "$T/both"
	bench -c 1 -r 10 -d 500ms -k --cert "$T/both" --require lost=0
	openssl pkey -in "$T/key" -aes128 -passout pass:x -out "$T/locked"
	run -2 --separate-stderr ws-bench --cert "$T/cert" --key "$T/locked" "$URL"
	[[ $stderr == "ws-bench: cannot set up TLS: $T/locked: an encrypted key: "* ]] || false
}

@test "wss: long messages and many of them arrive whole" {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$T/key" -out "$T/cert" 2> "$T/openssl"
	server "tls=$T/cert,$T/key"
	bench -k --echo -c 2 -r 5 -d 1s --size 100k --require lost=0
	bench -k --echo -c 2 -r max -d 500ms --require lost=0
	is '.delivered > 100'
}

# --- results ---

@test "the report is readable" {
	server pong
	run -0 --separate-stderr ws-bench -c 2 -r 10 -d 1s --require 'rtt.p99<20s' --require lost=0 "$URL"
	[ "$stderr" = "" ]
	[ "${lines[0]}" = "$URL: 2 connections, ping, 1.0 s" ]
	[[ ${lines[1]} == "connections  2 opened, ready after "*" s" ]] || false
	[ "${lines[2]}" = "messages     20 sent (20.0/s), 20 received (20.0/s)" ]
	[ "${lines[3]}" = "of these     20 expected, 20 came, 0 lost, 0 duplicated, 0 out of order" ]
	[[ ${lines[4]} == "latency          count      min     mean      p50      p75      p90      p95      p99    p99.9   p99.99      max" ]] || false
	[[ ${lines[5]} =~ ^connect\ +2(\ +[0-9.]+(us|ms|s)){10}$ ]] || false
	[[ ${lines[6]} =~ ^rtt\ +20(\ +[0-9.]+(us|ms|s)){10}$ ]] || false
	[[ ${lines[7]} == "ws-bench     "*" % of one core, sent at most "*" late" ]] || false
	[ "${lines[8]}" = "required" ]
	[[ ${lines[9]} == "  met       rtt.p99<20s  (rtt.p99 "* ]] || false
	[ "${lines[10]}" = "  met       lost=0  (lost 0)" ]
}

@test "requirements that are not met are exit 1" {
	server pong
	run -1 bench -r 10 -d 500ms --require 'rtt.p50<0.001us' --require 'sent=5' --require 'delivery.p50<1s'
	is '.require | map(.met) == [false, true, false]'
	is '.require[2].value == null and .met == false'
}

@test "a requirement that is none is a usage error" {
	run -2 ws-bench --require 'rtt.p99<5' ws://127.0.0.1:1/
	[ "$output" = "ws-bench: --require: a latency needs a unit: us, ms, s or m: rtt.p99<5; see ws-bench --help" ]
	run -2 ws-bench --require 'speed>1' ws://127.0.0.1:1/
	[ "$output" = "ws-bench: --require: no number of that name: speed>1; see ws-bench --help" ]
}

@test "--every writes a line for each interval, which add up to the report" {
	server pong
	ws-bench -c 2 -r 20 -d 1s --every 200ms "$URL" > "$T/lines"
	head -n -1 "$T/lines" | jq -es 'length >= 4 and all(.event == "interval")' > "$T/answer"
	tail -n 1 "$T/lines" | jq -e '.event == "report" and .sent == 40' > "$T/answer"
	jq -es '(map(select(.event == "interval").sent) | add) <= 40' "$T/lines" > "$T/answer"
	jq -es 'all(.time | test("Z$"))' "$T/lines" > "$T/answer"
}

@test "counters are kept in --metrics-file" {
	server pong
	bench -c 2 -r 20 -d 500ms --metrics-file "$T/metrics"
	grep -qx 'ws_bench_sent_total 20' "$T/metrics"
	grep -qx 'ws_bench_delivered_total 20' "$T/metrics"
	grep -qx 'ws_bench_connections_open 0' "$T/metrics"
}

@test "nothing is shown along the way unless stderr is a terminal" {
	server pong
	ws-bench --json -r 10 -d 500ms "$URL" 2> "$T/stderr" > "$T/report"
	[ ! -s "$T/stderr" ]
	script -qec "ws-bench --json -r 10 -d 500ms $URL > $T/report" /dev/null > "$T/terminal" < /dev/null
	grep -q 'working .* open, .* sent' "$T/terminal"
	is '.sent == 5'
}

@test "--find max-rate finds the highest rate that still meets what is required" {
	# The server stops at its 120th message: the run at 100/s passes, that at 200/s does not.
	server pong stall=2@120
	run -0 --separate-stderr ws-bench --find max-rate --total-rate 100 -c 2 -d 500ms --linger 20s \
		--json --require 'rtt.max<1500ms' "$URL"
	printf '%s\n' "$output" > "$T/lines"
	jq -es '.[:-1] | all(.event == "trial")' "$T/lines" > "$T/answer"
	jq -es '.[0].rate == 100 and .[0].met and .[1].rate == 200 and (.[1].met | not)' "$T/lines" > "$T/answer"
	jq -es '.[-1] | .event == "found" and .max_rate >= 100 and .max_rate < 200' "$T/lines" > "$T/answer"
}

@test "--find max-connections finds how many the server takes" {
	server pong refuse-after=11
	run -0 --separate-stderr ws-bench --find max-connections -c 4 -d 100ms -r 10 --require errors=0 "$URL"
	[ "${lines[-1]}" = "at most 11 connections meet what is required" ]
	[[ ${lines[0]} == "met                 4 connections  errors 0" ]] || false
	[[ ${lines[2]} == "not met            16 connections  errors 5, 5 failed, 0 dropped, "*" not sent" ]] || false
}

@test "--find that finds nothing is exit 1" {
	server pong
	run -1 --separate-stderr ws-bench --find max-rate -r 1 -d 100ms --require 'rtt.p50<0.001us' "$URL"
	[ "${lines[-1]}" = "no load meets what is required" ]
}

@test "the first signal ends the work early and the report comes all the same" {
	server pong
	start bench ws-bench --json -r 10 -d 0 "$URL"
	wait_for server.out request
	retry eval 'grep -q . /proc/${PID[bench]}/net/tcp'
	stop bench INT
	[ "$status" -eq 0 ]
	jq -e '.event == "report" and .opened == 1' "$T/bench.out" > "$T/answer"
}

@test "it ends as a filter does when its reader goes away, also between lines" {
	server pong
	mkfifo "$T/pipe"
	ws-bench -r 1 -d 0 "$URL" > "$T/pipe" 3>&- &
	PID[bench]=$!
	exec {reader}< "$T/pipe"
	wait_for server.out request
	exec {reader}<&-
	wait_end bench
	[ "$status" -eq 141 ]
}

@test "a feed that is not there is an error, and no file takes its place" {
	serve
	run -6 ws-bench --feed "$T/feed" -d 1s "$URL"
	[ "$output" = "ws-bench: cannot open $T/feed: No such file or directory" ]
	[ ! -e "$T/feed" ]
}

@test "a feed that nobody reads any more is an error" {
	serve
	mkfifo "$T/feed"
	head -n 2 "$T/feed" > "$T/taken" &
	run -4 timeout 20 ws-bench --feed "$T/feed" -r 50 -d 10s "$URL"
	[ "$output" = "ws-bench: cannot write $T/feed: Broken pipe" ]
}

@test "contradictions are usage errors" {
	run -2 ws-bench
	[ "$output" = "ws-bench: no URL; see ws-bench --help" ]
	run -2 ws-bench http://127.0.0.1/
	run -2 ws-bench --echo --fanout ws://127.0.0.1:1/
	run -2 ws-bench --idle -r 1 ws://127.0.0.1:1/
	run -2 ws-bench --slow 1 ws://127.0.0.1:1/
	run -2 ws-bench --find max-rate ws://127.0.0.1:1/
	run -2 ws-bench --key x ws://127.0.0.1:1/
	run -2 ws-bench --cacert x ws://127.0.0.1:1/
	run -2 ws-bench --cert x ws+unix:///x
	run -2 ws-bench -k ws://127.0.0.1:1/
	[ "$output" = "ws-bench: --cacert, --cert and --insecure are for wss:// only; see ws-bench --help" ]
	run -2 ws-bench -m a --messages b ws://127.0.0.1:1/
	run -2 ws-bench --rate 0 ws://127.0.0.1:1/
}

# --- against ws-serve ---

@test "ws-serve answers pings and loses none" {
	serve
	bench -c 20 -r 10 -d 1s --require lost=0 --require errors=0 --require failed=0
	is '.sent == 200 and .delivered == 200 and .rtt.count == 200'
}

@test "ws-serve relays to the room and to nobody else" {
	echo 'bench:* publish relay anyone' > "$T/rooms"
	serve --rooms "$T/rooms"
	bench --fanout --rooms 2 --senders 4 -c 20 -r 5 -d 1s --require lost=0 --require unexpected=0
	is '.sent == 20 and .expected == 180 and .delivered == 180'
}

@test "--feed puts lines into ws-serve's control socket and measures their delivery" {
	serve --control "$T/control"
	bench --feed "$T/control" --rooms 2 -c 20 -r 50 -d 1s --require lost=0 --require unexpected=0
	is '.sent == 50 and .expected == 500 and .delivered == 500 and .delivery.count == 500'
	# More than the socket takes at once is waiting when the time is over.
	bench --feed "$T/control" -c 20 --rooms 20 -r max --window 4000 --size 2k -d 500ms --linger 20s \
		--require lost=0 --require unexpected=0
	is '.sent > 100 and .delivered == .sent'
}

@test "error replies of ws-serve are counted by their code" {
	serve
	bench --fanout -c 2 -r 5 -d 500ms --linger 100ms
	is '.kinds == {"error reply AUTHORIZATION_FAILED":.lost}'
	serve_refuses
}

serve_refuses() {
	stop serve
	echo 'nothing' > "$T/rooms"
	rm "$T/serve.in" "$T/serve.out"
	serve --rooms "$T/rooms"
	run -5 bench --fanout -c 2 -d 100ms
	is '.kinds == {"error reply INVALID_ROOM":2} and .failed == 2'
}

@test "storms on ws-serve, over TCP, TLS and a Unix socket, lose nothing else" {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$T/key" -out "$T/cert" 2> "$T/openssl"
	serve
	bench -c 200 -r 2 -d 1500ms --storm 600ms --require lost=0 --require errors=0 --require 'recovery<20s'
	is '.storms == 2 and .opened > 400'
	stop serve
	rm "$T/serve.in" "$T/serve.out"
	serve --cert "$T/cert" --key "$T/key"
	bench -k -c 20 -r 5 -d 1500ms --storm 600ms --require lost=0 --require errors=0
	is '.storms == 2 and .opened > 40'
	start_fed unix ws-serve "$T/socket"
	wait_for unix.out listen
	URL=ws+unix://$T/socket:/ws
	bench -c 20 -r 5 -d 500ms --require lost=0 --require errors=0
	is '.opened == 20 and .sent == 50'
}

@test "slow readers on ws-serve are cut, and the others get everything" {
	serve --control "$T/control" --client-queue 64k
	bench --feed "$T/control" -c 6 --slow 2 -r 400 -d 2s --size 20k --require lost=0
	is '.delivered == 3200'
	wait_for serve.out '"code":4013,"reason":"too slow"' 2
}

@test "a token in the first message is taken by ws-serve" {
	head -c 40 /dev/urandom | base64 > "$T/key"
	jwt-sign --key-file "$T/key" --sub me --exp 1h > "$T/tokens"
	serve --auth "jwt-check --key-file $T/key" --auth-message
	bench -c 2 -r 10 -d 500ms --tokens "$T/tokens" --token-in message --subscribe 'user:{user}' --require lost=0
	echo wrong > "$T/tokens"
	run -5 bench -c 1 -d 100ms --tokens "$T/tokens" --token-in message
	is '.kinds | keys == ["error reply AUTHENTICATION_FAILED"]'
}

@test "ws-serve's token check lets in who has a token of its own" {
	head -c 40 /dev/urandom | base64 > "$T/key"
	jwt-sign --key-file "$T/key" --count 3 --sub 'user-%d' --exp 1h > "$T/tokens"
	serve --auth "jwt-check --key-file $T/key"
	bench -c 6 -r 10 -d 500ms --tokens "$T/tokens" --subscribe 'user:{user}' --require lost=0 --require errors=0
	is '.opened == 6 and .delivered == 30'
	bench -c 2 -r 10 -d 500ms --tokens "$T/tokens" --token-in query --require lost=0
	run -5 bench -c 2 -d 100ms
	is '.kinds == {"HTTP 401":2}'
}
