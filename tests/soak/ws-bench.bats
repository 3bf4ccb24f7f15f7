load ../lib/common

export BATS_TEST_TIMEOUT=600

# How many connections one process can hold here, 20,000 at most: each end needs one
# descriptor for each.
many() {
	ulimit -n "$(ulimit -Hn)"
	local most=$(($(ulimit -n) - 100))
	echo $((most < 20000 ? most : 20000))
}

rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PID[$1]}/status"; }

# hold CONNECTIONS: open them and wait until all are ready.
hold() {
	rm -f "$T/bench.out"
	start bench ws-bench -c "$1" --idle -d 0 --timeout 1m --every 100ms "$URL"
	DEADLINE=500 wait_for bench.out '"phase":"work"'
}

@test "20,000 connections take at most 3 KiB of memory each" {
	n=$(many)
	ulimit -n "$(ulimit -Hn)"
	serve --events listen
	hold 100
	few=$(rss bench)
	stop bench
	hold "$n"
	all=$(rss bench)
	tail -n 1 "$T/bench.out" | jq -e ".open == $n and .errors == 0" > "$T/answer"
	echo "$n connections: $few kB with 100, $all kB with all"
	stop bench
	[ "$status" -eq 0 ]
	tail -n 1 "$T/bench.out" | jq -e ".opened == $n and .failed == 0 and .dropped == 0" > "$T/answer"
	[ $(((all - few) * 1024 / (n - 100))) -le 3072 ]
}

@test "20,000 connections work, and all come back after a storm" {
	n=$(many)
	ulimit -n "$(ulimit -Hn)"
	serve --events listen
	timeout 500 ws-bench -c "$n" --total-rate 5000 -d 59s --storm 30s --linger 20s --timeout 1m --json \
		--require lost=0 --require duplicated=0 --require failed=0 "$URL" > "$T/report"
	jq -e ".opened == 2 * $n and .storms == 1 and .recovery > 0 and .sent > 0" "$T/report" > "$T/answer" || { cat "$T/report"; return 1; }
}
