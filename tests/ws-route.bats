# ws-route: events in, a jq program for each pattern, lines out.

load lib/common

# route 'TEXT OF A ROUTES FILE' [OPTIONS...]: run it over stdin.
route() {
	printf '%s\n' "$1" > "$T/r.routes"
	shift
	ws-route "$@" "$T/r.routes"
}

@test "the gateway's routes send a payment to its user and the administrators" {
	run -0 --separate-stderr ws-route "$ROOT/examples/gateway.routes" <<< '{"time":"2026-12-10T10:30:00.000001Z","exchange":"payments_events","key":"payments.payment.created","data":{"type":"payments.payment.created","data":{"senderId":"u1","amount":12.50},"timestamp":"2026-12-10T10:30:00Z","correlationId":"r1"}}'
	[ "$output" = '{"to":["user:u1","role:admin"],"data":{"type":"payment:created","payload":{"senderId":"u1","amount":12.50},"timestamp":"2026-12-10T10:30:00Z","correlationId":"r1"},"time":"2026-12-10T10:30:00.000001Z"}' ]
	[ -z "$stderr" ]
}

@test "every recorded event of the gateway reaches somebody" {
	run -0 --separate-stderr ws-route --unmatched "$T/none" "$ROOT/examples/gateway.routes" < "$ROOT/examples/payments.ndjson"
	[ "${#lines[@]}" -eq "$(wc -l < "$ROOT/examples/payments.ndjson")" ]
	[ -z "$stderr" ]
	[ ! -s "$T/none" ]
}

@test "the gateway's routes pass their tests" {
	run -0 --separate-stderr ws-route --test "$ROOT/examples/gateway.test" "$ROOT/examples/gateway.routes"
	[ "$output" = "8 passed, 0 failed" ]
	[ -z "$stderr" ]
}

# --- patterns and subjects ---

@test "every route that fits runs, in the order of the file, once" {
	run -0 route $'b.* a.# a.b\n  {n: 1}\n#\n**\n\t{n: 2}\na.*\n  {n: 3}' <<< '{"key":"a.b"}'
	[ "$output" = $'{"n":1}\n{"n":2}\n{"n":3}' ]
}

@test "only a dot separates the words of an AMQP key, a colon does too elsewhere" {
	run -0 route $'a.*\n {to: .n}' <<< $'{"n":"1","key":"a:b"}\n{"n":"2","key":"a.b"}\n{"n":"3","channel":"a:b"}'
	[ "$output" = $'{"to":"2"}\n{"to":"3"}' ]
}

@test "a subject that comes again finds the same routes, among many others" {
	run -0 route $'a.*\n {to: .n}\na.b\n {n}\na.# *.b\n {m: .n}' < <(for i in {1..300}; do
		echo '{"n":"1","key":"a:b"}'
		echo '{"n":"2","channel":"a:b"}'
		echo '{"n":"3","key":"a.b"}'
		echo "{\"n\":\"4\",\"key\":\"b.$i\"}"
		echo '{"n":"5","key":""}'
	done)
	want=$'{"to":"2"}\n{"n":"2"}\n{"m":"2"}\n{"to":"3"}\n{"n":"3"}\n{"m":"3"}'
	[ "$(uniq -c <<< "${output//$want/same}" | tr -s ' ')" = " 300 same" ]
}

@test "the subject is the key, else the channel, else the event with the message's type" {
	run -0 route $'k\n {n: "key"}\nc\n {n: "channel"}\nmessage.chat\n {n: "chat"}\nmessage\n {n: "message"}\nopen\n {n: "open"}' <<-'EOF'
		{"key":"k","channel":"c","event":"open"}
		{"channel":"c","event":"open"}
		{"event":"message","data":{"type":"chat"}}
		{"event":"message","text":"hello"}
		{"event":"open"}
		{"key":7,"event":"open"}
	EOF
	[ "$output" = $'{"n":"key"}\n{"n":"channel"}\n{"n":"chat"}\n{"n":"message"}\n{"n":"open"}\n{"n":"open"}' ]
}

@test "only ** takes an event without a subject" {
	run -0 route $'*\n {n: 1}\n**\n {n: 2}\n*.#\n {n: 3}' <<< '{"x":1}'
	[ "$output" = '{"n":2}' ]
}

@test "--subject matches another member, numbers too" {
	run -0 ws-route --subject data.kind -m a.b -x '{n: 1}' -m 7 -x '{n: 2}' <<< $'{"key":"x","data":{"kind":"a.b"}}\n{"data":{"kind":7}}\n{"data":{}}'
	[ "$output" = $'{"n":1}\n{"n":2}' ]
}

@test "a quoted pattern may be what else would be syntax" {
	run -0 route $'"def"\n {n: 1}\n"a b" "x\\u002ey"\n {n: 2}\n"#"\n {n: 3}' <<< $'{"key":"def"}\n{"key":"a b"}\n{"key":"x.y"}'
	[ "$output" = $'{"n":1}\n{"n":3}\n{"n":2}\n{"n":3}\n{"n":2}\n{"n":3}' ]
}

@test "several -m share the -x behind them" {
	run -0 ws-route -m a -m b -x '{n: 1}' -m b -x '. as $e
	| {n: $e.key}' <<< $'{"key":"a"}\n{"key":"b"}'
	[ "$output" = $'{"n":1}\n{"n":1}\n{"n":"b"}' ]
}

@test "comments stand anywhere, tabs and blanks both indent" {
	run -0 route $'#!/usr/bin/ws-route\n# one\na # two\n# three\n  # four\n\t{n: 1, # five\n# six\n\n   m: 2}\n# seven\nb\n {n: 3}' <<< $'{"key":"a"}\n{"key":"b"}'
	[ "$output" = $'{"n":1,"m":2}\n{"n":3}' ]
}

# --- what travels on ---

@test "the time goes on each output that has none" {
	run -0 route $'a\n {n: 1}, {n: 2, time: "mine"}' <<< '{"time":"T","key":"a"}'
	[ "$output" = $'{"n":1,"time":"T"}\n{"n":2,"time":"mine"}' ]
}

@test "the tag goes on the last output of all routes, whatever they write" {
	run -0 route $'a\n {n: 1, tag: 99}, .\na b\n {n: 2}' <<< $'{"key":"a","tag":5}\n{"key":"b","tag":6}'
	[ "$output" = $'{"n":1}\n{"key":"a"}\n{"n":2,"tag":5}\n{"n":2,"tag":6}' ]
}

@test "an event without output passes its tag alone" {
	run -3 --separate-stderr route $'a\n empty\nb\n error("no")' <<< $'{"key":"a","tag":1}\n{"key":"b","tag":2}\n{"key":"c","tag":3}\n{"key":"a"}'
	[ "$output" = $'{"tag":1}\n{"tag":2}\n{"tag":3}' ]
}

@test "a bare tag is passed on as it is" {
	run -0 route $'**\n {n: 1}' <<< '{ "tag": 7 }'
	[ "$output" = '{ "tag": 7 }' ]
}

@test "an untouched event is written with the bytes it came with" {
	event='{"key":"a", "b":[1.0, 2],"b":{"x": 1E400}, "c":"\u00e9\/"}'
	run -0 route $'a\n .' <<< "$event"
	[ "$output" = "$event" ]
	run -0 route $'a\n {copy: .}' <<< "$event"
	[ "$output" = "{\"copy\":$event}" ]
}

# --- numbers ---

@test "numbers that are not computed with keep their digits" {
	run -0 route $'a\n del(.key) | .x = 1' <<< '{"key":"a","i":9007199254740993,"j":-0,"k":1e400,"l":0.1000,"m":[123456789012345678901234567890,1E2],"n":0.1}'
	[ "$output" = '{"i":9007199254740993,"j":-0,"k":1e400,"l":0.1000,"m":[123456789012345678901234567890,1E2],"n":0.1,"x":1}' ]
}

@test "a 64-bit id keeps its digits inside a string, so the room is the right one" {
	run -0 route $'a\n {to: ["user:\\(.id)", (.id | tostring), (.id | @text), ([.id, "x"] | join("-")), ([.id] | tojson), "\\({id})", (.id | @json), ([.id] | @csv), @html "\\(.id)", @sh "\\(.id)", @base64 "\\(.id)"]}' <<< '{"key":"a","id":9007199254740993}'
	[ "$output" = '{"to":["user:9007199254740993","9007199254740993","9007199254740993","9007199254740993-x","[9007199254740993]","{\"id\":9007199254740993}","9007199254740993","9007199254740993","9007199254740993","9007199254740993","OTAwNzE5OTI1NDc0MDk5Mw=="]}' ]
}

@test "two ids that are one double are two ids" {
	run -0 route $'a\n {eq: (.i == .j), same: (.i == .k), arrays: ([.i] == [.j]), groups: ([.i, .j, .k, .j] | group_by(.) | map(length)), first: ([.i, .j] | sort | first), by: ([{n: .i}, {n: .j}] | min_by(.n)), index: (. as $e | [.j, .i] | index([$e.i]))}' <<< '{"key":"a","i":9007199254740993,"j":9007199254740992,"k":9007199254740993.0}'
	[ "$output" = '{"eq":false,"same":true,"arrays":false,"groups":[2,2],"first":9007199254740992,"by":{"n":9007199254740992},"index":1}' ]
}

@test "a number that was computed is what jq computes" {
	run -0 route $'a\n {x: (.i + 1), y: (.h * 2), z: (.h / 3), t: 1e1000, m: -1, n: (0 * -1)}' <<< '{"key":"a","i":41,"h":0.10}'
	[ "$output" = "$(jq -cn '{x: 42, y: (0.1 * 2), z: (0.1 / 3), t: 1e1000, m: -1, n: (0 * -1)}')" ]
}

@test "--argjson keeps digits too" {
	run -0 ws-route --argjson id 9007199254740993 --argjson o '{"a":[1e400]}' -m a -x '{to: "user:\($id)", o: $o, eq: (.id == $id)}' <<< '{"key":"a","id":9007199254740992}'
	[ "$output" = '{"to":"user:9007199254740993","o":{"a":[1e400]},"eq":false}' ]
}

# --- programs ---

@test "definitions are seen by the routes below them" {
	run -0 route $'def\n  def f(x): {n: x};\n  def g: f(1);\na\n  g\ndef\n  def f(x): {m: x};\nb\n  f(2), g' <<< $'{"key":"a"}\n{"key":"b"}'
	[ "$output" = $'{"n":1}\n{"m":2}\n{"n":1}' ]
}

@test "modules are found in -L and beside the routes file" {
	mkdir "$T/lib"
	echo 'def far: {n: "far"};' > "$T/lib/far.jq"
	echo 'def near: {n: "near"};' > "$T/near.jq"
	echo '{"k":9}' > "$T/d.json"
	run -0 route $'include "near"; # comment\nimport "far" as f;\nimport "d" as $d;\na\n f::far, near, {n: $d::d[0].k}' -L "$T/lib" <<< '{"key":"a"}'
	[ "$output" = $'{"n":"far"}\n{"n":"near"}\n{"n":9}' ]
}

@test "--arg, --argjson, --slurpfile and \$ARGS are as in jq" {
	printf '1 "x"\n{"a":\n2}[]\n' > "$T/f"
	args=(--arg s x=y --argjson j '{"k":[1]}' --slurpfile f "$T/f")
	program='{s: $s, j: $j, f: $f, named: ($ARGS.named | keys)}'
	run -0 ws-route "${args[@]}" -m a -x "$program" <<< '{"key":"a"}'
	[ "$output" = "$(jq -nc "${args[@]}" "$program")" ]
}

@test "the helpers of the language do what the manual says" {
	run -0 route $'a\n {l: (.s | last_word), w: (.s | [word(0, 1, -1), word(9), word(-9)]), d: ({a: null, b: false, c: {d: null}} | drop_nulls), n: (now_iso | test("^20..-..-..T..:..:..\\\\.[0-9]{6}Z$")), e: ("" | [last_word, word(0)])}' <<< '{"key":"a","s":"x.y:z"}'
	[ "$output" = '{"l":"z","w":["x","y","z",null,null],"d":{"b":false,"c":{"d":null}},"n":true,"e":["",null]}' ]
}

@test "a helper tells when its input is of the wrong kind" {
	run -3 --separate-stderr ws-route -m a -x '{n: (1 | last_word)}' -m a -x '{n: ("x" | drop_nulls)}' -m a -x '{n: ({} | word(0))}' <<< '{"key":"a"}'
	[ "$stderr" = "ws-route: -x:2: a: line 1: last_word of number, not of string
ws-route: -x:4: a: line 1: drop_nulls of string, not of object
ws-route: -x:6: a: line 1: word of object and number, not of string and number" ]
}

@test "what acts on the process or reads beside the event is not available" {
	for f in input inputs debug stderr halt halt_error 'halt_error(1)' env input_filename input_line_number get_search_list modulemeta; do
		run -3 --separate-stderr ws-route -m a -x "{n: 1} | $f" -m a -x '{n: 2}' <<< '{"key":"a"}'
		[ "$output" = '{"n":2}' ]
		[ "$stderr" = "ws-route: -x:2: a: line 1: ${f%(*} is not available in routes" ]
	done
}

@test "modules cannot act on the process either, nor see its environment" {
	export SECRET=hunter2
	echo 'def h: halt; def i: input; def e: env; def v: $ENV; def s: halt_error(7);' > "$T/m.jq"
	run -3 --separate-stderr route $'include "m";\na\n h\nb\n i\nc\n {e: e, v: v}\nd\n s' <<< $'{"key":"a"}\n{"key":"b"}\n{"key":"c"}\n{"key":"d"}'
	[ "$output" = '{"e":{},"v":{}}' ]
	[[ $stderr == *"line 1: halt is not available in routes"* ]]
	[[ $stderr == *"line 2: input is not available in routes"* ]]
	[[ $stderr == *"line 4: halt is not available in routes"* ]]
}

@test "the user's own ~/.jq is not loaded" {
	echo 'def mine: {n: 1};' > "$T/.jq"
	HOME=$T run -2 --separate-stderr ws-route --check -m a -x mine
	[[ $stderr == *"mine/0 is not defined"* ]]
}

@test "error(null) is an error and not a silent end" {
	run -3 --separate-stderr ws-route -m a -x '{n: 1}, error(null), {n: 2}' <<< '{"key":"a"}'
	[ -z "$output" ]
	[ "$stderr" = "ws-route: -x:2: a: line 1: null (null) was raised" ]
}

# --- mistakes in the routes file ---

@test "all mistakes are shown in one go, with file, line, column and caret" {
	cat > "$T/r.routes" <<-'EOF'
		a
		    {to: foo}
		b
		    {to: .x
		c.*d
		    .
		d
		    {n: 1 2}
		e
		    .[ | bar(1)
	EOF
	run -2 --separate-stderr ws-route --check "$T/r.routes"
	[ -z "$output" ]
	[ "${stderr//$T\//}" = "ws-route: r.routes:2:10: foo/0 is not defined
ws-route:         {to: foo}
ws-route:              ^
ws-route: r.routes:4:5: '{' is not closed
ws-route:         {to: .x
ws-route:         ^
ws-route: r.routes:5:1: '*', '**' and '#' must be words of their own
ws-route:     c.*d
ws-route:     ^
ws-route: r.routes:8:11: syntax error, unexpected LITERAL, expecting '}'
ws-route:         {n: 1 2}
ws-route:               ^
ws-route: r.routes:10:6: '[' is not closed
ws-route:         .[ | bar(1)
ws-route:          ^" ]
}

@test "a mistake in the hundredth route is shown with its line" {
	for i in {1..99}; do printf 'r%d\n  {n: %d}\n' "$i" "$i"; done > "$T/r.routes"
	printf 'last\n  {n: nope}\n' >> "$T/r.routes"
	run -2 --separate-stderr ws-route --check "$T/r.routes"
	[[ $stderr == *"r.routes:200:7: nope/0 is not defined"* ]]
}

@test "a program cannot reach out of its route" {
	for p in '1); def x: (1' '1 ; 2' '{a: 1}}' '"x' '[1' 'def f: 1' '# only a comment' '"\(1"' '. # a\'; do
		run -2 --separate-stderr ws-route --check -m a -x "$p" -m b -x .
		[[ $stderr == "ws-route: -x:2"* || $stderr == "ws-route: -x:1"* ]]
	done
}

@test "definitions inside a program, brackets in strings and def as a name are fine" {
	run -0 ws-route -m a -x 'def f(x; $y): def g: x; [g, $y]; {n: f(1; 2), s: "} ; ) \("]" + "(")", def: 3, d: ({def: 4} | .def), r: (reduce (1, 2) as $i (0; . + $i))}' <<< '{"key":"a"}'
	[ "$output" = '{"n":[1,2],"s":"} ; ) ](","def":3,"d":4,"r":3}' ]
}

@test "a wrong structure of the routes file is told" {
	wrong() { # TEXT MESSAGE
		printf '%b' "$1" > "$T/r.routes"
		run -2 --separate-stderr ws-route --check "$T/r.routes"
		[[ ${stderr//$T\//} == *"ws-route: r.routes:$2"* ]] || { echo "$1: $stderr"; return 1; }
	}
	wrong ' {n: 1}\n' '1: an indented line with no pattern above it'
	wrong 'a\nb\n' '1: no program below this pattern'
	wrong 'a\n .\n#.b\n .\n' "3:1: a pattern cannot begin with '#' here, write ** for it"
	wrong 'a\n .\nimport "x" as x;\n' '3:1: import and include come before all else'
	wrong 'import "x" as x;\ninclude "y";\na\n .\n' '2:1: include comes before import'
	wrong 'def f: 1;\na\n .\n' '1:5: definitions stand indented below a line with def alone'
	wrong 'def\n  1\na\n .\n' '2:3: only definitions can be here'
	wrong 'def\n  def f: 1\na\n .\n' "2:11: a definition before this has no ';'"
	wrong '"a\n .\n' '1:1: not a JSON string'
	wrong '\xff\n .\n' '1: invalid UTF-8'
	wrong 'a\n $ENV.HOME | .\n' '2:2: the environment is not available, pass values with --arg'
	wrong '# nothing\n' ' no routes in it'
}

@test "a module that is missing or wrong is told with its name" {
	run -2 --separate-stderr route $'import "nope" as n;\na\n .' --check
	[[ $stderr == *"module not found: nope"* ]]
	echo 'def f: (;' > "$T/bad.jq"
	run -2 --separate-stderr route $'include "bad";\na\n .' --check
	[[ $stderr == *"/bad.jq:1: syntax error"* ]]
}

@test "a missing routes file is the caller's mistake" {
	run -2 --separate-stderr ws-route "$T/none"
	[ "$stderr" = "ws-route: cannot read $T/none: No such file or directory" ]
	run -2 --separate-stderr ws-route
	[ "$stderr" = "ws-route: no ROUTES; see ws-route --help" ]
	run -2 --separate-stderr ws-route -m a
	[ "$stderr" = "ws-route: -m needs a program, -x, behind it; see ws-route --help" ]
	run -2 --separate-stderr ws-route -x .
	[ "$stderr" = "ws-route: -x: needs a pattern, -m, before it: .; see ws-route --help" ]
}

# --- events that go wrong ---

@test "an error names the route, and the other routes and events go on" {
	run -3 --separate-stderr route $'a.#\n {n: (.x | keys)}\n**\n {m: .x}' <<< $'{"key":"a","x":1}\n{"key":"a.b","x":{"y":2}}'
	[ "$output" = $'{"m":1}\n{"n":["y"]}\n{"m":{"y":2}}' ]
	[ "${stderr//$T\//}" = "ws-route: r.routes:2: a.#: line 1: number (1) has no keys" ]
}

@test "what a route wrote before its error does not count" {
	run -3 --separate-stderr ws-route -m a -x '{n: 1}, {n: 2}, error("late")' -m a -x '{n: 3}' <<< '{"key":"a","tag":1}'
	[ "$output" = '{"n":3,"tag":1}' ]
	[ "$stderr" = "ws-route: -x:2: a: line 1: late" ]
}

@test "output that is not an object is an error of its route" {
	run -3 --separate-stderr ws-route -m a -x '1' -m a -x '[.]' -m a -x 'null' <<< '{"key":"a"}'
	[ -z "$output" ]
	[ "$stderr" = "ws-route: -x:2: a: line 1: output is not an object but number
ws-route: -x:4: a: line 1: output is not an object but array
ws-route: -x:6: a: line 1: output is not an object but null" ]
}

@test "dead letters hold the event, the route and the reason" {
	run -3 --separate-stderr ws-route --dead-letter "$T/dead" -m a -x '{n: error("no")}' -m '**' -x empty <<< $'{"key":"a","id":9007199254740993}\nrubbish\n\xff\n[1]'
	[ -z "$output" ]
	run -0 jq -c 'del(.time)' "$T/dead"
	[ "${lines[0]}" = '{"error":"no","line":1,"route":"a","where":"-x:2","data":{"key":"a","id":9007199254740992}}' ]
	[ "${lines[1]}" = '{"error":"not a JSON object at byte 1","line":2,"text":"rubbish"}' ]
	[ "${lines[2]}" = '{"error":"not a JSON object at byte 1","line":3,"base64":"/w=="}' ]
	[ "${lines[3]}" = '{"error":"not a JSON object at byte 1","line":4,"data":[1]}' ]
	grep -q '"id":9007199254740993' "$T/dead"
	[ "$(stat -c %a "$T/dead")" = 600 ]
}

@test "a dead letter's data can be routed again" {
	ws-route --dead-letter "$T/dead" -m a -x 'error("x")' <<< '{"key":"a","n":1e400}' || true
	run -0 ws-route --subject data.key -m a -x .data < "$T/dead"
	[[ $output == '{"key":"a","n":1e400,"time":"'* ]]
}

@test "a bad line in the middle of 10,000 costs that line and one report" {
	{
		for ((i = 0; i < 5000; i++)); do echo '{"key":"a","n":1}'; done
		echo '{"key":"a","n":}'
		for ((i = 0; i < 5000; i++)); do echo '{"key":"a","n":1}'; done
	} > "$T/in"
	run -3 --separate-stderr ws-route -m a -x '{n}' < "$T/in"
	[ "${#lines[@]}" -eq 10000 ]
	[ "$stderr" = "ws-route: line 5001: not a JSON value at byte 16" ]
}

@test "a line that is too long is reported with its number and skipped" {
	run -3 --separate-stderr ws-route --max-line 64 -m a -x '{n}' < <(echo '{"key":"a","n":1}'; printf '{"key":"a","n":"%0100d"}\n' 1; echo '{"key":"a","n":3}')
	[ "$output" = $'{"n":1}\n{"n":3}' ]
	[ "$stderr" = "ws-route: line 2: longer than 64 bytes" ]
}

@test "no output is longer than --max-line or larger than --max-output" {
	run -3 --separate-stderr ws-route --max-line 200 --max-output 1000 -m a -x '{n: ("x" * 300)}' -m a -x '{n: range(1e9)}' -m a -x '{n: 1}' <<< '{"key":"a"}'
	[ "$output" = '{"n":1}' ]
	[ "$stderr" = "ws-route: -x:2: a: line 1: output of 308 bytes is longer than --max-line
ws-route: -x:4: a: line 1: output is larger than --max-output" ]
}

@test "a program that runs away is stopped, and the stream goes on" {
	for p in 'def f: f; {a: f}' '{a: [range(1e12)]}' '[repeat(1)] | {a: .}' 'try (def f: f; f) catch {a: 1}'; do
		run -3 --separate-stderr ws-route --max-ms 50 -m a -x "$p" -m '*' -x '{n: .key}' <<< $'{"key":"a"}\n{"key":"b"}'
		[ "$output" = $'{"n":"a"}\n{"n":"b"}' ]
		[ "$stderr" = "ws-route: -x:2: a: line 1: ran longer than --max-ms" ]
	done
}

@test "a builtin that cannot be stopped ends it, after what was done before is written" {
	run -6 --separate-stderr ws-route --max-ms 10 --dead-letter "$T/dead" -m a -x '{n}' -m b -x '{a: ("x" * 3e8 | length)}' <<< $'junk\n{"key":"a","n":1}\n{"key":"b"}\n{"key":"a","n":2}'
	[ "$output" = '{"n":1}' ]
	[ "${stderr##*$'\n'}" = "ws-route: -x:4: b: line 3: the program cannot be interrupted" ]
	run -0 jq -c .text "$T/dead"
	[ "$output" = '"junk"' ]
}

@test "a program that uses up the memory ends it and is named" {
	! ldd "$(command -v ws-route)" | grep -q libasan || skip "no memory limit under a sanitizer"
	run -6 --separate-stderr ws-route --max-memory 50M -m a -x '{n}' -m b -x '[range(1e9)] | {a: .}' <<< $'{"key":"a","n":1}\n{"key":"b"}'
	[ "$output" = '{"n":1}' ]
	[ "$stderr" = "ws-route: -x:4: b: line 2: the program is out of memory" ]
}

@test "an event that would take too much memory is rejected, unless no route takes it" {
	event() { printf '{"key":"%s","x":[%s{}]}\n' "$1" "$(printf '{},%.0s' {1..40000})"; }
	run -3 --separate-stderr ws-route --max-memory 40M --dead-letter "$T/dead" -m a -x '{n: (.x | length)}' < <(event a; event b; echo '{"key":"a","x":[1]}')
	[ "$output" = '{"n":1}' ]
	[ "$stderr" = "ws-route: line 1: too many values for --max-memory" ]
	event a | cmp - <(jq -c .data "$T/dead")
	run -0 ws-route -m a -x '{n: (.x | length)}' < <(event a)
	[ "$output" = '{"n":40001}' ]
}

@test "an event that takes too long to read is rejected" {
	awk 'BEGIN { printf "{\"key\":\"a\",\"x\":{"; for (i = 0; i < 1000000; i++) printf "\"%d\":1,", i; print "\"z\":{}}}" }' > "$T/in"
	echo '{"key":"a","x":{}}' >> "$T/in"
	run -3 --separate-stderr ws-route --max-ms 1 --max-memory 0 -m a -x '{n: (.x | length)}' < "$T/in"
	[ "$output" = '{"n":0}' ]
	[ "$stderr" = "ws-route: line 1: takes longer than --max-ms to read" ]
}

@test "--test colours differences on a terminal, unless NO_COLOR is set" {
	command -v script > /dev/null || skip "no script here"
	printf '< {"key":"a"}\n> {"n":2}\n' > "$T/t.test"
	printf 'a\n {n: 1}\n' > "$T/r.routes"
	run script -qec "ws-route --test $T/t.test $T/r.routes" /dev/null
	[ "$status" -eq 1 ]
	[[ $output == *$'\e[31m- > {"n":2}\e[0m'*$'\e[32m+ > {"n":1}\e[0m'* ]]
	NO_COLOR=1 run script -qec "ws-route --test $T/t.test $T/r.routes" /dev/null
	[[ $output != *$'\e'* ]]
}

@test "values nested a million deep are not the end" {
	run -3 --separate-stderr ws-route --max-ms 60000 -m a -x 'reduce range(1e6) as $i (0; [.]) | {a: .}' -m a -x '{n: 1}' <<< '{"key":"a"}'
	[ "$output" = '{"n":1}' ]
	[ "$stderr" = "ws-route: -x:2: a: line 1: output is nested too deeply" ]
	deep=$(printf '[%.0s' {1..600})
	run -3 --separate-stderr ws-route -m a -x . <<< "{\"key\":\"a\",\"x\":$deep"
	[ "$stderr" = "ws-route: line 1: nested too deeply at byte 528" ]
}

@test "--unmatched keeps the events that no route takes" {
	run -0 ws-route --unmatched "$T/none" -m a -x empty <<< $'{"key":"a"}\n{"key": "b", "n":1e400}\n{"x":1}'
	[ -z "$output" ]
	[ "$(< "$T/none")" = $'{"key": "b", "n":1e400}\n{"x":1}' ]
}

@test "a full disk behind the output or a side file ends it with code 6" {
	[ -c /dev/full ]
	ws-route -m a -x . > /dev/full 2> "$T/err" <<< '{"key":"a"}' && return 1 || [ $? -eq 6 ]
	[ "$(< "$T/err")" = "ws-route: cannot write standard output: No space left on device" ]
	run -6 --separate-stderr ws-route --unmatched /dev/full -m a -x . <<< '{"key":"b"}'
	[ "$stderr" = "ws-route: cannot write /dev/full: No space left on device" ]
}

# --- seeing what happens ---

@test "--explain tells which routes take which line" {
	run -0 --separate-stderr route $'a.# b\n {n: 1}\na.b\n {n: 2}' --explain <<< $'{"key":"a.b"}\n{"key":"c"}\n{"x":1}'
	[ "$stderr" = "ws-route: line 1: a.b: routes at 2 (a.# b), 4 (a.b)
ws-route: line 2: c: no route
ws-route: line 3: no subject: no route" ]
}

@test "SIGUSR1 shows counts and time per route" {
	start_fed route ws-route -m a -x '{n: 1}, {n: 2}' -m b -x 'error("x")'
	feed route '{"key":"a"}' '{"key":"b"}' '{"key":"c"}' junk
	wait_for route.err 'line 4'
	kill -USR1 "${PID[route]}"
	wait_for route.err '4 lines, 3 events, 2 rejected, 1 without a route, 2 written'
	wait_for route.err '^ws-route: -x:2: a: 1 runs, 2 outputs, 0 errors, [0-9.]+ ms, [0-9.]+ us a run$'
	wait_for route.err '^ws-route: -x:4: b: 1 runs, 0 outputs, 1 errors, '
	end_feed route
	wait_end route
	[ "$status" -eq 3 ]
}

@test "--metrics-file tells what became of the lines, and of each route" {
	run -3 --separate-stderr ws-route --metrics-file "$T/m" -m a -x '{n: 1}, {n: 2}' -m 'b"' -x 'error("x")' <<< $'{"key":"a"}\n{"key":"b\\""}\n{"key":"c"}\njunk'
	run -0 grep -v -e '^#' -e seconds "$T/m"
	[ "$output" = 'ws_route_lines_total 4
ws_route_events_total 3
ws_route_rejected_total 2
ws_route_unmatched_total 1
ws_route_written_total 2
ws_route_runs_total{route="a",line="2"} 1
ws_route_runs_total{route="b\"",line="4"} 1
ws_route_outputs_total{route="a",line="2"} 2
ws_route_outputs_total{route="b\"",line="4"} 0
ws_route_errors_total{route="a",line="2"} 0
ws_route_errors_total{route="b\"",line="4"} 1' ]
	grep -qE '^ws_route_seconds_total\{route="a",line="2"\} [0-9.e-]+$' "$T/m"
}

@test "each event is written before the next one comes" {
	start_fed route ws-route -m a -x '{n}'
	for i in 1 2 3; do
		feed route "{\"key\":\"a\",\"n\":$i}"
		wait_for route.out "^\{\"n\":$i\}$"
	done
	stop route
	[ "$status" -eq 0 ]
}

# --- life and death ---

@test "SIGTERM reads on to the end of the input" {
	start_fed route ws-route --drain 20s -m a -x '{n}'
	feed route '{"key":"a","n":1}'
	wait_for route.out '^{"n":1}$'
	kill -TERM "${PID[route]}"
	feed route '{"key":"a","n":2}'
	end_feed route
	wait_end route
	[ "$status" -eq 0 ]
	[ "$(< "$T/route.out")" = $'{"n":1}\n{"n":2}' ]
}

@test "a reader that goes away ends it as SIGPIPE does, also while idle" {
	mkfifo "$T/out" "$T/in"
	ws-route -m a -x . < "$T/in" > "$T/out" 3>&- &
	PID[route]=$!
	exec {in}> "$T/in"
	exec {out}< "$T/out"
	echo '{"key":"a"}' >&"$in"
	read -r line <&"$out"
	[ "$line" = '{"key":"a"}' ]
	exec {out}<&-
	wait_end route
	[ "$status" -eq 141 ]
	exec {in}>&-
}

@test "SIGHUP loads the routes again and keeps the old ones when the new are wrong" {
	printf 'a\n {n: "old"}\n' > "$T/r.routes"
	mkfifo "$T/in"
	setsid ws-route -v --dead-letter "$T/dead" "$T/r.routes" < "$T/in" > "$T/route.out" 2> "$T/route.err" 3>&- &
	PID[route]=$!
	exec {in}> "$T/in"
	echo '{"key":"a"}' >&"$in"
	wait_for route.out '"old"'
	printf 'a\n {n: oops}\n' > "$T/r.routes"
	kill -HUP "${PID[route]}"
	wait_for route.err 'going on with the routes as they were'
	wait_for route.err 'oops/0 is not defined'
	echo '{"key":"a"}' >&"$in"
	wait_for route.out '"old"' 2
	printf 'a\n {n: "new"}\n' > "$T/r.routes"
	mv "$T/dead" "$T/dead.1"
	kill -HUP "${PID[route]}"
	wait_for route.err 'r.routes: 1 routes loaded again'
	echo '{"key":"a"}' >&"$in"
	wait_for route.out '"new"'
	[ -e "$T/dead" ]
	exec {in}>&-
	wait_end route
	[ "$status" -eq 0 ]
	[ "$(< "$T/route.out")" = $'{"n":"old"}\n{"n":"old"}\n{"n":"new"}' ]
}

@test "--watch loads the routes when the file or a module changes" {
	mkdir "$T/lib"
	echo 'def v: 1;' > "$T/lib/v.jq"
	printf 'include "v";\na\n {n: v, f: 1}\n' > "$T/r.routes"
	start_fed route ws-route -v --watch -L "$T/lib" "$T/r.routes"
	feed route '{"key":"a"}'
	wait_for route.out '^{"n":1,"f":1}$'
	printf 'include "v";\na\n {n: v, f: 2}\n' > "$T/new"
	mv "$T/new" "$T/r.routes"
	wait_for route.err 'loaded again' 1
	feed route '{"key":"a"}'
	wait_for route.out '^{"n":1,"f":2}$'
	echo 'def v: 2;' > "$T/lib/v.jq"
	wait_for route.err 'loaded again' 2
	feed route '{"key":"a"}'
	wait_for route.out '^{"n":2,"f":2}$'
	end_feed route
	wait_end route
	[ "$status" -eq 0 ]
}

@test "reloading in the middle of a stream loses and reorders nothing" {
	printf 'a\n {n}\n' > "$T/r.routes"
	mkfifo "$T/in"
	setsid ws-route "$T/r.routes" < "$T/in" > "$T/route.out" 2> "$T/route.err" 3>&- &
	PID[route]=$!
	exec {in}> "$T/in"
	for ((i = 1; i <= 2000; i++)); do
		echo "{\"key\":\"a\",\"n\":$i}"
		((i % 400)) || kill -HUP "${PID[route]}"
	done >&"$in"
	exec {in}>&-
	wait_end route
	[ "$status" -eq 0 ]
	diff <(seq 2000) <(jq .n "$T/route.out")
}

# --- tests next to the routes ---

@test "--test runs what stands in a file or folder and shows the difference" {
	mkdir "$T/t"
	printf 'a\n {n: .x}\nb\n error("no")\n' > "$T/r.routes"
	cat > "$T/t/one.test" <<-'EOF'
		# right
		< {"key":"a","x":9007199254740993}
		> { "n": 9007199254740993 }

		# nothing comes of it
		< {"key":"z"}

		# the error is expected
		< {"key":"b"}
		! no
	EOF
	run -0 --separate-stderr ws-route --test "$T/t" "$T/r.routes"
	[ "$output" = "3 passed, 0 failed" ]
	cat > "$T/t/two.test" <<-'EOF'
		# wrong
		< {"key":"a","x":1}
		< {"key":"a","x":2}
		> {"n":1}
		> {"n":3}
	EOF
	run -1 --separate-stderr ws-route --test "$T/t" "$T/r.routes"
	[ "${output//$T\//}" = 't/two.test:2: wrong
  > {"n":1}
- > {"n":3}
+ > {"n":2}
3 passed, 1 failed' ]
	[ -z "$stderr" ]
	run -0 ws-route --test "$T/t/one.test" "$T/r.routes"
	echo 'what' > "$T/t/bad.test"
	run -6 --separate-stderr bash -c "ws-route --test $T/t/one.test $T/r.routes > /dev/full"
	[ "$stderr" = "ws-route: cannot write standard output: No space left on device" ]
	run -2 --separate-stderr ws-route --test "$T/t/bad.test" "$T/r.routes"
	[ "${stderr//$T\//}" = "ws-route: t/bad.test:1: a line begins with <, >, ! or #" ]
}
