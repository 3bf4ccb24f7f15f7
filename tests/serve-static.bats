# Files for browsers: ws-serve --static.
load lib/common
load lib/serve
load lib/http

setup() {
	mkdir -p "$T/web/sub" "$T/secret"
	echo '<p>hello</p>' > "$T/web/index.html"
	echo 'let a = 1' > "$T/web/a.js"
	echo 'in sub' > "$T/web/sub/index.html"
	echo 'hidden' > "$T/web/.hidden"
	echo 'secret' > "$T/secret/file"
}

get() { curl -sS --path-as-is -m 10 "$@" "http://127.0.0.1:$PORT$path"; }

@test "files are served with their type, and browsers are told not to guess" {
	serve --static "$T/web"
	path=/a.js run -0 get -i
	output=${output//$'\r'/}
	[ "${lines[0]}" = $'HTTP/1.1 200 OK\r' ]
	[ "$(field Content-Type <<< "$output")" = "text/javascript; charset=utf-8" ]
	[ "$(field X-Content-Type-Options <<< "$output")" = nosniff ]
	[ "$(field Content-Length <<< "$output")" = 10 ]
	[ "$(content <<< "$output")" = "let a = 1" ]
}

@test "a folder is its index.html, found with and without the slash" {
	serve --static "$T/web"
	path=/ run -0 get
	[ "$output" = '<p>hello</p>' ]
	path=/sub run -0 get -L
	[ "$output" = 'in sub' ]
	path=/sub run -0 get -o /dev/null -w '%{http_code} %{redirect_url}'
	[ "$output" = "301 http://127.0.0.1:$PORT/sub/" ]
}

@test "nothing outside of the folder is served, however it is spelled" {
	ln -s ../secret/file "$T/web/link"
	ln -s ../secret "$T/web/dir"
	mkfifo "$T/web/fifo"
	ln "$T/secret/file" "$T/web/sub/..file"
	serve --static "$T/web"
	for path in /../secret/file /sub/../../secret/file /%2e%2e/secret/file /%2E%2E%2Fsecret/file \
		/sub/..%2f..%2fsecret/file //etc/passwd /link /dir/file /fifo /.hidden /sub/..file /sub/./index.html \
		/sub//index.html '/..\secret\file' /a.js%00.html /%zz /nothing /a.js/; do
		run -0 get -o /dev/null -w '%{http_code}'
		[ "$output" = 404 ] || { echo "$path: $output"; false; }
	done
}

@test "files are for GET and HEAD" {
	serve --static "$T/web"
	path=/a.js run -0 get -I
	[[ $output == *"Content-Length: 10"* ]]
	[[ $output != *"let a"* ]]
	path=/a.js run -0 get -i -X PUT -d x
	[ "${lines[0]}" = $'HTTP/1.1 405 Method Not Allowed\r' ]
	[[ $output == *"Allow: GET, HEAD"* ]]
}

@test "a file that the browser has already is not sent again" {
	serve --static "$T/web"
	path=/a.js run -0 get -o /dev/null -D - -w '%{http_code}'
	since=$(tr -d '\r' <<< "$output" | field Last-Modified)
	path=/a.js run -0 get -w '%{http_code}' -H "If-Modified-Since: $since"
	[ "$output" = 304 ]
}

@test "a file never shadows an endpoint" {
	echo file > "$T/web/ws"
	echo file > "$T/web/health"
	serve --static "$T/web" --expose health
	path=/ws run -0 get -o /dev/null -w '%{http_code}'
	[ "$output" = 426 ]
	path=/health run -0 get
	[[ $output == '{"status":"healthy"'* ]]
	client a
	hears a established
}

@test "a large file comes whole, and a reader that stops holds up nobody" {
	head -c 20000000 /dev/urandom > "$T/web/big"
	serve --static "$T/web"
	# One that asks and never reads.
	exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
	raw 'GET /big HTTP/1.1\r\nHost: a\r\n\r\n' >&"$fd"
	path=/big get -o "$T/copy"
	cmp "$T/copy" "$T/web/big"
	client a
	say a '{"type":"ping"}'
	hears a '"pong"'
	exec {fd}>&-
}

@test "slow readers of one address do not keep other addresses out" {
	truncate -s 50M "$T/web/big"
	serve --static "$T/web" --admin "$T/admin"
	cat > "$T/crowd.py" <<-END
		import socket, sys
		def ask(source):
		    s = socket.create_connection(("127.0.0.1", $PORT), source_address=(source, 0))
		    s.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
		    return s, s.recv(12).decode()
		crowd = [ask("127.0.0.1") for i in range(256)]
		print(*sorted(set(answer for s, answer in crowd)))
		# No place for one more of that address, but for others, up to their share.
		more = [ask("127.0.0.%d" % n) for n in (1, 2, 3, 1)]
		print(*(answer for s, answer in more))
		print("ready", flush=True)
		sys.stdin.read()
	END
	start_fed crowd /usr/bin/python3 "$T/crowd.py"
	wait_for crowd.out ready
	cat "$T/crowd.out"; 	[ "$(cat "$T/crowd.out")" = $'HTTP/1.1 200\nHTTP/1.1 503 HTTP/1.1 200 HTTP/1.1 200 HTTP/1.1 503\nready' ]
	[ "$(curl -s -m 10 --interface 127.0.0.4 "http://127.0.0.1:$PORT/a.js")" = "$(cat "$T/web/a.js")" ]
	run -0 curl -s --unix-socket "$T/admin" http://localhost/metrics
	[[ $output == *$'\nws_serve_http_displaced_total 3\n'* ]]
}

@test "a file for which no descriptor is left is 503 with Retry-After" {
	start serve bash -c 'ulimit -n 40 && exec ws-serve --static "$0" 0' "$T/web"
	wait_for serve.out '"event":"listen"'
	PORT=$(sed -n 's|.*"url":"ws://[^:]*:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	run -0 /usr/bin/python3 - <<-END
		import select, socket
		def connect():
		    s = socket.create_connection(("127.0.0.1", $PORT))
		    s.settimeout(10)
		    return s
		def ask(s):
		    s.sendall(b"GET /a.js HTTP/1.1\r\nHost: a\r\n\r\n")
		    answer = b""
		    while True:
		        more = s.recv(4096)
		        if not more:
		            return answer.decode()
		        answer += more
		# More than there are descriptors; who gets no answer has one of them.
		crowd = [connect() for i in range(60)]
		crowd[-1].recv(12)
		sent_away = select.select(crowd, [], [], 0)[0]
		last = [s for s in crowd if s not in sent_away][-1]
		print(ask(last))
	END
	[ "${lines[0]}" = $'HTTP/1.1 503 Service Unavailable\r' ]
	[[ $output == *"Retry-After: 1"* && $output == *'"error":"no descriptors left"'* ]]
	wait_for serve.err 'out of descriptors: a connection was sent away'
}

@test "a plain request cannot become a WebSocket, not even behind a file" {
	serve --static "$T/web"
	run -0 ask < <(raw 'GET /a.js HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'; upgrade /ws)
	[ "$(grep -c '^HTTP/1.1' <<< "$output")" = 1 ]
	[ "$(field Connection <<< "$output")" = close ]
	kill -TERM "${PID[serve]}"
	wait_end serve
	! grep -q '"event":"open"' "$T/serve.out" || false
}

@test "a folder that is none is a mistake at the start" {
	run -2 --separate-stderr ws-serve --static "$T/web/a.js" 0
	[ "$stderr" = "ws-serve: cannot open --static \"$T/web/a.js\": Not a directory" ]
	run -2 ws-serve --static "$T/none" 0
}
