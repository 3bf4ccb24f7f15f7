#!/usr/bin/env bats
# The control socket and the handler of ws-serve.

load lib/common

# ctl NAME: a control peer named NAME; tell it with `feed`, its answers are NAME.out.
ctl() {
	start_fed "$1" socat -t 60 - "UNIX-CONNECT:$T/c.sock"
}

client() { # NAME [OPTIONS...]
	local name=$1
	shift
	start "$name" ws-connect --reconnect=0 "$@" "$URL"
	wait_for "$name.out" .
}

@test "the control socket is for its owner only, from the start" {
	serve --control "$T/c.sock"
	[ "$(stat -c %a "$T/c.sock")" = 600 ]
}

@test "--control-mode gives the socket other permissions, whatever the umask" {
	umask 077
	serve --control "$T/c.sock" --control-mode 0666
	[ "$(stat -c %a "$T/c.sock")" = 666 ]
}

@test "a mode that is none is an error" {
	run -2 --separate-stderr ws-serve --control-mode 0999 0
	[ "$stderr" = "ws-serve: --control-mode: not a mode such as 0660: 0999; see ws-serve --help" ]
}

@test "the socket is gone when the server has ended" {
	serve --control "$T/c.sock"
	stop serve
	[ "$status" = 0 ]
	[ ! -e "$T/c.sock" ]
}

@test "a socket that somebody listens at is an error" {
	serve --control "$T/c.sock"
	run -6 --separate-stderr ws-serve --control "$T/c.sock" 0
	[ "$stderr" = "ws-serve: cannot listen at $T/c.sock: Address already in use" ]
}

@test "a dead socket is replaced" {
	serve --control "$T/c.sock"
	stop serve KILL
	[ -S "$T/c.sock" ]
	end_feed serve
	rm "$T/serve.in"
	serve --control "$T/c.sock"
	ctl a
	feed a '{"tag":1,"id":1}'
	wait_for a.out '"event":"done","id":1'
}

@test "a file that is no socket is left alone" {
	echo precious > "$T/c.sock"
	run -6 ws-serve --control "$T/c.sock" 0
	[ "$(cat "$T/c.sock")" = precious ]
}

@test "a command with an id is answered to the peer that gave it, and to no other" {
	serve --control "$T/c.sock"
	client c
	ctl a
	ctl b
	feed a '{"all":true,"data":1,"id":"one"}'
	feed b '{"to":"nobody.here","data":1,"id":[7]}' '{"to":"nobody.here","data":1,"id":7}'
	wait_for a.out 'done'
	wait_for b.out 'done'
	[ "$(cat "$T/a.out")" = '{"event":"done","id":"one","reached":1}' ]
	[ "$(cat "$T/b.out")" = '{"event":"error","error":"id is an array or an object","line":1}
{"event":"done","id":7,"reached":0}' ]
}

@test "a peer gets its errors with the number of the line, and stderr gets none" {
	serve --control "$T/c.sock"
	ctl a
	feed a '{"tag":1}' 'rubbish' '{"to":"a","dato":1}' '{"to":"a","dato":1,"id":9}'
	wait_for a.out '"id":9'
	[ "$(cat "$T/a.out")" = '{"event":"error","error":"not a JSON object","line":2}
{"event":"error","error":"unknown member","line":3}
{"event":"error","id":9,"error":"unknown member"}' ]
	[ ! -s "$T/serve.err" ]
}

@test "a peer gets the events that it asked for" {
	serve --control "$T/c.sock"
	ctl a
	feed a '{"events":["open","join"],"id":1}'
	wait_for a.out 'done'
	client c --subscribe chat:7
	wait_for a.out '"event":"join".*"room":"chat:7"'
	feed a '{"events":[],"id":2}'
	wait_for a.out '"id":2'
	stop c
	wait_for serve.out '"event":"close"'
	feed a '{"tag":1,"id":3}'
	wait_for a.out '"id":3'
	[ "$(jq -r .event "$T/a.out" | tr '\n' ' ')" = "done open join done done " ]
}

@test "a list of events with an unknown name is an error" {
	serve --control "$T/c.sock"
	ctl a
	feed a '{"events":["open","opened"]}' '{"events":"open"}' '{"events":["open,close"]}'
	wait_for a.out error 3
	run -0 jq -r .error "$T/a.out"
	[ "$output" = "events has a name that is none
events is not a list of names
events has a name that is none" ]
}

@test "watching a user shows both directions of all its connections" {
	serve --control "$T/c.sock" --auth "jq --unbuffered -c '{id,ok:true,user:.token}'"
	ctl a
	URL+='?token='
	URL=${URL}u1 client one
	feed a '{"watch":{"user":"u1"},"id":1}'
	wait_for a.out '"done"'
	URL=${URL}u1 client two
	URL=${URL}u2 client other
	feed a '{"user":"u1","text":"to u1","id":2}' '{"user":"u2","text":"to u2","id":3}'
	wait_for a.out '"id":3'
	wait_for a.out '"event":"sent".*"text":"to u1"' 2
	wait_for a.out '"event":"open".*"user":"u1"'
	run ! grep '"u2"' "$T/a.out"
	run -0 jq -c 'select(.text) | [.user, .queued, .dropped]' "$T/a.out"
	[ "$output" = '["u1",0,0]
["u1",0,0]' ]
}

@test "watching a connection shows it until its end" {
	serve --control "$T/c.sock"
	start_fed c ws-connect --reconnect=0 "$URL"
	wait_for serve.out '"event":"open"'
	conn=$(jq -r 'select(.event == "open").conn' "$T/serve.out")
	ctl a
	feed a "{\"watch\":{\"conn\":\"$conn\"},\"id\":1}"
	wait_for a.out '"done"'
	feed c '{"type":"ping"}'
	wait_for a.out '"event":"sent".*"type":"pong"'
	feed c '{"type":"hello"}'
	wait_for a.out '"event":"message".*"type":"hello"'
	stop c
	wait_for a.out '"event":"close"'
}

@test "watching a room shows what goes to it and who comes and goes" {
	serve --control "$T/c.sock"
	ctl a
	feed a '{"watch":{"room":"chat:7"},"id":1}'
	wait_for a.out '"done"'
	client c --subscribe chat:7
	wait_for a.out '"event":"join"'
	feed a '{"to":"chat:7","data":[1]}' '{"to":["x","chat:7"],"text":"two"}' '{"to":"x","data":3}' '{"tag":1,"id":2}'
	wait_for a.out '"id":2'
	run -0 jq -c 'select(.event == "sent") | del(.time)' "$T/a.out"
	[ "$output" = '{"event":"sent","room":"chat:7","data":[1]}
{"event":"sent","room":"chat:7","text":"two"}' ]
}

@test "a watch that names nothing to watch is an error" {
	serve --control "$T/c.sock"
	ctl a
	feed a '{"watch":{}}' '{"watch":{"user":"a","room":"b"}}' '{"watch":{"conn":"x"}}' '{"watch":{"room":"*"}}' '{"watch":null}'
	wait_for a.out error 5
	run -0 jq -r .error "$T/a.out"
	[ "${lines[2]}" = "no such connection" ]
	[ "${lines[3]}" = "a room name has no '*' and no '#'" ]
}

@test "events and watch are for control peers" {
	serve --control "$T/c.sock"
	feed serve '{"events":["open"],"id":1}' '{"watch":{"user":"a"},"id":2}'
	wait_for serve.out '"event":"error"' 2
	run -0 jq -r '.error // empty' "$T/serve.out"
	[ "$output" = "events is for control peers
watch is for control peers" ]
}

@test "get tells of rooms and connections, page by page" {
	serve --control "$T/c.sock"
	client c --subscribe b --subscribe a --subscribe c
	client d --subscribe b
	wait_for serve.out '"event":"join"' 4
	ctl a
	feed a '{"get":"rooms","limit":2}' '{"get":"rooms","after":"b"}' '{"get":"room","room":"b"}' \
		'{"get":"connections","limit":1}'
	wait_for a.out '"done"' 4
	[ "$(sed -n 1,2p "$T/a.out")" = '{"event":"done","rooms":[{"room":"a","members":1},{"room":"b","members":2}],"more":true}
{"event":"done","rooms":[{"room":"broadcast","members":2},{"room":"c","members":1}]}' ]
	[ "$(sed -n 3p "$T/a.out" | jq -c '[.room, .members, (.connections | length)]')" = '["b",2,2]' ]
	first=$(sed -n 4p "$T/a.out" | jq -r '.connections[0].conn')
	feed a "{\"get\":\"connections\",\"after\":\"$first\"}" "{\"get\":\"connection\",\"conn\":\"$first\"}"
	wait_for a.out '"done"' 6
	[ "$(sed -n 5p "$T/a.out" | jq -c '[.connections[] | .rooms | sort], .more')" = '[["b","broadcast"]]
null' ]
	[ "$(sed -n 6p "$T/a.out" | jq -c '.connection.rooms | sort')" = '["a","b","broadcast","c"]' ]
}

@test "get tells of numbers and limits" {
	serve --control "$T/c.sock" --max-message 2k
	ctl a
	feed a '{"get":"stats","id":1}' '{"get":"limits"}' '{"get":"else"}' '{"get":"room","room":"a"}' '{"get":"rooms","limit":0}'
	wait_for a.out . 5
	[ "$(sed -n 1p "$T/a.out" | jq -c '[.id, .stats.connections, .stats.control_peers]')" = '[1,0,1]' ]
	[ "$(sed -n 2p "$T/a.out" | jq .limits.max_message)" = 2048 ]
	[ "$(sed -n 2p "$T/a.out" | jq -c '.limits | [.max_connections_per_ip, .slow, .slow_block_ms]')" = '[0,"close",null]' ]
	run -0 jq -r '.error // empty' "$T/a.out"
	[ "$output" = "get is none of stats, rooms, room, connections, connection and limits
no such room
limit is not between 1 and 10000" ]
}

@test "get works on stdin too" {
	serve
	feed serve '{"get":"stats","id":"x"}'
	wait_for serve.out '"event":"done","id":"x","stats":'
	# What ws-route makes of an event has its time and tag.
	feed serve '{"get":"rooms","id":2,"time":"2026-12-10T10:30:00.000000Z","tag":7,"key":"k"}'
	wait_for serve.out '"event":"done","id":2,"rooms":\[\]'
}

@test "reload answers with its verdict" {
	echo 'chat:*' > "$T/rooms"
	serve --control "$T/c.sock" --rooms "$T/rooms"
	ctl a
	feed a '{"reload":true,"id":1}'
	wait_for a.out '"event":"done","id":1'
	echo 'chat:* atuo' > "$T/rooms"
	feed a '{"reload":true,"id":2}'
	wait_for a.out '"event":"error","id":2'
	[ "$(tail -n 1 "$T/a.out")" = "{\"event\":\"error\",\"id\":2,\"error\":\"$T/rooms:1: an unknown option: 'atuo'\"}" ]
}

@test "a peer that does not read loses lines, is told how many, and holds up nobody" {
	serve --control "$T/c.sock"
	client c
	# Reads nothing until the file appears.
	start slow /usr/bin/python3 -c '
import json, os, socket, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"{\"watch\":{\"room\":\"r\"},\"id\":1}\n")
f = s.makefile()
print(f.readline(), end="", flush=True)
while not os.path.exists(sys.argv[2]): time.sleep(0.01)
for line in f:
    o = json.loads(line)
    if o["event"] == "gap": print("gap", o["dropped"], flush=True)
    if o.get("data") == "end": print("end", flush=True)
' "$T/c.sock" "$T/go"
	wait_for slow.out '"done"'
	ctl a
	big=$(printf '{"to":"r","data":"%0200000d"}' 0)
	for _ in 1 2 3 4 5 6 7 8 9 10; do feed a "$big" "$big"; done
	feed a '{"get":"stats","id":2}'
	wait_for a.out '"id":2'
	lost=$(jq -s 'map(.stats.control_dropped // empty)[0]' "$T/a.out")
	[ "$lost" -ge 10 ]
	touch "$T/go"
	wait_for slow.out '^gap'
	[ "$(grep gap "$T/slow.out")" = "gap $lost" ]
	feed a '{"to":"r","data":"end"}'
	wait_for slow.out end
}

@test "a peer may say all and close its half: it is answered first" {
	serve --control "$T/c.sock"
	run -0 socat -t 5 - "UNIX-CONNECT:$T/c.sock" <<< '{"tag":1,"id":1}'
	[ "$output" = '{"event":"done","id":1,"reached":0}' ]
	run -0 socat -t 5 - "UNIX-CONNECT:$T/c.sock" < <(printf '{"tag":1,"id":2}')
	[ "$output" = '{"event":"done","id":2,"reached":0}' ]
}

@test "a peer that wants events may close its half, and is forgotten when it has gone" {
	serve --control "$T/c.sock"
	start half /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(b"{\"events\":[\"open\"],\"id\":1}\n"); s.shutdown(socket.SHUT_WR)
f = s.makefile()
for i in range(2): print(f.readline(), end="", flush=True)
' "$T/c.sock"
	wait_for half.out '"done"'
	client c
	wait_for half.out '"event":"open"'
	wait_end half
	ctl a
	retry eval 'feed a "{\"get\":\"stats\"}" && grep -q "\"control_peers\":1," "$T/a.out"'
}

@test "there are 64 control peers at most" {
	serve --control "$T/c.sock"
	start crowd /usr/bin/python3 -c '
import socket, sys
peers = []
for i in range(66):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(b"{\"tag\":1,\"id\":1}\n")
    peers.append(s)
for s in peers: print(s.makefile().readline(), end="", flush=True)
' "$T/c.sock"
	wait_for crowd.out . 66
	[ "$(grep -c '"event":"done"' "$T/crowd.out")" = 64 ]
	[ "$(tail -n 1 "$T/crowd.out")" = '{"event":"error","error":"too many control peers"}' ]
}

@test "a line that is too long costs that line" {
	serve --control "$T/c.sock" --max-line 1k
	ctl a
	feed a "$(printf '{"tag":1,"x":"%02000d"}' 0)" '{"tag":1,"id":1}'
	wait_for a.out '"id":1'
	[ "$(head -n 1 "$T/a.out")" = '{"event":"error","error":"line too long","line":1}' ]
}

@test "with --slow block only the peer that speaks too fast waits" {
	serve --control "$T/c.sock" --slow block --client-queue 1k
	start reader /usr/bin/python3 -c '
import asyncio, os, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], max_queue=1, read_limit=1024) as ws:
        print("open", flush=True)
        while not os.path.exists(sys.argv[2]): await asyncio.sleep(0.01)
        async for m in ws:
            if m == "end": print("end", flush=True)
asyncio.run(main())' "$URL" "$T/go"
	wait_for reader.out open
	ctl a
	ctl b
	big=$(printf '{"all":true,"data":"%0200000d"}' 0)
	(for _ in {1..100}; do printf '%s\n' "$big"; done; echo '{"all":true,"text":"end","id":1}') >&"${FEED[a]}" &
	retry eval 'feed b "{\"get\":\"stats\"}" && grep -q "\"held\":1" "$T/b.out"'
	run ! grep '"done"' "$T/a.out"
	touch "$T/go"
	wait_for a.out '"id":1'
	wait_for reader.out end
}

# --- the handler ---

@test "a handler gets the events and its commands are carried out" {
	serve --handler "jq --unbuffered -c 'select(.event == \"message\") | {conn, data: {echo: .data.x}}'"
	start_fed c ws-connect "$URL"
	wait_for c.out established
	feed c '{"type":"say","x":7}'
	wait_for c.out '{"echo":7}'
}

@test "a handler may write lines as long as those of stdin" {
	serve --handler "jq --unbuffered -c 'select(.event == \"message\") | {conn, data: (\"x\" * 2000000)}'"
	start_fed c ws-connect "$URL"
	wait_for c.out established
	feed c '{"type":"say"}'
	retry eval '[ "$(tail -n 1 "$T/c.out" | wc -c)" = 2000003 ]'
	rm "$T/c.out" # much to show when the test fails
}

@test "ws-route as a handler is an application server in one line" {
	printf 'message.say\n\t{conn, data: {said: .data.text}}\n' > "$T/routes"
	serve --handler "ws-route $T/routes"
	start_fed c ws-connect "$URL"
	wait_for c.out established
	feed c '{"type":"say","text":"hi"}'
	wait_for c.out '{"said":"hi"}'
}

@test "a handler is answered, and its errors are reported" {
	serve --handler "tee $T/seen | jq --unbuffered -c 'select(.event == \"listen\") | {to: \"x\", data: 1, id: 5}, {to: 5}'"
	wait_for seen '"event":"done","id":5,"reached":0'
	wait_for serve.err '^ws-serve: handler: line 2: to is neither a room nor a list of rooms$'
}

@test "a handler that ends is started again, and told what it missed" {
	serve --handler "echo \$\$ >> $T/pids; exec cat >> $T/seen"
	wait_for seen '"event":"listen"'
	kill -STOP "${PID[serve]}"
	kill -KILL "$(cat "$T/pids")"
	start c ws-connect "$URL"
	kill -CONT "${PID[serve]}"
	wait_for serve.err '^ws-serve: handler was ended by signal 9; starting it again$'
	wait_for serve.out '"event":"open"'
	wait_for pids . 2
	feed serve '{"get":"stats","id":1}'
	wait_for serve.out '"handler_lost":[0-9]'
	stop c
	wait_for seen '"event":"close"'
	jq -s -e '(map(select(.event == "gap").dropped) | add // 0) + (map(select(.event == "open")) | length) >= 1' "$T/seen"
}

@test "when the handler is slow nothing is lost: senders wait" {
	mkfifo "$T/hold"
	serve --events listen --message-rate 0 --handler "read _ < $T/hold; exec cat > $T/seen"
	start_fed c ws-connect "$URL"
	wait_for c.out established
	line=$(printf '{"type":"x","data":"%01000d"}' 0)
	(for _ in {1..2000}; do printf '%s\n' "$line"; done) >&"${FEED[c]}" &
	retry eval 'feed serve "{\"get\":\"stats\"}" && grep -q "\"parked\":[1-9]" "$T/serve.out"'
	echo > "$T/hold"
	wait_for seen '"event":"message"' 2000
	[ "$(grep -c gap "$T/seen")" = 0 ]
}

@test "a handler that commands without end and reads nothing loses answers, counted, and holds up nobody" {
	cat > "$T/flood.py" <<-'PY'
		import os
		line = b'{"get":"limits","id":1}\n' * 1000
		while b'"event":"open"' not in os.read(0, 65536):
		    pass
		while True:
		    os.write(1, line)
	PY
	serve --handler "exec /usr/bin/python3 $T/flood.py" --events listen
	start_fed c ws-connect "$URL"
	wait_for c.out established
	retry answers_lost
	feed c '{"type":"ping"}'
	wait_for c.out '"pong"'
	feed serve '{"all":true,"data":1}'
	wait_for c.out '^1$'
	# What waits for it is bounded, and so is the memory.
	rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PID[serve]}/status")
	ldd "$(command -v ws-serve)" | grep -q libasan || [ "$rss" -lt 80000 ]
}
answers_lost() {
	feed serve '{"get":"stats","id":"lost"}'
	[ "$(jq -s 'map(.stats.handler_lost // 0) | max' "$T/serve.out")" -gt 0 ]
}

@test "a handler hears of the last close before the end" {
	serve --handler "cat > $T/seen"
	client c
	stop serve
	[ "$status" = 0 ]
	tail -n 1 "$T/seen" | grep '"event":"close"'
}
