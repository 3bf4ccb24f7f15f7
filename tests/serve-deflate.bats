# permessage-deflate of ws-serve.

load lib/common
load lib/serve

CLIENT=$ROOT/tests/fixtures/clients/deflate.py

@test "both sides agree to begin each message anew, so that a connection costs no memory for it" {
	serve --deflate
	start client /usr/bin/python3 "$CLIENT" "$URL" final
	wait_for client.out connection:established
	run -0 head -n 1 "$T/client.out"
	[ "${output,,}" = 'sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover' ]
}

@test "texts of any length and kind come through, and leave the server alive" {
	serve --deflate --message-rate 0 --max-message 2M 
	/usr/bin/python3 - > "$T/texts" <<- 'PY'
		import random
		random.seed(7)
		for n in list(range(1, 100)) + [1000, 1020, 1024, 4095, 4096, 32768, 65536, 262144, 1000003]:
		    print('a' * n)
		    print(''.join(random.choice('abcdefghij') for _ in range(n)))
		# Some of these fill a buffer of 1 KiB to its last byte just before their end.
		for _ in range(1000):
		    print('a' * random.randint(0, random.randint(900, 40000)) + 'xyz' * random.randint(0, 3000))
	PY
	run -0 timeout 60 /usr/bin/python3 "$CLIENT" "$URL" texts "$T/texts"
	[[ $output == *"all came back"* ]]
}

@test "a message that unpacks to more than --max-message is 1009, and was never held" {
	serve --deflate
	run -0 timeout 20 /usr/bin/python3 "$CLIENT" "$URL" bomb
	[[ $output == *"closed 1009" ]]
	run -0 sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PID[serve]}/status"
	[ "$output" -lt 65536 ] || [ "${BIN##*/}" = build-san ]
	wait_for serve.out '"event":"close".*"code":1009'
}

@test "what is no compressed data is 1007, what ends too early is invalid" {
	serve --deflate
	run -0 timeout 20 /usr/bin/python3 "$CLIENT" "$URL" broken
	[[ $output == *"closed 1007" ]]
	start cut /usr/bin/python3 "$CLIENT" "$URL" cut
	wait_for cut.out 'INVALID_MESSAGE|closed 1007'
}

@test "a block marked as the last, and a message in many frames, are understood" {
	serve --deflate
	start final /usr/bin/python3 "$CLIENT" "$URL" final
	wait_for final.out '"type":"pong".*"correlationId":"final"'
	start split /usr/bin/python3 "$CLIENT" "$URL" split
	wait_for split.out '"type":"pong".*"correlationId":"splitsplit'
}

@test "the mark of compression is for the first frame of a message" {
	serve --deflate
	client a "$URL" "Sec-WebSocket-Extensions: permessage-deflate"
	client b "$URL" "Sec-WebSocket-Extensions: permessage-deflate"
	say a '!frame 01 7b2274797065223a' '!frame c0 2270696e67227d'
	say b '!frame 41 aa56' '!frame c0 '
	hears a '^\[closed 1002'
	hears b '^\[closed 1002'
}

@test "long messages go out packed, short ones plain, to whoever agreed to it" {
	serve --deflate
	start packed /usr/bin/python3 "$CLIENT" "$URL" final
	start plain ws-connect "$URL"
	wait_for serve.out '"event":"open"' 2
	long=$(printf 'payment %.0s' {1..40000})
	feed serve "{\"all\":true,\"data\":{\"text\":\"$long\"}}" '{"all":true,"data":"short"}'
	wait_for packed.out '^"short"$'
	wait_for plain.out '^"short"$'
	[ "$(grep -F '{"text":' "$T/packed.out")" = "{\"text\":\"$long\"}" ]
	[ "$(grep -F '{"text":' "$T/plain.out")" = "{\"text\":\"$long\"}" ]
}

@test "what is packed for all is in order among what goes to one" {
	serve --deflate --control "$T/c.sock"
	start packed /usr/bin/python3 "$CLIENT" "$URL" final
	wait_for serve.out '"event":"open"'
	conn=$(conn_id 1)
	start plain ws-connect "$URL"
	wait_for serve.out '"event":"open"' 2
	start_fed watch socat - "UNIX:$T/c.sock"
	feed watch "{\"watch\":{\"conn\":\"$conn\"},\"id\":1}"
	wait_for watch.out '"done"'
	pad=$(printf 'payment %.0s' {1..100})
	printf '%s\n' "{\"all\":true,\"data\":[1,\"$pad\"]}" "{\"conn\":\"$conn\",\"data\":[2,\"$pad\"]}" \
		"{\"to\":\"broadcast\",\"data\":[3,\"$pad\"]}" \
		"{\"to\":[\"broadcast\",\"x\"],\"data\":[4,\"$pad\"]}" "{\"conn\":\"$conn\",\"data\":[5]}" \
		"{\"conn\":\"$conn\",\"data\":[6,\"$pad\"]}" > "$T/lines"
	cat "$T/lines" >&"${FEED[serve]}"
	wait_for packed.out '^\[6,'
	wait_for plain.out '^\[4,'
	wait_for watch.out '"data":\[6,'
	all='1 2 3 4 5 6'
	[ "$(sed -n 's/^\[\([0-9]\).*/\1/p' "$T/packed.out" | xargs)" = "$all" ]
	[ "$(sed -n 's/^\[\([0-9]\).*/\1/p' "$T/plain.out" | xargs)" = '1 3 4' ]
	[ "$(jq -r 'select(.event == "sent").data[0]' "$T/watch.out" | xargs)" = "$all" ]
	[ "$(jq -r 'select(.event == "sent").data[1]' "$T/watch.out" | grep -cx "$pad")" -eq 5 ]
}

@test "--client-queue bounds what waits as it will be sent, packed" {
	serve --deflate --client-queue 256k
	start_fed late /usr/bin/python3 "$CLIENT" "$URL" late
	wait_for serve.out '"event":"open"'
	# 32 MB, of which 160 kB are left when they are packed.
	/usr/bin/python3 -c 'for i in range(40):
    print("{\"all\":true,\"data\":[%d,\"%s\"]}" % (i, "payment " * 100000))
print("{\"all\":true,\"data\":\"end\"}")' >&"${FEED[serve]}"
	feed serve '{"get":"stats","id":"fed"}'
	wait_for serve.out '"id":"fed"'
	feed late ''
	wait_for late.out '^"end"'
	[ "$(grep -c '^\[' "$T/late.out")" -eq 40 ]
}

@test "--slow drop drops whole packed messages" {
	serve --deflate --slow drop --client-queue 64k
	start_fed late /usr/bin/python3 "$CLIENT" "$URL" late
	wait_for serve.out '"event":"open"'
	/usr/bin/python3 -c 'import random
for i in range(400):
    print("{\"all\":true,\"data\":[%d,\"%x\"]}" % (i, random.getrandbits(800000)))
print("{\"all\":true,\"data\":\"end\"}")' >&"${FEED[serve]}"
	feed serve '{"get":"stats","id":"fed"}'
	wait_for serve.out '"id":"fed"'
	feed late ''
	wait_for late.out '^"end"'
	sed -n 's/^\[\([0-9]*\),"[0-9a-f]*"\]$/\1/p' "$T/late.out" > "$T/came"
	sort -nc "$T/came"
	[ "$(wc -l < "$T/came")" -eq "$(grep -c '^\[' "$T/late.out")" ]
	[ "$(wc -l < "$T/came")" -lt 400 ]
}
