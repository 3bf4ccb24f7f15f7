# ws-route for long: memory, reloads under load, rubbish.

load ../lib/common

export BATS_TEST_TIMEOUT=600

rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PID[route]}/status"; }

# events FIRST LAST: of many shapes, some of which are rejected.
events() {
	awk -v from="$1" -v to="$2" 'BEGIN { for (i = from; i <= to; i++) {
		printf "{\"key\":\"svc%d.x\",\"tag\":%d,\"data\":{\"id\":%d%d,\"n\":%d.50,\"list\":[{\"k%d\":\"v%d\"},[],null]}}\n", i % 7, i, i * 1000003, i, i, i % 900, i
		if (i % 50 == 0) print "{\"key\":\"svc1.x\",\"data\":\"wrong\"}"
		if (i % 70 == 0) print "junk " i
	} }'
}

routes() {
	cat > "$T/r.routes" <<-'EOF'
		def
		    def one: {to: "room:\(.data.id)", data: .data.list[0]};
		svc0.# svc1.# svc2.#
		    one
		svc3.#
		    one, {to: "x", text: ([.data.list[] | tojson] | join(" "))}
		svc4.#
		    .data | {to: "y", sum: (.n + 1), data: .} | del(.data.list)
		svc5.#
		    error("never")
	EOF
}

@test "a million events and dozens of reloads leave the memory where it was and lose nothing" {
	routes
	mkfifo "$T/in"
	setsid ws-route "$T/r.routes" < "$T/in" > "$T/route.out" 2> /dev/null 3>&- &
	PID[route]=$!
	exec {in}> "$T/in"
	events 1 50000 >&"$in"
	retry has_lines "$T/route.out" '"tag":50000}$' 1
	before=$(rss)
	for ((round = 1; round < 20; round++)); do
		kill -HUP "${PID[route]}"
		events $((round * 50000 + 1)) $((round * 50000 + 50000)) >&"$in"
		kill -HUP "${PID[route]}"
		kill -HUP "${PID[route]}"
	done
	DEADLINE=120 retry has_lines "$T/route.out" '"tag":1000000}$' 1
	after=$(rss)
	echo "$before kB before, $after kB after"
	exec {in}>&-
	wait_end route
	[ "$status" -eq 3 ]
	((after < before + 2048)) || ldd "$(command -v ws-route)" | grep -q libasan
	# Each tag once, in order.
	grep -o '"tag":[0-9]*' "$T/route.out" | cut -d: -f2 | cmp - <(seq 1000000)
}

@test "of 300,000 lines of rubbish each costs one report and nothing else" {
	/usr/bin/python3 - > "$T/in" <<-'EOF'
		import random, sys
		random.seed(7)
		sound = b'{"key":"a","n":[1.50,{"b":"\\u00e9"}],"x":9007199254740993}'
		for i in range(300000):
		    line = bytearray(sound)
		    for _ in range(random.randrange(1, 4)):
		        line[random.randrange(len(line))] = random.choice(b'{}[]",:\\\x00\xff\x80eE-+.019 tfn')
		    sys.stdout.buffer.write(bytes(line).replace(b'\n', b' ') + b'\n')
	EOF
	code=0
	ws-route --unmatched "$T/none" -m a -x '{n, x: "\(.x)"}' < "$T/in" > "$T/out" 2> "$T/err" || code=$?
	[ "$code" -eq 3 ]
	[ $(($(wc -l < "$T/out") + $(wc -l < "$T/none") + $(wc -l < "$T/err"))) -eq 300000 ]
	# What it wrote is JSON to others too.
	/usr/bin/python3 -c 'import json, sys
for line in sys.stdin.buffer: json.loads(line)' < "$T/out"
}
