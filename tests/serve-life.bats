load lib/common
load lib/serve

# serve_from FILE [OPTIONS...]: with that as stdin.
serve_from() {
	local in=$1
	shift
	ws-serve "$@" 0 < "$in" > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	sees '"event":"listen"'
	URL=$(sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
}

@test "the end of a pipe drains: clients get all, then 1001; exit 0" {
	serve
	client a
	sees '"event":"open"'
	feed serve '{"all":true,"data":"last words"}'
	end_feed serve
	hears a '"last words"'
	hears a '^\[closed 1001 server is going away\]'
	wait_end serve
	[ "$status" -eq 0 ]
	sees '"event":"close".*"code":1001'
}

@test "an unterminated last line counts" {
	serve
	client a
	sees '"event":"open"'
	printf '{"all":true,"data":"no newline"}' >&"${FEED[serve]}"
	end_feed serve
	hears a '"no newline"'
}

@test "--stay serves on after the end of stdin" {
	serve --stay
	client a
	end_feed serve
	say a '{"type":"ping"}'
	hears a pong
	client b
	hears b established
	stop serve
	[ "$status" -eq 0 ]
}

@test "/dev/null and a file as stdin never end it; the file's commands are carried out" {
	serve_from /dev/null
	client a
	hears a established
	stop serve
	[ "$status" -eq 0 ]
	echo '{"all":true,"data":1,"id":"f"}' > "$T/commands"
	serve_from "$T/commands"
	sees '"id":"f","reached":0'
	client b
	hears b established
	stop serve
	[ "$status" -eq 0 ]
}

@test "a closed stdin never ends it" {
	ws-serve 0 <&- > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	sees '"event":"listen"'
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	client a
	hears a established
}

@test "SIGTERM carries out what is still in the pipe, drains, exits 0" {
	serve
	client a
	sees '"event":"open"'
	kill -s TERM "${PID[serve]}"
	retry eval '! (exec 9<>/dev/tcp/127.0.0.1/$PORT) 2> /dev/null'
	feed serve '{"all":true,"data":"after the signal"}'
	end_feed serve
	hears a '"after the signal"'
	hears a '^\[closed 1001'
	wait_end serve
	[ "$status" -eq 0 ]
}

@test "when the pipe does not end, --drain does" {
	serve --drain 600ms
	client a
	sees '"event":"open"'
	stop serve INT
	[ "$status" -eq 0 ]
	hears a '^\[closed 1001'
}

@test "a client that does not answer the close is cut at the end of --drain" {
	serve --drain 500ms
	client a
	sees '"event":"open"'
	say a '!deaf'
	kill -s STOP "${PID[a]}"
	end_feed serve
	wait_end serve
	[ "$status" -eq 0 ]
	kill -s CONT "${PID[a]}"
	sees '"event":"close".*"code":1001'
}

@test "a drain does not wait for a close that was spread over a longer time" {
	serve --drain 2s
	client a
	client b
	sees '"event":"open"' 2
	feed serve '{"close":4000,"all":true,"spread":"1h","id":1}'
	sees '"id":1,"reached":2'
	end_feed serve
	wait_end serve
	[ "$status" -eq 0 ]
	hears a '^\[closed 1001 server is going away\]'
	hears b '^\[closed 1001 server is going away\]'
}

@test "the second signal ends it at once, by that signal" {
	serve --drain 1h
	client a
	sees '"event":"open"'
	kill -s TERM "${PID[serve]}"
	retry eval '! (exec 9<>/dev/tcp/127.0.0.1/$PORT) 2> /dev/null'
	stop serve INT
	[ "$status" -eq 130 ]
}

@test "a reader of stdout that goes away ends it with 6, while idle too" {
	mkfifo "$T/in" "$T/out"
	ws-serve --drain 1s 0 < "$T/in" > "$T/out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	exec 8> "$T/in"
	exec 7< "$T/out"
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL" 7<&- 8>&-
	hears a established
	exec 7<&-
	hears a '^\[closed 1001'
	exec 8>&-
	wait_end serve
	[ "$status" -eq 6 ]
	wait_for serve.err 'standard output was closed by its reader'
}

@test "events that nobody reads before --drain is over are exit 6" {
	mkfifo "$T/in" "$T/out"
	ws-serve --drain 300ms 0 < "$T/in" > "$T/out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	exec 8> "$T/in" 7< "$T/out"
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL" 7<&- 8>&-
	hears a established
	# More than a pipe holds, less than makes the client wait.
	printf -v long '{"type":"x","data":"%0200000d"}' 0
	say a "$long" '{"type":"ping"}'
	hears a pong
	stop serve
	exec 7<&- 8>&-
	[ "$status" -eq 6 ]
	wait_for serve.err 'bytes of events were not written in time'
}

@test "a stderr that nobody reads holds nothing up, and is told how much it missed" {
	local line
	mkfifo "$T/err"
	exec 7<> "$T/err"
	dd if=/dev/zero of="$T/err" bs=4096 count=1000 oflag=nonblock 2> /dev/null || true # full
	start_fed serve sh -c 'exec ws-serve --expose metrics 0 2> "$1"' - "$T/err"
	sees '"event":"listen"'
	URL=$(sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	PORT=${URL##*:} PORT=${PORT%/*}
	client a
	feed serve nonsense nonsense nonsense '{"to":"broadcast","data":{"n":1}}'
	hears a '"n":1'
	grep -qx 'ws_serve_stderr_lost_total 3' <<< "$(curl -sS "http://127.0.0.1:$PORT/metrics")"
	dd if="$T/err" of=/dev/null bs=4096 iflag=nonblock 2> /dev/null || true # empty
	feed serve nonsense
	read -r -t "$DEADLINE" -u 7 line
	[ "$line" = "ws-serve: 3 messages before this one were lost: stderr was not read" ]
	read -r -t "$DEADLINE" -u 7 line
	[[ $line == "ws-serve: stdin: line 5: "* ]]
	stop serve
	exec 7>&-
}

@test "a stdout that cannot be written is exit 6" {
	ws-serve --drain 100ms 0 < /dev/null > /dev/full 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	wait_end serve
	[ "$status" -eq 6 ]
	wait_for serve.err 'cannot write standard output: No space left on device'
}

# serve_acks [OPTIONS...]: --acks with pipes at both ends, as in a ring with a tap; it has
# acknowledged a line. $in and $acks are the ends.
serve_acks() {
	mkfifo "$T/in" "$T/acks"
	ws-serve --acks --events none "$@" 0 < "$T/in" > "$T/acks" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	exec {in}> "$T/in" {acks}< "$T/acks"
	echo '{"tag":1,"to":"a","data":1}' >&"$in"
	read -r -u "$acks" line
	[ "$line" = '{"tag":1}' ]
}

@test "--acks: who reads them ends before the stages between: exit 0" {
	serve_acks
	exec {acks}<&-
	echo '{"tag":2,"to":"a","data":2}' >&"$in"
	exec {in}>&-
	wait_end serve
	[ "$status" -eq 0 ]
	[ ! -s "$T/serve.err" ]
}

@test "--acks: who reads them has gone, but commands go on: exit 6" {
	serve_acks --drain 200ms
	exec {acks}<&-
	wait_end serve
	exec {in}>&-
	[ "$status" -eq 6 ]
	[ "$(cat "$T/serve.err")" = "ws-serve: standard output was closed by its reader" ]
}

@test "SIGHUP without a terminal reloads the rooms file" {
	rooms_file 'a anyone'
	setsid ws-serve --rooms "$T/rooms" -v 0 < /dev/null > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	sees '"event":"listen"'
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	PID[serve]=$!
	client a
	say a '{"type":"subscribe","channel":"b"}'
	hears a INVALID_ROOM
	rooms_file 'b anyone'
	kill -s HUP "${PID[serve]}"
	wait_for serve.err 'reloaded'
	say a '{"type":"subscribe","channel":"b"}'
	hears a '"subscribed"'
	rooms_file 'b loud'
	kill -s HUP "${PID[serve]}"
	wait_for serve.err 'reload failed, the old state stays: .*rooms:1: '
	say a '{"type":"unsubscribe","channel":"b"}' '{"type":"subscribe","channel":"b"}'
	hears a '"subscribed"' 2
}

@test "SIGHUP with a controlling terminal drains, as SIGTERM does" {
	cat > "$T/terminal.py" <<-'PY'
		import os, pty, signal
		pid, fd = pty.fork()
		if pid == 0:
		    os.execvp("ws-serve", ["ws-serve", "0"])
		out = b""
		while b'"event":"listen"' not in out:
		    out += os.read(fd, 4096)
		os.kill(pid, signal.SIGHUP)
		try:
		    while os.read(fd, 4096):
		        pass
		except OSError:
		    pass
		print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	PY
	run -0 timeout 20 /usr/bin/python3 "$T/terminal.py"
	[ "$output" = 0 ]
}

@test "a SIGHUP during a reload makes another one after it" {
	rooms_file 'a anyone'
	cat > "$T/late.py" <<-'PY'
		import json, os, sys
		for line in sys.stdin:
		    q = json.loads(line)
		    # A question about no token is the first one, of a reload: wait for a word.
		    if not q["token"]:
		        open(sys.argv[1] + "/asked", "a").write("x\n")
		        open(sys.argv[1] + "/go").read()
		    print(json.dumps({"id": q["id"], "ok": True}), flush=True)
	PY
	mkfifo "$T/go"
	setsid ws-serve -v --rooms "$T/rooms" --control "$T/c.sock" --auth "/usr/bin/python3 $T/late.py $T" 0 \
		< /dev/null > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	wait_for serve.out '"event":"listen"'
	kill -s HUP "${PID[serve]}"
	wait_for asked x
	rooms_file 'b anyone'
	kill -s HUP "${PID[serve]}"
	run -2 --separate-stderr ws-ctl "$T/c.sock" reload
	[[ $stderr == *"a reload is under way"* ]]
	echo > "$T/go"
	wait_for asked x 2
	wait_for serve.err ': reloaded'
	echo > "$T/go"
	wait_for serve.err ': reloaded' 2
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	client c "$URL?token=t"
	say c '{"type":"subscribe","channel":"b"}'
	hears c subscribed
}

@test "the service manager is told: ready, reloading, stopping" {
	cat > "$T/manager.py" <<-'PY'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		print("bound", flush=True)
		while True:
		    print(s.recv(4096).decode(), flush=True)
	PY
	start manager /usr/bin/python3 "$T/manager.py" "$T/notify"
	wait_for manager.out bound
	export NOTIFY_SOCKET=$T/notify
	setsid ws-serve --control "$T/c.sock" 0 < /dev/null > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	wait_for manager.out '^READY=1'
	kill -s HUP "${PID[serve]}"
	wait_for manager.out '^RELOADING=1'
	wait_for manager.out '^MONOTONIC_USEC=[0-9]+$'
	wait_for manager.out '^READY=1' 2
	ws-ctl "$T/c.sock" reload
	wait_for manager.out '^RELOADING=1' 2
	wait_for manager.out '^READY=1' 3
	stop serve
	wait_for manager.out '^STOPPING=1'
}

@test "a terminal in the background is not read, and does not stop it" {
	cat > "$T/terminal.py" <<-'PY'
		import os, pty, signal, subprocess, sys, time
		pid, fd = pty.fork()
		if pid == 0:
		    p = subprocess.Popen(["ws-serve", "0"], stdout=open(sys.argv[1] + "/serve.out", "w"),
		                         stderr=open(sys.argv[1] + "/serve.err", "w"), preexec_fn=os.setpgrp)
		    print("pid", p.pid, flush=True)
		    time.sleep(0.5)
		    print("state", open("/proc/%d/stat" % p.pid).read().split(")")[1].split()[0], flush=True)
		    p.terminate()
		    print("status", p.wait(), flush=True)
		    os._exit(0)
		os.write(fd, b'{"all":true,"data":1,"id":1}\n')
		out = b""
		while True:
		    try:
		        more = os.read(fd, 4096)
		    except OSError:
		        break
		    if not more:
		        break
		    out += more
		sys.stdout.write(out.decode())
	PY
	start tty /usr/bin/python3 "$T/terminal.py" "$T"
	wait_end tty
	grep -q 'state S' "$T/tty.out"
	grep -q 'status 0' "$T/tty.out"
	[ "$(grep -c reached "$T/serve.out")" -eq 0 ]
}

@test "many are closed with jitter, within --drain" {
	serve --drain 5s
	cat > "$T/many.py" <<-'PY'
		import asyncio, sys, websockets
		async def one(i):
		    async with websockets.connect(sys.argv[1]) as c:
		        await c.recv()
		        ready.append(i)
		        if len(ready) == 60:
		            print("ready", flush=True)
		        try:
		            await c.recv()
		        except websockets.ConnectionClosed as e:
		            print("closed", e.code, flush=True)
		async def main():
		    await asyncio.gather(*(one(i) for i in range(60)))
		ready = []
		asyncio.run(main())
	PY
	start many /usr/bin/python3 "$T/many.py" "$URL"
	wait_for many.out ready
	end_feed serve
	wait_end serve
	[ "$status" -eq 0 ]
	wait_for many.out 'closed 1001' 60
}

@test "a port that is taken is exit 6, and says so" {
	serve
	run -6 ws-serve "$PORT" < /dev/null
	[[ $output == "ws-serve: cannot listen at $PORT: "* ]] || false
}

@test "no child is left behind" {
	auth_script
	serve --auth "$AUTH"
	client a "$URL?token=u1"
	child=$(pgrep -P "${PID[serve]}" | head -n 1)
	[ -n "$child" ]
	end_feed serve
	wait_end serve
	retry eval '! kill -0 $child 2> /dev/null'
}

@test "who comes when it begins to drain is answered, not reset" {
	serve
	cat > "$T/crowd.py" <<-END
		import collections, os, signal, socket
		os.kill(${PID[serve]}, signal.SIGSTOP)
		crowd = []
		for i in range(300):
		    s = socket.create_connection(("127.0.0.1", $PORT))
		    s.settimeout(20)
		    s.sendall(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
		    crowd.append(s)
		os.kill(${PID[serve]}, signal.SIGTERM)
		os.kill(${PID[serve]}, signal.SIGCONT)
		def answer(s):
		    try:
		        return s.recv(12).decode()
		    except OSError as e:
		        return type(e).__name__
		print(*sorted(set(map(answer, crowd))))
	END
	run -0 /usr/bin/python3 "$T/crowd.py"
	[[ $output =~ ^("HTTP/1.1 404 ")?HTTP/1.1\ 503$ || $output == "HTTP/1.1 404" ]]
	wait_end serve
	[ "$status" -eq 0 ]
}

@test "who still waits for the authenticator at the end is refused with 503" {
	auth_script
	serve --auth "$AUTH" --auth-timeout 10m
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=slow"
	wait_for "$T/asked" slow
	end_feed serve
	hears a '^\[refused 503'
	wait_end serve
	[ "$status" -eq 0 ]
}

@test "without the plug-in for libev it says which package is missing" {
	local plugin
	plugin=$(compgen -G '/usr/lib/*/libwebsockets-evlib_ev.so') || skip "the plug-in is elsewhere"
	unshare -rm mount --bind /dev/null "$plugin" 2> /dev/null || skip "needs a mount namespace"
	# What libwebsockets leaves behind when it fails is not ours to release.
	# shellcheck disable=SC2016 # for the inner shell
	run -6 --separate-stderr timeout 10 unshare -rm sh -c \
		'mount --bind /dev/null "$1" && exec env ASAN_OPTIONS=detect_leaks=0 ws-serve 0 < /dev/null' - "$plugin"
	[ "${stderr_lines[-1]}" = "ws-serve: cannot start libwebsockets with libev: is the package libwebsockets-evlib-ev installed?" ]
}
