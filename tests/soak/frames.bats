# 100,000 tiny frames at once from one client, who sends them in one piece.

load ../lib/common
load ../lib/serve
load ../lib/soak

export BATS_TEST_TIMEOUT=300
N=100000

# Who is there besides, and must not notice.
alongside() {
	serve_counted "$@"
	client quiet
	client many
}
undisturbed() {
	feed serve '{"all":true,"data":"still here"}'
	hears quiet '"still here"'
	say quiet '{"type":"ping"}'
	hears quiet '"pong"'
	run ! grep -q '^\[lost\|^\[closed' "$T/quiet.out"
	stop quiet
	stop serve
	[ "$status" -eq 0 ]
}

# within KB: nothing piled up on the heap.
within() {
	echo "# at most $(($(heap peak) >> 10)) kB on the heap" >&3
	[ "$(heap peak)" -le $(($1 << 10)) ]
}

@test "100,000 messages, no rate: each becomes an event, in order" {
	alongside --message-rate 0
	/usr/bin/python3 -c '
import sys
for i in range(100000): print("{\"type\":\"x\",\"data\":%d}" % i)' >&"${FEED[many]}"
	say many "!many $N {\"type\":\"y\"}" '{"type":"ping","id":"end"}'
	hears many '"end"'
	sees '"type":"y"' "$N"
	grep -o '"type":"x","data":[0-9]*' "$T/serve.out" | cut -d: -f3 | cmp - <(seq 0 $((N - 1)))
	[ "$(grep -c '"type":"y"' "$T/serve.out")" -eq "$N" ]
	within 1536
	undisturbed
}

@test "100,000 messages: beyond the rate comes one error, then the end, and nothing piles up" {
	alongside
	say many "!many $N {\"type\":\"x\"}"
	hears many '^\[closed 4008 |^\[lost'
	sees '"event":"close".*"code":4008'
	[ "$(grep -c '"event":"message"' "$T/serve.out")" -le 400 ]
	within 1536
	undisturbed
}

@test "100,000 messages over TLS, no rate: each becomes an event" {
	certificate
	alongside --message-rate 0 --cert "$T/cert" --key "$T/key"
	say many "!many $N {\"type\":\"x\"}" '{"type":"ping","id":"end"}'
	hears many '"end"'
	sees '"event":"message"' "$N"
	within 1536
	undisturbed
}

@test "100,000 pings: the last ones are answered, and nothing piles up" {
	for rate in 0 100/1s; do
		alongside --message-rate $rate
		say many "!frames $N 89" '!frame 89 65' '{"type":"ping","id":"end"}'
		hears many '"end"'
		hears many '^\[pong '
		within 1536
		undisturbed
		wait_end many
		rm "$T"/*.in
	done
}

@test "100,000 pongs that nobody asked for: nothing happens" {
	alongside
	say many "!frames $N 8a" '{"type":"ping","id":"end"}'
	hears many '"end"'
	within 1536
	undisturbed
}

@test "a message of 100,000 fragments, of a byte or of none, is one message whatever the rate" {
	alongside --max-message 200k
	# "xxx…" and what is in none of them.
	say many '!frame 01 7b2274797065223a2278222c22706164223a22' "!frames $N 00 78" "!frames $N 00" \
		'!frame 80 227d' '{"type":"ping","id":"end"}'
	hears many '"end"'
	sees '"event":"message"'
	[ "$(jq -r 'select(.event == "message") | .data.pad | length' "$T/serve.out")" -eq "$N" ]
	within 1536
	undisturbed
}

@test "a message of 100,000 fragments that is too long ends at the bound" {
	alongside --max-message 50k
	say many '!frame 01 7b2274797065223a2278222c22706164223a22' "!frames $N 00 78"
	hears many '^\[closed 1009 |^\[lost'
	sees '"event":"close".*"code":1009'
	within 1536
	undisturbed
}

@test "100,000 empty messages are invalid, and --max-invalid ends it" {
	alongside --message-rate 0
	say many "!frames $N 81"
	hears many '^\[closed 1007 |^\[lost'
	sees '"event":"close".*"code":1007'
	[ "$(grep -c '"event":"invalid"' "$T/serve.out")" -eq 11 ]
	within 1536
	undisturbed
}

@test "100,000 requests that are answered, by a client that does not read: closed as too slow" {
	alongside --message-rate 0 --client-queue 64k --slow close
	say many '!deaf' "!many $N {\"type\":\"ping\"}"
	# The answers, of which the kernel takes some: so many more.
	for i in 1 2 3 4 5 6 7 8 9; do say many "!many $N {\"type\":\"ping\",\"id\":\"$(printf %0100d "$i")\"}"; done
	sees '"event":"close".*"code":4013'
	within 1536
	undisturbed
}
