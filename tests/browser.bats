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

@test "a page of another site cannot use administration, nor one whose name leads here" {
	mkdir "$T/web"
	echo '<title>evil</title><body>' > "$T/web/index.html"
	start_fed serve ws-serve --static "$T/web" --admin 127.0.0.1:0 --admin-open 0
	wait_for serve.out '"url":"http://'
	PORT=$(sed -n 's|.*"url":"ws://127.0.0.1:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	admin=$(sed -n 's|.*"url":"http://127.0.0.1:\([0-9]*\)/.*|\1|p' "$T/serve.out")
	start client ws-connect "ws://127.0.0.1:$PORT/ws"
	wait_for client.out established
	browser open "http://evil.example:$PORT/"
	browser eval 'document.title'
	[ "$answer" = '"evil"' ]
	# What a page can send without asking first, and what it must ask for.
	browser eval "(() => { window.done = window.read = 0; const url = 'http://127.0.0.1:$admin/broadcast', body = '{\"type\":\"evil\"}'; navigator.sendBeacon(url, new Blob([body], {type: 'text/plain'})); for (const [mode, type] of [['no-cors', 'text/plain'], ['no-cors', 'application/x-www-form-urlencoded'], ['cors', 'application/json'], ['cors', 'text/plain']]) fetch(url, {method: 'POST', mode, headers: {'Content-Type': type}, body}).then(r => r.text()).then(t => window.read += t.length).catch(() => 0).finally(() => window.done++); return 1; })()"
	browser wait 'window.done === 4'
	browser eval 'window.read'
	[ "$answer" = 0 ]
	browser eval "(() => { const f = document.createElement('form'), i = document.createElement('input'); f.method = 'POST'; f.enctype = 'text/plain'; f.action = 'http://127.0.0.1:$admin/broadcast'; i.name = '{\"type\":\"evil\",\"x\":\"'; i.value = '\"}'; f.append(i); document.body.append(f); f.submit(); return 1; })()"
	browser wait 'document.body.textContent.includes("not for browsers")'
	# Its own name with the port of administration: for the browser it is one site.
	browser open "http://evil.example:$admin/stats"
	browser wait 'document.body.textContent.includes("this Host is not served here")'
	browser eval "(() => { window.done = ''; fetch('/broadcast', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{\"type\":\"evil\"}'}).then(r => window.done = r.status); return 1; })()"
	browser wait 'window.done === 421'
	feed serve '{"all":true,"data":"end"}'
	wait_for client.out '"end"'
	! grep -q evil "$T/client.out" || false
}
