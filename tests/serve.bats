load lib/common
load lib/serve

@test "it says where it listens, and serves there" {
	serve
	client a
	hears a '"type":"connection:established"'
	sees '"event":"open"'
}

@test "not even with -v -v does it tell of each client that libwebsockets takes over" {
	serve -v -v
	client a
	stop serve
	! grep -q adopt_socket "$T/serve.err" || false
}

@test "the welcome names the user and the rooms" {
	serve
	client a
	hears a established
	[ "$(got a)" = '{"type":"connection:established","payload":{"userId":null,"rooms":["broadcast"]}}' ]
}

@test "a message to a room reaches its members and nobody else" {
	serve
	client a
	client b
	say a '{"type":"subscribe","channel":"news"}'
	hears a subscribed
	feed serve '{"to":"news","data":{"n":1}}' '{"all":true,"data":"end"}'
	hears a '"end"'
	hears b '"end"'
	[ "$(got a | tail -n 2)" = $'{"n":1}\n"end"' ]
	[ "$(got b | tail -n 1)" = '"end"' ]
	! grep -q '"n":1' "$T/b.out" || false
}

@test "JSON goes out byte for byte, text as it is, base64 as binary" {
	serve
	client a
	hears a established
	feed serve '{"all":true,"data":{"b":1e400,  "a":9007199254740993,"a":2}}' \
		'{"all":true,"text":"h\u00e9 \"x\""}' '{"all":true,"base64":"AP8="}'
	hears a '\[binary'
	run -0 tail -n 3 "$T/a.out"
	[ "${lines[0]}" = '{"b":1e400,  "a":9007199254740993,"a":2}' ]
	[ "${lines[1]}" = 'hé "x"' ]
	[ "${lines[2]}" = '[binary 00ff]' ]
}

@test "a union of rooms reaches each member once, in the order of commands" {
	serve
	client a
	client b
	say a '{"type":"subscribe","channels":["r1","r2"]}'
	say b '{"type":"subscribe","channel":"r2"}'
	hears a subscribed
	hears b subscribed
	feed serve '{"to":"r1","data":1}' '{"to":["r1","r2"],"data":2}' '{"to":"r2","data":3}' \
		'{"all":true,"data":4}' '{"to":["r2","r1","r2"],"data":5}' '{"to":"r1","data":6}' \
		'{"all":true,"data":"end"}'
	hears a '"end"'
	hears b '"end"'
	[ "$(got a | tail -n 7 | tr '\n' ' ')" = '1 2 3 4 5 6 "end" ' ]
	[ "$(got b | tail -n 5 | tr '\n' ' ')" = '2 3 4 5 "end" ' ]
}

@test "one connection, and all connections of a user, can be spoken to" {
	auth_script
	serve --auth "$AUTH"
	client a "$URL?token=u1"
	client b "$URL?token=u1"
	client c "$URL?token=u2"
	feed serve '{"user":"u1","data":1}' "{\"conn\":\"$(conn_id 1)\",\"data\":2}" \
		'{"user":"nobody","data":3}' '{"all":true,"data":"end"}'
	for i in a b c; do hears $i '"end"'; done
	[ "$(got a | tail -n 3 | tr '\n' ' ')" = '1 2 "end" ' ]
	[ "$(got b | tail -n 2 | tr '\n' ' ')" = '1 "end" ' ]
	[ "$(got c | tail -n +2)" = '"end"' ]
}

@test "except leaves connections out" {
	serve
	client a
	client b
	sees '"event":"open"' 2
	feed serve "{\"all\":true,\"data\":1,\"except\":\"$(conn_id 1)\"}" \
		"{\"all\":true,\"data\":2,\"except\":[\"$(conn_id 2)\",\"gone-1\"]}" '{"all":true,"data":3}'
	hears a '^3'
	hears b '^3'
	[ "$(got a | tail -n +2 | tr '\n' ' ')" = '2 3 ' ]
	[ "$(got b | tail -n +2 | tr '\n' ' ')" = '1 3 ' ]
}

@test "commands put connections into rooms and take them out, by the rules" {
	rooms_file 'open anyone' 'closed {role}=ADMIN anyone'
	serve --rooms "$T/rooms"
	client a
	sees '"event":"open"'
	id=$(conn_id 1)
	feed serve "{\"join\":\"open\",\"conn\":\"$id\",\"id\":1}"
	hears a subscribed
	sees '{"event":"done","id":1,"reached":1}'
	sees '"event":"join".*"room":"open"'
	feed serve "{\"leave\":\"open\",\"conn\":\"$id\",\"id\":2}"
	hears a unsubscribed
	sees '"event":"leave".*"room":"open"'
	feed serve "{\"join\":\"closed\",\"conn\":\"$id\",\"id\":3}"
	sees '{"event":"error","id":3,"error":'
}

@test "an answer says how many a command reached" {
	serve
	client a
	client b
	say a '{"type":"subscribe","channel":"r"}'
	hears a subscribed
	feed serve '{"to":"r","data":1,"id":"x"}' '{"all":true,"data":1,"id":2}' '{"to":"empty","data":1,"id":3}'
	sees '"id":3'
	run -0 grep '"event":"done"' "$T/serve.out"
	[ "${lines[0]}" = '{"event":"done","id":"x","reached":1}' ]
	[ "${lines[1]}" = '{"event":"done","id":2,"reached":2}' ]
	[ "${lines[2]}" = '{"event":"done","id":3,"reached":0}' ]
}

@test "wrong commands are reported with their number and the reason, and skipped" {
	serve
	client a
	hears a established
	feed serve 'nonsense' '{"to":"r"}' '{"data":1}' '{"to":"r","all":true,"data":1}' \
		'{"to":"a*","data":1}' '{"to":null,"data":1}' '{"to":"r","data":1,"text":"x"}' \
		'{"to":"r","data":1,"colour":1}' '{"event":"message","data":1}'
	feed serve '{"close":1005,"all":true}' '{"close":4000,"reason":7,"all":true}' '{"all":false,"data":1}' \
		'{"to":"r","to":"s","data":1}'
	feed serve '{"all":true,"data":"end"}'
	hears a '"end"'
	[ "$(got a | tail -n +2)" = '"end"' ]
	wait_for serve.err 'stdin: line 9: an event is not a command'
	run -0 cat "$T/serve.err"
	[ "${lines[0]}" = 'ws-serve: stdin: line 1: not a JSON object' ]
	[ "${lines[1]}" = 'ws-serve: stdin: line 2: none of data, text and base64' ]
	[ "${lines[2]}" = 'ws-serve: stdin: line 3: none of to, all, conn and user' ]
	[ "${lines[3]}" = 'ws-serve: stdin: line 4: more than one of to, all, conn and user' ]
	[ "${lines[5]}" = 'ws-serve: stdin: line 6: to is neither a room nor a list of rooms' ]
	[ "${lines[6]}" = 'ws-serve: stdin: line 7: more than one of data, text and base64' ]
	[ "${lines[7]}" = 'ws-serve: stdin: line 8: unknown member' ]
}

@test "of a thousand wrong commands ten are shown, and at the end how many more there were" {
	serve
	local n lines=()
	for ((n = 0; n < 1000; n++)); do lines+=(nonsense); done
	feed serve "${lines[@]}"
	end_feed serve
	wait_end serve
	[ "$status" -eq 0 ]
	run -0 awk '/not a JSON object|more messages/ { n += / [0-9]+ more messages/ ? $2 : 1 } END { print n }' "$T/serve.err"
	[ "$output" = 1000 ]
	grep -q '^ws-serve: [0-9]* more messages like this one were not shown: stdin: line [0-9]*: not a JSON object$' "$T/serve.err"
}

@test "members of records are no errors in commands, and an error with an id is an answer" {
	serve
	client a
	hears a established
	feed serve '{"all":true,"data":1,"time":"t","tag":4,"exchange":"e","key":"k","headers":{},"properties":{},"redelivered":false,"queue":"q","channel":"c","pattern":"p","node":"n"}' \
		'{"tag":5}' '{"nonsense":1,"id":9}'
	hears a '^1'
	sees '{"event":"error","id":9,"error":"unknown member"}'
	[ ! -s "$T/serve.err" ]
}

@test "a bad line in the middle of 10,000 costs that line and one report" {
	serve
	client a
	hears a established
	/usr/bin/python3 -c 'for i in range(10000): print("{broken" if i == 5000 else "{\"all\":true,\"data\":%d}" % i)' >&"${FEED[serve]}"
	hears a '^9999$'
	[ "$(got a | grep -c '^[0-9]')" -eq 9999 ]
	[ "$(got a | grep '^[0-9]' | sort -nc 2>&1)" = "" ]
	[ "$(cat "$T/serve.err")" = "ws-serve: stdin: line 5001: expected a member name" ]
}

@test "a line that is too long is reported and skipped" {
	serve --max-line 64
	client a
	hears a established
	feed serve '{"all":true,"data":"0123456789012345678901234567890123456789012345678901234567890123456789"}' '{"all":true,"data":"end"}'
	hears a '"end"'
	[ "$(cat "$T/serve.err")" = "ws-serve: stdin: line 1: line too long" ]
}

@test "close ends connections with code and reason, after what was sent before" {
	serve
	client a
	client b
	sees '"event":"open"' 2
	feed serve '{"all":true,"data":1}' "{\"close\":4003,\"reason\":\"abuse\",\"conn\":\"$(conn_id 1)\"}" \
		'{"all":true,"data":2}'
	hears a '^\[closed 4003 abuse\]'
	hears b '^2'
	[ "$(got a | tail -n 1)" = 1 ]
	sees '"event":"close".*"code":4003,"reason":"abuse"'
}

@test "an address is blocked alone, of IPv6 its net" {
	serve --trust-proxy 127.0.0.1
	client a "$URL" 'X-Forwarded-For: 2001:db8:1:2::1'
	client b "$URL" 'X-Forwarded-For: 1.2.3.4:5678'
	sees '"event":"open"' 2
	feed serve '{"close":4003,"all":true,"block":"10m"}'
	hears a '^\[closed 4003'
	hears b '^\[closed 4003'
	for address in '[2001:db8:1:2::1]' 2001:db8:1:2:3::9 1.2.3.4; do
		client "again-$address" "$URL" "X-Forwarded-For: $address"
		hears "again-$address" '^\[refused 403.*blocked'
	done
	for address in 2001:db8:1:3::1 2001:db8::1 1.2.3.5; do
		client "other-$address" "$URL" "X-Forwarded-For: $address"
		hears "other-$address" '^\[open'
	done
}

@test "at a Unix socket there is no address to block" {
	start_fed serve ws-serve "$T/sock"
	wait_for serve.out '"event":"listen"'
	start a ws-connect "ws+unix://$T/sock:/ws"
	wait_for a.out established
	feed serve '{"close":4003,"all":true,"block":"10m","id":1}' '{"close":4003,"all":true,"id":2}'
	sees '"id":1,"error":"there is neither a user nor an address to block"'
	sees '"id":2,"reached":1'
}

@test "who was blocked does not come back" {
	auth_script
	serve --auth "$AUTH"
	client a "$URL?token=u1"
	feed serve '{"close":4003,"user":"u1","block":"10m","id":1}'
	hears a '^\[closed 4003'
	sees '"id":1'
	client b "$URL?token=u1"
	hears b '^\[refused 403'
	client c "$URL?token=u2"
	hears c '^\[open'
}

@test "many can be closed spread over a time" {
	serve
	client a
	client b
	sees '"event":"open"' 2
	feed serve '{"close":4000,"all":true,"spread":"300ms","reason":"moved"}'
	hears a '^\[closed 4000 moved\]'
	hears b '^\[closed 4000 moved\]'
}

@test "--raw sends every line to a room, JSON or not" {
	serve --raw log
	client a
	client b
	say a '{"type":"subscribe","channel":"log"}'
	hears a subscribed
	feed serve 'plain text' '{"to":"other"}' 'end'
	hears a '^end'
	[ "$(got a | tail -n 3)" = $'plain text\n{"to":"other"}\nend' ]
	[ "$(got b | wc -l)" -eq 1 ]
}

@test "--raw-all sends every line to all" {
	serve --raw-all
	client a
	feed serve 'x'
	hears a '^x'
}

@test "a raw line that is not UTF-8 is a binary message" {
	serve --raw-all
	client a
	hears a established
	printf '\xff\xfe\0\n\n\xc3\xa9\n' >&"${FEED[serve]}"
	hears a 'é'
	[ "$(got a | tail -n 2)" = $'\né' ]
	hears a '^\[binary fffe00\]$'
}

@test "--acks tells the last tag that is done" {
	serve --acks
	client a
	feed serve '{"all":true,"data":1,"tag":7}' '{"tag":8}' '{"wrong":1,"tag":9}'
	sees '{"tag":9}'
	hears a '^1'
}

@test "--events chooses, --claims adds claims" {
	auth_script
	serve --auth "$AUTH" --events listen,open --claims role,none
	client a "$URL?token=u1.ADMIN"
	sees '"event":"open".*"claims":{"role":"ADMIN"}'
	say a '{"type":"hello"}' '!close 1000'
	hears a '^\[closed 1000'
	client b "$URL?token=u2"
	sees '"event":"open"' 2
	[ "$(grep -c '"event":"\(message\|close\)"' "$T/serve.out")" -eq 0 ]
}

@test "the close event counts what was said" {
	serve
	client a
	say a '{"type":"x"}' '{"type":"y"}' '!close 1000 bye'
	sees '"event":"close".*"code":1000,"reason":"bye","seconds":[0-9.]*,"received":2,"sent":1,"dropped":0}'
}

@test "a message of 300 KB arrives whole" {
	serve
	client a
	hears a established
	/usr/bin/python3 -c 'print("{\"all\":true,\"data\":\"%s\"}" % ("x" * 300000))' >&"${FEED[serve]}"
	hears a '^"x{1000}'
	[ "$(grep -c . "$T/a.out")" -eq 3 ]
	[ "$(tail -n 1 "$T/a.out" | wc -c)" -eq 300003 ]
}

@test "a mistake in options is one line and exit code 2" {
	run -2 ws-serve --endpoint ws=payload 0
	[[ $output == *"not PATH=SPELLING"* ]] || false
	run -2 ws-serve --auth-cookie c --auth x 0
	[[ $output == *"--auth-cookie needs --origin"* ]] || false
	run -2 ws-serve --guests 0
	run -2 ws-serve --slow never 0
	for origin in app.example https://app.example/ https:// '*' 'https://a.example https://b.example'; do
		run -2 ws-serve --origin "$origin" 0
		[[ $output == *"not an origin such as https://example.com"* ]] || false
	done
	run -2 ws-serve 0 1
	run -2 ws-serve
}

@test "an option that could have no effect is a mistake" {
	for wrong in '--acks --raw log' '--acks --raw-all' '--control-mode 0660'; do
		# shellcheck disable=SC2086 # words
		run -2 ws-serve $wrong 0
	done
	run -2 --separate-stderr ws-serve --reuse-port "$T/sock"
	[ "$stderr" = "ws-serve: --reuse-port is for TCP: $T/sock; see ws-serve --help" ]
}

@test "a mistake in the rooms file is told with its line, exit code 2" {
	rooms_file 'news' 'chat:* loud'
	run -2 ws-serve --rooms "$T/rooms" 0
	[[ $output == *"rooms:2:"* ]] || false
}

@test "a member of 1,500 rooms gets each message once, in the order of commands" {
	serve --max-rooms 2000 --message-rate 0
	client a
	for i in 0 1 2 3 4 5; do
		say a "{\"type\":\"subscribe\",\"channels\":[$(seq -s, -f '"r%g"' $((i * 250)) $((i * 250 + 249)))]}"
	done
	hears a '"subscribed"' 6
	/usr/bin/python3 -c 'for i in range(1500): print("{\"to\":\"r%d\",\"data\":%d}" % (i * 7 % 1500, i))' >&"${FEED[serve]}"
	hears a '^1499$'
	[ "$(got a | grep '^[0-9]' | tr '\n' ' ')" = "$(seq 0 1499 | tr '\n' ' ')" ]
}

@test "at the end it says how many commands were wrong" {
	serve
	feed serve x y z
	end_feed serve
	wait_end serve
	[ "$(tail -n 1 "$T/serve.err")" = "ws-serve: 3 commands were wrong" ]
}
