# The handshake: who comes through the door of ws-serve, and what the others are told.
load lib/common
load lib/serve
load lib/http
load lib/nginx

@test "a sound handshake is answered as RFC 6455 computes it" {
	serve
	run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	[ "$(field Sec-WebSocket-Accept <<< "$output")" = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ]
	sees '"event":"open"'
}

@test "a handshake that comes byte by byte is as good" {
	serve
	run -0 ask slowly < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
}

@test "what comes behind the handshake in one segment is the first message" {
	serve
	# FIN and text, 16 bytes, masked with zeros.
	{ upgrade /ws; printf '\x81\x90\0\0\0\0{"type":"hello"}'; } | ask > "$T/answer"
	sees '"event":"message".*"data":\{"type":"hello"\}'
}

@test "every refusal has its status and says why in JSON" {
	serve
	run -0 ask < <(raw 'GET /ws HTTP/1.1\r\nHost: a\r\n\r\n')
	[ "$(content <<< "$output")" = '{"status":426,"error":"this is a WebSocket endpoint"}' ]
	[ "$(field Content-Type <<< "$output")" = application/json ]
	[ "$(field Sec-WebSocket-Version <<< "$output")" = 13 ]
	[ "$(field Upgrade <<< "$output")" = websocket ]
	run -0 ask < <(raw "GET /ws HTTP/1.1\r\n$UPGRADE${KEY}Sec-WebSocket-Version: 8\r\n\r\n")
	[ "$(content <<< "$output")" = '{"status":426,"error":"WebSocket version 13 is needed"}' ]
	[ "$(field Sec-WebSocket-Version <<< "$output")" = 13 ]
	run -0 ask < <(raw "POST /ws HTTP/1.1\r\n$UPGRADE$VERSION$KEY\r\n")
	[ "$(content <<< "$output")" = '{"status":405,"error":"a WebSocket is opened with GET"}' ]
	[ "$(field Allow <<< "$output")" = GET ]
	run -0 ask < <(upgrade /nowhere)
	[ "$(content <<< "$output")" = '{"status":404,"error":"no such endpoint"}' ]
	wait_for serve.out '"event":"refused".*"status":(426|405|404)' 3
}

@test "a refusal says when, and to HEAD without a body" {
	serve
	run -0 ask < <(raw 'HEAD /ws HTTP/1.1\r\nHost: a\r\n\r\n')
	[ "${lines[0]}" = "HTTP/1.1 405 Method Not Allowed" ]
	[ -z "$(content <<< "$output")" ]
	[ "$(field Content-Length <<< "$output")" -gt 0 ]
	date -d "$(field Date <<< "$output")"
}

@test "a request that two servers could read in two ways is malformed" {
	serve
	local sound="$UPGRADE$VERSION$KEY" request
	for request in \
		"GET /ws HTTP/1.1\r\n$sound$KEY\r\n" \
		"GET /ws HTTP/1.1\r\n$sound$VERSION\r\n" \
		"GET /ws HTTP/1.1\r\n${sound}Host: other\r\n\r\n" \
		"GET /ws HTTP/1.1\r\n${UPGRADE#*$'\n'}$VERSION$KEY\r\n" \
		"GET /ws HTTP/1.1\r\n$sound folded\r\n\r\n" \
		"GET /ws HTTP/1.1\r\n${sound}Content-Length: 5\r\n\r\nhello" \
		"GET /ws HTTP/1.1\r\n${sound}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" \
		"GET /ws HTTP/1.1\r\n${sound}Authorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n" \
		"GET /ws HTTP/1.1\r\n${UPGRADE}${VERSION}Sec-WebSocket-Key: c2hvcnQ=\r\n\r\n" \
		"GET /ws HTTP/1.1\r\n${UPGRADE}${VERSION}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n" \
		"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n$VERSION$KEY\r\n" \
		"GET /ws HTTP/1.0\r\n$sound\r\n" \
		"GET /ws?token=a&token=b HTTP/1.1\r\n$sound\r\n" \
		"GET /ws?token=%0d HTTP/1.1\r\n$sound\r\n" \
		"GET /ws HTTP/1.1\n${sound//$'\r'/}\n"; do
		[ "$(code_of raw "$request")" = 400 ] || { echo "not refused: $request"; false; }
	done
	[ "$(code_of raw 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')" = 505 ]
	# None of these opened anything.
	kill -TERM "${PID[serve]}"
	wait_end serve
	! grep -q '"event":"open"' "$T/serve.out" || false
}

@test "HTTP/2 in clear text is not spoken, so it leads around nothing" {
	serve
	local fields='Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'
	run -0 ask < <(raw "GET /ws HTTP/1.1\r\n$fields\r\n" 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
	[ "${lines[0]}" = "HTTP/1.1 426 Upgrade Required" ]
	! grep -q "HTTP/1.1 101" <<< "$output" || false
}

@test "what is no HTTP is refused by its first bytes, on both ports" {
	serve --admin 127.0.0.1:0
	local at admin
	sees '"url":"http://'
	admin=$(sed -n 's|.*"url":"http://\([^/]*\)/".*|\1|p' "$T/serve.out")
	# A ClientHello of which more is to come, an SSH client, a line end too many.
	for at in "127.0.0.1:$PORT" "$admin"; do
		[ "$(AT=$at code_of raw '\x16\x03\x01\x02\x00\x01\x00')" = 400 ]
		[ "$(AT=$at code_of raw 'SSH-2.0-OpenSSH_9.2\r\n')" = 400 ]
		[ "$(AT=$at code_of raw '\r\n')" = 400 ]
	done
}

@test "a request smuggled behind a refused one is not looked at" {
	serve
	run -0 ask < <(raw 'GET /ws HTTP/1.1\r\nHost: a\r\n\r\n'; upgrade /ws)
	[ "$(grep -c '^HTTP/1.1' <<< "$output")" = 1 ]
	[ "${lines[0]}" = "HTTP/1.1 426 Upgrade Required" ]
	kill -TERM "${PID[serve]}"
	wait_end serve
	! grep -q '"event":"open"' "$T/serve.out" || false
}

@test "a request smuggled behind an admitted one is a broken frame" {
	serve
	{ upgrade /ws; upgrade /ws; } | ask > "$T/answer"
	[ "$(grep -c '^HTTP/1.1' "$T/answer")" = 1 ]
	sees '"event":"close"'
	[ "$(grep -c '"event":"open"' "$T/serve.out")" = 1 ]
}

@test "a header of 16 KiB passes and a longer one is 431" {
	serve
	local pad
	pad=$(printf '%016100d' 0)
	[ "$(code_of upgrade /ws "X-Pad: $pad")" = 101 ]
	[ "$(code_of upgrade /ws "X-Pad: $pad$pad")" = 431 ]
	# Long is not the same as many.
	local many=()
	for ((i = 0; i < 120; i++)); do many+=("X-$i: y"); done
	[ "$(code_of upgrade /ws "${many[@]}")" = 431 ]
}

@test "a subprotocol list with a long token in it is no problem" {
	auth_script
	serve --auth "$AUTH"
	run -0 ask < <(upgrade /ws "Sec-WebSocket-Protocol: bearer, user1.$(printf '%03000d' 7)")
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	[ "$(field Sec-WebSocket-Protocol <<< "$output")" = bearer ]
}

@test "of the offered subprotocols the first is answered, of none none" {
	serve
	run -0 ask < <(upgrade /ws 'Sec-WebSocket-Protocol: v2, v1')
	[ "$(field Sec-WebSocket-Protocol <<< "$output")" = v2 ]
	run -0 ask < <(upgrade /ws)
	[ -z "$(field Sec-WebSocket-Protocol <<< "$output")" ]
	[ "$(code_of upgrade /ws 'Sec-WebSocket-Protocol: v1, v1')" = 400 ]
}

@test "a query of 500 arguments is no problem" {
	serve
	[ "$(code_of upgrade "/ws?$(seq -s '&' 500)")" = 101 ]
	sees '"event":"open".*"path":"/ws"'
}

@test "the token is taken from query, Authorization and subprotocol, decoded, and never shown" {
	auth_script
	serve --auth "$AUTH"
	[ "$(code_of upgrade '/ws?x=1&token=us%65r1')" = 101 ]
	[ "$(code_of upgrade /ws 'Authorization: bearer user2')" = 101 ]
	[ "$(code_of upgrade /ws 'Sec-WebSocket-Protocol: bearer, user3')" = 101 ]
	sees '"event":"open".*"path":"/ws".*"user":"user[123]"' 3
	# A semicolon separates nothing: this is one token, and a wrong one.
	[ "$(code_of upgrade '/ws?a=1;token=user4')" = 401 ]
	[ "$(code_of upgrade '/ws?token=expired')" = 401 ]
	! grep -Eqi 'token=|us%65r|bearer' "$T/serve.out" "$T/serve.err" || false
}

@test "a token at two places is refused before the authenticator is asked" {
	auth_script
	serve --auth "$AUTH"
	[ "$(code_of upgrade '/ws?token=user1' 'Authorization: Bearer user2')" = 400 ]
	[ "$(code_of upgrade '/ws?token=user1&token=user1')" = 400 ]
	[ ! -e "$T/asked" ]
}

@test "a header for the authenticator that is there twice is refused" {
	auth_script
	serve --auth "$AUTH" --auth-header X-Tenant
	[ "$(code_of upgrade '/ws?token=user1' 'X-Tenant: a')" = 101 ]
	grep -q '"X-Tenant":"a"' "$T/asked"
	[ "$(code_of upgrade '/ws?token=user1' 'X-Tenant: b' 'x-tenant: a')" = 400 ]
	! grep -q '"b"' "$T/asked" || false
}

@test "a refused token is 401 with the reason" {
	auth_script
	serve --auth "$AUTH"
	run -0 ask < <(upgrade '/ws?token=expired')
	[ "${lines[0]}" = "HTTP/1.1 401 Unauthorized" ]
	[ "$(content <<< "$output")" = '{"status":401,"error":"expired"}' ]
	[ "$(field WWW-Authenticate <<< "$output")" = Bearer ]
	sees '"event":"refused".*"status":401,"reason":"expired"'
}

@test "a client that leaves while the authenticator thinks is forgotten" {
	auth_script
	serve --auth "$AUTH" --auth-timeout 60s --max-handshakes 1
	run -0 ask ending < <(upgrade '/ws?token=slow')
	! grep -q HTTP <<< "$output" || false
	# Its place is free again.
	[ "$(code_of upgrade '/ws?token=user1')" = 101 ]
}

@test "a client whose end comes with the last of its request is forgotten too" {
	auth_script
	serve --auth "$AUTH" --auth-timeout 60s --max-handshakes 1
	exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
	raw 'GET' >&"$fd"
	# It is in the door when there is no place for another.
	retry crowded
	kill -STOP "${PID[serve]}"
	upgrade '/ws?token=slow' | tail -c +4 >&"$fd"
	exec {fd}>&-
	kill -CONT "${PID[serve]}"
	retry let_in '/ws?token=user1'
	grep -q '"slow"' "$T/asked"
}
crowded() { [ "$(ask < /dev/null | code)" = 503 ]; }

@test "what is waited for costs no time: the rest of a request, an answer about a token" {
	auth_script
	serve --auth "$AUTH" --guests --ping-interval 300ms --auth-timeout 60s
	client a
	exec {fd}<> "/dev/tcp/127.0.0.1/$PORT" {asking}<> "/dev/tcp/127.0.0.1/$PORT"
	raw 'GET /ws HTTP/1.1\r\n' >&"$fd"
	{ upgrade '/ws?token=slow'; printf more; } >&"$asking"
	wait_for "$T/asked" '"slow"'
	hears a '^\[ping'
	before=$(ticks)
	# Four pings, 1.2 s, with next to none of that spent.
	hears a '^\[ping' "$(($(grep -c '^\[ping' "$T/a.out") + 4))"
	[ "$(($(ticks) - before))" -le $((5 * $(getconf CLK_TCK) / 100)) ]
	exec {fd}>&- {asking}>&-
}
ticks() { sed 's/.*) //' "/proc/${PID[serve]}/stat" | awk '{ print $12 + $13 }'; }

@test "browsers of other origins get 403, and what is no browser needs none" {
	serve --origin https://app.example
	[ "$(code_of upgrade /ws 'Origin: https://app.example')" = 101 ]
	[ "$(code_of upgrade /ws 'Origin: https://evil.example')" = 403 ]
	[ "$(code_of upgrade /ws 'Origin: null')" = 403 ]
	[ "$(code_of upgrade /ws)" = 101 ]
}

@test "beyond --max-handshakes there is 503 at once" {
	serve --max-handshakes 2
	# Two that begin and do not go on.
	exec {a}<> "/dev/tcp/127.0.0.1/$PORT" {b}<> "/dev/tcp/127.0.0.1/$PORT"
	raw 'GET' >&"$a"
	raw 'GET' >&"$b"
	run -0 ask < /dev/null
	[ "${lines[0]}" = "HTTP/1.1 503 Service Unavailable" ]
	[ "$(field Retry-After <<< "$output")" = 1 ]
	exec {a}>&- {b}>&-
	retry let_in /ws
}
let_in() { [ "$(code_of upgrade "$1")" = 101 ]; }

@test "an address is let in at its rate, and told when to come again" {
	serve --connect-rate 1/1h:2
	[ "$(code_of upgrade /ws)" = 101 ]
	[ "$(code_of upgrade /ws)" = 101 ]
	run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 429 Too Many Requests" ]
	[ "$(field Retry-After <<< "$output")" -gt 3000 ]
	sees '"event":"refused".*"status":429'
}

@test "files, endpoints and nonsense count for --connect-rate as upgrades do" {
	mkdir "$T/web"
	echo page > "$T/web/page"
	serve --connect-rate 1/1h:4 --static "$T/web" --expose health --admin "$T/admin"
	[ "$(code_of raw 'GET /page HTTP/1.1\r\nHost: a\r\n\r\n')" = 200 ]
	[ "$(code_of raw 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n')" = 200 ]
	[ "$(code_of raw 'nonsense\r\n\r\n')" = 400 ]
	[ "$(code_of upgrade /ws)" = 101 ]
	[ "$(code_of upgrade /ws)" = 429 ]
	[ "$(code_of raw 'nonsense\r\n\r\n')" = 429 ]
	run -0 ask < <(raw 'GET /page HTTP/1.1\r\nHost: a\r\n\r\n')
	[ "${lines[0]}" = "HTTP/1.1 429 Too Many Requests" ]
	[ "$(field Retry-After <<< "$output")" -gt 3000 ]
	# Other addresses, and administration, are served on.
	[ "$(curl -s --interface 127.0.0.2 "http://127.0.0.1:$PORT/page")" = page ]
	run -0 curl -s --unix-socket "$T/admin" http://localhost/metrics
	[[ $output == *'ws_serve_refused_total{code="429",reason="too many requests of this address"} 3'* ]]
}

@test "behind a proxy --connect-rate counts the requests of each client" {
	serve --trust-proxy 127.0.0.1 --connect-rate 1/1h --expose health
	client=1.2.3.4
	health() { code_of raw "GET /health HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: $client\r\n\r\n"; }
	[ "$(health)" = 200 ]
	[ "$(health)" = 429 ]
	client=1.2.3.5
	[ "$(health)" = 200 ]
	client=junk
	[ "$(health)" = 400 ]
	# Whose these were nobody knows.
	[ "$(code_of raw 'nonsense\r\n\r\n')" = 400 ]
	[ "$(code_of raw 'nonsense\r\n\r\n')" = 400 ]
}

@test "an address has --max-connections-per-ip places, and gets them back" {
	serve --max-connections-per-ip 1
	client a
	[ "$(code_of upgrade /ws)" = 429 ]
	say a '!drop'
	sees '"event":"close"'
	[ "$(code_of upgrade /ws)" = 101 ]
}

@test "with --max-connections-per-ip no address can hold all places of the door" {
	serve --max-connections-per-ip 2 --max-handshakes 40
	cat > "$T/crowd.py" <<-END
		import select, socket
		crowd = []
		for i in range(40):
		    s = socket.create_connection(("127.0.0.1", $PORT))
		    s.sendall(b"GET /ws HTTP/1.1\r\n")
		    crowd.append(s)
		refused = [s.recv(12) for s in crowd[18:]]
		print(refused.count(b"HTTP/1.1 429"), len(select.select(crowd[:18], [], [], 0)[0]))
		other = socket.create_connection(("127.0.0.1", $PORT), source_address=("127.0.0.2", 0))
		other.sendall(open("$T/request", "rb").read())
		print(other.recv(12).decode())
		crowd[0].close()
		while True:
		    again = socket.create_connection(("127.0.0.1", $PORT))
		    again.sendall(open("$T/request", "rb").read())
		    answer = again.recv(12)
		    if answer != b"HTTP/1.1 429":
		        break
		print(answer.decode())
	END
	upgrade /ws > "$T/request"
	run -0 timeout 20 /usr/bin/python3 "$T/crowd.py"
	[ "$output" = $'22 0\nHTTP/1.1 101\nHTTP/1.1 101' ]
}

@test "half requests of one address do not keep other addresses out" {
	serve --max-handshakes 40 --admin 127.0.0.1:0
	wait_for serve.out '"url":"http://'
	admin=$(sed -n 's|.*"url":"http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	upgrade /ws > "$T/request"
	cat > "$T/crowd.py" <<-END
		import socket
		def begin(port, source):
		    s = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
		    s.settimeout(20)
		    return s
		def ask(port, source, text):
		    s = begin(port, source)
		    s.sendall(text)
		    return s.recv(12).decode()
		crowd = []
		for port, n in ($PORT, 40), ($admin, 64):
		    for i in range(n):
		        crowd.append(begin(port, "127.0.0.1"))
		        crowd[-1].sendall(b"GET / HTTP/1.1\r\n")
		upgrade = open("$T/request", "rb").read()
		ready = b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1:$admin\r\n\r\n"
		print(ask($PORT, "127.0.0.2", upgrade), ask($admin, "127.0.0.2", ready))
		print(ask($PORT, "127.0.0.3", upgrade), ask($admin, "127.0.0.3", ready))
		# The oldest made room; what that address says beyond its places is refused.
		print(crowd[0].recv(12).decode(), crowd[40].recv(12).decode())
	END
	run -0 timeout 60 /usr/bin/python3 "$T/crowd.py"
	[ "$output" = $'HTTP/1.1 101 HTTP/1.1 200\nHTTP/1.1 101 HTTP/1.1 200\nHTTP/1.1 503 HTTP/1.1 503' ]
}

@test "without descriptors newcomers get 503, and the others go on" {
	start serve bash -c 'ulimit -n 40 && exec ws-serve --admin "$0" 0' "$T/admin"
	wait_for serve.out '"event":"listen"' 2
	PORT=$(sed -n 's|.*"url":"ws://[^:]*:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	URL=ws://127.0.0.1:$PORT/ws
	client a
	local fds=() fd i
	for ((i = 0; i < 40; i++)); do
		exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
		fds+=("$fd")
	done
	run -0 ask < /dev/null
	[ "${lines[0]}" = "HTTP/1.1 503 Service Unavailable" ]
	[ "$(content <<< "$output")" = '{"status":503,"error":"no descriptors left"}' ]
	say a '{"type":"ping"}'
	hears a '"pong"'
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	# With their places the door is open again: --max-connections says no, not the kernel.
	retry has_descriptors
}
has_descriptors() { [ "$(upgrade /ws | ask | content)" = '{"status":503,"error":"too many connections"}' ]; }

@test "X-Forwarded-For is believed from a trusted proxy alone, and from the right" {
	serve --trust-proxy 127.0.0.1 --trust-proxy 10.0.0.0/8
	[ "$(code_of upgrade /ws 'X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.1.1.1')" = 101 ]
	sees '"event":"open".*"remote":"1.2.3.4"'
	[ "$(code_of upgrade /ws 'X-Forwarded-For: 1.2.3.4, junk')" = 400 ]
	[ "$(code_of upgrade /ws)" = 101 ]
	sees '"event":"open".*"remote":"127.0.0.1:'
}

@test "without --trust-proxy X-Forwarded-For is what anybody can write" {
	serve
	[ "$(code_of upgrade /ws 'X-Forwarded-For: 1.2.3.4')" = 101 ]
	sees '"event":"open".*"remote":"127.0.0.1:'
}

@test "limits count the client behind the proxy" {
	serve --trust-proxy 127.0.0.1 --connect-rate 1/1h
	[ "$(code_of upgrade /ws 'X-Forwarded-For: 1.2.3.4')" = 101 ]
	[ "$(code_of upgrade /ws 'X-Forwarded-For: 1.2.3.4')" = 429 ]
	[ "$(code_of upgrade /ws 'X-Forwarded-For: 1.2.3.5')" = 101 ]
}
