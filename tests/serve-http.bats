# Administration and health of ws-serve over HTTP: --admin, --expose, --metrics-file.
load lib/common
load lib/serve
load lib/http

# admin [OPTIONS...]: a server with an admin listener; $ADMIN is its address.
admin() {
	serve --admin 127.0.0.1:0 "$@"
	wait_for serve.out '"url":"http://'
	ADMIN=$(sed -n 's|.*"url":"http://\([^/]*\)/".*|\1|p' "$T/serve.out")
}

# get PATH [CURL-OPTIONS...]: the status and the body of a request to $ADMIN.
get() {
	local path=$1
	shift
	curl -sS -m 10 -w '\n%{http_code}' "$@" "http://$ADMIN$path" > "$T/response"
	code=$(tail -n 1 "$T/response")
	body=$(sed '$d' "$T/response")
}

# post PATH BODY [CURL-OPTIONS...]
post() {
	local path=$1 content=$2
	shift 2
	get "$path" -H 'Content-Type: application/json' --data-binary "$content" "$@"
}

is() { # JQ-EXPRESSION: true of the body
	jq -e "$1" <<< "$body" > /dev/null || { echo "not $1: $body"; false; }
}

@test "health tells connections by channel, without automatic rooms" {
	admin
	client a
	say a '{"type":"subscribe","channels":["jobs","payments"]}'
	hears a subscribed
	get /health
	[ "$code" = 200 ]
	is '. == {status: "healthy", service: "websocket-server", connections: {total: 1, by_channel: {jobs: 1, payments: 1}}}'
}

@test "ready is 200 while it serves and 503 while it drains" {
	admin --drain 20s
	get /ready
	[ "$code" = 200 ]
	is '.status == "ready" and .websocket.status == "healthy" and .websocket.connections == 0'
	is '.websocket.rooms == 0 and (.websocket.uptime | type) == "number" and (.websocket.timestamp | endswith("Z"))'
	# One that does not answer the close frame, so that draining takes its time.
	client a
	hears a established
	say a '!deaf'
	kill -TERM "${PID[serve]}"
	retry not_ready
	is '.status == "not ready" and .websocket.status == "draining"'
}
not_ready() { get /ready && [ "$code" = 503 ]; }

@test "ready is 503 while there is no authenticator" {
	admin --auth 'exit 1'
	retry not_ready
	is '.websocket.status == "unhealthy"'
}

@test "stats have the numbers under both kinds of names" {
	admin --admin-open
	client a
	say a '{"type":"subscribe","channel":"jobs"}'
	hears a subscribed
	get /stats
	[ "$code" = 200 ]
	is '.total == 1 and .by_channel == {jobs: 1} and .totalConnections == 1 and .activeConnections == 1'
	is '.totalRooms == 2 and .received == 1 and .errorRate == 0'
	is '([.messagesPerSecond, .averageLatency, .uptime] | map(type) | unique) == ["number"]'
}

@test "rooms and connections can be looked at, in pages and one by one" {
	auth_script
	admin --admin-open --auth "$AUTH"
	client a "$URL?token=u1"
	client b "$URL?token=u2"
	say a '{"type":"subscribe","channel":"x y"}' '{"type":"subscribe","channel":"a/b"}'
	hears a subscribed
	get /connections
	is '[.connections[].user] == ["u1", "u2"]'
	is '.connections[0] | .socketId == .conn and .userId == "u1" and .metadata == {remote, path} and (.connectedAt | endswith("Z")) and (.rooms | index("user:u1"))'
	id=$(jq -r '.connections[0].conn' <<< "$body")
	get "/connections?limit=1&after=$id"
	is '[.connections[].user] == ["u2"]'
	is '.more == null'
	get "/connections?limit=1"
	is '.more == true'
	get "/connections?user=u1"
	is '[.connections[].conn] == ["'"$id"'"]'
	get "/connections/$id"
	is '.user == "u1"'
	get /rooms
	is '[.rooms[].name] | index("a/b") and index("user:u2")'
	get /rooms/a%2Fb
	is '.name == "a/b" and .memberCount == 1 and .members == ["'"$id"'"] and (.createdAt | endswith("Z"))'
	get /rooms/nothing
	[ "$code" = 404 ]
	get /connections/nobody
	[ "$code" = 404 ]
	# Under ASan: nothing is left of what could be decoded.
	get /rooms/jobs%2x
	[ "$code" = 400 ]
	# What a page ended with may have gone before the next one is asked for.
	say a '!drop'
	sees '"event":"close"'
	get "/connections?after=$id"
	is '[.connections[].user] == ["u2"]'
	get '/rooms?after=user:u1'
	is '[.rooms[].name] == ["user:u2"]'
	get '/rooms?limit=1'
	is '[.rooms[].name] == ["broadcast"] and .more == true'
	get '/connections?after=nobody'
	[ "$code" = 400 ]
	get '/connections?limit=0'
	[ "$code" = 400 ]
	get '/connections?limit=1&colour=red'
	[ "$code" = 400 ]
}

@test "DELETE ends a connection with 4003" {
	admin --admin-open
	client a
	get /connections
	id=$(jq -r '.connections[0].conn' <<< "$body")
	get "/connections/$id" -X DELETE
	[ "$code" = 200 ]
	is '.closed == 1'
	hears a '\[closed 4003 ended by the operator\]'
	get "/connections/$id" -X DELETE
	[ "$code" = 404 ]
}

@test "a broadcast is spelled as each endpoint spells" {
	admin --admin-open -e /ws=payload -e /topics=topic -e /channels=channel
	client a
	client b "${URL%/ws}/topics"
	client c "${URL%/ws}/channels"
	for name in a b c; do
		say "$name" '{"type":"subscribe","channel":"jobs"}'
		hears "$name" subscribed
	done
	post /broadcast '{"type":"job_created","data":{"job_id":1e400},"channel":"jobs"}'
	[ "$code $body" = '200 {"delivered":3}' ]
	for name in a b c; do hears "$name" job_created; done
	[ "$(got a | tail -n 1)" = '{"type":"job_created","payload":{"channel":"jobs","job_id":1e400}}' ]
	[ "$(got b | tail -n 1)" = '{"type":"job_created","topic":"jobs","data":{"job_id":1e400}}' ]
	[ "$(got c | tail -n 1)" = '{"type":"job_created","channel":"jobs","data":{"job_id":1e400}}' ]
	tail -n 1 "$T/c.out" | jq -e '.timestamp | endswith("Z")'
}

@test "a broadcast goes to all, to a room, or to several, each client once" {
	admin --admin-open -e /ws=channel
	client a
	client b
	say a '{"type":"subscribe","channels":["r1","r2"]}'
	hears a subscribed
	post /broadcast '{"type":"t","data":1}'
	[ "$body" = '{"delivered":2}' ]
	post /broadcast '{"type":"t","data":2,"channel":null}'
	[ "$body" = '{"delivered":2}' ]
	post /broadcast '{"type":"t","data":3,"channels":["r1","r2"]}'
	[ "$body" = '{"delivered":1}' ]
	post /broadcast '{"type":"t","data":4,"topic":"nobody"}'
	[ "$body" = '{"delivered":0}' ]
	post /broadcast '{"type":"end","data":5,"timestamp":"then"}'
	hears b end
	[ "$(got b | grep '"type":"t"' | wc -l)" = 2 ]
	grep -q '"type":"end","data":5,"timestamp":"then"' "$T/b.out"
}

@test "a broadcast that is none is refused with the reason" {
	admin --admin-open
	while IFS='|' read -r content why; do
		post /broadcast "$content"
		[ "$code" = 400 ]
		is ".delivered == 0 and .error == \"$why\"" || { echo "$content"; false; }
	done <<-'END'
		{"data":1}|type must be a string
		{"type":7}|type must be a string
		{"type":"t","channel":"a","room":"b"}|more than one of channel, channels, topic and room
		{"type":"t","channel":7}|a room is named by a string
		{"type":"t","channels":[]}|no room is named
	END
	post /broadcast '{"type":'
	[ "$code" = 400 ]
	post /broadcast ''
	[ "$code" = 400 ]
	post /commands ''
	[ "$code" = 400 ]
	post /broadcast '{"type":"t","channel":"a*b"}'
	[ "$code" = 400 ]
}

@test "a broadcast with a member twice is 400, as a command is" {
	admin --admin-open
	local twice
	for twice in '{"type":"a","type":"b"}' '{"type":"t","channel":"x","channel":"y"}' \
		'{"type":"t","data":1,"d\u0061ta":2}' '{"type":"t","own":1,"own":1}'; do
		post /broadcast "$twice"
		[ "$code" = 400 ]
		is '.error == "a member stands there twice"'
	done
	post /broadcast '{"type":"t","own":1,"data":{"own":1}}'
	[ "$code" = 200 ]
}

@test "lines of NDJSON are carried out one by one, bad ones are named" {
	admin --admin-open
	client a
	printf '%s\n' '{"type":"one"}' 'rubbish' '' '{"type":"two"}' > "$T/lines"
	get /broadcast -H 'Content-Type: application/x-ndjson' --data-binary "@$T/lines"
	[ "$code" = 200 ]
	is '.delivered == 2 and .rejected == 1 and .line == 2'
	hears a '"two"'
	[ "$(got a | grep -c '"type":"one"')" = 1 ]
	# The last line needs no end, and chunks may tear lines apart.
	printf '{"type":"three"}\n{"type":"four"}' |
		curl -sS -T - -X POST -H 'Content-Type: application/x-ndjson' "http://$ADMIN/broadcast" > "$T/response"
	[ "$(< "$T/response")" = '{"delivered":2}' ]
	hears a '"four"'
}

@test "a large body comes in with Expect: 100-continue, and has a limit" {
	admin --admin-open --max-line 100k
	client a
	head -c 90000 /dev/zero | tr '\0' x > "$T/pad"
	printf '{"type":"big","data":"%s"}' "$(< "$T/pad")" > "$T/body"
	post /broadcast "@$T/body" -H 'Expect: 100-continue'
	[ "$body" = '{"delivered":1}' ]
	hears a '"big"'
	cat "$T/pad" "$T/pad" > "$T/body"
	post /broadcast "@$T/body"
	[ "$code" = 413 ]
	post /broadcast "@$T/body" -H 'Transfer-Encoding: chunked'
	[ "$code" = 413 ]
	get /broadcast -H 'Content-Type: application/x-ndjson' --data-binary "@$T/body"
	[ "$code" = 400 ]
	is '.error == "the line is too long"'
}

@test "commands are carried out as from stdin, with their answers" {
	admin --admin-open
	client a
	hears a established
	printf '%s\n' '{"all":true,"data":1,"id":7}' '{"nonsense":true}' '{"all":true,"data":2}' > "$T/lines"
	get /commands -H 'Content-Type: application/x-ndjson' --data-binary "@$T/lines"
	[ "$code" = 200 ]
	is '.delivered == 2 and .rejected == 1 and .line == 2'
	is '.answers[0] == {event: "done", id: 7, reached: 1} and .answers[1].event == "error"'
	post /commands '{"get":"stats"}'
	is '.answers[0].stats.connections == 1'
	[ ! -s "$T/serve.err" ]
}

@test "a reload is answered with its verdict, also when the authenticator takes its time" {
	rooms_file 'a anyone'
	auth_script
	admin --admin-open --auth "$AUTH" --rooms "$T/rooms"
	post /commands '{"reload":true,"id":7}'
	[ "$code" = 200 ]
	is '.answers == [{event: "done", id: 7, reached: 0}]'
	rooms_file 'a any'
	post /commands '{"reload":true}'
	[ "$code" = 400 ]
	is '.rejected == 1 and (.answers[0].error | contains("unknown option"))'
	# Now it is the new authenticator that fails.
	rooms_file 'a anyone'
	echo 'import sys; sys.exit(1)' > "$T/auth.py"
	post /commands '{"reload":true}'
	[ "$code" = 400 ]
	is '.delivered == 0 and .rejected == 1 and .answers[0].event == "error"'
}

@test "without a token only health, ready and metrics answer" {
	admin
	for path in /health /ready /metrics; do
		get "$path"
		[ "$code" = 200 ]
	done
	for path in /stats /rooms /connections /rooms/x; do
		get "$path"
		[ "$code" = 403 ]
		is '.error == "no token is set up"'
	done
	post /broadcast '{"type":"t"}'
	[ "$code" = 403 ]
	post /commands '{"all":true,"data":1}'
	[ "$code" = 403 ]
}

@test "the token opens the rest, a wrong one nothing, and a reload changes it" {
	echo first > "$T/token"
	admin --admin-token-file "$T/token"
	get /stats
	[ "$code" = 401 ]
	get /stats -H 'Authorization: Bearer firs'
	[ "$code" = 401 ]
	get /stats -H 'Authorization: Bearer first'
	[ "$code" = 200 ]
	get /stats -H 'Authorization: Bearer first' -H 'Authorization: Bearer first'
	[ "$code" = 401 ]
	echo second > "$T/token"
	feed serve '{"reload":true,"id":1}'
	sees '"event":"done","id":1'
	get /stats -H 'Authorization: Bearer first'
	[ "$code" = 401 ]
	get /stats -H 'Authorization: Bearer second'
	[ "$code" = 200 ]
	! grep -rqE 'first|second' "$T/serve.out" "$T/serve.err" || false
}

@test "a page of another site cannot post, nor one whose name was made to point here" {
	admin --admin-open
	client a
	post /broadcast '{"type":"t"}' -H 'Origin: https://evil.example'
	[ "$code" = 403 ]
	post /broadcast '{"type":"t"}' -H "Origin: http://$ADMIN"
	[ "$code" = 403 ]
	get /broadcast -H 'Content-Type: text/plain' --data-binary '{"type":"t"}'
	[ "$code" = 415 ]
	get /broadcast -H 'Content-Type: application/x-www-form-urlencoded' --data-binary '{"type":"t"}'
	[ "$code" = 415 ]
	get /broadcast -H 'Content-Type:' --data-binary '{"type":"t"}'
	[ "$code" = 415 ]
	get /stats -H 'Host: rebound.example'
	[ "$code" = 421 ]
	get /stats -H "Host: rebound.example:${ADMIN##*:}"
	[ "$code" = 421 ]
	get /stats -H "Host: localhost:${ADMIN##*:}"
	[ "$code" = 200 ]
	get /broadcast -X OPTIONS -H 'Origin: https://evil.example' -H 'Access-Control-Request-Method: POST'
	[ "$code" = 403 ]
	feed serve '{"all":true,"data":"end"}'
	hears a '"end"'
	! grep -q '"type":"t"' "$T/a.out" || false
}

@test "other names of the host are allowed by --admin-host" {
	admin --admin-open --admin-host ops.example:9000
	get /stats -H 'Host: ops.example:9000'
	[ "$code" = 200 ]
	get /stats -H 'Host: ops.example'
	[ "$code" = 421 ]
}

@test "the public port shows what --expose names, and nothing else" {
	echo key > "$T/token"
	serve --expose health,broadcast --admin-token-file "$T/token"
	ADMIN=127.0.0.1:$PORT
	get /health
	[ "$code" = 200 ]
	get /health -H 'Host: any.example'
	[ "$code" = 200 ]
	for path in /ready /stats /metrics /rooms /connections /commands; do
		get "$path" -H 'Authorization: Bearer key'
		[ "$code" = 404 ]
	done
	post /broadcast '{"type":"t"}'
	[ "$code" = 401 ]
	post /broadcast '{"type":"t"}' -H 'Authorization: Bearer key'
	[ "$body" = '{"delivered":0}' ]
	post /broadcast '{"type":"t"}' -H 'Authorization: Bearer key' -H 'Origin: http://x'
	[ "$code" = 403 ]
}

@test "on the public port, too, a name that was made to point here opens nothing" {
	serve --expose health,stats,broadcast --admin-open --admin-host ops.example
	ADMIN=127.0.0.1:$PORT
	get /stats -H "Host: rebound.example:$PORT"
	[ "$code" = 421 ]
	post /broadcast '{"type":"t"}' -H 'Host: rebound.example'
	[ "$code" = 421 ]
	for host in "$ADMIN" "localhost:$PORT" ops.example; do
		get /stats -H "Host: $host"
		[ "$code" = 200 ]
	done
	get /health -H 'Host: any.example'
	[ "$code" = 200 ]
}

@test "what would be open to others is a mistake at the start" {
	run -2 --separate-stderr ws-serve --admin '*:0' 0
	[[ $stderr == "ws-serve: --admin needs --admin-token-file at an address that others can reach"* ]]
	run -2 --separate-stderr ws-serve --admin '*:0' --admin-open 0
	[[ $stderr == "ws-serve: --admin needs --admin-token-file"* ]]
	run -2 --separate-stderr ws-serve --expose broadcast 0
	[[ $stderr == "ws-serve: --expose stats or broadcast needs --admin-token-file or --admin-open"* ]]
	run -2 --separate-stderr ws-serve --expose broadcast --admin-open '*:0'
	[[ $stderr == "ws-serve: --expose stats or broadcast needs --admin-token-file at an address"* ]]
	run -2 --separate-stderr ws-serve --expose rooms 0
	[[ $stderr == *"not a list of health, ready, stats, metrics and broadcast"* ]]
	run -2 ws-serve --admin-open 0
	run -2 ws-serve --admin-host a 0
	: > "$T/empty"
	run -2 ws-serve --admin 0 --admin-token-file "$T/empty" 0
}

@test "the admin listener lets no WebSocket in" {
	admin --admin-open
	AT=$ADMIN run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 404 Not Found" ]
	AT=$ADMIN run -0 ask < <(raw "GET /health HTTP/1.1\r\nHost: $ADMIN\r\n\r\n"; upgrade /ws)
	[ "$(grep -c '^HTTP/1.1' <<< "$output")" = 1 ]
}

@test "methods are those of the endpoint" {
	admin --admin-open
	get /health -X PUT
	[ "$code" = 405 ]
	get /broadcast
	[ "$code" = 405 ]
	get /rooms/x -X DELETE
	[ "$code" = 405 ]
	run -0 curl -sSI -m 10 "http://$ADMIN/health"
	[[ $output == *"Content-Length: "* ]]
	! grep -q Allow <<< "$output" || false
}

@test "administration can be at a Unix socket" {
	serve --admin "$T/admin.sock" --admin-open
	wait_for serve.out '"url":"http[+]unix:'
	run -0 curl -sS -m 10 --unix-socket "$T/admin.sock" http://x/stats
	jq -e '.total == 0' <<< "$output"
}

@test "metrics are what Prometheus takes" {
	auth_script
	admin --auth "$AUTH"
	client a "$URL?token=u1"
	say a '{"type":"ping"}' 'rubbish'
	hears a pong
	hears a error
	[ "$(code_of upgrade '/ws?token=expired')" = 401 ]
	get /metrics
	[ "$code" = 200 ]
	/usr/bin/python3 "$ROOT/tests/lib/promcheck.py" <<< "$body"
	for line in 'ws_serve_connections 1' 'ws_serve_connections_opened_total 1' \
		'ws_serve_messages_received_total 2' 'ws_serve_invalid_messages_total 1' \
		'ws_serve_http_requests_total 1' 'ws_serve_refused_total{code="401",reason="expired"} 1' 'ws_serve_auth_refused_total 1' 'ws_serve_ready 1'; do
		grep -qxF "$line" <<< "$body" || { echo "no $line in $body"; false; }
	done
	! grep -q u1 <<< "$body" || false
}

@test "the metrics file is written at the start and at the end, whole" {
	serve --metrics-file "$T/metrics.prom"
	retry test -s "$T/metrics.prom"
	/usr/bin/python3 "$ROOT/tests/lib/promcheck.py" < "$T/metrics.prom"
	client a
	hears a established
	stop serve
	grep -qx 'ws_serve_connections_opened_total 1' "$T/metrics.prom"
	[ "$(echo "$T"/metrics.prom*)" = "$T/metrics.prom" ]
}

@test "a metrics file that cannot be written is told once and hurts nobody" {
	serve --metrics-file "$T/no/such/folder"
	wait_for serve.err 'ws-serve: cannot write metrics file ".*/no/such/folder": No such file or directory'
	client a
	hears a established
	stop serve
	[ "$status" = 0 ]
}
