# manual.bash - the examples of the manuals and the README, run as they stand:
#                                                                       load lib/manual
#
# Only what a test cannot have is replaced: ports, /run, hosts of elsewhere, the size and
# the length of loads.

EXAMPLES_AWK=$ROOT/tests/lib/examples.awk

# examples: all of them, PAGE: NEED, one a line.
examples() { awk -f "$EXAMPLES_AWK" -v list=1 "$ROOT/README.md" "$ROOT"/man/*.[157]; }

# example [NAME]: the text of the one that this test is named after, or of another.
example() {
	local name=${1:-$BATS_TEST_DESCRIPTION} file
	file=${name%%: *}
	[[ $file == *.md ]] || file=man/$file
	awk -f "$EXAMPLES_AWK" -v want="$name" "$ROOT/$file" |
		sed -E -e "s/\b3000\b/$PORT/g; s/\b(443|3001|9000)\b/$OTHER_PORT/g; s/ 9090 / $ADMIN_PORT /" \
			-e "s|/run/|$T/run/|g; s|wss://gateway\.example\.org/|ws://127.0.0.1:$PORT/|" \
			-e "s|amqp://guest:guest@localhost:5672/|${AMQP_URL:-}|" \
			-e 's/-c [0-9]{3,}/-c 20/; s/-d (30s|10s|5m|1m|5s)/-d 1s/; s/--storm 20s/--storm 500ms/'
}

# A folder with everything that the examples name; the ports are free.
sandbox() {
	free_ports
	cd "$T" || return
	mkdir run web tests
	ln -s "$ROOT/examples" examples
	cp "$ROOT"/examples/{gateway.routes,gateway.rooms,payments.ndjson} .
	cp "$ROOT/examples/gateway.test" tests
	echo "manual tests secret, 32 bytes and more" > secret.txt
	printf '**\n\t{to: "news", data: {body: .data}, key: .key}\n' | tee r.routes > work.routes
	printf 'message.time\n\t{conn, data: {type: "time", now: now_iso}}\n' > chat.routes
	echo '<title>here</title>' > web/index.html
	printf '%s\n' 'job 1' 'job 2' > jobs.txt
	echo '{"time":"2026-12-10T10:30:00Z","exchange":"","key":"work","data":{"n":1}}' > work.ndjson
	echo '{"reason":"test","data":{"key":"auth.x","data":{"type":"x","data":{"userId":"u1"}}}}' > dead.ndjson
	echo '{"id":42}' > order.json
	touch app.log
}

# Three ports below the ephemeral range, so that no client can have one.
free_ports() {
	local base port
	while :; do
		base=$((10000 + RANDOM % 3000 * 3))
		for port in 0 1 2; do
			reachable $((base + port)) && continue 2
		done
		PORT=$base OTHER_PORT=$((base + 1)) ADMIN_PORT=$((base + 2))
		return
	done
}

# run_example STATUS: run it to its end; stdout is in $output, stderr in $stderr.
run_example() {
	local text
	text=$(example)
	echo "$text"
	[ -n "$text" ]
	run "-$1" --separate-stderr timeout -k 5 "$DEADLINE" bash -c "$text" < /dev/null
	not_misused <<< "$stderr"
}

# start_example [NAME]: start it in the background, as "example"; its stdin is a pipe.
start_example() {
	local text
	text=$(example "$@")
	echo "$text"
	[ -n "$text" ]
	start_fed example setsid bash -c "$text"'
printf "%s\n" "${PIPESTATUS[*]}" > codes'
	GROUP=${PID[example]}
}

# signal_example PROGRAM: ask it to end; its input ends too.
signal_example() {
	retry pkill -TERM -g "$GROUP" -x "$1"
	[ -z "${FEED[example]:-}" ] || end_feed example
}

# end_example PROGRAM: signal it, and wait for the end of the pipeline that it is in; the
# exit codes of the pipeline are in $output.
end_example() {
	signal_example "$1"
	wait_end example
	output=$(< codes)
	echo "exit codes: $output"
	not_misused < "$T/example.err"
}

# What was said on stderr is not about the command line, nor about what is missing.
not_misused() {
	local said
	said=$(grep -E 'see [a-z-]+ --help|unknown|not found|No such file|syntax error' |
		grep -v 'waiting for it$' ||:)
	echo "$said"
	[ -z "$said" ]
}

# listens [PORT]: a server is there.
listens() { retry reachable "${1:-$PORT}"; }
reachable() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# gateway_at PORT [OPTION...]: a ws-serve named "serve" there, with $T/run/ws.sock.
gateway_at() {
	start_fed serve ws-serve --control "$T/run/ws.sock" "${@:2}" "$1"
	wait_for serve.out '"event":"listen"'
}

# listener NAME ROOM [OPTION...]: a client in that room at $PORT; $T/NAME.out is what it gets.
listener() {
	start "$1" ws-connect --subscribe "$2" "${@:3}" "ws://127.0.0.1:$PORT/ws"
	wait_for "$1.out" '"type":"subscribed"'
}

manual_teardown() {
	[ -z "${GROUP:-}" ] || kill -s KILL -- "-$GROUP" 2> /dev/null || true
	common_teardown
}
