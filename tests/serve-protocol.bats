load lib/common
load lib/serve
load lib/http

EVERYWHERE='** publish relay anyone'

@test "payload: subscribe, unsubscribe, ping and error are spelled under payload" {
	serve
	client a
	say a '{"type":"subscribe","payload":{"channel":"news"},"correlationId":"c-1"}' \
		'{"type":"unsubscribe","payload":{"channel":"news"},"id":2}' \
		'{"type":"subscribe","channels":["a","b"]}' '{"type":"ping","correlationId":9}' \
		'{"type":"subscribe","channel":"b d"}'
	hears a '"error"'
	run -0 got a
	[ "${lines[1]}" = '{"type":"subscribed","payload":{"channel":"news"},"correlationId":"c-1"}' ]
	[ "${lines[2]}" = '{"type":"unsubscribed","payload":{"channel":"news"},"id":2}' ]
	[ "${lines[3]}" = '{"type":"subscribed","payload":{"channels":["a","b"]}}' ]
	[ "${lines[4]}" = '{"type":"pong","correlationId":9}' ]
	[[ ${lines[5]} == '{"type":"error","payload":{"code":"INVALID_ROOM","message":"'*'","channel":"b d"}}' ]] || false
}

@test "topic: members at the top level, errors as numbers, no welcome" {
	serve --endpoint /t=topic
	client a
	say a '{"type":"subscribe","topic":"messages.user.123"}' '{"type":"unsubscribe","topic":"messages.user.123"}' \
		'{"type":"subscribe","channels":["a","b"]}' '{"type":"ping"}' '{"type":5}' \
		'{"type":"auth","token":"x"}'
	hears a '"code":4'
	run -0 got a
	[ "${lines[0]}" = '{"type":"subscribed","topic":"messages.user.123"}' ]
	[ "${lines[1]}" = '{"type":"unsubscribed","topic":"messages.user.123"}' ]
	[ "${lines[2]}" = '{"type":"subscribed","topics":["a","b"]}' ]
	[ "${lines[3]}" = '{"type":"pong"}' ]
	[ "${lines[4]}" = '{"type":"error","code":1,"message":"type is not a string"}' ]
	[ "${lines[5]}" = '{"type":"error","code":4,"message":"there is no authentication here"}' ]
}

@test "channel: everything under data" {
	serve --endpoint /c=channel
	client a
	say a '{"type":"subscribe","channels":["jobs"]}' '{"type":"unsubscribe","channel":"jobs"}' \
		'{"type":"ping"}' '[]'
	hears a '"error"'
	run -0 got a
	[[ ${lines[0]} =~ ^\{\"type\":\"connected\",\"data\":\{\"connection_id\":\"[a-z2-7]{12}-1\"\}\}$ ]] || false
	[ "${lines[1]}" = '{"type":"subscribed","data":{"channels":["jobs"]}}' ]
	[ "${lines[2]}" = '{"type":"unsubscribed","data":{"channels":["jobs"]}}' ]
	[ "${lines[3]}" = '{"type":"pong"}' ]
	[ "${lines[4]}" = '{"type":"error","data":{"code":"INVALID_MESSAGE","message":"not a JSON object"}}' ]
}

@test "every reply has a time stamp in milliseconds, UTC" {
	serve
	client a
	say a '{"type":"ping"}'
	hears a '"type":"pong","timestamp":"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"}'
}

@test "an id comes back as it was written, whatever it is" {
	local ids=('"a\u0041\n"' 1.0 1e400 9007199254740993 null true '[1, {"a" :2}]' '{"n":[]}' '""') id
	serve
	client a
	for id in "${ids[@]}"; do
		say a '{"type":"ping","correlationId":'"$id"'}' '{"type":"subscribe","room":"a b","id":'"$id"'}'
	done
	say a '{"type":"ping","id":1,"correlationId":2,"\u0069d":3}'
	hears a '"correlationId":2'
	for id in "${ids[@]}"; do
		grep -qF '{"type":"pong","correlationId":'"$id"',"timestamp"' "$T/a.out"
		grep -qF '"channel":"a b"},"id":'"$id"',"timestamp"' "$T/a.out"
	done
	[ "$(got a | tail -n 1)" = '{"type":"pong","correlationId":2,"id":3}' ]
}

@test "endpoints are exact, * takes the rest" {
	serve --endpoint /ws=payload --endpoint /t=topic --endpoint '*=channel'
	base=${URL%/ws}
	client a "$base/ws"
	client b "$base/t"
	client c "$base/ws/more"
	hears a connection:established
	hears c '"connected"'
	say b '{"type":"subscribe","topic":"x"}'
	hears b '"topic":"x"'
	stop serve
	rm "$T/serve.in"
	serve --endpoint /ws=payload
	client d "${URL}x"
	hears d '^\[refused 404'
}

@test "requests of any spelling are understood everywhere" {
	serve
	client a
	say a '{"type":"subscribe","room":"r1"}' '{"type":"subscribe","topic":"r2"}' \
		'{"type":"subscribe","channel":"r3"}' '{"type":"subscribe","channels":["r4"]}' \
		'{"type":"subscribe","payload":{"topic":"r5"}}' '{"type":"subscribe","payload":{"channels":["r6","r7"]}}'
	hears a subscribed 6
	feed serve '{"to":["r1","r2","r3","r4","r5","r6","r7"],"data":1,"id":1}' '{"to":"r7","data":2,"id":2}'
	sees '"id":2,"reached":1'
}

@test "two names for rooms are an invalid message" {
	serve
	client a
	say a '{"type":"subscribe","room":"r1","topic":"r2"}' '{"type":"subscribe","room":"r1","payload":{"channel":"r2"}}' \
		'{"type":"subscribe","room":"r1","room":"r1"}' '{"type":"subscribe","room":null,"topic":"r2"}' \
		'{"type":"message","payload":{"channel":"r1"},"payload":{"channel":"r2"}}' \
		'{"type":"subscribe","p\u0061yload":{"ch\u0061nnel":"r1"},"payload":{},"topic":"r2"}'
	hears a INVALID_MESSAGE 6
	sees '"event":"invalid".*"code":"INVALID_MESSAGE","reason":"more than one of' 6
}

@test "broken JSON, a missing or wrong type, wrong members are told and reported" {
	serve
	client a
	say a '{"type":' '{"x":1}' '{"type":null}' '{"type":"subscribe"}' '{"type":"subscribe","channel":7}' \
		'{"type":"subscribe","channels":["a",1]}' '{"type":"subscribe","channels":[]}' '{"type":"auth","token":1}'
	hears a INVALID_MESSAGE 8
	sees '"event":"invalid"' 8
}

@test "after too many invalid messages the connection is closed with 1007 or 4008" {
	serve --max-invalid 2
	client a
	client b
	say a 'x' 'y' 'z'
	say b '{}' '{}' '{}'
	hears a '^\[closed 1007 too many invalid messages\]'
	hears b '^\[closed 4008 too many invalid messages\]'
}

@test "other types are a message event and nothing else" {
	serve
	client a
	say a '{"type":"order", "n":9007199254740993}' '!binary 00ff' '{"type":"ping"}'
	hears a pong
	sees '"event":"message".*"base64":"AP8="'
	[ "$(grep -c '"data":{"type":"order", "n":9007199254740993}}$' "$T/serve.out")" -eq 1 ]
	[ "$(got a | wc -l)" -eq 2 ]
}

@test "a message of another type may have any number of members, a request 64" {
	serve --max-invalid 0
	client a
	client b
	client c
	say a "{\"type\":\"order\",$(members 70),\"id\":{}}"
	sees '"event":"message".*"data":\{"type":"order","m1":1,.*"m70":70,"id":\{\}\}'
	say a "{\"type\":\"ping\",$(members 63)}"
	hears a '"pong"'
	say a "{$(members 64),\"type\":\"ping\",\"id\":7}"
	hears a '"message":"too many members"},"id":7'
	hears a '^\[closed 4008'
	# What is no JSON at all is so with many members, too.
	say b "{\"type\":\"order\",$(members 70),}"
	say c '[]'
	hears b '^\[closed 1007'
	hears c '^\[closed 4008'
}
members() { seq 1 "$1" | sed 's,.*,"m&":&,' | paste -sd,; }

@test "--payload text and base64 pin the form of messages in events" {
	serve --payload text
	client a
	say a '{"type":"x"}'
	sees '"text":"{\\"type\\":\\"x\\"}"'
	stop serve
	rm "$T/serve.in"
	serve --payload base64
	client b
	say b '{"type":"x"}'
	sees '"base64":"eyJ0eXBlIjoieCJ9"'
}

@test "of a list what is granted comes at once, each refusal by itself" {
	rooms_file 'secret.** {role}=ADMIN anyone' '** anyone'
	serve --rooms "$T/rooms"
	client a
	say a '{"type":"subscribe","channels":["a","secret.x","b","secret.y"],"correlationId":"q"}'
	hears a '"subscribed"'
	run -0 got a
	[[ ${lines[1]} == *'"code":"AUTHORIZATION_FAILED"'*'"channel":"secret.x"'*'"correlationId":"q"'* ]] || false
	[[ ${lines[2]} == *'"channel":"secret.y"'* ]] || false
	[ "${lines[3]}" = '{"type":"subscribed","payload":{"channels":["a","b"]},"correlationId":"q"}' ]
}

@test "a room that no rule fits is INVALID_ROOM" {
	rooms_file 'news anyone'
	serve --rooms "$T/rooms"
	client a
	say a '{"type":"subscribe","channel":"other"}'
	hears a '"code":"INVALID_ROOM"'
	sees '"event":"denied".*"room":"other","code":"INVALID_ROOM"'
}

@test "a wildcard subscription gets what matches it, once" {
	serve
	client a
	client b
	say a '{"type":"subscribe","channels":["messages.*","messages.user.#","messages.one"]}'
	say b '{"type":"subscribe","channel":"**"}'
	hears a subscribed
	hears b subscribed
	feed serve '{"to":"messages.one","data":1}' '{"to":"messages.user.7","data":2}' '{"to":"other","data":3}' \
		'{"to":["messages.two","messages.one"],"data":4}' '{"all":true,"data":"end"}'
	hears a '"end"'
	hears b '"end"'
	[ "$(got a | tail -n 4 | tr '\n' ' ')" = '1 2 4 "end" ' ]
	[ "$(got b | tail -n 5 | tr '\n' ' ')" = '1 2 3 4 "end" ' ]
	say a '{"type":"unsubscribe","channel":"messages.*"}'
	hears a unsubscribed
	feed serve '{"to":"messages.two","data":5,"id":5}'
	sees '"id":5,"reached":1'
}

@test "a wildcard that the rules do not grant as a whole is refused" {
	rooms_file 'chat.secret {role}=ADMIN anyone' 'chat.* anyone'
	serve --rooms "$T/rooms"
	client a
	say a '{"type":"subscribe","channel":"chat.*"}' '{"type":"subscribe","channel":"chat.open"}'
	hears a subscribed
	hears a AUTHORIZATION_FAILED
	feed serve '{"to":"chat.secret","data":1,"id":1}'
	sees '"id":1,"reached":0'
}

@test "publish and relay: members hear it, nobody can speak for another" {
	rooms_file 'chat:* publish relay'
	auth_script
	serve --rooms "$T/rooms" --auth "$AUTH" --endpoint /ws=payload --endpoint /t=topic --endpoint /c=channel
	base=${URL%/ws}
	client a "$URL?token=u1"
	client b "$URL?token=u2"
	client c "$base/t?token=u3"
	client d "$base/c?token=u4"
	for i in a b c d; do
		say $i '{"type":"subscribe","channel":"chat:7"}'
		hears $i subscribed
	done
	say a '{"type":"message","payload":{"channel":"chat:7","text":"hi"},"from":"root","conn":"x","timestamp":"t","\u0066rom":"r2","data":{"n":1}}' '{"type":"ping"}'
	for i in b c d; do hears $i '"message"'; done
	id=$(conn_id 1)
	[ "$(got b | tail -n 1)" = '{"type":"message","payload":{"channel":"chat:7","text":"hi"},"from":"u1","conn":"'"$id"'","data":{"n":1}}' ]
	[ "$(got c | tail -n 1)" = '{"type":"message","topic":"chat:7","eventType":"message.sent","from":"u1","conn":"'"$id"'","payload":{"channel":"chat:7","text":"hi"},"data":{"n":1}}' ]
	[ "$(got d | tail -n 1)" = '{"type":"message","channel":"chat:7","from":"u1","conn":"'"$id"'","payload":{"channel":"chat:7","text":"hi"},"data":{"n":1}}' ]
	hears a pong
	[ "$(got a | grep -c '"message"')" -eq 0 ]
	sees '"event":"message".*"user":"u1","room":"chat:7","data":{"type":"message"'
}

@test "a relayed message names its room and its kind as the endpoint does, once" {
	rooms_file 'chat:* publish relay anyone'
	serve --rooms "$T/rooms" --endpoint /ws=payload --endpoint /t=topic --endpoint /c=channel
	client a
	client b
	client c "${URL%/ws}/t"
	client d "${URL%/ws}/c"
	for i in a b c d; do
		say $i '{"type":"subscribe","channel":"chat:7"}'
		hears $i subscribed
	done
	say a '{"type":"message","room":"chat:7","eventType":"root.login","data":1}' \
		'!text "{\"type\":\"message\",\n\"topic\":\"chat:7\",\"data\":[1,\r\n2e0]}"'
	for i in b c d; do hears $i '"message"' 2; done
	tail='"from":null,"conn":"'"$(conn_id 1)"'","data"'
	[ "$(got b | tail -n 2)" = '{"type":"message","payload":{"channel":"chat:7"},'"$tail"':1}
{"type":"message","payload":{"channel":"chat:7"},'"$tail"':[1,  2e0]}' ]
	[ "$(got c | tail -n 2)" = '{"type":"message","topic":"chat:7","eventType":"message.sent",'"$tail"':1}
{"type":"message","topic":"chat:7","eventType":"message.sent",'"$tail"':[1,  2e0]}' ]
	[ "$(got d | tail -n 2)" = '{"type":"message","channel":"chat:7",'"$tail"':1}
{"type":"message","channel":"chat:7",'"$tail"':[1,  2e0]}' ]
}

@test "line ends in the white space of a message become blanks, all else stays" {
	serve
	client a
	say a '!text "\n{\"type\":\"x\",\r\n\t\"n\":[1e400,9007199254740993,\n-0.10],\"n\":\"\\u0041\\n\"}\n"'
	sees '"event":"message"'
	grep -qF "\"data\":{\"type\":\"x\",  $(printf '\t')\"n\":[1e400,9007199254740993, -0.10],\"n\":\"\\u0041\\n\"}}" "$T/serve.out"
}

@test "nobody speaks for another within the payload either" {
	rooms_file 'chat:* publish relay anyone'
	serve --rooms "$T/rooms"
	client a
	client b
	for i in a b; do
		say $i '{"type":"subscribe","channel":"chat:7"}'
		hears $i subscribed
	done
	say a '{"type":"message","payload":{"from":"root","channel":"chat:7","c\u006fnn":"x","timestamp":"t","text":"hi"}}'
	hears b '"message"'
	[ "$(got b | tail -n 1)" = '{"type":"message","payload":{"channel":"chat:7","text":"hi"},"from":null,"conn":"'"$(conn_id 1)"'"}' ]
}

@test "publish is for members, and where the rules say so" {
	rooms_file 'chat:* publish anyone' 'news anyone' 'news publish anyone'
	serve --rooms "$T/rooms"
	client a
	say a '{"type":"message","channel":"chat:7","data":1}'
	hears a AUTHORIZATION_FAILED
	say a '{"type":"subscribe","channels":["chat:7","news"]}' '{"type":"message","channel":"news","data":2}' \
		'{"type":"message","channel":"chat:7","data":3}' '{"type":"message","data":4}' \
		'{"type":"message","channels":["chat:7","news"],"data":5}'
	hears a AUTHORIZATION_FAILED 2
	hears a INVALID_MESSAGE
	sees '"event":"message".*"room":"chat:7".*"data":3'
	sees '"event":"message".*"data":{"type":"message","data":4}'
	[ "$(grep -c '"event":"message"' "$T/serve.out")" -eq 2 ]
}

@test "what is relayed and what is commanded comes in one order to all, to nobody his own" {
	rooms_file 'chat publish relay anyone'
	serve --rooms "$T/rooms" --message-rate 0
	for name in a b c d; do
		client $name
		say $name '{"type":"subscribe","channel":"chat"}'
		hears $name '"subscribed"'
	done
	d=$(conn_id 4)
	# Whole batches of both in one turn: b speaks while commands come.
	for _ in 1 2 3; do
		/usr/bin/python3 -c 'import sys
for i in range(300): print("{\"to\":\"chat\",\"data\":\"k%d\"%s}" % (i, ",\"except\":\"%s\"" % sys.argv[1] if i % 2 else ""))' \
			"$d" >&"${FEED[serve]}" &
		say a '!many 200 {"type":"message","channel":"chat","data":"from a"}'
		say b '!many 200 {"type":"message","channel":"chat","data":"from b"}'
		wait $!
	done
	feed serve '{"to":"chat","data":"end"}'
	for name in a b c d; do hears $name '^"end"$'; done
	order() { got "$1" | grep -oE '"(k[0-9]+|from [ab]|end)"'; }
	[ "$(order c | grep -c from)" -eq 1200 ]
	[ "$(order c | grep -c k)" -eq 900 ]
	diff <(order a) <(order c | grep -v 'from a')
	diff <(order b) <(order c | grep -v 'from b')
	diff <(order d) <(order c | grep -v 'k[0-9]*[13579]"')
}

@test "without relay a publish is only an event" {
	rooms_file 'chat:* publish anyone'
	serve --rooms "$T/rooms"
	client a
	client b
	say a '{"type":"subscribe","channel":"chat:7"}'
	say b '{"type":"subscribe","channel":"chat:7"}'
	hears a subscribed
	hears b subscribed
	say a '{"type":"message","channel":"chat:7"}'
	sees '"event":"message"'
	say b '{"type":"ping"}'
	hears b pong
	[ "$(got b | wc -l)" -eq 3 ]
}

@test "a reload checks wildcard subscriptions again" {
	rooms_file 'p.** anyone' 'q.* anyone'
	serve --rooms "$T/rooms"
	client a
	say a '{"type":"subscribe","channels":["p.#","p.*","p.a.*","q.*"]}'
	hears a '"subscribed"'
	rooms_file 'p.*.secret' 'p.** anyone' 'q.* anyone'
	feed serve '{"reload":true,"id":1}' '{"to":"p.a.secret","data":"secret","id":2}' '{"to":"p.a","data":"open","id":3}'
	hears a '"open"'
	[ "$(got a | grep -o '"unsubscribed".*' | sort | tr '\n' ' ')" = '"unsubscribed","payload":{"channel":"p.#"}} "unsubscribed","payload":{"channel":"p.a.*"}} ' ]
	sees '"id":2,"reached":0'
	sees '"event":"leave".*"room":"p.#"'
}

@test "a reload checks memberships again" {
	rooms_file 'a anyone' 'b anyone' 'broadcast auto anyone'
	serve --rooms "$T/rooms"
	client a
	say a '{"type":"subscribe","channels":["a","b"]}'
	hears a '"subscribed"'
	rooms_file 'a {role}=ADMIN anyone' 'b anyone' 'fresh auto anyone' 'broadcast auto anyone'
	feed serve '{"reload":true,"id":1}'
	sees '"event":"done","id":1'
	hears a '"unsubscribed","payload":{"channel":"a"}'
	hears a '"subscribed","payload":{"channel":"fresh"}'
	sees '"event":"leave".*"room":"a"'
	rooms_file 'a loud'
	feed serve '{"reload":true,"id":2}'
	sees '"event":"error","id":2,"error":".*rooms:1: '
	say a '{"type":"subscribe","channel":"b"}'
	hears a '"subscribed","payload":{"channel":"b"}'
}

@test "a message in pieces, with a ping in between, is one message" {
	serve
	client a
	say a '!frame 01 7b2274797065223a22' '!frame 89 6869' '!frame 00 666f' '!frame 80 6f227d'
	sees '"event":"message".*"data":{"type":"foo"}'
	hears a '^\[pong 6869\]'
}

@test "text that is not UTF-8 is close 1007, also at the end of a message" {
	serve
	client a
	client b
	client c
	say a '!frame 81 7b22ff227d'
	say b '!frame 01 22c3' '!frame 80 '
	say c '!frame 81 22c322'
	hears a '^\[closed 1007'
	hears b '^\[closed 1007'
	hears c '^\[closed 1007'
	sees '"event":"close".*"code":1007' 3
}

@test "pings and pongs may hold any bytes, also after a text" {
	serve
	client a
	hears a established
	say a '{"type":"ping"}' '!frame 89 ff00fe' '!frame 8a ff80' '{"type":"ping"}'
	hears a '"type":"pong"' 2
	hears a '^\[pong ff00fe\]'
}

@test "broken frames are close 1002" {
	serve
	local i=0 bad
	for bad in '!frame 83 00' '!frame c1 7b7d' '!frame 80 00' '!frame 09 00' '!frame 8b '; do
		i=$((i + 1))
		client "x$i"
		say "x$i" "$bad"
		hears "x$i" '^\[(closed 1002|lost)'
	done
}

@test "close codes are answered with their like, wrong ones with 1002" {
	serve
	client a
	client b
	client c
	client d
	client e
	say a '!close 4321 so long'
	say b '!close 5000'
	say c '!frame 88 03'
	say d '!close'
	say e '!frame 88 03e8ff'
	hears e '^\[closed 1002'
	hears a '^\[closed 4321'
	hears b '^\[closed 1002'
	hears c '^\[closed 1002'
	hears d '^\[(closed 1005|lost)'
	sees '"event":"close".*"code":4321,"reason":"so long"'
	sees '"event":"close".*"code":1002' 3
}

@test "a close waits for the client's answer, and takes in what it still sends" {
	serve --message-rate 1/1h:100
	client b
	# More than a server reads at a time: closing now would reset the connection, and
	# the close frame would be lost.
	client a
	say a '!many 50000 {"type":"ping"}'
	hears a '^\[closed 4008 rate limit exceeded'
	cat > "$T/silent.py" <<-'PY'
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		s.sendall(open(sys.argv[2], "rb").read())
		got = b""
		while b"\x88\x02\x0f\xa3" not in got:
		    got += s.recv(4096)
		print("closing", flush=True)
		sys.stdin.readline()
		try:
		    print("ended" if not s.recv(1, socket.MSG_DONTWAIT) else "more", flush=True)
		except BlockingIOError:
		    print("open", flush=True)
		if sys.argv[3:]:
		    s.sendall(bytes.fromhex("888200000000" + "0fa3"))
		print(s.recv(1), flush=True)
	PY
	upgrade /ws > "$T/request"
	start_fed c /usr/bin/python3 "$T/silent.py" "$PORT" "$T/request" answer
	start_fed d /usr/bin/python3 "$T/silent.py" "$PORT" "$T/request"
	sees '"event":"open"' 4
	client e
	client f
	for n in 3 4; do feed serve '{"close":4003,"conn":"'"$(conn_id "$n")"'"}'; done
	wait_for c.out closing
	wait_for d.out closing
	say b '{"type":"ping"}'
	hears b pong
	feed c go
	feed d go
	wait_for c.out '^open'
	wait_for d.out '^open'
	sees '"event":"close".*"code":4003'
	# One that never answers is cut, one that libwebsockets closes by itself too.
	say e '!deaf' '!frame 83 00'
	# One that has said all that it may is not waited for.
	say f '!deaf' '!frame 88 03'
	wait_for d.out "^b''"
	sees '"event":"close".*"code":4003' 2
	sees '"event":"close".*"code":1002,"reason":"protocol error"'
	run -0 sed -n 's/.*"event":"close".*"code":\([0-9]*\),"reason":"\([a-z ]*\)".*/\1 \2/p' "$T/serve.out"
	[ "${lines[1]}" = "1002 bad close frame" ]
}

@test "--deflate serves compressed and plain clients alike" {
	serve --deflate
	client a
	cat > "$T/deflated.py" <<-'PY'
		import asyncio, sys, websockets
		async def main():
		    async with websockets.connect(sys.argv[1], compression="deflate", max_size=None) as c:
		        print(c.response_headers.get("Sec-WebSocket-Extensions"), await c.recv(), flush=True)
		        await c.send('{"type":"big","x":"' + "y" * 5000 + '"}')
		        for _ in range(4):
		            m = await c.recv()
		            print(len(m), m[:20], flush=True)
		asyncio.run(main())
	PY
	start b /usr/bin/python3 "$T/deflated.py" "$URL"
	wait_for b.out 'permessage-deflate.*established'
	sees '"event":"message".*yyyy'
	/usr/bin/python3 -c '
print("{\"all\":true,\"data\":\"small\"}")
print("{\"all\":true,\"data\":\"%s\"}" % ("z" * 3000))
print("{\"all\":true,\"data\":\"%s\"}" % ("w" * 200000))
print("{\"all\":true,\"data\":\"end\"}")' >&"${FEED[serve]}"
	wait_end b
	run -0 cat "$T/b.out"
	[ "${lines[1]}" = '7 "small"' ]
	[ "${lines[2]}" = '3002 "zzzzzzzzzzzzzzzzzzz' ]
	[ "${lines[3]}" = '200002 "wwwwwwwwwwwwwwwwwww' ]
	[ "${lines[4]}" = '5 "end"' ]
	hears a '"end"'
}

@test "node's ws and python's websockets are served" {
	serve
	cat > "$T/client.js" <<-'JS'
		const WebSocket = require('ws'), c = new WebSocket(process.argv[2]);
		c.on('open', () => c.send(JSON.stringify({type: 'subscribe', channel: 'news'})));
		c.on('message', m => { console.log(String(m)); if (String(m).includes('last')) c.close(1000); });
	JS
	cat > "$T/client.py" <<-'PY'
		import asyncio, sys, websockets
		async def main():
		    async with websockets.connect(sys.argv[1]) as c:
		        await c.send('{"type":"subscribe","channel":"news"}')
		        async for m in c:
		            print(m, flush=True)
		            if "last" in m:
		                break
		asyncio.run(main())
	PY
	export NODE_PATH=/usr/share/nodejs
	start n node "$T/client.js" "$URL"
	start p /usr/bin/python3 "$T/client.py" "$URL"
	hears n '"subscribed"'
	hears p '"subscribed"'
	feed serve '{"to":"news","data":{"n":1}}' '{"to":"news","data":"last"}'
	wait_end n
	wait_end p
	[ "$(tail -n 2 "$T/n.out")" = $'{"n":1}\n"last"' ]
	[ "$(tail -n 2 "$T/p.out")" = $'{"n":1}\n"last"' ]
	sees '"event":"close".*"code":1000' 2
}

@test "nothing follows a close frame, even one that libwebsockets sends by itself" {
	serve
	client a
	client b
	# One that goes on reading after the server's close frame, and does not answer it.
	cat > "$T/after.py" <<-'PY'
		import base64, os, socket, sys
		host, port = "127.0.0.1", int(sys.argv[1])
		s = socket.create_connection((host, port))
		s.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		          b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")
		data = b""
		while b"timestamp" not in data:
		    data += s.recv(4096)
		s.sendall(b"\x83\x80\0\0\0\0")  # a reserved opcode
		data = b""
		while len(data) < 4:
		    data += s.recv(4096)
		print("closing", flush=True)
		sys.stdin.readline()
		s.settimeout(1)
		try:
		    data += s.recv(4096)
		except OSError:
		    pass
		print(data[:1].hex(), b"after" in data, flush=True)
	PY
	start_fed raw /usr/bin/python3 "$T/after.py" "$PORT"
	wait_for raw.out closing
	feed serve '{"all":true,"data":"after"}'
	hears b after
	feed raw go
	wait_end raw
	[ "$(tail -n 1 "$T/raw.out")" = "88 False" ]
	sees '"event":"close".*"code":1002'
}
