#!/usr/bin/env bats
# ws-connect: the way to the server - handshake, TLS, proxy, Unix sockets, compression -
# and servers other than ours.
#
# shellcheck disable=SC2154 # status, output and stderr are set by run
load lib/common
load fixtures/ws-connect/peer

# A CA, a certificate for localhost and 127.0.0.1, one for a client, one of another CA.
certificates() {
	cd "$T" || return 1
	printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > san
	for ca in ca other-ca; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$ca" \
			-keyout "$ca.key" -out "$ca.pem" 2> /dev/null
	done
	for name in server client; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
			-keyout "$name.key" -out "$name.csr" 2> /dev/null
		openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -days 2 -extfile san -out "$name.pem" \
			2> /dev/null
	done
}

tls_peer() {
	certificates
	peer --tls "$T/server.pem" "$T/server.key" "$@"
	WSS=wss${WS#ws}
}

@test "the handshake has the headers it needs, and those of -H, --origin and --subprotocol" {
	peer
	run -0 ws-connect -H 'X-One: 1' -H 'User-Agent: me' -o https://example.org -p a -p b -n 1 \
		"$WS/headers?q=%20x" < /dev/null
	run -0 jq -cS '.url, (.headers | .["sec-websocket-key"] |= length)' <<< "$output"
	[ "${lines[0]}" = '"/headers?q=%20x"' ]
	[ "${lines[1]}" = '{"connection":"Upgrade","host":"'"${WS#ws://}"'","origin":"https://example.org","sec-websocket-key":24,"sec-websocket-protocol":"a, b","sec-websocket-version":"13","upgrade":"websocket","user-agent":"me","x-one":"1"}' ]
}

@test "the subprotocol that was agreed on is in the open record" {
	peer
	run -0 bash -c "ws-connect -j -p chat -p other --linger 0 '$WS/echo' < /dev/null |
		jq -r 'select(.event==\"open\").subprotocol'"
	[ "$output" = chat ]
}

@test "TLS with a trusted certificate, by name and by address" {
	tls_peer
	run -0 ws-connect --cacert "$T/ca.pem" -n 1 "$WSS/echo" <<< 1
	run -0 ws-connect --cacert "$T/ca.pem" -n 1 "wss://localhost:${WSS##*:}/echo" <<< 1
	SSL_CERT_FILE=$T/ca.pem run -0 ws-connect -n 1 "$WSS/echo" <<< 1
}

@test "TLS: a certificate that is not trusted or is another's is exit code 5, -k takes it" {
	tls_peer
	run -5 --separate-stderr ws-connect "$WSS/echo" <<< 1
	[[ ${stderr_lines[0]} == *"TLS: unable to get local issuer certificate" ]] || false
	run -5 --separate-stderr ws-connect --cacert "$T/other-ca.pem" "$WSS/echo" <<< 1
	run -0 --separate-stderr ws-connect -k -n 1 "$WSS/echo" <<< 1
	[ "$output" = 1 ]
}

@test "TLS: a certificate for another name is refused" {
	certificates
	printf 'subjectAltName=DNS:example.org\n' > "$T/san"
	openssl x509 -req -in "$T/server.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -days 2 -extfile "$T/san" \
		-out "$T/server.pem" 2> /dev/null
	peer --tls "$T/server.pem" "$T/server.key"
	run -5 --separate-stderr ws-connect --cacert "$T/ca.pem" "wss://localhost:${WS##*:}/echo" <<< 1
	[[ ${stderr_lines[0]} == *"TLS: hostname mismatch" ]] || false
	run -5 --separate-stderr ws-connect --cacert "$T/ca.pem" "wss://127.0.0.1:${WS##*:}/echo" <<< 1
	[[ ${stderr_lines[0]} == *"TLS: IP address mismatch" ]] || false
}

@test "TLS: a server that asks for a client certificate gets it" {
	tls_peer "$T/ca.pem"
	run -0 ws-connect --cacert "$T/ca.pem" --cert "$T/client.pem" --key "$T/client.key" -n 1 "$WSS/echo" <<< 1
	cat "$T/client.pem" "$T/client.key" > "$T/both.pem"
	run -0 ws-connect --cacert "$T/ca.pem" -E "$T/both.pem" -n 1 "$WSS/echo" <<< 1
	run --separate-stderr ws-connect --cacert "$T/ca.pem" "$WSS/echo" <<< 1
	[ "$status" = 4 ] || [ "$status" = 5 ]
	[[ ${stderr_lines[0]} == *certificate* ]] || false
}

@test "TLS: files that cannot be used are exit code 2" {
	certificates
	run -2 --separate-stderr ws-connect --cacert /nonexistent wss://localhost/ < /dev/null
	[ "$stderr" = "ws-connect: /nonexistent: No such file or directory" ]
	run -2 --separate-stderr ws-connect --cert /nonexistent wss://localhost/ < /dev/null
	[ "$stderr" = "ws-connect: /nonexistent: No such file or directory" ]
	run -2 --separate-stderr ws-connect --cert "$T/client.key" wss://localhost/ < /dev/null
	[[ $stderr == "ws-connect: $T/client.key: no certificate: "* ]] || false
	run -2 --separate-stderr ws-connect --cert "$T/client.pem" wss://localhost/ < /dev/null
	[[ $stderr == "ws-connect: $T/client.pem: no private key for the certificate: "* ]] || false
	run -2 --separate-stderr ws-connect --cert "$T/client.pem" --key "$T/server.key" wss://localhost/ < /dev/null
	[[ $stderr == "ws-connect: $T/server.key: "* ]] || false
	openssl pkey -in "$T/client.key" -aes128 -passout pass:x -out "$T/locked.key"
	run -2 --separate-stderr ws-connect --cert "$T/client.pem" --key "$T/locked.key" wss://localhost/ < /dev/null
	[[ $stderr == "ws-connect: $T/locked.key: an encrypted key: "* ]] || false
}

@test "TLS: a server that speaks none, and TLS where none is spoken" {
	peer
	run -4 --separate-stderr ws-connect "wss${WS#ws}/echo" <<< 1
	[[ ${stderr_lines[0]} == *": TLS: "* ]] || false
	certificates
	stop peer
	peer --tls "$T/server.pem" "$T/server.key"
	run --separate-stderr ws-connect "$WS/echo" <<< 1
	[ "$status" = 4 ] || [ "$status" = 5 ]
	[[ ${stderr_lines[0]} == "ws-connect: cannot connect to $WS/echo: the server "* ]] || false
}

@test "TLS carries large messages both ways" {
	tls_peer
	head -c 3000000 /dev/zero | tr '\0' b > "$T/in"
	seq 5000 >> "$T/in"
	ws-connect --cacert "$T/ca.pem" --raw -n 5000 "$WSS/echo" < "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
}

@test "a Unix socket" {
	start peer node "$FIXTURES/peer.js" --unix "$T/sock"
	wait_for peer.out listen
	run -0 ws-connect -n 1 "ws+unix://$T/sock:/echo" <<< 1
	[ "$output" = 1 ]
	run -4 --separate-stderr ws-connect "ws+unix://$T/none:/echo" <<< 1
	[ "${stderr_lines[0]}" = "ws-connect: cannot connect to ws+unix://$T/none:/echo: No such file or directory" ]
}

@test "a proxy, with and without a password" {
	peer
	start proxy "$FIXTURES/proxy.py"
	wait_for proxy.out port
	PROXY=http://127.0.0.1:$(sed -n 's/^port //p' "$T/proxy.out")
	run -0 ws-connect --proxy "$PROXY" -n 1 "$WS/echo" <<< 1
	[ "$output" = 1 ]
	grep -qx "${WS#ws://}" "$T/proxy.out"
	run -4 --separate-stderr ws-connect --proxy "$PROXY" "ws://127.0.0.1:$(free_port)/" <<< 1
	[[ ${stderr_lines[0]} == *"the proxy refused with HTTP status 502 Bad Gateway" ]] || false
	start locked "$FIXTURES/proxy.py" me:secret
	wait_for locked.out port
	PROXY=127.0.0.1:$(sed -n 's/^port //p' "$T/locked.out")
	run -5 --separate-stderr ws-connect --proxy "http://$PROXY" "$WS/echo" <<< 1
	[[ ${stderr_lines[0]} == *"the proxy refused with HTTP status 407 Proxy Authentication Required" ]] || false
	WS_CONNECT_PROXY=http://me:secret@$PROXY run -0 ws-connect -n 1 "$WS/echo" <<< 1
}

@test "TLS through a proxy" {
	tls_peer
	start proxy "$FIXTURES/proxy.py"
	wait_for proxy.out port
	run -0 ws-connect --proxy "http://127.0.0.1:$(sed -n 's/^port //p' "$T/proxy.out")" \
		--cacert "$T/ca.pem" -n 1 "$WSS/echo" <<< 1
	[ "$output" = 1 ]
}

# Texts of many lengths and of different redundancy, an empty one among them.
texts() {
	/usr/bin/python3 - <<- 'EOF2'
		import random
		random.seed(7)
		print()
		for n in list(range(1, 300)) + [1000, 1020, 1024, 1028, 4095, 4096, 32768, 65535, 65536, 262144, 1000003]:
		    print('a' * n)
		    print(''.join(random.choice('abcdefghij') for _ in range(n)))
		# Some of these are unpacked to the last byte of a buffer before their end.
		for _ in range(1000):
		    n = random.randint(900, 40000)
		    print('a' * random.randint(0, n) + 'xyz' * random.randint(0, 3000))
	EOF2
}

@test "compression with node's ws changes no byte" {
	peer --deflate
	texts > "$T/in"
	ws-connect --deflate --raw -n "$(wc -l < "$T/in")" "$WS/echo" < "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
	run -0 bash -c "ws-connect -j --deflate --linger 0 '$WS/echo' < /dev/null | jq 'select(.event==\"open\").deflate'"
	[ "$output" = true ]
}

@test "compression with python's websockets changes no byte" {
	start server "$FIXTURES/echo.py" deflate
	wait_for server.out port
	texts > "$T/in"
	ws-connect --deflate --raw -n "$(wc -l < "$T/in")" "ws://127.0.0.1:$(sed -n 's/^port //p' "$T/server.out")" \
		< "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
}

@test "python's websockets without compression" {
	start server "$FIXTURES/echo.py"
	wait_for server.out port
	texts > "$T/in"
	ws-connect --raw -n "$(wc -l < "$T/in")" "ws://127.0.0.1:$(sed -n 's/^port //p' "$T/server.out")" \
		< "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
}

@test "nginx in between, and its refusals" {
	peer
	port=$(free_port)
	cat > "$T/nginx.conf" <<- EOF2
		daemon off; master_process off; pid $T/nginx.pid; error_log $T/error.log; worker_processes 1;
		events {}
		http {
			access_log off; client_body_temp_path $T/a; proxy_temp_path $T/b; fastcgi_temp_path $T/c;
			uwsgi_temp_path $T/d; scgi_temp_path $T/e;
			server {
				listen 127.0.0.1:$port;
				location / { return 404 "nothing here\n"; }
				location /echo {
					proxy_pass http://${WS#ws://}; proxy_http_version 1.1;
					proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection upgrade;
				}
			}
		}
	EOF2
	start nginx nginx -e "$T/error.log" -c "$T/nginx.conf"
	retry curl -so /dev/null "http://127.0.0.1:$port/"
	seq 2000 > "$T/in"
	ws-connect -n 2000 "ws://127.0.0.1:$port/echo" < "$T/in" > "$T/out"
	cmp "$T/in" "$T/out"
	run -5 --separate-stderr ws-connect "ws://127.0.0.1:$port/other" < /dev/null
	[[ ${stderr_lines[0]} == *"refused with HTTP status 404 Not Found: nothing here" ]] || false
	stop peer
	run -4 --separate-stderr ws-connect "ws://127.0.0.1:$port/echo" < /dev/null
	[[ ${stderr_lines[0]} == *"refused with HTTP status 502 Bad Gateway"* ]] || false
	stop nginx
}

@test "ws-serve: subscribed, fed and closed in an orderly way" {
	serve
	start client ws-connect -s broadcast -s news -m type=news -n 2 "$URL"
	wait_for serve.out '"room":"news"'
	feed serve '{"to":"news","data":{"type":"news","n":1}}' '{"to":"news","data":{"type":"old"}}' \
		'{"to":"news","data":{"type":"news","n":2}}'
	wait_end client
	[ "$status" = 0 ]
	[ "$(cat "$T/client.out")" = $'{"type":"news","n":1}\n{"type":"news","n":2}' ]
	wait_for serve.out '"event":"close".*"code":1000'
}
