#!/usr/bin/env bats
# ws-connect: lines in and out, and the end. Reconnecting and tokens are in
# ws-connect-session.bats, the way to the server in ws-connect-net.bats, servers that
# break the protocol in ws-connect-rude.bats, the terminal in ws-connect-tty.bats.
#
# shellcheck disable=SC2154 # status, output and stderr are set by run
load lib/common
load fixtures/ws-connect/peer

@test "a line in is a message out, a message in is a line out" {
	peer
	run -0 --separate-stderr ws-connect -n 3 "$WS/echo" <<< $'{"a":1}\n[2]\n3'
	[ "$output" = $'{"a":1}\n[2]\n3' ]
	[ -z "$stderr" ]
}

@test "text that is not JSON comes out as a JSON string" {
	peer
	run -0 ws-connect -n 2 "$WS/echo" <<< $'say "hi"\t\n{"a":'
	[ "$output" = $'"say \\"hi\\"\\t"\n"{\\"a\\":"' ]
}

@test "--raw writes text as it is" {
	peer
	run -0 ws-connect --raw -n 2 "$WS/echo" <<< $'say "hi"\n {"a": 1} '
	[ "$output" = $'say "hi"\n {"a": 1} ' ]
}

@test "JSON keeps its digits, its order and its blanks" {
	peer
	run -0 ws-connect -n 1 "$WS/echo" <<< '{"z": 1.50,"a":9007199254740993,"a":1e400,"u":"\u00e9"}'
	[ "$output" = '{"z": 1.50,"a":9007199254740993,"a":1e400,"u":"\u00e9"}' ]
}

@test "a JSON message with line ends in its white space is one line" {
	peer
	run -0 ws-connect --json-seq -n 1 "$WS/echo" <<< $'{\n "a": [1,\r\n2]\n}'
	[ "$output" = '{  "a": [1,  2] }' ]
}

@test "-0 takes and writes any text, with NUL at the end" {
	peer
	printf 'two\nlines\0\0 last ' > "$T/in"
	run -0 bash -c "ws-connect -0 -n 3 '$WS/echo' < '$T/in' | od -An -c | tr -d '\n'"
	[ "$output" = '   t   w   o  \n   l   i   n   e   s  \0  \0       l   a   s   t      \0' ]
}

@test "-0 with --binary changes no byte" {
	peer
	head -c 300000 /dev/urandom | tr '\0' x > "$T/in"
	ws-connect -0 --binary -n 1 "$WS/echo" < "$T/in" > "$T/out"
	printf '\0' >> "$T/in"
	cmp "$T/in" "$T/out"
}

@test "a binary message needs records, and its loss is told" {
	peer
	run -3 --separate-stderr ws-connect --binary --linger 300ms "$WS/echo" <<< x
	[ -z "$output" ]
	[ "$stderr" = "ws-connect: a binary message; see --records: not written" ]
}

@test "records: a message of each form goes out and comes in" {
	peer
	run -0 bash -c "ws-connect -j -n 3 '$WS/echo' <<< '{\"data\":{\"a\": 1}}
{\"text\":\"hi\"}
{\"event\":\"message\",\"time\":\"2026-01-01T00:00:00Z\",\"base64\":\"AAH/\"}' |
		jq -c 'select(.event==\"message\") | del(.time)'"
	[ "$output" = '{"event":"message","data":{"a":1}}
{"event":"message","text":"hi"}
{"event":"message","base64":"AAH/"}' ]
	grep -qF '{"message":"AAH/"}' "$T/peer.out"
}

@test "records: what happens to the connection is told in order" {
	peer
	run -0 bash -c "ws-connect -j -n 1 '$WS/echo?token=secret' <<< '{\"text\":\"hi\"}' |
		jq -c 'del(.time,.seconds)'"
	[ "$output" = '{"event":"status","status":"connecting","url":"'"$WS"'/echo","attempt":1}
{"event":"open","url":"'"$WS"'/echo"}
{"event":"status","status":"connected"}
{"event":"message","text":"hi"}
{"event":"close","code":1000,"reason":"","received":1,"sent":1}
{"event":"status","status":"disconnected"}' ]
}

@test "records: one ws-connect feeds another" {
	peer
	ws-connect -j -n 2 "$WS/count/2" < /dev/null | ws-connect -j -n 2 "$WS/echo" > "$T/out"
	run -0 jq -c 'select(.event=="message").data' "$T/out"
	[ "$output" = $'{"n":1}\n{"n":2}' ]
}

@test "records: a bad line is told with its number and skipped" {
	peer
	run -3 --separate-stderr ws-connect -j --linger 0 "$WS/echo" <<< '{"text":"a"}
text
{"text":"a","data":1}
{"to":"room","data":1}
{"base64":"?"}
{"text":5}
{}
{"close":1001}
{"text":"b"}'
	[ "${#stderr_lines[@]}" = 7 ]
	[ "${stderr_lines[0]}" = "ws-connect: line 2: not a JSON object: skipped" ]
	[ "${stderr_lines[2]}" = "ws-connect: line 4: unknown member: skipped" ]
	[ "${stderr_lines[6]}" = "ws-connect: line 8: \"close\" is neither 1000 nor from 3000 to 4999: skipped" ]
	got '"message"' 2
}

@test "records: {\"close\":…} ends with that code and reason, after what stands before it" {
	peer
	run -0 ws-connect -j "$WS/echo" <<< '{"text":"last"}
{"close":4000,"reason":"done"}'
	got '{"close":4000,"reason":"done"}'
	grep -qF '{"message":"last"}' "$T/peer.out"
}

@test "--payload pins the form of what comes in" {
	peer
	run -0 bash -c "ws-connect -j --payload base64 -n 1 '$WS/count/1' < /dev/null | jq -r '.base64 // empty'"
	[ "$output" = eyJuIjoxfQ== ]
	run -0 bash -c "ws-connect -j --payload text -n 1 '$WS/count/1' < /dev/null | jq -r '.text // empty'"
	[ "$output" = '{"n":1}' ]
}

@test "--json-seq sends values, whatever lines they are broken into" {
	peer
	run -0 --separate-stderr ws-connect --json-seq -n 5 "$WS/echo" <<< '{
  "a": {"b": "}\""}
}{"c":1} 7
[1,
 2] "x"'
	[ "$output" = $'{   "a": {"b": "}\\""} }\n{"c":1}\n7\n[1,  2]\n"x"' ]
	grep -qF '{"message":"{\n  \"a\": {\"b\": \"}\\\"\"}\n}"}' "$T/peer.out"
}

@test "--json-seq tells where a value is malformed and goes on with the next line" {
	peer
	run -3 --separate-stderr ws-connect --json-seq --linger 300ms "$WS/echo" <<< '{"a":1}
{"b":,}
{"c":3}'
	[ "$output" = $'{"a":1}\n{"c":3}' ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ ${stderr_lines[0]} == "ws-connect: value 2 (line 2): "*": skipped" ]] || false
}

@test "a line that is not UTF-8 is told with its number and skipped" {
	peer
	run -3 --separate-stderr ws-connect --linger 300ms "$WS/echo" <<< $'1\n\xff\n3'
	[ "$output" = $'1\n3' ]
	[ "$stderr" = "ws-connect: line 2: not UTF-8: skipped" ]
}

@test "a line that is too long is told with its number and skipped" {
	peer
	run -3 --separate-stderr ws-connect --max-line 10 --linger 300ms "$WS/echo" <<< $'1\n12345678901\n3'
	[ "$output" = $'1\n3' ]
	[ "$stderr" = "ws-connect: line 2: longer than --max-line: skipped" ]
}

@test "a message whose line would be too long is told, not cut" {
	peer
	run -3 --separate-stderr ws-connect --max-line 12 --linger 300ms "$WS/echo" <<< $'1\n"1234567890\n3'
	[ "$output" = $'1\n3' ]
	[ "$stderr" = "ws-connect: a message whose line is longer than --max-line: not written" ]
}

@test "the last line counts without a line end" {
	peer
	run -0 bash -c "printf '1\n2' | ws-connect -n 2 '$WS/echo'"
	[ "$output" = $'1\n2' ]
}

@test "messages of every length that frames tell apart come back unchanged" {
	peer
	for n in 1 125 126 127 65535 65536 1000000; do
		head -c "$n" /dev/zero | tr '\0' a
		echo
	done > "$T/in"
	ws-connect --raw -n 7 "$WS/echo" < "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
}

@test "ten thousand lines come back in order" {
	peer
	seq 10000 > "$T/in"
	ws-connect -n 10000 "$WS/echo" < "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
}

@test "--match takes only messages whose member has that value, and -n counts these" {
	peer
	run -0 ws-connect -m n=7 -n 1 "$WS/count/9" < /dev/null
	[ "$output" = '{"n":7}' ]
	run -0 ws-connect -m a.b=x -m 'c=true' -n 1 "$WS/echo" <<< '{"a":{"b":"x"}}
{"c":true,"a":{"b":"y"}}
no JSON
{"c":true,"a":{"b":"\u0078"}}'
	[ "$output" = '{"c":true,"a":{"b":"\u0078"}}' ]
}

@test "-n ends after that many messages, with a closing handshake" {
	peer
	run -0 ws-connect -n 2 "$WS/count/5" < /dev/null
	[ "$output" = $'{"n":1}\n{"n":2}' ]
	got '"close":1000'
}

@test "fewer messages than -n is exit code 4" {
	peer
	run -4 ws-connect -n 2 "$WS/close/1000/" <<< x
}

@test "after the end of input it stays until the server closes" {
	peer
	run -0 --separate-stderr ws-connect -v "$WS/close/1000/bye" <<< x
	[ "${stderr_lines[2]}" = "ws-connect: $WS/close/1000/bye: closed with code 1000 (normal): bye" ]
}

@test "--linger ends that long after the last message" {
	peer
	run -0 ws-connect --linger 200ms "$WS/echo" <<< x
	[ "$output" = '"x"' ]
	got '"close":1000'
}

@test "--timeout ends with exit code 124" {
	peer
	run -124 --separate-stderr ws-connect --timeout 200ms "$WS/echo" < /dev/null
	[ "$stderr" = "ws-connect: --timeout has run out" ]
	got '"close":1000'
}

@test "--idle-timeout ends with 0, and with 124 when -n asks for more" {
	peer
	run -0 ws-connect --idle-timeout 200ms "$WS/count/2" < /dev/null
	[ "$output" = $'{"n":1}\n{"n":2}' ]
	run -124 ws-connect --idle-timeout 200ms -n 3 "$WS/count/2" < /dev/null
}

@test "each close code has its exit code" {
	peer
	for pair in 1000:0 1001:4 1002:5 1003:5 1007:5 1008:5 1009:5 1010:5 1011:4 1012:4 1013:4 1014:4 \
		3000:4 4000:4 4001:5 4003:5 4008:4 4013:4; do
		code=${pair%:*} want=${pair#*:}
		got_status=0
		ws-connect "$WS/close/$code/why" <<< x 2> "$T/err" > "$T/out" || got_status=$?
		echo "code $code: exit $got_status, want $want"
		[ "$got_status" = "$want" ]
		[ "$code" = 1000 ] || grep -q "closed with code $code.*: why$" "$T/err"
	done
}

@test "the server's close code is answered with the same code" {
	peer
	for code in 1000 1001 1011 1012 1013 4000; do
		run ws-connect "$WS/close/$code/why" <<< x
		got "{\"close\":$code,"
	done
}

@test "what was not sent before the server closed is told and is exit code 3" {
	peer
	seq 400000 > "$T/in" # all there at once
	run -3 --separate-stderr bash -c "ws-connect '$WS/close/1000/' < '$T/in'"
	[[ ${stderr_lines[-1]} == "ws-connect: "*"not "* ]] || false
}

@test "SIGTERM ends with a closing handshake and exit code 0" {
	peer
	start_fed client ws-connect "$WS/echo"
	feed client one
	wait_for client.out one
	kill -TERM "${PID[client]}"
	feed client two
	end_feed client
	wait_end client
	[ "$status" = 0 ]
	got '"close":1000'
	grep -qF '{"message":"two"}' "$T/peer.out"
}

@test "a second signal ends at once, by that signal" {
	peer
	start_fed client ws-connect "$WS/echo"
	got '"open"'
	kill -INT "${PID[client]}"
	retry grep -q 'SigCgt:.*0000' "/proc/${PID[client]}/status"
	kill -TERM "${PID[client]}"
	wait_end client
	[ "$status" = 143 ]
}

@test "when standard output is closed it ends as any filter does, also while idle" {
	peer
	mkfifo "$T/pipe"
	start_fed reader head -n 1
	(exec ws-connect "$WS/echo" < <(echo 1; exec sleep 60) > "$T/pipe" 2> "$T/client.err" 3>&-) &
	client=$!
	head -n 1 "$T/pipe"
	status=0
	wait "$client" || status=$?
	[ "$status" = 141 ]
	end_feed reader
}

@test "a full disk is exit code 6" {
	peer
	run -6 --separate-stderr bash -c "ws-connect -n 1 '$WS/count/1' < /dev/null > /dev/full"
	[ "$stderr" = "ws-connect: cannot write standard output: No space left on device" ]
}

@test "a closed standard input is an empty one, a closed standard output exit code 6" {
	peer
	run -0 bash -c "ws-connect -n 1 '$WS/count/1' <&-"
	[ "$output" = '{"n":1}' ]
	run -6 --separate-stderr bash -c "ws-connect -n 1 '$WS/count/1' < /dev/null >&-"
	[ "$stderr" = "ws-connect: cannot write standard output: Bad file descriptor" ]
}

@test "usage mistakes are one line and exit code 2" {
	for args in '' 'ws://a ws://b' 'http://h/' 'ws://h:0/' '-j --raw ws://h' '-j -b ws://h' '--key k ws://h' \
		'--cacert f ws://h' '--cert f ws://h' '-k ws://h' '-k ws+unix:///s' \
		'--token-in query ws://h' '-n 0 ws://h' '--reconnect=x ws://h' '--reconnect-delay 5 ws://h' \
		'-H nocolon ws://h' '-H Upgrade:x ws://h' '--match =x ws://h' '--subprotocol a,b ws://h' \
		'--proxy ftp://h ws://h' '--proxy http://h ws+unix:///s' '--token-file a --token-command b ws://h'; do
		# shellcheck disable=SC2086 # words
		run -2 --separate-stderr ws-connect $args < /dev/null
		echo "$args: $stderr"
		[ "${#stderr_lines[@]}" = 1 ]
		[ -z "$output" ]
	done
	run -2 ws-connect -k ws://h < /dev/null
	[ "$output" = "ws-connect: --cacert, --cert and --insecure are for wss:// only; see ws-connect --help" ]
}

@test "a mistake in the URL does not show the token in it" {
	run -2 --separate-stderr ws-connect 'ws://h:x/?token=secret' < /dev/null
	[[ $stderr != *secret* ]] || false
	run -2 --separate-stderr ws-connect 'ws://me:secret@h/' < /dev/null
	[[ $stderr != *secret* ]] || false
}
