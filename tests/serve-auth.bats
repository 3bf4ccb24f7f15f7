load lib/common
load lib/serve

setup() { auth_script; }

@test "a token is taken from the query, Authorization and the subprotocols" {
	serve --auth "$AUTH"
	client a "$URL?token=u1"
	client b "$URL" "Authorization: Bearer u2"
	client c "$URL" "Sec-WebSocket-Protocol: bearer, u3"
	hears a '"userId":"u1"'
	hears b '"userId":"u2"'
	hears c '"userId":"u3"'
	grep -q '^\[open Sec-WebSocket-Protocol: bearer\]' "$T/c.out"
	grep -q '^\[open \]' "$T/a.out"
}

@test "without an authenticator a subprotocol is echoed" {
	serve
	client a "$URL" "Sec-WebSocket-Protocol: chat, superchat"
	grep -q '^\[open Sec-WebSocket-Protocol: chat\]' "$T/a.out"
}

@test "--auth-cookie takes the token from a cookie, of an allowed origin only" {
	serve --auth "$AUTH" --auth-cookie session --origin https://app.example
	client a "$URL" "Cookie: a=b; session=u1" "Origin: https://app.example"
	client b "$URL" "Cookie: session=u1" "Origin: https://evil.example"
	hears a '"userId":"u1"'
	hears b '^\[refused 403'
	# What the client sends by itself goes before what every browser sends along.
	client c "$URL?token=u3" "Cookie: session=u1" "Origin: https://app.example"
	hears c '"userId":"u3"'
	client d "$URL" "Cookie: session=u1; session=u2" "Origin: https://app.example"
	hears d '^\[refused 400 .*repeated token'
}

@test "no token, an empty one and a refused one are 401 with a fixed reason" {
	serve --auth "$AUTH"
	client a
	client b "$URL?token="
	client c "$URL?token=expired"
	client d "$URL?token=leak"
	hears a '^\[refused 401 .*missing token'
	hears b '^\[refused 401 .*token'
	hears c '^\[refused 401 .*expired'
	hears d '^\[refused 401 .*refused'
	sees '"event":"refused".*"status":401,"reason":"expired"'
	sees '"event":"refused"' 4
	! grep -q leak "$T/serve.out" || false
	! grep -q leak "$T/serve.err" || false
	! grep -q leak "$T/d.out" || false
}

@test "an answer that is not understood is a refusal" {
	serve --auth "$AUTH" --auth-timeout 500ms
	client a "$URL?token=maybe"
	client b "$URL?token=noid"
	hears a '^\[refused 401'
	hears b '^\[refused 503'
}

@test "the authenticator is told token, remote, path and the headers asked for" {
	serve --auth "$AUTH" --auth-header X-Team
	client a "$URL?token=u1" "X-Team: blue" "X-Other: red"
	hears a established
	run -0 cat "$T/asked"
	[[ $output =~ ^\{\"id\":1,\"token\":\"u1\",\"remote\":\"127.0.0.1:[0-9]+\",\"path\":\"/ws\",\"headers\":\{\"X-Team\":\"blue\"\}\}$ ]] || false
}

@test "the authenticator's claims and the rules decide about rooms" {
	serve --auth "$AUTH"
	client a "$URL?token=u1.ADMIN"
	hears a established
	[ "$(got a)" = '{"type":"connection:established","payload":{"userId":"u1","rooms":["user:u1","role:admin","broadcast"]}}' ]
	say a '{"type":"subscribe","channels":["user:u2","role:vendor","payments"]}'
	hears a subscribed
	[ "$(got a | grep -c AUTHORIZATION_FAILED)" -eq 2 ]
	[ "$(got a | tail -n 1)" = '{"type":"subscribed","payload":{"channels":["payments"]}}' ]
	sees '"event":"denied".*"room":"user:u2","code":"AUTHORIZATION_FAILED"'
}

@test "a slow authenticator is 503, others go on meanwhile" {
	serve --auth "$AUTH" --auth-timeout 300ms
	client a "$URL?token=slow"
	client b "$URL?token=u1"
	hears a '^\[refused 503'
	hears b established
	wait_for serve.err 'did not answer within 300 ms'
}

@test "answers may come in any order" {
	cat > "$T/late.sh" <<-'SH'
		read -r first; read -r second
		for line in "$second" "$first"; do
			id=${line#*:}; id=${id%%,*}; user=${line#*\"token\":\"}; user=${user%%\"*}
			printf '{"id":%s,"ok":true,"user":"%s"}\n' "$id" "$user"
		done
		cat > /dev/null
	SH
	serve --auth "sh $T/late.sh"
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=u1"
	start_fed b /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=u2"
	hears a '"userId":"u1"'
	hears b '"userId":"u2"'
}

@test "an authenticator that dies is started again; meanwhile it is 503, never open" {
	serve --auth "$AUTH"
	client a "$URL?token=die"
	hears a '^\[refused 503'
	wait_for serve.err 'authenticator ended with status 3; starting it again'
	again() {
		rm -f "$T/b.in" "$T/b.out"
		client b "$URL?token=u1"
		grep -q established "$T/b.out" || { hears b . && grep -q '^\[open' "$T/b.out"; }
	}
	retry again
	hears b established
}

@test "a command that cannot run never lets in" {
	serve --auth /does/not/exist
	client a "$URL?token=u1"
	hears a '^\[refused 503'
}

@test "--refuse close upgrades and closes with 4001" {
	serve --auth "$AUTH" --refuse close
	client a "$URL?token=expired"
	client b
	hears a '"code":"AUTHENTICATION_FAILED","message":"expired"'
	hears a '^\[closed 4001 expired\]'
	hears b '^\[closed 4001 missing token\]'
	[ "$(grep -c '"event":"open"' "$T/serve.out")" -eq 0 ]
	sees '"event":"refused".*"status":401,"reason":"expired"'
}

@test "--guests lets in without a token, to the rooms of anyone, but not with a bad one" {
	serve --auth "$AUTH" --guests
	client a
	client b "$URL?token=expired"
	hears a '"userId":null,"rooms":\["broadcast"\]'
	hears b '^\[refused 401'
	say a '{"type":"subscribe","channel":"payments"}'
	hears a AUTHORIZATION_FAILED
	say a '{"type":"auth","token":"u1"}'
	hears a auth_success
	say a '{"type":"subscribe","channel":"user:u1"}'
	hears a 'subscribed.*user:u1'
	feed serve '{"user":"u1","data":"for u1"}'
	hears a '"for u1"'
}

@test "--auth-message waits for the token; until then there is no room and no message" {
	serve --auth "$AUTH" --auth-message
	client a
	feed serve '{"all":true,"data":"early","id":1}'
	sees '"id":1,"reached":0'
	say a '{"type":"auth","token":"u1","correlationId":"c"}'
	hears a established
	[ "$(got a | head -n 1)" = '{"type":"auth_success","payload":{"userId":"u1"},"correlationId":"c"}' ]
	[ "$(grep -c early "$T/a.out")" -eq 0 ]
	sees '"event":"open".*"user":"u1","rooms":\["user:u1","role:user","broadcast"\]'
}

@test "with --auth-message any other first message, a bad token or silence is close 4001" {
	serve --auth "$AUTH" --auth-message=2s
	client a
	client b
	client c
	say a '{"type":"ping"}'
	say b '{"type":"auth","token":"expired"}'
	hears a '"code":"AUTHENTICATION_FAILED"'
	hears a '^\[closed 4001'
	hears b '"message":"expired"'
	hears b '^\[closed 4001 expired\]'
	hears c '^\[closed 4001'
	sees '"event":"refused".*"status":401' 3
}

@test "with --auth-message an auth message without a sound token is close 4001, before any event" {
	serve --auth "$AUTH" --auth-message
	local i=0 message
	for message in '{"type":"auth"}' '{"type":"auth","token":7}' '{"type":"auth","token":""}' \
		'{"type":"auth","token":"u 1\n"}' '{"type":"auth","token":"'"$(printf '%017000d' 0)"'"}' \
		'!binary 7b7d' '{"type":"auth","token":"u1"' '!text ""'; do
		i=$((i + 1))
		client "x$i"
		say "x$i" "$message"
		hears "x$i" '"code":"AUTHENTICATION_FAILED"'
		hears "x$i" '^\[closed 4001'
	done
	sees '"event":"refused".*"status":401' "$i"
	[ "$(grep -vc '"event":"\(listen\|refused\)"' "$T/serve.out")" -eq 0 ]
	[ ! -e "$T/asked" ]
}

@test "with --auth-message a blocked user is close 4003, which is final" {
	serve --auth "$AUTH" --auth-message
	feed serve '{"close":4003,"user":"u1","block":"10m","id":1}'
	sees '"id":1'
	client a
	say a '{"type":"auth","token":"u1"}'
	hears a '"code":"AUTHORIZATION_FAILED","message":"blocked"'
	hears a '^\[closed 4003 blocked'
	sees '"event":"refused".*"status":403,"reason":"blocked"'
}

@test "with --auth-message a dead authenticator is close 1013, worth another attempt" {
	serve --auth "$AUTH" --auth-message
	client a
	say a '{"type":"auth","token":"die"}'
	hears a '"code":"CONNECTION_ERROR"'
	hears a '^\[closed 1013 no authenticator'
	sees '"event":"refused".*"status":503'
}

# auth_by_hand: an authenticator whose answers are written with `feed answers LINE`.
auth_by_hand() {
	local fd
	mkfifo "$T/answers"
	exec {fd}<> "$T/answers"
	FEED[answers]=$fd
	AUTH="cat $T/answers & exec cat > $T/asked"
}

@test "an auth message that came in time waits for the authenticator as long as that may take" {
	auth_by_hand
	serve --auth "$AUTH" --auth-message=300ms
	client a
	say a '{"type":"auth","token":"t"}'
	wait_for "$T/asked" '"id":1'
	# The time of a client that came later is over before the answer comes.
	client b
	hears b '^\[closed 4001 no auth message in time'
	feed answers '{"id":1,"ok":true,"user":"u1"}'
	hears a '"connection:established","payload":{"userId":"u1"'
}

@test "a new token that came in time keeps the connection, though the answer comes late" {
	auth_by_hand
	serve --auth "$AUTH"
	for i in a b c; do
		start_fed $i /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	done
	wait_for "$T/asked" '"id":3'
	expires=$(($(date +%s) + 2))
	for id in 1 2 3; do feed answers "{\"id\":$id,\"ok\":true,\"user\":\"u\",\"expires\":$expires}"; done
	for i in a b c; do hears $i established; done
	say a '{"type":"auth","token":"t"}'
	wait_for "$T/asked" '"id":4'
	say b '{"type":"auth","token":"t"}' '{"type":"auth","token":"t"}' '{"type":"ping"}'
	wait_for "$T/asked" '"id":5'
	hears c '^\[closed 4001 token expired'
	feed answers '{"id":4,"ok":true,"user":"u"}' '{"id":5,"ok":false,"error":"revoked"}'
	hears a '"auth_success"'
	hears b '"message":"revoked"'
	# One that is too late buys no time.
	hears b '^\[closed 4001 token expired'
	[ "$(grep -c pong "$T/b.out")" -eq 0 ]
	feed serve '{"user":"u","data":1,"id":1}'
	sees '"id":1,"reached":1'
}

@test "a token that has run out when the answer comes is refused" {
	auth_by_hand
	serve --auth "$AUTH" --auth-message
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	wait_for "$T/asked" '"id":1'
	feed answers '{"id":1,"ok":true,"user":"u","expires":1766000000}'
	hears a '^\[refused 401 .*expired'
	client b
	say b '{"type":"auth","token":"t"}'
	wait_for "$T/asked" '"id":2'
	feed answers '{"id":2,"ok":true,"user":"u","expires":1766000000}'
	hears b '"message":"expired"'
	hears b '^\[closed 4001 expired'
}

@test "an answer that comes when its client has left is nobody's" {
	auth_by_hand
	serve --auth "$AUTH" --auth-message
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	wait_for "$T/asked" '"id":1'
	client b
	say b '{"type":"auth","token":"t"}'
	wait_for "$T/asked" '"id":2'
	start_fed c /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	wait_for "$T/asked" '"id":3'
	kill "${PID[a]}"
	wait_end a
	say b '!drop'
	wait_end b
	feed serve '{"get":"stats","id":1}'
	sees '"event":"done","id":1'
	for id in 1 2 3; do feed answers "{\"id\":$id,\"ok\":true,\"user\":\"u$id\"}"; done
	hears c '"userId":"u3"'
	[ "$(grep -c '"event":"open"' "$T/serve.out")" -eq 1 ]
}

@test "one authenticator cannot answer what another was asked" {
	mkfifo "$T/go"
	cat > "$T/old-and-new.sh" <<-'SH'
		if mkdir "$1/first" 2>/dev/null; then
			while read -r line; do id=${line#*:}; id=${id%%,*}; printf '{"id":%s,"ok":true,"user":"old"}\n' "$id"; done
			# Its stdin was closed: the new one has taken over. It knows what comes next.
			read -r _ < "$1/go"
			printf '{"id":1,"ok":true,"user":"old"}\n{"id":2,"ok":true,"user":"old"}\n'
			echo said > "$1/said"
			exit
		fi
		while read -r line; do
			id=${line#*:}; id=${id%%,*}
			[ "$id" = 0 ] || { echo "$line" > "$1/asked"; until [ -e "$1/over" ]; do sleep 0.02; done; }
			printf '{"id":%s,"ok":true,"user":"new"}\n' "$id"
		done
	SH
	serve --auth "sh $T/old-and-new.sh $T" --auth-timeout 60s
	feed serve '{"reload":true,"id":1}'
	sees '"event":"done","id":1'
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	wait_for "$T/asked" '"id":1'
	echo > "$T/go"
	wait_for "$T/said" said
	feed serve '{"get":"stats","id":2}'
	sees '"event":"done","id":2'
	touch "$T/over"
	hears a '"userId":"new"'
}

@test "a client whose messages wait for the authenticator is closed without waiting for more" {
	auth_by_hand
	serve --auth "$AUTH" --auth-timeout 60s
	for i in 1 2; do
		start_fed "c$i" /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
		wait_for "$T/asked" "\"id\":$i"
		feed answers "{\"id\":$i,\"ok\":true,\"user\":\"u$i\"}"
		hears "c$i" established
	done
	say c1 '{"type":"auth","token":"t"}' '{"type":"ping"}'
	wait_for "$T/asked" '"id":3'
	# c2 does not answer its close frame, so it is cut after 5 seconds.
	kill -s STOP "${PID[c2]}"
	feed serve '{"close":4003,"user":"u2"}' '{"close":4003,"user":"u1"}'
	sees '"event":"close"' 2
	[[ $(grep '"event":"close"' "$T/serve.out") == *'"user":"u1"'*'"user":"u2"'* ]] || false
}

@test "who was let in and leaves takes nobody along who still waits" {
	auth_by_hand
	serve --auth "$AUTH"
	start_fed a /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	wait_for "$T/asked" '"id":1'
	feed answers '{"id":1,"ok":true,"user":"a"}'
	hears a established
	# It is not read from until there is an answer, so libwebsockets does not see its end.
	say a '{"type":"auth","token":"t"}' '{"type":"ping"}'
	wait_for "$T/asked" '"id":2'
	start_fed b /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$URL?token=t"
	wait_for "$T/asked" '"id":3'
	say a '!drop'
	wait_end a
	feed serve '{"get":"stats","id":1}'
	sees '"event":"done","id":1'
	feed answers '{"id":3,"ok":true,"user":"b"}'
	hears b '"userId":"b"'
}

@test "what follows an auth message waits for its answer" {
	serve --auth "$AUTH" --auth-message
	client a
	say a '{"type":"auth","token":"u1"}' '{"type":"subscribe","channel":"user:u1"}' '{"type":"ping"}'
	hears a '"type":"pong"'
	[ "$(got a | sed 's/^{"type":"\([^"]*\)".*/\1/' | tr '\n' ' ')" = "auth_success connection:established subscribed pong " ]
}

@test "at its time a token's connection is closed with 4001" {
	serve --auth "$AUTH"
	client a "$URL?token=soon-u1"
	hears a '^\[closed 4001 token expired\]'
	sees '"event":"close".*"code":4001,"reason":"token expired"'
}

@test "a new token of the same user keeps the connection, its rooms are checked again" {
	rooms_file 'user:{user} auto' 'role:{role} auto lower' 'admin {role}=ADMIN' '**'
	serve --auth "$AUTH" --rooms "$T/rooms"
	client a "$URL?token=soon-u1.ADMIN"
	hears a established
	say a '{"type":"subscribe","channel":"admin"}'
	hears a 'subscribed.*admin'
	say a '{"type":"auth","token":"u1.USER","id":5}'
	hears a '"type":"auth_success","payload":{"userId":"u1"},"id":5'
	hears a '"unsubscribed","payload":{"channel":"admin"}'
	hears a '"unsubscribed","payload":{"channel":"role:admin"}'
	hears a '"subscribed","payload":{"channel":"role:user"}'
	sees '"event":"leave".*"room":"admin"'
	client b "$URL?token=soon-u2"
	hears b '^\[closed 4001'
	feed serve '{"user":"u1","data":"still here"}'
	hears a 'still here'
}

@test "another user's token does not renew" {
	serve --auth "$AUTH"
	client a "$URL?token=u1"
	say a '{"type":"auth","token":"u2"}'
	hears a '"code":"AUTHENTICATION_FAILED"'
	feed serve '{"user":"u2","data":"x","id":1}' '{"user":"u1","data":"y","id":2}'
	sees '"id":1,"reached":0'
	sees '"id":2,"reached":1'
}

@test "a reload starts the new authenticator before the old one ends" {
	printf '%s\n' '{"role":"x"}' > "$T/version"
	cat > "$T/versioned.sh" <<-'SH'
		version=$(cat "$1") || exit 2
		while read -r line; do
			id=${line#*:}; id=${id%%,*}
			printf '{"id":%s,"ok":true,"user":"%s"}\n' "$id" "$version"
		done
	SH
	echo v1 > "$T/version"
	serve --auth "sh $T/versioned.sh $T/version"
	client a "$URL?token=x"
	hears a '"userId":"v1"'
	rm "$T/version"
	feed serve '{"reload":true,"id":1}'
	sees '{"event":"error","id":1,"error":"the new authenticator ended at once"}'
	client b "$URL?token=x"
	hears b '"userId":"v1"'
	echo v2 > "$T/version"
	feed serve '{"reload":true,"id":2}'
	sees '{"event":"done","id":2,'
	client c "$URL?token=x"
	hears c '"userId":"v2"'
}

@test "the authenticator has descriptors 0 to 2 and a process group of its own" {
	cat > "$T/look.py" <<-'PY'
		import os, sys
		own = []
		for fd in os.listdir("/proc/self/fd"):
		    try:
		        os.fstat(int(fd))
		        own.append(fd)
		    except OSError:
		        pass  # that of the listing itself
		with open(sys.argv[1], "w") as f:
		    print(" ".join(sorted(own)), os.getpgrp() == os.getppid() or os.getpgrp() == os.getpid(), file=f)
		sys.stdin.read()
	PY
	exec 9< /dev/null
	serve --auth "exec /usr/bin/python3 $T/look.py $T/looked"
	exec 9<&-
	wait_for "$T/looked" .
	[ "$(cat "$T/looked")" = "0 1 2 True" ]
}

@test "a connection that ends while its kept messages are handled takes nothing with it" {
	serve --auth "$AUTH" --auth-message --max-invalid 0
	client a
	client b
	say a '{"type":"auth","token":"u1"}' 'broken' '{"type":"ping"}' '{"type":"ping"}'
	hears a '^\[closed 1007'
	say b '{"type":"auth","token":"u2"}' '!frame 01 62726f' '!frame 80 6b656e' '{"type":"ping"}'
	hears b '^\[closed 1007'
	[ "$(grep -c pong "$T/a.out" "$T/b.out" | tr '\n' ' ')" = "$T/a.out:0 $T/b.out:0 " ]
	end_feed serve
	wait_end serve
	[ "$status" -eq 0 ]
}
