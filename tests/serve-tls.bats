# TLS in ws-serve itself: --cert and --key.
load lib/common
load lib/serve
load lib/http

# certificate NAME: $T/NAME.pem and $T/NAME.key for localhost and 127.0.0.1.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj "/CN=$1" -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-keyout "$T/$1.key" -out "$T/$1.pem" 2> /dev/null
}

setup() { certificate one; }

# talk [SCRIPT]: run a Python script with `connect()` for wss to the server.
talk() {
	{
		cat <<-END
			import asyncio, ssl, sys, websockets
			trust = ssl.create_default_context(cafile="$T/${CA:-one}.pem")
			def connect(**more):
			    return websockets.connect("$URL", ssl=trust, max_size=None, **more)
		END
		cat
		echo 'asyncio.run(main())'
	} > "$T/talk.py"
	/usr/bin/python3 "$T/talk.py"
}

@test "it serves WebSockets over TLS, large messages both ways" {
	serve --cert "$T/one.pem" --key "$T/one.key" --max-message 4M
	[[ $URL == wss://127.0.0.1:* ]]
	feed_later() { feed serve "{\"all\":true,\"text\":\"$(printf '%0100000d' 7)\"}"; }
	talk <<-'END' &
		async def main():
		    async with connect() as ws:
		        await ws.recv()
		        await ws.send('{"type":"big","pad":"' + "x" * 3000000 + '"}')
		        print(len(await ws.recv()))
	END
	local pid=$!
	sees '"event":"message".*"type":"big"'
	[ "$(grep -a '"type":"big"' "$T/serve.out" | wc -c)" -gt 3000000 ]
	feed_later
	wait "$pid"
	sees '"event":"close".*"code":1000'
}

@test "HTTP and refusals go over TLS too" {
	mkdir "$T/web"
	head -c 3000000 /dev/urandom > "$T/web/big"
	serve --cert "$T/one.pem" --key "$T/one.key" --static "$T/web"
	curl -sS -m 10 --cacert "$T/one.pem" -o "$T/copy" "https://127.0.0.1:$PORT/big"
	cmp "$T/copy" "$T/web/big"
	run -0 curl -sS -m 10 --cacert "$T/one.pem" "https://127.0.0.1:$PORT/ws"
	[ "$output" = '{"status":426,"error":"this is a WebSocket endpoint"}' ]
}

@test "what is exposed without a token is for the address of the listener" {
	serve --cert "$T/one.pem" --key "$T/one.key" --expose stats --admin-open
	for host in "127.0.0.1:$PORT" "localhost:$PORT"; do
		run -0 curl -sS -m 10 --cacert "$T/one.pem" -o "$T/stats" -w '%{http_code}' "https://$host/stats"
		[ "$output" = 200 ]
	done
	run -0 curl -sS -m 10 --cacert "$T/one.pem" -o "$T/stats" -w '%{http_code}' \
		-H "Host: rebound.example:$PORT" "https://127.0.0.1:$PORT/stats"
	[ "$output" = 421 ]
}

@test "only HTTP/1.1 is offered, TLS before 1.2 is not spoken" {
	serve --cert "$T/one.pem" --key "$T/one.key"
	run openssl s_client -connect "127.0.0.1:$PORT" -alpn h2,http/1.1 < /dev/null
	[[ $output == *"ALPN protocol: http/1.1"* ]]
	run openssl s_client -connect "127.0.0.1:$PORT" -alpn h2 < /dev/null
	[ "$status" -ne 0 ]
	run openssl s_client -connect "127.0.0.1:$PORT" -tls1_1 -cipher DEFAULT:@SECLEVEL=0 < /dev/null
	[ "$status" -ne 0 ]
}

@test "what is no TLS is cut, and others do not notice" {
	serve --cert "$T/one.pem" --key "$T/one.key"
	run -0 ask < <(upgrade /ws)
	! grep -q HTTP <<< "$output" || false
	talk <<-'END'
		async def main():
		    async with connect() as ws:
		        await ws.recv()
	END
}

@test "a client that ends its half is answered before the end" {
	serve --cert "$T/one.pem" --key "$T/one.key"
	run -0 timeout 10 openssl s_client -quiet -connect "127.0.0.1:$PORT" \
		< <(raw 'GET /ws HTTP/1.1\r\nHost: a\r\n\r\n')
	[[ $output == *"HTTP/1.1 426"* ]]
}

@test "a reload takes the new certificate, and connections stay" {
	certificate two
	cp "$T/one.pem" "$T/cert"
	cp "$T/one.key" "$T/key"
	serve --cert "$T/cert" --key "$T/key"
	talk <<-END &
		async def main():
		    async with connect() as ws:
		        await ws.recv()
		        open("$T/connected", "w").close()
		        print(await ws.recv())
	END
	local pid=$!
	retry test -e "$T/connected"
	cp "$T/two.pem" "$T/cert"
	cp "$T/two.key" "$T/key"
	feed serve '{"reload":true,"id":1}'
	sees '"event":"done","id":1'
	subject | grep -q 'CN = two'
	feed serve '{"all":true,"text":"still here"}'
	wait "$pid"
}
subject() { openssl s_client -connect "127.0.0.1:$PORT" < /dev/null 2> /dev/null | grep subject; }

@test "a reload with a key that does not fit changes nothing, and says why" {
	certificate two
	cp "$T/one.pem" "$T/cert"
	cp "$T/one.key" "$T/key"
	serve --cert "$T/cert" --key "$T/key"
	cp "$T/two.key" "$T/key"
	feed serve '{"reload":true,"id":1}'
	sees '"event":"error","id":1,"error":"cannot load key'
	subject | grep -q 'CN = one'
}

@test "a certificate that has expired is used with a warning, and the metrics tell when it does" {
	mkdir "$T/ca"
	printf '[ca]\ndefault_ca = d\n[d]\ndatabase = %s/ca/index\nserial = %s/ca/serial\nnew_certs_dir = %s/ca\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n' \
		"$T" "$T" "$T" > "$T/ca.cnf"
	: > "$T/ca/index"
	echo 01 > "$T/ca/serial"
	openssl req -new -key "$T/one.key" -subj /CN=old -out "$T/old.csr"
	openssl ca -batch -config "$T/ca.cnf" -selfsign -keyfile "$T/one.key" -in "$T/old.csr" \
		-out "$T/old.pem" -startdate 20200101000000Z -enddate 20210101000000Z -notext 2> /dev/null
	cp "$T/one.pem" "$T/cert"
	serve --cert "$T/cert" --key "$T/one.key" --admin "$T/admin"
	expiry() {
		curl -s --unix-socket "$T/admin" http://localhost/metrics |
			sed -n 's/^ws_serve_tls_certificate_expiry_timestamp_seconds //p'
	}
	[ "$(expiry)" = "$(date -d "$(openssl x509 -in "$T/one.pem" -noout -enddate | cut -d= -f2)" +%s)" ]
	[ ! -s "$T/serve.err" ]
	cp "$T/old.pem" "$T/cert"
	feed serve '{"reload":true,"id":1}'
	sees '"event":"done","id":1'
	wait_for serve.err "^ws-serve: the certificate \"$T/cert\" has expired$"
	[ "$(expiry)" = 1609459200 ]
	subject | grep -q 'CN = old'
}

@test "a wrong certificate or key is a mistake at the start" {
	certificate two
	run -2 --separate-stderr ws-serve --cert "$T/one.pem" 0
	[[ $stderr == "ws-serve: --cert needs --key"* ]]
	run -2 --separate-stderr ws-serve --cert "$T/none" --key "$T/one.key" 0
	[ "$stderr" = "ws-serve: cannot load certificate \"$T/none\": No such file or directory" ]
	run -2 --separate-stderr ws-serve --cert "$T/one.pem" --key "$T/two.key" 0
	[[ $stderr == "ws-serve: cannot load key \"$T/two.key\": "* ]]
	openssl ec -aes128 -passout pass:x -in "$T/one.key" -out "$T/locked" 2> /dev/null
	run -2 --separate-stderr ws-serve --cert "$T/one.pem" --key "$T/locked" 0
	[[ $stderr == "ws-serve: cannot load key \"$T/locked\": "* ]]
}

@test "an idle connection over TLS costs no buffers, and many come and go" {
	serve --cert "$T/one.pem" --key "$T/one.key" --metrics-file "$T/m"
	talk <<-'END'
		async def one():
		    async with connect() as ws:
		        await ws.recv()
		        await ws.send('{"type":"ping"}')
		        await ws.recv()
		async def main():
		    for _ in range(4):
		        await asyncio.gather(*[one() for _ in range(25)])
	END
	sees '"event":"close"' 100
	stop serve
	[ "$status" = 0 ]
	grep -q '^ws_serve_tls_relays 0$' "$T/m"
	grep -q '^ws_serve_tls_accepted_total 100$' "$T/m"
}

@test "who is sent away over TLS for want of descriptors is counted" {
	start serve bash -c 'ulimit -n 40 && exec ws-serve --cert "$0.pem" --key "$0.key" --admin "$1" 0' "$T/one" "$T/admin"
	wait_for serve.out '"event":"listen"' 2
	PORT=$(sed -n 's|.*"url":"wss://[^:]*:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	local fds=() fd i
	for ((i = 0; i < 40; i++)); do
		exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
		fds+=("$fd")
	done
	wait_for serve.err 'out of descriptors: a connection was sent away'
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	retry shed_told
}
shed_told() {
	curl -s --unix-socket "$T/admin" http://localhost/metrics > "$T/metrics"
	grep -q '^ws_serve_shed_total [1-9]' "$T/metrics" && grep -q '^ws_serve_refused_total{code="503",reason="no descriptors left"} [1-9]' "$T/metrics"
}

@test "who drains over TLS gets the close frame" {
	serve --cert "$T/one.pem" --key "$T/one.key"
	talk <<-END &
		async def main():
		    async with connect() as ws:
		        await ws.recv()
		        open("$T/connected", "w").close()
		        try:
		            await ws.recv()
		        except websockets.ConnectionClosed as e:
		            assert e.code == 1001, e
	END
	local pid=$!
	retry test -e "$T/connected"
	stop serve
	wait "$pid"
}

@test "a client that reads nothing is let go of when its connection has ended" {
	serve --cert "$T/one.pem" --key "$T/one.key" --expose metrics \
		--client-queue 32M --ping-interval 1s --ping-timeout 1s
	cat > "$T/deaf.py" <<-END
		import signal, socket, ssl
		trust = ssl.create_default_context(cafile="$T/one.pem")
		plain = socket.create_connection(("127.0.0.1", $PORT))
		tls = trust.wrap_socket(plain, server_hostname="localhost")
		tls.sendall(open("$T/request", "rb").read())
		tls.recv(1)
		signal.pause()
	END
	upgrade /ws > "$T/request"
	start deaf /usr/bin/python3 "$T/deaf.py"
	sees '"event":"open"'
	# More than all buffers between the two can hold.
	feed serve "{\"all\":true,\"text\":\"$(printf '%012000000d' 7)\"}"
	sees '"event":"close".*"code":1006'
	retry one_relay
}
# The one that asks is left.
one_relay() {
	curl -sS -m 10 --cacert "$T/one.pem" "https://127.0.0.1:$PORT/metrics" > "$T/metrics" &&
		grep -q '^ws_serve_tls_relays 1$' "$T/metrics"
}
