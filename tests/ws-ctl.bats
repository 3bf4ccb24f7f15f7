#!/usr/bin/env bats
# ws-ctl: feeding and controlling running servers.

load lib/common

# server NAME [OPTIONS...]: a ws-serve with a control socket $T/NAME.sock; its URL is
# ${URLS[NAME]}.
declare -gA URLS=() # -g: bats loads files in a function
server() {
	local name=$1
	shift
	start "$name" ws-serve --stay --control "$T/$name.sock" "$@" 0
	wait_for "$name.out" '"event":"listen"'
	URLS[$name]=$(jq -r 'select(.event == "listen").url' "$T/$name.out")
}

client() { # NAME SERVER [OPTIONS...]
	local name=$1 server=$2
	shift 2
	start "$name" ws-connect --reconnect=0 "$@" "${URLS[$server]}"
	wait_for "$name.out" established
}

# The texts that a client got.
texts() {
	jq -r 'select(type == "string")' "$T/$1.out" | tr '\n' ' '
}

# --- feeding ---

@test "the lines of stdin are commands for the server" {
	server a
	client c a
	run -0 --separate-stderr ws-ctl "$T/a.sock" <<< '{"all":true,"text":"one"}
{"all":true,"text":"two"}'
	[ "$output$stderr" = "" ]
	wait_for c.out two
	[ "$(texts c)" = "one two " ]
}

@test "several servers get all lines" {
	server a
	server b
	client c a
	client d b
	run -0 ws-ctl "$T/a.sock" "$T/b.sock" <<< '{"all":true,"text":"one"}'
	wait_for c.out one
	wait_for d.out one
}

@test "a line without an end counts" {
	server a
	client c a
	run -0 ws-ctl "$T/a.sock" < <(printf '{"all":true,"text":"one"}')
	wait_for c.out one
}

@test "a closed stdin is an empty one, a closed stdout exit code 6" {
	server a
	run -0 --separate-stderr bash -c "exec timeout 20 ws-ctl $T/a.sock <&-"
	[ "$output$stderr" = "" ]
	echo '{"all":true,"data":1,"id":1}' > "$T/line"
	timeout 20 ws-ctl "$T/a.sock" < "$T/line" >&- 2> "$T/err" || status=$?
	[ "$status" -eq 6 ]
	[ "$(cat "$T/err")" = "ws-ctl: cannot write standard output: Bad file descriptor" ]
	# What reads no stdin does not miss it.
	run -0 bash -c "exec ws-ctl $T/a.sock get rooms <&-"
}

@test "no input is no mistake" {
	server a
	run -0 ws-ctl "$T/a.sock" < /dev/null
}

@test "answers to commands with an id are on stdout" {
	server a
	run -0 --separate-stderr ws-ctl "$T/a.sock" <<< '{"to":"x","data":1,"id":"mine"}
{"to":"x","id":2}'
	[ "$output" = '{"event":"done","id":"mine","reached":0}
{"event":"error","id":2,"error":"none of data, text and base64"}' ]
	[ "$stderr" = "" ]
}

@test "a rejected line is reported with its number, the others go on, exit code 3" {
	server a
	client c a
	run -3 --separate-stderr ws-ctl --max-line 100 "$T/a.sock" < <(
		echo '{"all":true,"text":"one"}'
		printf '{"all":true,"text":"%0200d"}\n' 0
		echo 'rubbish'
		echo '{"all":true,"text":"two"}'
		echo '{"all":true,"txt":"two"}'
	)
	[ "$stderr" = "ws-ctl: stdin: line 2: longer than 100 bytes
ws-ctl: $T/a.sock: line 3: not a JSON object
ws-ctl: $T/a.sock: line 5: unknown member" ]
	wait_for c.out two
	[ "$(texts c)" = "one two " ]
}

@test "the number of a rejected line is right far into the input" {
	server a
	run -3 --separate-stderr ws-ctl "$T/a.sock" < <(
		for i in {1..6000}; do echo "{\"to\":\"room.$i\",\"text\":\"a message of some length\"}"; done
		echo nonsense
	)
	[ "$stderr" = "ws-ctl: $T/a.sock: line 6001: not a JSON object" ]
}

@test "it waits for a server that is not there yet" {
	start_fed ctl ws-ctl "$T/a.sock"
	feed ctl '{"all":true,"text":"early","id":1}'
	wait_for ctl.err "^ws-ctl: cannot connect to $T/a.sock: No such file or directory; waiting for it$"
	server a
	wait_for ctl.out '"event":"done","id":1'
	wait_for ctl.err "^ws-ctl: connected to $T/a.sock$"
	end_feed ctl
	wait_end ctl
	[ "$status" = 0 ]
}

@test "a server that is killed and started again gets what it had not confirmed" {
	server a
	start_fed ctl ws-ctl "$T/a.sock"
	feed ctl '{"all":true,"text":"one","id":1}'
	wait_for ctl.out '"id":1'
	kill -STOP "${PID[a]}"
	feed ctl '{"all":true,"text":"two","id":2}' '{"all":true,"text":"three","id":3}'
	stop a KILL
	wait_for ctl.err "^ws-ctl: lost $T/a.sock"
	feed ctl '{"all":true,"text":"four","id":4}'
	end_feed ctl
	server a
	wait_end ctl
	[ "$status" = 0 ]
	[ "$(jq -c .id "$T/ctl.out" | tr '\n' ' ')" = "1 2 3 4 " ]
}

@test "one server that is away does not keep the others waiting" {
	server a
	client c a
	start_fed ctl ws-ctl "$T/a.sock" "$T/b.sock"
	feed ctl '{"all":true,"text":"one"}'
	wait_for c.out one
	server b
	client d b
	feed ctl '{"all":true,"text":"two"}'
	wait_for c.out two
	wait_for d.out two
}

@test "input waits when a server is away and the window is full, and nothing is lost" {
	server a
	# More than a window and a pipe.
	start ctl bash -c '{
			for i in {1..3000}; do
				echo "{\"to\":\"x\",\"text\":\"some text to fill it\",\"id\":$i}"
			done
			touch "$2"
		} | ws-ctl --window 4k "$1" "$1.b"' bash "$T/a.sock" "$T/written"
	wait_for ctl.err "waiting for it"
	wait_for ctl.out '"id":1,'
	[ ! -e "$T/written" ]
	start b ws-serve --stay --control "$T/a.sock.b" 0
	wait_end ctl
	[ "$status" = 0 ]
	[ "$(jq -s 'length' "$T/ctl.out")" = 6000 ]
}

@test "--wait gives up on a server that is away for too long" {
	server a
	client c a
	run -4 --separate-stderr ws-ctl --wait 100ms "$T/a.sock" "$T/b.sock" <<< '{"all":true,"text":"one"}'
	wait_for c.out one
	[ "${stderr_lines[0]}" = "ws-ctl: cannot connect to $T/b.sock: No such file or directory; waiting for it" ]
	[ "${stderr_lines[1]}" = "ws-ctl: cannot connect to $T/b.sock: No such file or directory" ]
	[ "${stderr_lines[2]}" = "ws-ctl: $T/b.sock: 1 line was not delivered" ]
	[ "${#stderr_lines[@]}" = 3 ]
}

@test "the first signal lets it finish its input" {
	server a
	start_fed ctl ws-ctl "$T/a.sock"
	feed ctl '{"to":"x","text":"one","id":1}'
	wait_for ctl.out '"id":1'
	kill -TERM "${PID[ctl]}"
	feed ctl '{"to":"x","text":"two","id":2}'
	end_feed ctl
	wait_end ctl
	[ "$status" = 0 ]
	wait_for ctl.out '"id":2'
}

@test "after --drain it says what was not delivered" {
	start_fed ctl ws-ctl --drain 100ms "$T/a.sock"
	feed ctl '{"to":"x","text":"one"}' '{"to":"x","text":"two"}'
	wait_for ctl.err 'waiting for it'
	stop ctl
	[ "$status" = 3 ]
	[ "$(tail -n 1 "$T/ctl.err")" = "ws-ctl: $T/a.sock: 2 lines were not delivered" ]
}

@test "it ends quietly when the reader of its stdout has gone, also while idle" {
	server a
	mkfifo "$T/in"
	start ctl bash -c 'ws-ctl "$1" < "$2" | true; echo "${PIPESTATUS[0]}"' bash "$T/a.sock" "$T/in"
	exec {hold}> "$T/in"
	wait_end ctl
	exec {hold}>&-
	[ "$(cat "$T/ctl.out")" = 141 ]
	[ ! -s "$T/ctl.err" ]
}

@test "feeder and routes restart while 1,000 clients are connected, and none notices" {
	server a
	# Each client is in the room "all" and says at the end what it got.
	start crowd /usr/bin/python3 -c '
import asyncio, collections, json, sys, websockets
async def client(url):
    async with websockets.connect(url, ping_interval=None) as ws:
        got = []
        await ws.recv()
        await ws.send(json.dumps({"type": "subscribe", "payload": {"channel": "all"}}))
        await ws.recv()
        ready.append(1)
        if len(ready) == 1000: print("ready", flush=True)
        while not got or got[-1] != "end": got.append(json.loads(await ws.recv()))
        return json.dumps(got)
async def main():
    all = await asyncio.gather(*(client(sys.argv[1]) for _ in range(1000)))
    for got, n in collections.Counter(all).items(): print(n, got == json.dumps(wanted), flush=True)
ready = []
wanted = [["one", i] for i in range(50)] + [["two", i] for i in range(50)] + ["end"]
asyncio.run(main())' "${URLS[a]}"
	wait_for crowd.out ready
	printf 'x\n\t{to: "all", data: ["one", .data]}\n' > "$T/routes"
	feeder() { ws-route "$T/routes" | ws-ctl "$T/a.sock"; }
	for i in {0..49}; do echo "{\"key\":\"x\",\"data\":$i}"; done | feeder
	printf 'x\n\t{to: "all", data: ["two", .data]}\nend\n\t{to: "all", data: "end"}\n' > "$T/routes"
	for i in {0..49}; do echo "{\"key\":\"x\",\"data\":$i}"; done | feeder
	feeder <<< '{"key":"end"}'
	wait_end crowd
	[ "$(tail -n 1 "$T/crowd.out")" = "1000 True" ]
	[ "$(jq -r 'select(.event == "close").code' "$T/a.out" | sort -u)" = 1000 ]
}

@test "--metrics-file tells what was taken, rejected and confirmed" {
	server a
	run -3 ws-ctl --metrics-file "$T/m" "$T/a.sock" <<< '{"to":"x","data":1}
rubbish'
	[ "$(grep -v '^#' "$T/m")" = "ws_ctl_lines_total 2
ws_ctl_confirmed_lines_total{socket=\"$T/a.sock\"} 2
ws_ctl_rejected_lines_total{socket=\"$T/a.sock\"} 1
ws_ctl_connects_total{socket=\"$T/a.sock\"} 1
ws_ctl_waiting_bytes 0" ]
}

# --- commands ---

@test "get connections answers as lines, over all pages and servers" {
	server a
	server b
	for i in 1 2 3; do client "c$i" a; done
	client d b
	run -0 ws-ctl "$T/a.sock" "$T/b.sock" get connections
	[ "${#lines[@]}" = 4 ]
	[ "$(jq -s -c 'map(.rooms) | unique' <<< "$output")" = '[["broadcast"]]' ]
	start crowd /usr/bin/python3 -c '
import asyncio, sys, websockets
async def main():
    all = [await websockets.connect(sys.argv[1], ping_interval=None) for _ in range(1200)]
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())' "${URLS[a]}"
	wait_for crowd.out open
	run -0 ws-ctl "$T/a.sock" get connections
	[ "$(jq -r .conn <<< "$output" | sort -u | wc -l)" = 1203 ]
}

@test "get shows one room, one connection, rooms, numbers and limits" {
	server a
	client c a --subscribe chat:7
	run -0 ws-ctl "$T/a.sock" get rooms
	[ "$output" = '{"room":"broadcast","members":1}
{"room":"chat:7","members":1}' ]
	run -0 ws-ctl "$T/a.sock" get room chat:7
	[ "$(jq -c '[.room, .members]' <<< "$output")" = '["chat:7",1]' ]
	conn=$(jq -r '.connections[0].conn' <<< "$output")
	run -0 ws-ctl "$T/a.sock" get connection "$conn"
	[ "$(jq -c '[.conn, .rooms[1]]' <<< "$output")" = "[\"$conn\",\"chat:7\"]" ]
	run -0 ws-ctl "$T/a.sock" get stats
	[ "$(jq .connections <<< "$output")" = 1 ]
	run -0 ws-ctl "$T/a.sock" get limits
	[ "$(jq .max_rooms <<< "$output")" = 100 ]
	run -0 ws-ctl "$T/a.sock" get connections user=nobody
	[ "$output" = "" ]
}

@test "asking for something that no server has is exit code 1" {
	server a
	server b
	run -1 --separate-stderr ws-ctl "$T/a.sock" "$T/b.sock" get room none
	[ "$output" = "" ]
	[ "$stderr" = "ws-ctl: $T/b.sock: no such room" ] || [ "$stderr" = "ws-ctl: $T/a.sock: no such room" ]
	client c b --subscribe some
	run -0 --separate-stderr ws-ctl "$T/a.sock" "$T/b.sock" get room some
	[ "$stderr" = "" ]
}

@test "kick closes with 4003 and says how many" {
	server a --auth "jq --unbuffered -c '{id,ok:true,user:.token}'"
	URLS[a]+='?token=u1'
	client c a
	client d a
	run -0 --separate-stderr ws-ctl --reason 'no more' "$T/a.sock" kick user=u1
	[ "$output" = '{"reached":2}' ]
	[ "$stderr" = "" ]
	wait_for a.out '"event":"close".*"code":4003,"reason":"no more"' 2
	run -1 ws-ctl "$T/a.sock" kick user=u1
	[ "$output" = '{"reached":0}' ]
}

@test "kick --block keeps a user out for a while" {
	server a --auth "jq --unbuffered -c '{id,ok:true,user:.token}'"
	run -0 ws-ctl --block 10m "$T/a.sock" kick user=u1
	run -5 ws-connect --reconnect=0 "${URLS[a]}?token=u1"
	run -0 ws-connect --reconnect=0 -n 1 "${URLS[a]}?token=u2"
}

@test "kick takes a room, a connection or all" {
	server a
	client c a --subscribe x
	client d a
	client e a
	run -0 ws-ctl "$T/a.sock" kick room=x
	[ "$output" = '{"reached":1}' ]
	wait_end c
	conn=$(ws-ctl "$T/a.sock" get connections | jq -r .conn | head -n 1)
	run -0 ws-ctl --code 3000 --spread 10ms "$T/a.sock" kick "conn=$conn"
	wait_for a.out '"event":"close".*"code":3000' 1
	run -0 ws-ctl "$T/a.sock" kick all
	[ "$output" = '{"reached":1}' ]
}

@test "watch shows both directions of a room, live" {
	server a
	start w ws-ctl -n 2 "$T/a.sock" watch room=r
	retry eval '[ "$(ws-ctl "$T/a.sock" get stats | jq .control_peers)" = 2 ]'
	client c a --subscribe r
	wait_for w.out join
	ws-ctl "$T/a.sock" <<< '{"to":"r","data":{"x":1}}'
	wait_end w
	[ "$status" = 0 ]
	[ "$(jq -c '[.event, .room, .data]' "$T/w.out")" = '["join","r",null]
["sent","r",{"x":1}]' ]
}

@test "events shows the events that are asked for" {
	server a
	start w ws-ctl -n 1 "$T/a.sock" events join,leave
	retry eval '[ "$(ws-ctl "$T/a.sock" get stats | jq .control_peers)" = 2 ]'
	client c a --subscribe r
	wait_end w
	[ "$(jq -c '[.event, .room]' "$T/w.out")" = '["join","r"]' ]
}

@test "a watch ends with 4 when the server goes, and with 0 on a signal" {
	server a
	start w ws-ctl "$T/a.sock" events open
	start v ws-ctl "$T/a.sock" events open
	retry eval '[ "$(ws-ctl "$T/a.sock" get stats | jq .control_peers)" = 3 ]'
	stop v INT
	[ "$status" = 0 ]
	stop a
	wait_end w
	[ "$status" = 4 ]
	[ "$(cat "$T/w.err")" = "ws-ctl: lost $T/a.sock: closed by the server" ]
}

@test "a watch with --wait goes on when the server is back" {
	server a
	start w ws-ctl --wait forever "$T/a.sock" events open
	retry eval '[ "$(ws-ctl "$T/a.sock" get stats | jq .control_peers)" = 2 ]'
	stop a
	wait_for w.err 'waiting for it'
	server a
	wait_for w.err connected
	retry eval '[ "$(ws-ctl "$T/a.sock" get stats | jq .control_peers)" = 2 ]'
	client c a
	wait_for w.out '"event":"open"'
}

@test "reload is exit code 2 with the reason when the new file is wrong" {
	echo 'chat:*' > "$T/rooms"
	server a --rooms "$T/rooms"
	run -0 --separate-stderr ws-ctl "$T/a.sock" reload
	[ "$output$stderr" = "" ]
	echo 'chat:* relay' > "$T/rooms"
	run -2 --separate-stderr ws-ctl "$T/a.sock" reload
	[ "$stderr" = "ws-ctl: $T/a.sock: $T/rooms:1: 'relay' needs 'publish': 'relay'" ]
}

@test "a command to a server that is not there is exit code 4, at once" {
	run -4 --separate-stderr ws-ctl "$T/none.sock" get stats
	[ "$stderr" = "ws-ctl: cannot connect to $T/none.sock: No such file or directory" ]
}

@test "a server that does not answer is exit code 124 after --timeout" {
	server a
	kill -STOP "${PID[a]}"
	run -124 ws-ctl --timeout 100ms "$T/a.sock" get stats
	kill -CONT "${PID[a]}"
}

@test "wrong arguments are exit code 2" {
	for args in "" "get" "x.sock get" "x.sock get else" "x.sock get room" "x.sock get stats more" \
		"x.sock get connections u1" "x.sock kick" "x.sock kick u1" "x.sock kick user=" "x.sock watch" \
		"x.sock watch name=x" "x.sock reload now" "x.sock events a b" "--block 10m x.sock" \
		"--block 10 x.sock kick all" "--code 1001 x.sock kick all" "--wait soon x.sock"; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr ws-ctl $args
		[ "${#stderr_lines[@]}" = 1 ]
		[ "$output" = "" ]
	done
}

@test "a path that is too long for a socket is an error" {
	run -2 --separate-stderr ws-ctl "$T/$(printf '%0200d' 0)" get stats
	[[ "$stderr" == "ws-ctl: cannot connect to "*": the path is too long for a socket" ]]
}
