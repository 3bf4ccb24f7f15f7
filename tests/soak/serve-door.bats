# The door, TLS and HTTP of ws-serve against clients that are slow, silent or many.

load ../lib/common
load ../lib/serve
load ../lib/http

export BATS_TEST_TIMEOUT=300

setup() {
	ulimit -n "$(ulimit -Hn)"
	export ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=8 # else freed memory counts
}

descriptors() { find "/proc/${PID[serve]}/fd" -type l | wc -l; }
resident() { awk '/^VmRSS/ {print $2}' "/proc/${PID[serve]}/status"; }
has_descriptors() { [ "$(descriptors)" -le "$1" ]; }

# hold N BYTES: N connections that send this and then nothing; prints how each ends.
hold() {
	/usr/bin/python3 - "$PORT" "$@" <<-'END'
		import socket, sys
		port, n, text = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode()
		held = []
		for _ in range(n):
		    s = socket.create_connection(("127.0.0.1", port))
		    s.settimeout(60)
		    s.sendall(text)
		    held.append(s)
		print("holding", flush=True)
		for s in held:
		    answer = b""
		    try:
		        while more := s.recv(4096):
		            answer += more
		    except OSError:
		        pass
		    print(answer.split(b"\r\n")[0].decode() or "cut", flush=True)
	END
}

@test "500 clients that stop within their request are told 408, and others come in meanwhile" {
	serve
	local before
	before=$(descriptors)
	hold 500 'GET /ws HTTP/1.1\r\nHost' > "$T/held" &
	local pid=$!
	wait_for "$T/held" holding
	client a
	say a '{"type":"ping"}'
	hears a '"pong"'
	wait "$pid"
	[ "$(grep -c '^HTTP/1.1 408 ' "$T/held")" = 500 ]
	stop a
	retry has_descriptors "$before"
}

@test "200 clients that stop within the TLS handshake are cut" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=x \
		-keyout "$T/key" -out "$T/cert" 2> /dev/null
	serve --cert "$T/cert" --key "$T/key"
	local before
	before=$(descriptors)
	hold 200 '\x16\x03\x01' > "$T/held"
	[ "$(grep -c '^cut$' "$T/held")" = 200 ]
	retry has_descriptors "$before"
}

@test "20 readers of a file who stop reading are cut in the end" {
	mkdir "$T/web"
	truncate -s 50M "$T/web/big"
	serve --static "$T/web"
	local before fds=() fd
	before=$(descriptors)
	for ((i = 0; i < 20; i++)); do
		exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
		raw 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n' >&"$fd"
		fds+=("$fd")
	done
	retry busy $((before + 20))
	DEADLINE=60 retry has_descriptors "$before"
	for fd in "${fds[@]}"; do exec {fd}>&-; done
}
busy() { [ "$(descriptors)" -gt "$1" ]; }

@test "without descriptors it waits, and does not spin" {
	start serve bash -c 'ulimit -n 40 && exec ws-serve 0'
	wait_for serve.out '"event":"listen"'
	PORT=$(sed -n 's|.*"url":"ws://[^:]*:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	hold 200 'GET /ws' > "$T/held"
	[ "$(grep -c '^HTTP/1.1 408 ' "$T/held")" -ge 10 ]
	[ "$(grep -cE '^HTTP/1.1 503 |^cut$' "$T/held")" -ge 150 ]
	# Ten seconds went by; the processor was needed for less than one of them.
	[ "$(awk '{print $14 + $15}' "/proc/${PID[serve]}/stat")" -lt "$(getconf CLK_TCK)" ]
}

@test "a silent connection over TLS lives on, half a minute and more" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=x \
		-keyout "$T/key" -out "$T/cert" 2> /dev/null
	serve --cert "$T/cert" --key "$T/key" --ping-interval 0
	start silent /usr/bin/python3 -c '
import asyncio, ssl, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], ssl=ssl._create_unverified_context(), ping_interval=None) as ws:
        async for text in ws:
            print(text, flush=True)
asyncio.run(main())' "$URL"
	wait_for silent.out established
	sleep 35 # the time itself is what is tested
	feed serve '{"all":true,"text":"still here"}'
	wait_for silent.out 'still here'
}

# storm SCHEME ROUNDS: 250 at a time connect, talk and leave, in one of four ways.
storm() {
	/usr/bin/python3 - "$1" "$PORT" "$2" <<-'END'
		import base64, os, socket, ssl, struct, sys
		scheme, port, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		tls = ssl._create_unverified_context()
		key = base64.b64encode(os.urandom(16)).decode()
		request = ("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % key).encode()
		for _ in range(rounds):
		    open_ones = []
		    for i in range(250):
		        s = socket.create_connection(("127.0.0.1", port))
		        if scheme == "wss":
		            s = tls.wrap_socket(s)
		        s.sendall(request if i % 4 else request[:50])
		        open_ones.append(s)
		    for i, s in enumerate(open_ones):
		        if i % 4:
		            got = b""
		            while b"established" not in got:
		                got += s.recv(4096)
		        if i % 4 == 2:
		            s.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
		        if i % 4 == 3:
		            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
		        s.close()
	END
}

# A second storm of the same size must not need more than the first has left behind.
flat() { # SCHEME ROUNDS
	local before first
	before=$(descriptors)
	storm "$1" "$2"
	DEADLINE=60 retry has_descriptors "$before"
	first=$(resident)
	storm "$1" "$2"
	DEADLINE=60 retry has_descriptors "$before"
	echo "$first kB, then $(resident) kB"
	[ "$(resident)" -lt $((first + first / 10 + 1024)) ]
}

@test "10,000 come and go in every way, and memory stays flat" {
	serve --events listen
	flat ws 20
}

@test "5,000 come and go over TLS, and memory stays flat" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=x \
		-keyout "$T/key" -out "$T/cert" 2> /dev/null
	serve --events listen --cert "$T/cert" --key "$T/key"
	flat wss 10
}
