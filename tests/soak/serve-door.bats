# The door, TLS and HTTP of ws-serve against clients that are slow, silent or many.

load ../lib/common
load ../lib/serve
load ../lib/http

load ../lib/soak

export BATS_TEST_TIMEOUT=300

setup() { ulimit -n "$(ulimit -Hn)"; }

# stalled HOW [URL]: 200 clients that stop in this way, see stall.py; $T/HOW.out
stalled() {
	start_fed "$1" /usr/bin/python3 "$ROOT/tests/lib/stall.py" "${2:-$URL}" 200 "$1"
	DEADLINE=60 wait_for "$1.out" '^holding'
}

# ended_as HOW PATTERN: all of them have ended so, and nothing is held for them.
ended_as() {
	end_feed "$1"
	DEADLINE=120 wait_end "$1"
	[ "$status" -eq 0 ]
	[ "$(grep -cE "$2" "$T/$1.out")" -eq 200 ] || { sort "$T/$1.out" | uniq -c; false; }
	DEADLINE=60 retry has_descriptors "$before"
}

# Others come in, and are heard, meanwhile and afterwards.
others() {
	client other
	say other '{"type":"ping"}'
	hears other '"pong"'
	stop other
	rm "$T/other.in"
}

# each_stall HOW PATTERN [URL]: such clients, and others beside them.
each_stall() {
	before=$(descriptors)
	stalled "$1" "${3:-$URL}"
	others
	ended_as "$1" "$2"
	others
	rm "$T/$1.in"
}

@test "200 clients that stop within their request, or never finish it, are told 408" {
	serve
	each_stall request '^HTTP/1.1 408 '
	each_stall drip '^HTTP/1.1 408 '
	stop serve
	[ "$status" -eq 0 ]
}

@test "200 clients that stop within their request over TLS, or never finish it, are told 408" {
	certificate
	serve --cert "$T/cert" --key "$T/key"
	each_stall request '^HTTP/1.1 408 '
	each_stall drip '^HTTP/1.1 408 '
	stop serve
	[ "$status" -eq 0 ]
}

@test "200 clients of the admin listener that stop within their request, or never finish it, are refused" {
	serve --admin 127.0.0.1:0
	wait_for serve.out '"url":"http://'
	admin=$(sed -n 's/.*"url":"\(http:[^"]*\)".*/\1/p' "$T/serve.out")
	each_stall request '^HTTP/1.1 (408|503) ' "$admin"
	each_stall drip '^HTTP/1.1 (408|503) ' "$admin"
	stop serve
	[ "$status" -eq 0 ]
}

@test "200 clients that stop within the TLS handshake, in any place or a byte at a time, are cut" {
	certificate
	serve --cert "$T/cert" --key "$T/key"
	each_stall hello '^cut'
	each_stall drip-hello '^cut'
	each_stall half-way '^cut'
	stop serve
	[ "$status" -eq 0 ]
}

# half_open [OPTION...]: WebSockets of peers that are there no more, or half.
half_open() {
	serve --events listen,close --ping-interval 2s --ping-timeout 2s "$@"
	each_stall mute '^cut'
	sees '"event":"close".*"code":1006,"reason":"ping timeout"' 200
	each_stall ended '^cut'
	# And those who do not answer when they are to leave.
	before=$(descriptors)
	stalled deaf
	feed serve '{"close":4000,"all":true}'
	DEADLINE=60 retry has_descriptors "$before"
	ended_as deaf '^cut'
	others
	stop serve
	[ "$status" -eq 0 ]
}

@test "200 half-open WebSockets are cut: silent, half-closed, deaf to a close" {
	half_open
}

@test "200 half-open WebSockets over TLS are cut: silent, half-closed, deaf to a close" {
	certificate
	half_open --cert "$T/cert" --key "$T/key"
}

@test "200 peers that are gone without a trace are cut, plain and over TLS" {
	unshare -rn true 2> /dev/null || skip "no network namespaces here"
	certificate
	cat > "$T/gone.bash" <<-'END'
		# Within a network of its own, which fails: no FIN and no reset comes.
		ip link set lo up
		start_fed serve ws-serve --events listen,close --ping-interval 2s --ping-timeout 2s "$@" 0
		wait_for serve.out '"event":"listen"'
		URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
		before=$(descriptors)
		stalled mute
		ip link set lo down
		stop mute KILL || true
		sees '"event":"close".*"code":1006,"reason":"ping timeout"' 200
		DEADLINE=60 retry has_descriptors "$before"
		ip link set lo up
		others
		stop serve
		exit "$status"
	END
	declare -f > "$T/functions"
	export T ROOT DEADLINE
	for more in "" "--cert $T/cert --key $T/key"; do
		# shellcheck disable=SC2086 # options
		unshare -rn bash -ec '. "$T/functions"; declare -A PID=() FEED=(); . "$T/gone.bash"' gone $more
		grep -q '"event":"close"' "$T/serve.out"
		rm -f "$T"/*.in "$T"/*.out
	done
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
	# What the kernels took at once counts in the first half minute, the second is theirs.
	DEADLINE=100 retry has_descriptors "$before"
	for fd in "${fds[@]}"; do exec {fd}>&-; done
}
busy() { [ "$(descriptors)" -gt "$1" ]; }

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
