# Where ws-serve listens, and who can talk to it there.
load lib/common
load lib/serve
load lib/http
load lib/nginx

url() { sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$T/serve.out" | head -n 1; }

# at ADDRESS [OPTIONS...]: a server there.
at() {
	local address=$1
	shift
	start serve ws-serve "$@" "$address"
	wait_for serve.out '"event":"listen"'
}

@test "a port alone is a port of this host, not of the network" {
	at 0
	[[ $(url) == ws://127.0.0.1:*/ws ]]
	PORT=$(url)
	PORT=${PORT#ws://127.0.0.1:}
	PORT=${PORT%/ws}
	[ "$(code_of upgrade /ws)" = 101 ]
	[ -z "$(own_address)" ] || ! (: < "/dev/tcp/$(own_address)/$PORT") 2> /dev/null || false
}

@test "an IPv4 literal means that address and no other" {
	at 127.0.0.2:0
	[[ $(url) == ws://127.0.0.2:*/ws ]]
	PORT=$(url)
	PORT=${PORT##*:}
	PORT=${PORT%/ws}
	AT=127.0.0.2:$PORT run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	! (: < "/dev/tcp/127.0.0.1/$PORT") 2> /dev/null || false
}

@test "a star means every address, IPv4 clients keep their form" {
	at '*:0'
	PORT=$(url)
	PORT=${PORT##*:}
	PORT=${PORT%/ws}
	[ "$(code_of upgrade /ws)" = 101 ]
	sees '"event":"open".*"remote":"127.0.0.1:[0-9]+"'
}

@test "IPv6 stands in brackets" {
	[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip "no IPv6 here"
	at '[::1]:0'
	[[ $(url) == 'ws://[::1]:'*/ws ]]
	AT=$(url)
	AT=${AT#ws://}
	AT=${AT%/ws} run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	sees '"event":"open".*"remote":"\[::1\]:[0-9]+"'
}

@test "an address that is none, or taken, is told" {
	run -2 --separate-stderr ws-serve nonsense:80
	[ "$stderr" = "ws-serve: cannot listen at nonsense:80: not an address" ]
	run -2 --separate-stderr ws-serve 127.0.0.1:70000
	[ "$stderr" = "ws-serve: cannot listen at 127.0.0.1:70000: not a port" ]
	run -2 --separate-stderr ws-serve ::1:80
	[ "$stderr" = "ws-serve: cannot listen at ::1:80: an IPv6 address stands in brackets" ]
	serve
	run -6 --separate-stderr ws-serve "$PORT"
	[ "$stderr" = "ws-serve: cannot listen at $PORT: Address already in use" ]
}

@test "a path is a Unix socket, with a URL that ws-connect takes" {
	cd "$T"
	at "./a socket"
	[ "$(url)" = "ws+unix://$T/a%20socket:/ws" ]
	AT="$T/a socket" run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	sees '"event":"open".*"remote":"unix"'
	run -0 timeout 20 ws-connect -n 1 "$(url)" < /dev/null
	[[ $output == *connection:established* ]]
	stop serve
	[ ! -e "$T/a socket" ]
}

@test "a dead socket is replaced, a live one and any other file are left alone" {
	/usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$T/sock"
	at "$T/sock"
	run -6 --separate-stderr ws-serve "$T/sock"
	[ "$stderr" = "ws-serve: cannot listen at $T/sock: Address already in use" ]
	AT="$T/sock" run -0 ask < <(upgrade /ws)
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	echo precious > "$T/file"
	run -6 ws-serve "$T/file"
	[ "$(< "$T/file")" = precious ]
}

@test "a server that ends leaves another server's socket alone" {
	start_fed old ws-serve --control "$T/control" "$T/sock"
	wait_for old.out '"event":"listen"'
	rm "$T/sock" "$T/control"
	start_fed new ws-serve --control "$T/control" "$T/sock"
	wait_for new.out '"event":"listen"'
	end_feed old
	wait_end old
	[ "$status" -eq 0 ]
	[[ -S $T/sock && -S $T/control ]]
	run -0 ws-ctl "$T/control" get rooms
	end_feed new
	wait_end new
	[[ ! -e $T/sock && ! -e $T/control ]]
}

@test "behind a proxy at a Unix socket the client is who the proxy says" {
	at "$T/sock" --trust-proxy unix
	AT=$T/sock run -0 ask < <(upgrade /ws 'X-Forwarded-For: 9.9.9.9, 1.2.3.4')
	[ "${lines[0]}" = "HTTP/1.1 101 Switching Protocols" ]
	sees '"event":"open".*"remote":"1.2.3.4"'
}

@test "a socket that was passed on is served, and those called admin are for administration" {
	cat > "$T/activate.py" <<-'END'
		import os, socket, sys
		sockets = []
		for i in range(3):
		    s = socket.socket()
		    s.bind(("127.0.0.1", 0))
		    s.listen()
		    sockets.append(s)
		for i, s in enumerate(sockets):
		    fd = s.detach()
		    if fd != 3 + i:
		        os.dup2(fd, 3 + i)
		    os.set_inheritable(3 + i, True)
		os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="3", LISTEN_FDNAMES="web:admin:admin")
		os.execvp("ws-serve", ["ws-serve"] + sys.argv[1:])
	END
	start serve /usr/bin/python3 "$T/activate.py" --admin-open
	wait_for serve.out '"event":"listen"' 3
	PORT=$(url)
	PORT=${PORT##*:}
	PORT=${PORT%/ws}
	[ "$(code_of upgrade /ws)" = 101 ]
	for admin in $(sed -n 's|.*"url":"\(http://[^"]*\)".*|\1|p' "$T/serve.out"); do
		run -0 curl -sS -m 10 "${admin}stats"
		[[ $output == '{"total":'* ]]
	done
	run -2 --separate-stderr /usr/bin/python3 "$T/activate.py" 3000
	[[ $stderr == "ws-serve: an address and inherited sockets: 3000"* ]]
}

@test "two servers share a port with --reuse-port, and only so" {
	serve --reuse-port
	start other ws-serve --reuse-port "$PORT"
	wait_for other.out '"event":"listen"'
	run -6 ws-serve "$PORT"
	for ((i = 0; i < 64; i++)); do
		[ "$(code_of upgrade /ws)" = 101 ]
		[ $((i % 8)) -eq 7 ] && both && break
	done
	both
}
both() { grep -q '"event":"open"' "$T/serve.out" && grep -q '"event":"open"' "$T/other.out"; }

@test "nginx in front: python's websockets, node's ws and curl get through" {
	command -v node > /dev/null || skip "node is not installed"
	serve --trust-proxy 127.0.0.1 -e /ws=payload --expose health
	start_nginx "$PORT"
	run -0 /usr/bin/python3 - "ws://127.0.0.1:$NGINX_PORT/ws" <<-'END'
		import asyncio, sys, websockets
		async def main():
		    async with websockets.connect(sys.argv[1], extra_headers={"X-Forwarded-For": "1.2.3.4"}) as ws:
		        await ws.recv()
		        await ws.send('{"type":"ping"}')
		        print(await ws.recv())
		asyncio.run(main())
	END
	[[ $output == *'"pong"'* ]]
	# nginx adds whom it saw; what the client claims stands left of that.
	sees '"event":"open".*"remote":"1.2.3.4"'
	NODE_PATH=/usr/share/nodejs run -0 node -e '
		const WebSocket = require("ws")
		const ws = new WebSocket(process.argv[1])
		ws.on("message", text => {
			if (String(text).includes("established")) ws.send(JSON.stringify({type: "ping"}))
			if (String(text).includes("pong")) { console.log("pong"); ws.close() }
		})' "ws://127.0.0.1:$NGINX_PORT/ws"
	[ "$output" = pong ]
	run -0 curl -sS -m 10 "http://127.0.0.1:$NGINX_PORT/health"
	[[ $output == '{"status":"healthy"'* ]]
	run -0 curl -sS -m 10 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$NGINX_PORT/ws"
	[ "$output" = 426 ]
	run -0 curl -sS -m 2 -o /dev/null -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
		-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: bad' "http://127.0.0.1:$NGINX_PORT/ws"
	[ "$output" = 400 ]
}
