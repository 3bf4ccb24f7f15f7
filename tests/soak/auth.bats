# ws-serve and jwt-check under thousands of connects at once.

load ../lib/common
load ../lib/jwt

setup_file() {
	jwt_keys
}

authenticator() { ps -o pid= --ppid "${PID[serve]}" | tr -d ' '; }

storm() { /usr/bin/python3 "$ROOT/tests/lib/storm.py" "$URL" "$T/tokens" "$@"; }

setup() {
	ulimit -n "$(ulimit -Hn)"
	serve --auth "exec jwt-check --key-file $K/secret.txt"
	storm_tokens 5000 > "$T/tokens"
}

@test "five thousand connects: all good ones in, all bad ones 401, no one else's answer" {
	storm 500 > "$T/result"
	echo "# $(jq -c '{seconds, quiet_ms, storm_ms}' "$T/result")" >&3
	run -0 jq -c '[.in, .["401"], .["503"], .wrong, .intruders, .other]' "$T/result"
	[ "$output" = '[3750,1250,0,0,0,0]' ]
}

@test "five thousand connects while the authenticator is killed again and again" {
	storm 50 > "$T/result" 3>&- &
	PID[storm]=$!
	kills=0
	# Ten are the probes, that are in before the storm begins.
	wait_for serve.out '"event":"(open|refused)"' 11
	while kill -0 "${PID[storm]}" 2> /dev/null; do
		pid=$(authenticator)
		if [ -n "$pid" ] && kill -s KILL "$pid" 2> /dev/null; then kills=$((kills + 1)); fi
	done
	wait_end storm
	echo "# $kills kills, $(jq -c '[.in, .["401"], .["503"]]' "$T/result") in, 401, 503" >&3
	[ "$status" = 0 ]
	[ "$kills" -gt 0 ]
	run -0 jq -c '[.wrong, .intruders, .other, .in + .["401"] + .["503"]]' "$T/result"
	[ "$output" = '[0,0,0,5000]' ]
	# Those who are in are whom they say they are in the server's own account too.
	run -0 jq -n '[inputs | select(.event == "open") | .user | startswith("bad")] | any' "$T/serve.out"
	[ "$output" = false ]
}
