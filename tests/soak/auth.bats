# ws-serve and jwt-check under thousands of connects at once.

load ../lib/common
load ../lib/jwt
load ../lib/soak

export BATS_TEST_TIMEOUT=600
COUNT=10000

setup_file() {
	jwt_keys
}

authenticator() { ps -o pid= --ppid "${PID[serve]}" | tr -d ' '; }

storm() { /usr/bin/python3 "$ROOT/tests/lib/storm.py" "$URL" "$T/tokens" "$@"; }

setup() {
	ulimit -n "$(ulimit -Hn)"
	serve_counted --auth "exec jwt-check --key-file $K/secret.txt"
	storm_tokens $COUNT > "$T/tokens"
}

# All that came have left by now.
ended() {
	DEADLINE=60 retry has_descriptors 40
	[ "$(heap blocks)" -lt 200 ]
	echo "# $(memory)" >&3
	stop serve
	[ "$status" -eq 0 ]
}

@test "ten thousand connects: all good ones in, all bad ones 401, no one else's answer" {
	storm 500 > "$T/result"
	echo "# $(jq -c '{seconds, quiet_ms, storm_ms}' "$T/result")" >&3
	run -0 jq -c '[.in, .["401"], .["503"], .wrong, .intruders, .other]' "$T/result"
	[ "$output" = '[7500,2500,0,0,0,0]' ]
	ended
}

@test "ten thousand connects while the authenticator is killed again and again" {
	storm 50 > "$T/result" 3>&- &
	PID[storm]=$!
	kills=0
	# Ten are the probes, that are in before the storm begins.
	wait_for serve.out '"event":"(open|refused)"' 11
	while kill -0 "${PID[storm]}" 2> /dev/null; do
		pid=$(authenticator)
		if [ -n "$pid" ] && kill -s KILL "$pid" 2> /dev/null; then kills=$((kills + 1)); fi
	done
	DEADLINE=300 wait_end storm
	echo "# $kills kills, $(jq -c '[.in, .["401"], .["503"]]' "$T/result") in, 401, 503" >&3
	[ "$status" = 0 ]
	[ "$kills" -gt 0 ]
	run -0 jq -c '[.wrong, .intruders, .other, .in + .["401"] + .["503"]]' "$T/result"
	[ "$output" = "[0,0,0,$COUNT]" ]
	# Those who are in are whom they say they are in the server's own account too.
	run -0 jq -n '[inputs | select(.event == "open") | .user | startswith("bad")] | any' "$T/serve.out"
	[ "$output" = false ]
	# It comes back, and lets in whom it should.
	retry comes_in "$(awk '$1 != "-" { print $2; exit }' "$T/tokens")"
	run ! comes_in "$(awk '$1 == "-" { print $2; exit }' "$T/tokens")"
	ended
}
comes_in() { ws-connect -H "Authorization: Bearer $1" -n 1 "$URL" < /dev/null > "$T/came" 2> "$T/came.err"; }
