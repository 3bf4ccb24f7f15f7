load lib/common

# at SECONDS [MEMBERS]: a line recorded that long after midnight.
at() {
	printf '{"time":"2026-01-01T00:00:%sZ"%s}\n' "$1" "${2:+,$2}"
}

# gaps FILE: the distances between the time stamps of a file's lines, in milliseconds,
# rounded down.
gaps() {
	/usr/bin/python3 - "$1" <<'PY'
import json, sys
from datetime import datetime
t = [datetime.fromisoformat(json.loads(l)["time"].replace("Z", "+00:00")) for l in open(sys.argv[1])]
print(*[int((b - a).total_seconds() * 1000) for a, b in zip(t, t[1:])])
PY
}

@test "lines come out byte for byte in their order" {
	at 00.000000 '"big":9007199254740993, "dup":1,"dup":1e400' > "$T/rec"
	printf ' { "x" : "\\u00e9", "time":"2026-01-01T00:00:00.001+00:00" }\t\n' >> "$T/rec"
	run -0 --separate-stderr ws-replay "$T/rec"
	[ "$output" = "$(cat "$T/rec")" ]
	[ "$stderr" = "" ]
}

@test "standard input is the recording when no file is named" {
	at 00.0 > "$T/rec"
	at 00.1 >> "$T/rec"
	run -0 ws-replay < "$T/rec"
	[ "$output" = "$(cat "$T/rec")" ]
	run -0 ws-replay - < "$T/rec"
	[ "$output" = "$(cat "$T/rec")" ]
}

@test "a line waits for its time and not longer than that" {
	at 00.0 > "$T/rec"
	at 00.2 >> "$T/rec"
	at 00.5 >> "$T/rec"
	ws-replay --restamp "$T/rec" > "$T/out"
	read -r a b < <(gaps "$T/out")
	echo "$a $b"
	# Late is what a busy machine does; early is what a wrong program does.
	[ "$a" -ge 198 ]
	[ $((a + b)) -ge 498 ]
}

@test "lateness does not add up" {
	for ((i = 0; i < 500; i++)); do at "$(printf '00.%03d' $((i * 2)))"; done > "$T/rec"
	ws-replay --restamp "$T/rec" > "$T/out"
	# 499 steps of 2 ms: sleeping a step at a time would add its 50 us to each.
	head -n 1 "$T/out" > "$T/ends"
	tail -n 1 "$T/out" >> "$T/ends"
	read -r all < <(gaps "$T/ends")
	echo "$all"
	[ "$all" -ge 997 ]
	run -0 --separate-stderr ws-replay -v "$T/rec"
	[[ $stderr == "ws-replay: 500 lines written, at most "*" ms late" ]] || false
}

@test "--speed 100x takes a hundredth of the time and max takes none" {
	at 00.0 > "$T/rec"
	at 30.0 >> "$T/rec"
	timeout 20 ws-replay --speed 100x --restamp "$T/rec" > "$T/out"
	read -r a < <(gaps "$T/out")
	echo "$a"
	[ "$a" -ge 298 ]
	run -0 timeout 20 ws-replay -s max "$T/rec"
	[ "$output" = "$(cat "$T/rec")" ]
}

@test "a line is flushed before the wait for the next one" {
	at 00.0 '"n":1' > "$T/rec"
	at 59.0 '"n":2' >> "$T/rec"
	start replay ws-replay "$T/rec"
	wait_for replay.out '"n":1'
	stop replay
	[ "$status" -eq 0 ]
	[ "$(cat "$T/replay.out")" = "$(head -n 1 "$T/rec")" ]
}

@test "several files are merged by time, equal times in the order of the files" {
	at 00.00 '"f":1' > "$T/a"
	at 00.02 '"f":1' >> "$T/a"
	at 00.04 '"f":1' >> "$T/a"
	at 00.01 '"f":2' > "$T/b"
	at 00.04 '"f":2' >> "$T/b"
	at 00.05 '"f":2' >> "$T/b"
	run -0 ws-replay "$T/a" "$T/b"
	[ "$output" = "$(sort -s -t'"' -k4,4 "$T/a" "$T/b")" ]
	run -0 ws-replay "$T/a" - < "$T/b"
	[ "$output" = "$(sort -s -t'"' -k4,4 "$T/a" "$T/b")" ]
}

@test "--loop=3 plays three rounds, each at the pace of the first" {
	at 00.0 > "$T/rec"
	at 00.1 >> "$T/rec"
	ws-replay --loop=3 --pause 50ms --restamp "$T/rec" > "$T/out"
	read -r a b c d e < <(gaps "$T/out")
	echo "$a $b $c $d $e"
	[ $((a + b + c + d + e)) -ge 396 ]
	run -0 ws-replay -s max --loop=3 "$T/rec"
	[ "${#lines[@]}" -eq 6 ]
}

@test "--pause waits between rounds, also without times" {
	echo '{}' > "$T/rec"
	start replay ws-replay --loop --pause 1h "$T/rec"
	wait_for replay.out '{}'
	stop replay
	[ "$status" -eq 0 ]
	[ "$(cat "$T/replay.out")" = '{}' ]
}

@test "--loop goes on until it is told to stop" {
	at 00.00 > "$T/rec"
	at 00.01 >> "$T/rec"
	start replay ws-replay --loop "$T/rec"
	wait_for replay.out time 20
	stop replay INT
	[ "$status" -eq 0 ]
}

@test "--loop ends when a round has no line" {
	echo '[]' > "$T/rec"
	run -3 --separate-stderr ws-replay --loop "$T/rec"
	[ "$stderr" = "ws-replay: $T/rec:1: not a JSON object, skipped" ]
}

@test "--loop of a pipe is refused, since it cannot be read twice" {
	run -2 bash -c 'echo "{}" | ws-replay --loop'
	[ "$output" = "ws-replay: --loop needs files that can be read twice: standard input; see ws-replay --help" ]
}

@test "--from and --to cut out a piece by time of day" {
	for s in 10 11 12 13; do at $s.0; done > "$T/rec"
	run -0 ws-replay -s max --from 2026-01-01T00:00:11Z --to 2026-01-01T01:00:13+01:00 "$T/rec"
	[ "$output" = "$(sed -n 2,3p "$T/rec")" ]
}

@test "--from and --to cut out a piece by distance from the beginning" {
	for s in 10 11 12 13; do at $s.0; done > "$T/rec"
	run -0 ws-replay -s max --from 1s --to 2500ms "$T/rec"
	[ "$output" = "$(sed -n 2,3p "$T/rec")" ]
}

@test "the first line behind --from is written without a wait" {
	at 00.0 > "$T/rec"
	at 59.0 >> "$T/rec"
	run -0 timeout 20 ws-replay --from 59s "$T/rec"
	[ "$output" = "$(tail -n 1 "$T/rec")" ]
}

@test "--to ends a replay whose input goes on" {
	start_fed replay ws-replay --to 1s
	feed replay "$(at 00.0)" "$(at 00.1)" "$(at 05.0)"
	wait_end replay
	[ "$status" -eq 0 ]
	[ "$(wc -l < "$T/replay.out")" -eq 2 ]
}

@test "a line out of order is reported and comes with the line before it" {
	at 40.0 > "$T/rec"
	at 40.3 >> "$T/rec"
	at 10.0 >> "$T/rec"
	at 40.4 >> "$T/rec"
	# 40.4 is 0.1 s after the latest time, not 30.4 s after the line before it.
	run -0 --separate-stderr timeout 20 ws-replay --disorder 1m --restamp "$T/rec"
	[ "$stderr" = "ws-replay: $T/rec:3: time runs back by 30.300000 s" ]
	printf '%s\n' "$output" > "$T/out"
	read -r a b c < <(gaps "$T/out")
	echo "$a $b $c"
	[ $((a + b)) -ge 298 ]
	[ $((a + b + c)) -ge 398 ]
}

@test "after a clock was set back the lines keep their distance" {
	at 30.0 > "$T/rec"
	at 30.1 >> "$T/rec"
	at 10.0 >> "$T/rec"
	at 10.2 >> "$T/rec"
	run -0 --separate-stderr timeout 20 ws-replay --restamp "$T/rec"
	[ "$stderr" = "ws-replay: $T/rec:3: time runs back by 20.100000 s, the clock was set" ]
	printf '%s\n' "$output" > "$T/out"
	read -r a b c < <(gaps "$T/out")
	echo "$a $b $c"
	[ $((a + b + c)) -ge 298 ]
}

@test "a clock that is set back for ever does not run over" {
	for ((i = 0; i < 40; i++)); do
		echo '{"time":"9999-12-31T23:59:59Z"}'
		echo '{"time":"0000-01-01T00:00:00Z"}'
	done > "$T/rec"
	run -0 --separate-stderr ws-replay --quiet --speed max "$T/rec"
	[ "$output" = "$(cat "$T/rec")" ]
	[ "$stderr" = "" ]
}

@test "--disorder decides what is a clock that was set" {
	at 30.0 > "$T/rec"
	at 25.0 >> "$T/rec"
	run -0 --separate-stderr ws-replay --disorder 10s "$T/rec"
	[ "$stderr" = "ws-replay: $T/rec:2: time runs back by 5.000000 s" ]
}

@test "a line without a time is reported and written at once" {
	at 00.0 > "$T/rec"
	echo '{"n":2}' >> "$T/rec"
	echo '{"time":1766,"n":3}' >> "$T/rec"
	at 59.0 >> "$T/rec"
	start replay ws-replay "$T/rec"
	wait_for replay.out '"n":3'
	stop replay
	[ "$(cat "$T/replay.out")" = "$(head -n 3 "$T/rec")" ]
	[ "$(cat "$T/replay.err")" = "ws-replay: $T/rec:2: no time, written at once
ws-replay: $T/rec:3: no time, written at once" ]
}

@test "a bad line is reported with its number and skipped" {
	at 00.0 > "$T/rec"
	echo '{"broken' >> "$T/rec"
	printf '{"long":"%0100d"}\n' 0 >> "$T/rec"
	at 00.1 >> "$T/rec"
	run -3 --separate-stderr ws-replay --max-line 100 "$T/rec"
	[ "$output" = "$(sed -n '1p;4p' "$T/rec")" ]
	[ "${#stderr_lines[@]}" -eq 2 ]
	[[ ${stderr_lines[0]} == "ws-replay: $T/rec:2: "*", skipped" ]] || false
	[ "${stderr_lines[1]}" = "ws-replay: $T/rec:3: line too long, skipped" ]
}

@test "many odd lines are counted and not all shown" {
	for ((i = 0; i < 100; i++)); do echo '{}'; done > "$T/rec"
	run -0 --separate-stderr ws-replay "$T/rec"
	[ "${#lines[@]}" -eq 100 ]
	[ "${#stderr_lines[@]}" -eq 21 ]
	[ "${stderr_lines[20]}" = "ws-replay: 100 lines without time" ]
}

@test "--max-gap cuts a silence short" {
	at 00.0 > "$T/rec"
	at 50.0 >> "$T/rec"
	at 50.1 >> "$T/rec"
	timeout 20 ws-replay --max-gap 200ms --restamp "$T/rec" > "$T/out"
	read -r a b < <(gaps "$T/out")
	echo "$a $b"
	[ "$a" -ge 198 ]
	[ $((a + b)) -ge 298 ]
}

@test "--restamp changes the time and nothing else" {
	echo '{"a":{"time":"2026-01-01T00:00:00Z"}, "time" : "2026-01-01T00:00:00Z","b":"é"}' > "$T/rec"
	run -0 ws-replay --restamp "$T/rec"
	pattern='^\{"a":\{"time":"2026-01-01T00:00:00Z"\}, "time" : "[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z","b":"é"\}$'
	[[ $output =~ $pattern ]] || false
	[[ $output != *', "time" : "2026-01-01T00:00:00Z"'* ]] || false
}

@test "--count and --duration end it early" {
	for s in 00 01 02; do at $s.0; done > "$T/rec"
	run -0 ws-replay -s max -n 2 "$T/rec"
	[ "$output" = "$(head -n 2 "$T/rec")" ]
	at 59.0 >> "$T/rec"
	run -0 timeout 20 ws-replay -d 100ms "$T/rec"
	[ "$output" = "$(head -n 1 "$T/rec")" ]
}

@test "a live recording is followed as it is written" {
	start_fed replay ws-replay
	feed replay "$(at 00.0 '"n":1')"
	wait_for replay.out '"n":1'
	feed replay "$(at 00.1 '"n":2')"
	wait_for replay.out '"n":2'
	end_feed replay
	wait_end replay
	[ "$status" -eq 0 ]
}

@test "counters are kept in --metrics-file" {
	at 00.0 > "$T/rec"
	echo '{}' >> "$T/rec"
	echo bad >> "$T/rec"
	at 59.0 >> "$T/rec"
	start replay ws-replay --metrics-file "$T/metrics" "$T/rec"
	wait_for "$T/metrics" '^ws_replay_lines_total 0'
	wait_for replay.out '{}'
	stop replay
	grep -qx 'ws_replay_lines_total 2' "$T/metrics"
	grep -qx 'ws_replay_bad_lines_total 1' "$T/metrics"
	grep -qx 'ws_replay_untimed_lines_total 1' "$T/metrics"
}

@test "time begins with the first line, however late it comes" {
	start_fed replay ws-replay --restamp --metrics-file "$T/metrics"
	wait_for "$T/metrics" '^ws_replay_lines_total 0' # it runs, and waits
	feed replay "$(at 00.0)" "$(at 00.3)"
	end_feed replay
	wait_end replay
	read -r a < <(gaps "$T/replay.out")
	echo "$a"
	[ "$a" -ge 298 ]
}

@test "it ends as a filter does when its reader goes away, also while it waits" {
	at 00.0 > "$T/rec"
	at 59.0 >> "$T/rec"
	mkfifo "$T/pipe"
	ws-replay "$T/rec" > "$T/pipe" 3>&- &
	PID[replay]=$!
	head -n 1 < "$T/pipe" > "$T/first"
	wait_end replay
	[ "$status" -eq 141 ]
	[ "$(cat "$T/first")" = "$(head -n 1 "$T/rec")" ]
}

@test "a full disk is an error" {
	at 00.0 > "$T/rec"
	run -6 bash -c 'ws-replay "$1" > /dev/full' - "$T/rec"
	[ "$output" = "ws-replay: cannot write standard output: No space left on device" ]
}

@test "a file that is not there is named" {
	run -6 ws-replay "$T/none"
	[ "$output" = "ws-replay: cannot open $T/none: No such file or directory" ]
}

@test "a wrong speed, time or order of times is a usage error" {
	for speed in 0 0x10 1e3 -1 " 2x" 2xx; do run -2 ws-replay --speed "$speed"; done
	run -2 ws-replay --speed fast
	[ "$output" = "ws-replay: --speed: not a factor such as 2x or 0.5x (0.001 to 1000000), or max: fast; see ws-replay --help" ]
	run -2 ws-replay --from yesterday
	run -2 ws-replay --from 5s --to 5s
	run -2 ws-replay - -
}
