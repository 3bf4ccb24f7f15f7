# 10,000 come and go in every way, and leave nothing behind in memory.

load ../lib/common
load ../lib/serve
load ../lib/http
load ../lib/jwt
load ../lib/soak

export BATS_TEST_TIMEOUT=900

setup_file() { jwt_keys; }
setup() { ulimit -n "$(ulimit -Hn)"; }

visitors() { /usr/bin/python3 "$ROOT/tests/lib/visitors.py" "$URL" "$@"; }

# Nothing that was lost sight of is found by LeakSanitizer at the end.
ended() {
	stop serve
	[ "$status" -eq 0 ]
}

@test "10,000 connects and disconnects of clients with rooms and patterns leave memory flat" {
	serve_counted --events listen --message-rate 0
	round() { ws-bench --json --idle -c 4000 -d 10ms --subscribe 'a{conn}' --subscribe 'p.{conn}.*' "$URL" > "$T/round"; }
	flat round
	[ "$(stat_of opened)" -eq 12000 ]
	ended
}

@test "10,000 who come and leave in every way leave memory flat" {
	serve_counted --events listen --deflate
	flat visitors 3400
	ended
}

@test "10,000 who come and leave in every way over TLS leave memory flat" {
	certificate
	serve_counted --events listen --deflate --cert "$T/cert" --key "$T/key"
	flat visitors 3400
	ended
}

@test "10,000 whose tokens are checked, with all events to a handler, leave memory flat" {
	certificate
	serve_counted --auth "exec jwt-check --key-file $K/secret.txt" --handler 'exec cat > /dev/null' \
		--max-connections-per-ip 9000 --claims role
	flat visitors 3400 "$(jwt-sign --key-file "$K/secret.txt" --sub u1 --claim role=x --exp 1h)"
	ended
}

@test "10,000 HTTP requests leave memory flat" {
	mkdir "$T/web"
	echo hello > "$T/web/index.html"
	serve_counted --events listen --expose health,stats,metrics,broadcast --admin-open --static "$T/web"
	requests() {
		/usr/bin/python3 - "$PORT" <<-'END'
			import socket, sys
			get = [b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in
			       (b"/health", b"/stats", b"/metrics", b"/index.html", b"/none", b"/ws")]
			post = [b"POST /broadcast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/%s\r\n"
			        b"Content-Length: %d\r\n\r\n%s" % (form, len(body) + short, body) for form, body, short in
			        ((b"json", b'{"type":"x","room":"r"}', 0), (b"json", b"{", 0),
			         (b"json", b'{"type":"x"', 9), (b"x-ndjson", b'{"type":"x"}\n' * 9, 0))]
			for _ in range(340):
			    for request in get + post:
			        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
			        s.sendall(request)
			        if not request.endswith(b'"x"'):
			            assert s.recv(12).startswith(b"HTTP/1.1 ")
			            while s.recv(65536):
			                pass
			        s.close()
		END
	}
	flat requests
	ended
}

@test "600 reloads of rooms, certificates and the authenticator leave memory flat" {
	certificate
	rooms_file 'chat:*' 'broadcast auto'
	serve_counted --auth "exec jwt-check --key-file $K/secret.txt" --rooms "$T/rooms" --cert "$T/cert" --key "$T/key"
	reloads() {
		local i
		for i in {1..200}; do
			# Every fourth file is wrong.
			rooms_file 'chat:*' "$( ((i % 4)) && echo 'broadcast auto' || echo 'wrong{')"
			feed serve '{"reload":true,"id":"'"$1.$i"'"}'
			sees '"id":"'"$1.$i"'"'
		done
	}
	rounds=0
	round() { rounds=$((rounds + 1)); reloads "$rounds"; }
	flat round
	[ "$(stat_of reloads)" -ge 450 ]
	[ "$(stat_of reload_errors)" -eq 150 ]
	ended
}
