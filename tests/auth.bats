# ws-serve with jwt-check as its authenticator.

load lib/common
load lib/jwt

setup_file() {
	jwt_keys
}

# The process that ws-serve has started as its authenticator.
authenticator() { ps -o pid= --ppid "${PID[serve]}" | tr -d ' '; }

# guarded: a ws-serve that asks jwt-check.
guarded() {
	serve --auth "exec jwt-check --key-file $K/secret.txt"
}

storm() { /usr/bin/python3 "$ROOT/tests/lib/storm.py" "$URL" "$T/tokens" "$@"; }

# status_of TOKEN: the status that an upgrade with that token is answered with; what comes
# behind it is in $T/body when it is a refusal.
status_of() {
	local fd status
	exec {fd}<> "/dev/tcp/127.0.0.1/$PORT"
	printf '%s\r\n' 'GET /ws HTTP/1.1' 'Host: x' 'Connection: Upgrade' 'Upgrade: websocket' \
		'Sec-WebSocket-Version: 13' 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' \
		"Authorization: Bearer $1" '' >&"$fd"
	read -r _ status _ <&"$fd"
	if [ "$status" != 101 ]; then cat <&"$fd" > "$T/body"; fi
	exec {fd}>&-
	echo "$status"
}

refused() { [ "$(status_of "$1")" = 401 ]; }

@test "many connect at once: the good are in under their own name, the bad get 401" {
	guarded
	storm_tokens 400 > "$T/tokens"
	storm 100 > "$T/result"
	cat "$T/result"
	run -0 jq -c '[.in, .["401"], .["503"], .wrong, .intruders, .other]' "$T/result"
	[ "$output" = '[300,100,0,0,0,0]' ]
	# The server's own account is the same; ten more are the probes.
	wait_for serve.out '"event":"refused"' 100
	wait_for serve.out '"event":"open"' 310
	[ "$(jq -r 'select(.event == "open") | .user' "$T/serve.out" | sort -u | wc -l)" = 300 ]
}

@test "an authenticator that dies again and again lets nobody in who should not be" {
	# Each one dies after 40 answers, with more questions waiting.
	serve --auth "for n in \$(seq 40); do read -r q && printf '%s\\n' \"\$q\"; done |
		jwt-check --key-file $K/secret.txt; kill -s KILL \$\$"
	storm_tokens 400 > "$T/tokens"
	storm 100 > "$T/result"
	cat "$T/result"
	run -0 jq -c '[.wrong, .intruders, .other, .in + .["401"] + .["503"]]' "$T/result"
	[ "$output" = '[0,0,0,400]' ]
	[ "$(jq '.["503"] > 0' "$T/result")" = true ]
	grep -q 'authenticator was ended by signal 9' "$T/serve.err"
	# It comes back: bad tokens are refused again, not just turned away.
	retry refused x
}

@test "the reason of a refusal is in the event, the token nowhere" {
	guarded
	t=$(jwt-sign --key-file "$K/secret.txt" --sub u1 --exp -1m)
	refused "$t"
	wait_for serve.out '"event":"refused".*"status":401,"reason":"expired"'
	run -1 grep -F "${t%.*}" "$T/serve.out" "$T/serve.err" "$T/body"
}

@test "a reload takes new keys without a moment without an authenticator" {
	echo "$SECRET" > "$T/key"
	start_fed serve setsid ws-serve --auth "exec jwt-check --key-file $T/key" 0
	wait_for serve.out '"event":"listen"'
	PORT=$(sed -n 's/.*"event":"listen".*127.0.0.1:\([0-9]*\).*/\1/p' "$T/serve.out")
	t=$(jwt-sign --key-file "$K/secret.txt" --sub u1)
	old=$(authenticator)
	echo another-secret-of-more-than-32-bytes > "$T/key"
	kill -s HUP "${PID[serve]}"
	retry refused "$t"
	[ "$(authenticator)" != "$old" ]
	run -1 grep -q '"status":503' "$T/serve.out"
}
