load lib/common
load lib/serve

# flood N SIZE [NAME]: N messages of about SIZE bytes to all, then "end"; with NAME so that
# this client keeps up: after each ten until it has got them.
flood() {
	/usr/bin/python3 -c 'import os, sys, time
n, size, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
f = open(out) if out else None
tail = ""
for i in range(n):
    sys.stdout.write("{\"all\":true,\"data\":\"%d %s\"}\n" % (i, "x" * size))
    if f and i % 10 == 9:
        sys.stdout.flush()
        while "\"%d x" % i not in tail:
            more = f.read()
            tail = tail[-20:] + more
            more or time.sleep(0.002)
print("{\"all\":true,\"data\":\"end\"}")' "$1" "$2" "${3:+$T/$3.out}" >&"${FEED[serve]}"
}

# lines N SIZE LINE...: these lines N times, with SIZE bytes for DATA.
lines() {
	/usr/bin/python3 -c 'import sys
data = "x" * int(sys.argv[2])
sys.stdout.write("".join(line.replace("DATA", data) + "\n" for line in sys.argv[3:]) * int(sys.argv[1]))' \
		"$@" >&"${FEED[serve]}"
}

# Long messages are no use in a report of what went wrong.
teardown() {
	local f
	for f in "$T"/*.out; do cut -c 1-200 "$f" > "$f.cut" && mv "$f.cut" "$f"; done
	common_teardown
}

@test "messages over --message-rate get an error, then close 4008" {
	serve --message-rate 5/10s
	client a
	say a '!many 8 {"type":"ping"}'
	hears a '"code":"RATE_LIMIT_EXCEEDED"'
	hears a '^\[closed 4008 rate limit exceeded\]'
	[ "$(grep -c pong "$T/a.out")" -eq 5 ]
}

@test "each room of a list counts as a message" {
	serve --message-rate 5/10s
	client a
	client b
	say a '{"type":"subscribe","channels":["a","b","c","d","e"]}' '{"type":"ping"}'
	say b '{"type":"subscribe","channels":["a","b","c","d","e","f"]}'
	hears a '"subscribed"'
	hears a '^\[closed 4008'
	hears b '^\[closed 4008'
}

@test "--message-rate 0 is no limit" {
	serve --message-rate 0
	client a
	say a '!many 1000 {"type":"ping"}'
	hears a pong 1000
}

@test "a message over --max-message is close 1009, others are unharmed" {
	serve --max-message 1k
	client a
	client b
	say a '!size 1025'
	say b '!size 1024'
	hears a '^\[closed 1009'
	sees '"event":"message"'
	sees '"event":"close".*"code":1009'
	say b '{"type":"ping"}'
	hears b pong
}

@test "no message is so long that its event would not fit in a line" {
	run -2 --separate-stderr ws-serve --max-message 13M 0
	[[ $stderr == *"give --max-line 17766k;"* ]] || false
	run -2 ws-serve --max-message 8M --payload text 0
	serve --max-message 13M --max-line 17766k --message-rate 0
	client a
	# Nothing is longer than binary, and nothing so long was refused.
	/usr/bin/python3 -c 'print("!binary", "00" * (13 << 20))' >&"${FEED[a]}"
	say a '{"type":"ping"}'
	hears a pong
	sees '"event":"message"'
	[ "$(wc -L < "$T/serve.out")" -le $((17766 * 1024)) ]
}

@test "too many pieces are counted together" {
	serve --max-message 1k
	client a
	say a "!frame 01 $(printf '%02048d' 0)" '!frame 80 61'
	hears a '^\[closed 1009'
}

@test "rooms and patterns of a connection are limited" {
	serve --max-rooms 3 --max-patterns 1
	client a
	say a '{"type":"subscribe","channels":["r1","r2","r3","r1","p.*","q.*"]}'
	hears a '"subscribed"'
	[ "$(got a | grep -c INVALID_ROOM)" -eq 2 ]
	[ "$(got a | tail -n 1)" = '{"type":"subscribed","payload":{"channels":["r1","r2","r1","p.*"]}}' ]
}

@test "more than --max-connections is 503, a place that becomes free is given away" {
	serve --max-connections 2
	client a
	client b
	client c
	hears c '^\[refused 503'
	say a '!close 1000'
	sees '"event":"close"'
	client d
	hears d '^\[open'
}

@test "--max-connections-per-ip and --connect-rate are 429 with Retry-After" {
	serve --max-connections-per-ip 1
	client a
	client b
	hears b '^\[refused 429'
	say a '!close 1000'
	sees '"event":"close"'
	client c
	hears c '^\[open'
	stop serve
	rm "$T/serve.in"
	serve --connect-rate 2/1h
	client d
	client e
	client f
	hears f '^\[refused 429'
}

@test "a client that does not read is closed with 4013, others lose nothing" {
	serve --client-queue 64k
	client deaf
	client a
	say deaf '!deaf'
	sees '"event":"open"' 2
	flood 400 50000 a
	hears a '"end"'
	[ "$(got a | grep -c '^"[0-9]')" -eq 400 ]
	sees '"event":"close".*"code":4013,"reason":"too slow"'
	say deaf '!hear'
	hears deaf '^\[(closed 4013|lost)'
}

@test "a room may end with its slow client in the middle of a message to it" {
	serve --client-queue 64k
	client deaf
	sees '"event":"open"'
	id=$(conn_id 1)
	say deaf '!deaf'
	feed serve "{\"join\":\"own\",\"conn\":\"$id\"}"
	sees '"event":"join".*"room":"own"'
	lines 100 300000 "{\"to\":\"own\",\"data\":\"DATA\"}"
	sees '"event":"close".*"code":4013,"reason":"too slow"'
	feed serve '{"to":"own","data":1,"id":1}'
	sees '{"event":"done","id":1,"reached":0}'
}

@test "a slow client may end while it is put into a room or taken out" {
	serve --client-queue 64k
	client deaf
	sees '"event":"open"'
	id=$(conn_id 1)
	say deaf '!deaf'
	lines 1500 20000 "{\"join\":\"own\",\"conn\":\"$id\"}" "{\"to\":\"own\",\"data\":\"DATA\"}" \
		"{\"leave\":\"own\",\"conn\":\"$id\"}"
	sees '"event":"close".*"code":4013,"reason":"too slow"'
	feed serve '{"to":"own","data":1,"id":1}'
	sees '{"event":"done","id":1,"reached":0}'
}

@test "--slow drop drops the oldest whole messages and counts them" {
	serve --slow drop --client-queue 64k
	client deaf
	client a
	say deaf '!deaf'
	sees '"event":"open"' 2
	flood 400 50000 a
	hears a '"end"'
	say deaf '!hear'
	hears deaf '"end"'
	got deaf | tail -n +2 | sed 's/^"\([0-9e]*\).*/\1/' | grep -v e | sort -nc
	n=$(got deaf | grep -c '^"[0-9]')
	[ "$n" -lt 400 ]
	say deaf '!close 1000'
	sees "\"event\":\"close\".*\"code\":1000.*\"dropped\":$((400 - n))}"
}

@test "--slow block holds the commands until the slow one has caught up" {
	serve --slow block:10s --client-queue 64k
	client deaf
	client a
	say deaf '!deaf'
	sees '"event":"open"' 2
	flood 400 50000 &
	hears a '^"[0-9]'
	still() { local n; n=$(wc -c < "$T/a.out"); sleep 0.3; [ "$(wc -c < "$T/a.out")" = "$n" ]; }
	retry still
	[ "$(grep -c '"end"' "$T/a.out")" -eq 0 ]
	say deaf '!hear'
	hears deaf '"end"'
	hears a '"end"'
	[ "$(got deaf | grep -c '^"[0-9]')" -eq 400 ]
	wait $!
}

@test "--slow block ends in close 4013 after its time" {
	serve --slow block:300ms --client-queue 64k
	client deaf
	client a
	say deaf '!deaf'
	sees '"event":"open"' 2
	flood 400 50000
	hears a '"end"'
	[ "$(got a | grep -c '^"[0-9]')" -eq 400 ]
	sees '"event":"close".*"code":4013'
}

@test "--queue-total bounds all queues, the longest pays" {
	serve --client-queue 512k --queue-total 600k
	client d1
	client d2
	client a
	say d1 '!deaf'
	say d2 '!deaf'
	sees '"event":"open"' 3
	flood 1500 20000 a
	hears a '"end"'
	sees '"event":"close".*"code":4013'
	[ "$(got a | grep -c '^"[0-9]')" -eq 1500 ]
}

@test "a slow reader that pings gets its stream whole" {
	serve --client-queue 64M
	client a
	sees '"event":"open"'
	say a '!deaf'
	flood 2000 10000
	for _ in 1 2 3 4 5 6 7 8; do say a '!frame 89 70'; done
	say a '!hear'
	hears a '"end"'
	[ "$(got a | grep -c '^"[0-9]')" -eq 2000 ]
	got a | grep '^"[0-9]' | sed 's/^"\([0-9]*\) .*/\1/' | sort -nc
	hears a '^\[pong 70\]'
}

# slow_among_eight OPTION...: in a room of eight, one that pings and does not read gets its
# stream whole and in order, and so do the others.
slow_among_eight() {
	local name
	serve --client-queue 64M "$@"
	for name in a b c d e f g h; do client $name; done
	sees '"event":"open"' 8
	say a '!deaf'
	flood 1000 10000 b
	for _ in 1 2 3 4 5 6 7 8; do say a '!frame 89 70'; done
	say a '!hear'
	for name in a b c d e f g h; do
		hears $name '"end"'
		[ "$(got $name | grep -c '^"[0-9]')" -eq 1000 ]
		got $name | grep '^"[0-9]' | sed 's/^"\([0-9]*\) .*/\1/' | sort -nc
	done
	hears a '^\[pong 70\]'
}

@test "a slow reader among many that pings gets its stream whole, the others theirs" {
	slow_among_eight
}

@test "the same with --no-io-uring" {
	slow_among_eight --no-io-uring
}

@test "where the kernel refuses io_uring it sends without, and says so with -v" {
	start_fed serve /usr/bin/python3 "$ROOT/tests/lib/without-io-uring.py" ws-serve -v 0
	sees '"event":"listen"'
	wait_for serve.err '^ws-serve: sending without io_uring: Operation not permitted$'
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	for name in a b c d e; do client $name; done
	sees '"event":"open"' 5
	feed serve '{"all":true,"data":1}'
	for name in a b c d e; do hears $name '^1$'; done
}

@test "one of many that goes away while it is sent to takes nothing from the others" {
	serve --client-queue 64M
	for name in a b c d e f g h; do client $name; done
	sees '"event":"open"' 8
	for name in a b c d; do say $name '!deaf'; done
	flood 200 50000 e
	for name in a b c d; do say $name '!drop'; done
	sees '"event":"close".*"code":1006' 4
	flood 200 50000
	for name in e f g h; do
		hears $name '"end"' 2
		[ "$(got $name | grep -c '^"[0-9]')" -eq 400 ]
	done
}

@test "who answers no ping is cut as 1006, ping timeout" {
	serve --ping-interval 200ms --ping-timeout 200ms
	client a
	client b
	say a '!mute'
	sees '"event":"close".*-1".*"code":1006,"reason":"ping timeout"'
	hears b '^\[ping ' 3
	[ "$(grep -c '"event":"close"' "$T/serve.out")" -eq 1 ]
}

@test "bytes that come in count as life" {
	serve --ping-interval 200ms --ping-timeout 300ms
	client a
	say a '!mute'
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		say a '{"type":"ping"}'
		hears a pong
		sleep 0.1
	done
	[ "$(grep -c '"event":"close"' "$T/serve.out")" -eq 0 ]
}

@test "100,000 tiny frames in one stream are taken" {
	serve --message-rate 0 --events listen
	client a
	say a '!many 100000 {"type":"ping"}'
	DEADLINE=60 hears a pong 100000
}

@test "while stdout is not read a talker waits, others and commands go on" {
	mkfifo "$T/out" "$T/in"
	exec 7<>"$T/out" 8<>"$T/in"
	ws-serve --message-rate 0 0 < "$T/in" > "$T/out" 2> "$T/serve.err" 3>&- 7>&- 8>&- &
	PID[serve]=$!
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	client talker
	client quiet
	say talker '!many 20000 {"type":"x","pad":"0123456789012345678901234567890123456789"}' '{"type":"ping"}'
	echo '{"all":true,"data":"through"}' >&8
	hears quiet '"through"'
	hears talker '"through"'
	say quiet '{"type":"ping"}'
	hears quiet pong
	[ "$(grep -c pong "$T/talker.out")" -eq 0 ]
	client late
	hears late '^\[refused 503'
	cat <&7 > "$T/serve.out" 7<&- 8>&- 3>&- &
	PID[cat]=$!
	hears talker pong
	sees '"event":"message"' 20000
}

@test "who waits for stdout is not read from, and is not cut for its silence" {
	mkfifo "$T/out"
	exec 7<>"$T/out"
	ws-serve --message-rate 0 --control "$T/c.sock" --ping-interval 300ms --ping-timeout 600ms 0 \
		< /dev/null > "$T/out" 2> "$T/serve.err" 3>&- 7>&- &
	PID[serve]=$!
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	client talker
	client quiet
	say talker '!many 600000 {"type":"x","pad":"01234567890123456789"}' '{"type":"ping"}'
	retry talker_waits
	hears quiet '^\[ping' $(($(grep -c '^\[ping' "$T/quiet.out") + 5))
	# Of 30 MB the server has taken what one read brought, on top of what stdout holds.
	[ "$(received)" -lt 4000000 ]
	cat <&7 > "$T/serve.out" 7<&- 3>&- &
	PID[cat]=$!
	hears talker pong
	sees '"event":"message"' 600000
}
received() { ws-ctl "$T/c.sock" get stats | sed -n 's/.*"received_bytes":\([0-9]*\).*/\1/p'; }
talker_waits() {
	local before
	before=$(received)
	[ "$before" -gt 100000 ] && [ "$(received)" = "$before" ]
}

@test "--stdout drop loses events, counted, and nobody waits" {
	mkfifo "$T/out" "$T/in"
	exec 7<>"$T/out" 8<>"$T/in"
	ws-serve --stdout drop --message-rate 0 0 < "$T/in" > "$T/out" 2> "$T/serve.err" 3>&- 7>&- 8>&- &
	PID[serve]=$!
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	client talker
	say talker '!many 20000 {"type":"x","pad":"0123456789012345678901234567890123456789"}' '{"type":"ping"}'
	hears talker pong
	cat <&7 > "$T/serve.out" 7<&- 8>&- 3>&- &
	PID[cat]=$!
	sees '"event":"gap"'
	lost=$(sed -n 's/.*"event":"gap".*"dropped":\([0-9]*\)}/\1/p' "$T/serve.out")
	retry eval '[ $(($(grep -c "\"event\":\"message\"" "$T/serve.out") + lost)) -eq 20000 ]'
}

@test "the limit of descriptors fits the connections that may come, and is no larger" {
	serve --max-connections 100 --max-handshakes 10
	run -0 awk '/Max open files/ { print $4 }' "/proc/${PID[serve]}/limits"
	[ "$output" = 174 ]
}

@test "messages that never come whole are bounded in all: 1013" {
	serve --queue-total 64k --client-queue 64k
	cat > "$T/begin.py" <<-'PY'
		import asyncio, sys, websockets
		async def begin(url, n):
		    async with websockets.connect(url) as c:
		        async def parts():
		            yield '"' + "x" * n
		            print("begun", flush=True)
		            await asyncio.sleep(60)
		        try:
		            await c.send(parts())
		        except websockets.ConnectionClosed as e:
		            print("closed", e.code, flush=True)
		        await c.wait_closed()
		        print("closed", c.close_code, flush=True)
		async def main():
		    await asyncio.gather(*(begin(sys.argv[1], 40000) for _ in range(2)))
		asyncio.run(main())
	PY
	start many /usr/bin/python3 "$T/begin.py" "$URL"
	wait_for serve.out '"event":"close".*"code":1013,"reason":"too much is under way"'
	[ "$(grep -c '"event":"close"' "$T/serve.out")" -eq 1 ]
	# What one leaves, another may use.
	stop many KILL
	wait_for serve.out '"event":"close"' 2
	client a
	say a "{\"type\":\"ping\",\"correlationId\":\"$(printf 'x%.0s' {1..50000})\"}"
	hears a pong
}

# counts NAME N: the metrics of the server with --admin "$T/admin" say so.
counts() {
	retry counted "$@"
}
counted() {
	curl -s --unix-socket "$T/admin" http://localhost/metrics > "$T/metrics"
	grep -qxF "ws_serve_$1 $2" "$T/metrics"
}

@test "what the door refuses is counted by reason, and told" {
	serve --max-connections 2 --connect-rate 1/1h:6 --max-connections-per-ip 1 --admin "$T/admin"
	client a
	upgrade_as() { curl -s -m 10 -o /dev/null -w '%{http_code}\n' --interface "$1" -H 'Connection: Upgrade' \
		-H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "http://127.0.0.1:$PORT/ws" || true; }
	[ "$(upgrade_as 127.0.0.1)" = 429 ]
	counts 'refused_total{code="429",reason="too many connections of this address"}' 1
	client b
	hears b '^\[refused 429'
	start_fed c /usr/bin/python3 -c "import socket, sys
s = socket.create_connection(('127.0.0.1', $PORT), source_address=('127.0.0.2', 0))
s.sendall(b'GET /ws HTTP/1.1\\r\\nHost: a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n')
sys.stdin.read()"
	sees '"event":"open"' 2
	[ "$(upgrade_as 127.0.0.3)" = 503 ]
	counts 'refused_total{code="503",reason="too many connections"}' 1
	for i in 1 2 3; do upgrade_as 127.0.0.1; done
	[ "$(upgrade_as 127.0.0.1)" = 429 ]
	counts 'refused_total{code="429",reason="too many requests of this address"}' 1
	sees '"event":"refused".*"status":503,"reason":"too many connections"'
	sees '"event":"refused".*"status":429,"reason":"too many connections of this address"' 5
	sees '"event":"refused".*"status":429,"reason":"too many requests of this address"'
}

@test "each limit of a connection has its counter and its event" {
	serve --message-rate 1/1h:2 --max-message 200 --max-invalid 0 --max-rooms 1 --max-patterns 0 \
		--ping-interval 500ms --ping-timeout 2s --client-queue 16k --admin "$T/admin"
	client rate
	say rate '!many 3 {"type":"ping"}'
	sees '"event":"close".*"code":4008,"reason":"rate limit exceeded"'
	counts rate_limited_total 1
	client big
	say big '!size 201'
	sees '"event":"close".*"code":1009'
	counts too_big_total 1
	client invalid
	say invalid '{"type":5}'
	sees '"event":"invalid"'
	sees '"event":"close".*"code":4008,"reason":"too many invalid messages"'
	counts invalid_messages_total 1
	client rooms
	say rooms '{"type":"subscribe","channels":["a","b.*"]}'
	sees '"event":"denied".*"room":"a","code":"INVALID_ROOM"'
	sees '"event":"denied".*"room":"b.\*","code":"INVALID_ROOM"'
	counts denied_total 2
	say rooms '!close 1000'
	sees '"event":"close".*"code":1000'
	client slow
	say slow '!deaf'
	feed serve "{\"all\":true,\"text\":\"$(printf '%08000000d' 0)\"}" "{\"all\":true,\"text\":\"$(printf '%020000d' 0)\"}"
	sees '"event":"close".*"code":4013'
	counts slow_closed_total 1
	client mute
	say mute '!mute'
	sees '"event":"close".*"code":1006,"reason":"ping timeout"'
	counts ping_timeouts_total 1
}
