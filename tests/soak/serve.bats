# ws-serve for long, with slow clients, storms and signals.

load ../lib/common
load ../lib/serve

export BATS_TEST_TIMEOUT=900
LONG=${SOAK_SECONDS:-60}

setup() { ulimit -n "$(ulimit -Hn)"; }

rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${PID[serve]}/status"; }

# bench NAME OPTION...: ws-bench in the background, its report in $T/NAME.out.
bench() {
	local name=$1
	shift
	start "$name" ws-bench --json "$@" "$URL"
}

@test "10,000 connects and disconnects leave memory flat" {
	serve --events listen --message-rate 0
	for round in 1 2 3 4 5 6; do
		run -0 ws-bench --json --idle -c 2000 -d 10ms --subscribe 'a{conn}' --subscribe 'p.{conn}.*' "$URL"
		retry eval '[ "$(ls /proc/${PID[serve]}/fd | wc -l)" -lt 40 ]'
		[ "$round" -gt 1 ] || before=$(rss)
	done
	after=$(rss)
	echo "# RSS $before kB after the first 2,000, $after kB after 12,000" >&3
	if ! ldd "$(command -v ws-serve)" | grep -q libasan; then
		[ $((after - before)) -lt 1024 ]
	fi
	stop serve
	[ "$status" -eq 0 ]
}

@test "1,000 members of which 100 never read, flooded: the others lose nothing, memory is bounded" {
	serve --events listen --message-rate 0 --slow drop --client-queue 64k --queue-total 8M
	start watch sh -c "while sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/${PID[serve]}/status; do sleep 0.2; done"
	# Paced so that those who read can: what they cannot take would be dropped rightly.
	bench load -c 1000 --slow 100 --feed "/proc/$$/fd/${FEED[serve]}" -r 100 --size 4k -d "${LONG}s"
	DEADLINE=$((LONG + 60)) wait_end load
	[ "$status" -eq 0 ]
	run -0 jq -c '[.lost, .duplicated, .reordered, .dropped]' "$T/load.out"
	echo "# $output, highest RSS $(sort -n "$T/watch.out" | tail -n 1) kB" >&3
	[ "$output" = '[0,0,0,0]' ]
	if ! ldd "$(command -v ws-serve)" | grep -q libasan; then
		# 1,000 connections, the queues, and what lws may hold of the last write.
		[ "$(sort -n "$T/watch.out" | tail -n 1)" -lt $(((1000 * 4) + 8192 + 100 * 330 + 16384)) ]
	fi
}

@test "slow ones are closed, the others lose nothing" {
	serve --events listen,close --message-rate 0 --client-queue 64k
	bench load -c 200 --slow 20 --feed "/proc/$$/fd/${FEED[serve]}" -r 400 --size 8k -d "$((LONG / 6 + 1))s"
	DEADLINE=$((LONG + 60)) wait_end load
	run -0 jq -c '[.lost, .duplicated, .reordered]' "$T/load.out"
	[ "$output" = '[0,0,0]' ]
	sees '"event":"close".*"code":4013' 20
}

@test "SIGHUP a hundred times under load: nobody is lost, no message is" {
	auth_script
	rooms_file 'broadcast auto' '**'
	mkfifo "$T/in"
	setsid ws-serve -v --auth "$AUTH" --rooms "$T/rooms" --message-rate 0 0 < "$T/in" > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	exec 8> "$T/in"
	sees '"event":"listen"'
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	seq -f 'u%g' 200 > "$T/tokens"
	start load ws-bench --json -c 200 --tokens "$T/tokens" --feed "$T/in" -r 200 -d 15s "$URL"
	for i in $(seq 100); do
		kill -s HUP "${PID[serve]}"
		wait_for serve.err 'reloaded|reload failed' "$i"
	done
	DEADLINE=60 wait_end load
	exec 8>&-
	echo "# $(cut -c 1-300 "$T/load.out")"
	run -0 jq -c '[.opened, .failed, .dropped, .lost, .duplicated, .reordered]' "$T/load.out"
	[ "$output" = '[200,0,0,0,0,0]' ]
	[ "$(grep -c ': reloaded' "$T/serve.err")" -eq 100 ]
}

@test "stdout is stopped for a while, clients talk: nothing is lost, others go on" {
	mkfifo "$T/out" "$T/in"
	exec 7<>"$T/out" 8<>"$T/in"
	ws-serve --message-rate 0 --max-rooms 10 0 < "$T/in" > "$T/out" 2> "$T/serve.err" 3>&- 7>&- 8>&- &
	PID[serve]=$!
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	client quiet
	# All first: while stdout is full nobody is let in.
	for i in 1 2 3 4 5 6 7 8; do client "t$i"; done
	for i in 1 2 3 4 5 6 7 8; do
		say "t$i" "!many 5000 {\"type\":\"x\",\"from\":$i,\"pad\":\"01234567890123456789\"}" '{"type":"ping"}'
	done
	end=$((SECONDS + LONG))
	n=0
	while ((SECONDS < end)); do
		n=$((n + 1))
		echo "{\"all\":true,\"data\":$n}" >&8
		hears quiet "^$n\$"
		say quiet '{"type":"ping"}'
		hears quiet pong "$n"
	done
	cat <&7 > "$T/serve.out" 7<&- 8>&- 3>&- &
	PID[cat]=$!
	for i in 1 2 3 4 5 6 7 8; do hears "t$i" pong; done
	sees '"event":"message"' 40000
}

@test "a storm: 1,000 connections come back ten times over" {
	serve --events listen --message-rate 0
	bench load -c 1000 --storm 2s --idle -d 20s
	DEADLINE=90 wait_end load
	run -0 jq -c '[.failed]' "$T/load.out"
	[ "$output" = '[0]' ]
	retry eval '[ "$(ls /proc/${PID[serve]}/fd | wc -l)" -lt 40 ]'
}
