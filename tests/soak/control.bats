#!/usr/bin/env bats
# The control socket under load, for longer.

load ../lib/common

# Memory that a sanitizer keeps aside is none that the server holds.
ASAN_OPTIONS+=:quarantine_size_mb=1

# rss NAME: resident memory of a background program, KiB.
rss() { awk '/^VmRSS:/ { print $2 }' "/proc/${PID[$1]}/status"; }

@test "60 peers that never read cost their bound, and clients lose nothing" {
	serve --control "$T/c.sock" --events listen --client-queue 64M
	start lazy /usr/bin/python3 -c '
import signal, socket, sys
peers = []
for i in range(60):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(b"{\"watch\":{\"room\":\"r\"},\"id\":1}\n")
    s.recv(100)
    peers.append(s)
print("ready", flush=True)
signal.pause()' "$T/c.sock"
	wait_for lazy.out ready
	start c ws-connect --subscribe r "$URL"
	wait_for c.out subscribed
	before=$(rss serve)
	for i in {1..300}; do printf '{"to":"r","data":["%0100000d",%d]}\n' 0 "$i"; done | ws-ctl "$T/c.sock"
	wait_for c.out ',300]$'
	[ "$(grep -c '^\["0' "$T/c.out")" = 300 ]
	rm "$T/c.out" # much to show when the test fails
	lost=$(ws-ctl "$T/c.sock" get stats | jq .control_dropped)
	[ "$lost" -gt 10000 ]
	# 60 times 1 MiB, twice for a buffer that has grown, and what the flood itself needs.
	[ "$(($(rss serve) - before))" -lt $((60 * 2 * 1024 + 32 * 1024)) ]
	stop lazy
	wait_end_of_peers
}

wait_end_of_peers() {
	retry eval '[ "$(ws-ctl "$T/c.sock" get stats | jq .control_peers)" = 1 ]'
}

@test "10,000 control connections leave no memory behind" {
	serve --control "$T/c.sock"
	connects() {
		/usr/bin/python3 -c '
import socket, sys
for i in range(5000):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(b"{\"events\":[\"open\"]}\n{\"watch\":{\"user\":\"u\"}}\n{\"get\":\"stats\",\"id\":1}\n")
    f = s.makefile("rb")
    for _ in range(3): f.readline()
    s.close(); f.close()' "$T/c.sock"
	}
	connects
	wait_end_of_peers
	before=$(rss serve)
	connects
	wait_end_of_peers
	[ "$(($(rss serve) - before))" -lt 2048 ]
}

@test "feeders that are killed all the time leave the server and its clients whole" {
	serve --control "$T/c.sock" --events listen,close
	start c ws-connect --subscribe r "$URL"
	wait_for c.out subscribed
	for i in {1..100}; do
		start_fed f socat - "UNIX-CONNECT:$T/c.sock"
		# A whole line, and the beginning of one that never ends.
		printf '{"to":"r","data":%d,"id":1}\n{"to":"r","da' "$i" >&"${FEED[f]}"
		wait_for f.out '"id":1'
		stop f KILL 2> /dev/null
		end_feed f
		rm "$T/f.in" "$T/f.out"
	done
	wait_for c.out '^100$'
	[ "$(grep -cE '^[0-9]+$' "$T/c.out")" = 100 ]
	run ! grep close "$T/serve.out"
}

@test "a handler that dies 20 times under load does not stop the server" {
	serve --events listen --message-rate 0 --handler "exec head -n 500 > /dev/null"
	start_fed c ws-connect "$URL"
	wait_for c.out established
	(for _ in {1..10000}; do echo '{"type":"x"}'; done; echo '{"type":"ping"}') >&"${FEED[c]}" &
	DEADLINE=60 wait_for c.out '"type":"pong"'
	feed serve '{"get":"stats","id":1}'
	wait_for serve.out '"received":1000[0-9]'
}
