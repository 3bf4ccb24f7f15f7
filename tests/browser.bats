# The browser client of examples/browser in a real Chromium, served by ws-serve --static.

load lib/common

setup_file() {
	command -v chromedriver > /dev/null || skip "chromium-driver is not installed"
}

setup() {
	echo "browser tests secret, 32 bytes and more" > "$T/secret"
	steps=0
	start_fed browser /usr/bin/python3 "$ROOT/tests/lib/browser.py"
}

# Killed by SIGKILL, the driver would leave its browser behind.
teardown() {
	kill "${PID[browser]}" 2> /dev/null && wait "${PID[browser]}" || true
	common_teardown
}

# browser COMMAND: see browser.py; what it says is in $answer.
browser() {
	steps=$((steps + 1))
	feed browser "$*"
	DEADLINE=40 wait_for browser.out "^$steps "
	answer=$(sed -n "s/^$steps //p" "$T/browser.out")
	echo "$*: $answer"
	[[ $answer == ok* ]]
	answer=${answer#ok }
}

token() { # USER EXPIRY
	jwt-sign --key-file "$T/secret" --sub "$1" --claim role=USER --exp "$2"
}

# gateway PORT: the server, named "serve", with its page.
gateway() {
	rm -f "$T/serve.in"
	start_fed serve ws-serve --auth "jwt-check --key-file $T/secret" --static "$ROOT/examples/browser" \
		--drain 1s "$1"
	wait_for serve.out '"event":"listen"'
	PORT=$(sed -n 's|.*"url":"ws://127.0.0.1:\([0-9]*\)/.*|\1|p' "$T/serve.out" | head -n 1)
}

@test "the page connects, shows who one is, and receives events" {
	gateway 0
	browser open "http://127.0.0.1:$PORT/#token=$(token u1 1h)"
	browser wait 'client.status === "connected"'
	browser wait 'document.getElementById("who").textContent.includes("user:u1")'
	feed serve '{"to":"user:u2","data":{"type":"payment:updated","payload":{"n":1}}}' \
		'{"to":"user:u1","data":{"type":"payment:updated","payload":{"n":2}}}'
	browser wait 'document.getElementById("events").textContent.includes("{\"n\":2}")'
	browser eval 'document.getElementById("events").textContent.includes("{\"n\":1}")'
	[ "$answer" = false ]
	browser eval 'document.getElementById("status").textContent'
	[ "$answer" = '"connected"' ]
}

@test "after a restart of the server it is subscribed again and receives, what it said meanwhile arrives" {
	gateway 0
	browser open "http://127.0.0.1:$PORT/#token=$(token u1 1h)"
	browser wait 'client.status === "connected"'
	browser eval 'client.subscribe("payments")'
	wait_for serve.out '"event":"join".*"room":"payments"'
	end_feed serve
	wait_end serve
	browser wait 'client.status === "reconnecting"'
	browser eval 'client.send("hello", { n: 7 })'
	gateway "$PORT"
	wait_for serve.out '"event":"join".*"room":"payments"'
	wait_for serve.out '"event":"message".*"payload":{"n":7}'
	feed serve '{"to":"payments","data":{"type":"payment:created","payload":{"n":3}}}'
	browser wait 'document.getElementById("events").textContent.includes("{\"n\":3}")'
	browser eval 'client.status'
	[ "$answer" = '"connected"' ]
}

@test "when its token expires it asks for a new one and comes back" {
	gateway 0
	browser open "http://127.0.0.1:$PORT/#token=$(token u1 8s)"
	browser wait 'client.status === "connected"'
	browser eval "location.hash = 'token=$(token u1 1h)'"
	wait_for serve.out '"event":"close".*"code":4001'
	wait_for serve.out '"event":"open"' 2
	browser wait 'client.status === "connected"'
}

@test "a page of a folder that does not exist, or outside of it, is not served" {
	gateway 0
	run -0 curl -s -o /dev/null -w '%{http_code}' --path-as-is "http://127.0.0.1:$PORT/../gateway.routes"
	[[ $output == 40[04] ]]
	run -0 curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/no-such.html"
	[ "$output" = 404 ]
	run -0 curl -s -o /dev/null -w '%{http_code} %{content_type}' "http://127.0.0.1:$PORT/wsutils.js"
	[[ $output == "200 text/javascript"* ]]
}
