# HTTP requests of clients that are slow on purpose: each is cut after half a minute.

load ../lib/common
load ../lib/serve
load ../lib/http

export BATS_TEST_TIMEOUT=200

@test "who reads a file slowly is cut, who reads at a modest rate is served on" {
	mkdir "$T/web"
	truncate -s 50M "$T/web/big"
	serve --static "$T/web" --admin "$T/admin"
	cat > "$T/read.py" <<-END
		import socket, sys, time
		rate, most = int(sys.argv[1]), int(sys.argv[2])
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		s.connect(("127.0.0.1", $PORT))
		s.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
		end, n = time.monotonic() + most, 0
		while time.monotonic() < end:
		    try:
		        got = len(s.recv(rate))
		    except ConnectionError:
		        got = 0
		    if not got:
		        break
		    n += got
		    time.sleep(1)
		print("cut" if time.monotonic() < end else "still served", flush=True)
	END
	start slow /usr/bin/python3 "$T/read.py" 100 120
	start modest /usr/bin/python3 "$T/read.py" 8000 70
	DEADLINE=100 wait_for slow.out '^cut'
	DEADLINE=100 wait_for modest.out '^still served'
	run -0 curl -s --unix-socket "$T/admin" http://localhost/metrics
	[[ $output == *$'\nws_serve_http_slow_total 1\n'* ]]
}

@test "who sends a body slowly is cut, a feed of lines may rest between them" {
	serve --admin 127.0.0.1:0 --admin-open
	wait_for serve.out '"url":"http://'
	ADMIN=$(sed -n 's|.*"url":"http://\([^/]*\)/".*|\1|p' "$T/serve.out")
	cat > "$T/send.py" <<-END
		import socket, sys, time
		kind, host = sys.argv[1], "$ADMIN"
		ip, port = host.split(":")
		s = socket.create_connection((ip, int(port)))
		s.sendall(b"POST /broadcast HTTP/1.1\r\nHost: %s\r\nContent-Type: application/%s\r\nTransfer-Encoding: chunked\r\n\r\n" % (host.encode(), kind.encode()))
		line = b'{"type":"t"}\n'
		s.settimeout(1)
		for i in range(45):
		    try:
		        if kind == "json":
		            s.sendall(b"1\r\n \r\n")
		        elif i % 20 == 0:
		            s.sendall(b"%x\r\n%s\r\n" % (len(line), line))
		        if not s.recv(1):
		            break
		    except TimeoutError:
		        continue
		    except ConnectionError:
		        break
		else:
		    s.sendall(b"0\r\n\r\n")
		    s.settimeout(10)
		    print(s.recv(4096).decode().split("\r\n\r\n")[1])
		    sys.exit()
		print("cut")
	END
	start json /usr/bin/python3 "$T/send.py" json
	start lines /usr/bin/python3 "$T/send.py" x-ndjson
	DEADLINE=100 wait_for json.out '^cut'
	DEADLINE=100 wait_for lines.out '^{"delivered":0}'
}

@test "who rests before it takes the end of a file gets all of it" {
	mkdir "$T/web"
	head -c 1500000 /dev/urandom > "$T/web/file"
	serve --static "$T/web"
	run -0 /usr/bin/python3 - <<-END
		import socket, time
		s = socket.create_connection(("127.0.0.1", $PORT))
		s.sendall(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
		# The kernel has all of it by now, and the server waits for us to leave.
		time.sleep(8)
		got = b""
		while True:
		    more = s.recv(65536)
		    if not more:
		        break
		    got += more
		print(got.endswith(open("$T/web/file", "rb").read()))
	END
	[ "$output" = True ]
}
