# What nobody may find in logs, events and answers of ws-serve: tokens, claims, payloads.
load lib/common
load lib/serve

# told OPTION...: say secrets to a server; what it told of them is in $T/told (answers),
# $T/serve.err and $T/serve.out.
told() {
	echo ADMINSECRET > "$T/admin"
	serve -v -v --auth "/usr/bin/python3 $ROOT/tests/lib/leaks.py auth" --auth-message --auth-timeout 300ms \
		--auth-cookie session --origin http://x --control "$T/c.sock" \
		--admin 127.0.0.1:0 --admin-token-file "$T/admin" "$@"
	wait_for serve.out '"url":"http://'
	/usr/bin/python3 "$ROOT/tests/lib/leaks.py" "$PORT" "$T/c.sock" \
		"$(sed -n 's|.*"url":"http://\([^/]*\)/".*|\1|p' "$T/serve.out")" > "$T/told"
	feed serve PAYLOADSECRET '{"PAYLOADSECRET":1}' '{"to":"r","data":"PAYLOADSECRET","x":1}' '{"event":"PAYLOADSECRET"}'
	stop serve
	# It did see what it is not to tell.
	grep -q '"user":"u1"' "$T/serve.out"
	grep -q '"event":"message".*PAYLOADSECRET' "$T/serve.out"
	grep -q 'stdin: line 3: unknown member' "$T/serve.err"
}

tells_nothing() {
	! grep -E 'TOKENSECRET|CLAIMSECRET|ADMINSECRET' "$T/serve.out" "$T/serve.err" "$T/told" || false
	! grep PAYLOADSECRET "$T/serve.err" "$T/told" || false
	! grep PAYLOADSECRET "$T/serve.out" | grep -v '"event":"message"' || false
}

@test "no token, no claim and no payload is in what is logged, reported or answered" {
	told
	tells_nothing
}

@test "nor in logs of JSON, each of whose lines is an object" {
	told --log-json
	tells_nothing
	jq -e -s 'all(.[]; (.time | endswith("Z")) and .program == "ws-serve" and (.level | IN("error", "warning", "info", "debug")) and (.message | length > 0))' "$T/serve.err"
}
