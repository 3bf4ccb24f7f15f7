load ../lib/common
load ../lib/serve

export BATS_TEST_TIMEOUT=300

# ticks NAME: hundredths of a second of processor time that it has used; nothing when it
# has ended.
ticks() { awk '{ print $14 + $15 }' "/proc/${PID[$1]}/stat" 2> "$T/gone" || true; }

@test "20,000 who answer no close frame are told 1001, and none waits for all the others" {
	ulimit -n "$(ulimit -Hn)"
	n=$(($(ulimit -n) - 200))
	n=$((n < 20000 ? n : 20000))
	serve --events listen,close --drain 12s
	start bench ws-bench -c "$n" --slow $((n - 1)) --idle -d 0 --timeout 1m --every 100ms "$URL"
	DEADLINE=200 wait_for bench.out '"phase":"work"'
	before=$(ticks serve)
	kill "${PID[serve]}"
	while now=$(ticks serve) && [ "${now:-0}" -gt 0 ]; do after=$now; sleep 0.05; done
	wait "${PID[serve]}"
	echo "$n connections: $((after - before)) hundredths of a second"
	[ "$(grep -c '"event":"close".*"code":1001,' "$T/serve.out")" -eq "$n" ]
	# A walk over all that wait for each one took ten times as long.
	[ $((after - before)) -lt $((n * 100 / 4000)) ]
	stop bench
}
