# ws-serve for long, with slow clients, storms and signals.

load ../lib/common
load ../lib/serve
load ../lib/http
load ../lib/soak

export BATS_TEST_TIMEOUT=900
setup() { ulimit -n "$(ulimit -Hn)"; }

@test "SIGHUP a hundred times under load: nobody is lost, no message is, memory stays flat" {
	auth_script
	rooms_file 'broadcast auto' '**'
	certificate
	mkfifo "$T/in"
	HEAP=$T setsid env LD_PRELOAD="$BIN/tests/heap.so" ws-serve -v --auth "$AUTH" --rooms "$T/rooms" \
		--cert "$T/cert" --key "$T/key" --message-rate 0 0 < "$T/in" > "$T/serve.out" 2> "$T/serve.err" 3>&- &
	PID[serve]=$!
	exec 8> "$T/in"
	sees '"event":"listen"'
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$T/serve.out")
	seq -f 'u%g' 200 > "$T/tokens"
	bench load -k -c 200 --tokens "$T/tokens" --feed "$T/in" -r 200 -d 20s --linger 20s
	sees '"event":"join"' 200
	for i in $(seq 100); do
		kill -s HUP "${PID[serve]}"
		wait_for serve.err 'reloaded|reload failed' "$i"
		# Somebody comes in after each, with the new authenticator and certificate.
		if ((i % 10 == 0)); then
			client "new$i" "$URL" "Authorization: Bearer new$i"
			hears "new$i" established
			stop "new$i"
		fi
		[ "$i" != 10 ] || { blocks=$(heap blocks) first=$(memory); }
	done
	echo "# after 10 reloads  $first" >&3
	echo "# after 100 reloads $(memory)" >&3
	[ $(($(heap blocks) - blocks)) -le 50 ]
	DEADLINE=60 wait_end load
	exec 8>&-
	echo "# $(jq -c '{sent, delivered}' "$T/load.out")" >&3
	run -0 jq -c '[.opened, .failed, .dropped, .lost, .duplicated, .reordered]' "$T/load.out"
	[ "$output" = '[200,0,0,0,0,0]' ]
	[ "$(grep -c ': reloaded' "$T/serve.err")" -eq 100 ]
	wait_end serve
	[ "$status" -eq 0 ]
}

# stopped OPTION...: a server whose stdout nobody reads for now, in descriptor 7; its
# commands go to 8.
stopped() {
	mkfifo "$T/out" "$T/in"
	exec 7<>"$T/out" 8<>"$T/in"
	HEAP=$T LD_PRELOAD=$BIN/tests/heap.so ws-serve --message-rate 0 "$@" 0 \
		< "$T/in" > "$T/out" 2> "$T/serve.err" 3>&- 7>&- 8>&- &
	PID[serve]=$!
	read -r -u 7 listen
	URL=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' <<< "$listen")
	PORT=${URL##*:}
	PORT=${PORT%%/*}
	client quiet
	# All first: while stdout is full nobody is let in.
	for i in 1 2 3 4 5 6 7 8; do client "t$i"; done
	for i in 1 2 3 4 5 6 7 8; do
		# Beside us: they stop when the server does not read on.
		(
			seq -f '{"type":"x","from":'$i',"n":%.0f,"pad":"01234567890123456789"}' 10000
			echo '{"type":"ping"}'
		) >&"${FEED[t$i]}" 3>&- &
		PID[talk$i]=$!
	done
}

# meanwhile: for LONG seconds those go on who say nothing that becomes an event.
meanwhile() {
	local end=$((SECONDS + LONG)) n=0
	while ((SECONDS < end)); do
		n=$((n + 1))
		echo "{\"all\":true,\"data\":$n}" >&8
		hears quiet "^$n\$"
		say quiet '{"type":"ping"}'
		hears quiet pong "$n"
	done
	echo "# $n rounds meanwhile, $(memory)" >&3
}

read_on() {
	cat <&7 > "$T/serve.out" 7<&- 8>&- 3>&- &
	PID[cat]=$!
	for i in 1 2 3 4 5 6 7 8; do DEADLINE=60 hears "t$i" pong; done
}

@test "stdout is stopped for a minute, clients talk: nothing is lost, others go on" {
	stopped --max-rooms 10 --ping-interval 1s --ping-timeout 1s
	retry full
	meanwhile
	full
	# Nor has much been kept in memory instead.
	[ "$(heap peak)" -lt $((4 << 20)) ]
	read_on
	sees '"event":"message"' 80000
	for i in 1 2 3 4 5 6 7 8; do
		jq -r 'select(.event == "message" and .data.from == '$i').data.n' "$T/serve.out" | cmp - <(seq 10000)
	done
	run ! grep -q '"event":"close"' "$T/serve.out"
	client late
	hears late established
	kill -s TERM "${PID[serve]}"
	exec 8>&- 7>&-
	wait_end serve
	[ "$status" -eq 0 ]
}
# Newcomers are told to come again.
full() { [ "$(code_of upgrade)" = 503 ]; }

@test "stdout is stopped for a minute with --stdout drop: what is lost is counted, others go on" {
	stopped --stdout drop
	for i in 1 2 3 4 5 6 7 8; do DEADLINE=60 hears "t$i" pong; done
	meanwhile
	[ "$(heap peak)" -lt $((4 << 20)) ]
	read_on
	# Something that is written brings the count.
	say quiet '{"type":"last"}'
	sees '"type":"last"'
	got=$(jq -s 'map(select(.event == "message" and .data.type == "x")) | length' "$T/serve.out")
	gone=$(jq -s 'map(select(.event == "gap").dropped) | add' "$T/serve.out")
	echo "# $got written, $gone dropped" >&3
	[ $((got + gone)) -eq 80000 ]
	[ "$gone" -gt 0 ]
	kill -s TERM "${PID[serve]}"
	exec 8>&- 7>&-
	wait_end serve
	[ "$status" -eq 0 ]
}

@test "a storm: 1,000 connections come back ten times over" {
	serve_counted --events listen --message-rate 0
	bench load -c 1000 --storm 2s --idle -d 20s
	DEADLINE=90 wait_end load
	run -0 jq -c '[.failed]' "$T/load.out"
	[ "$output" = '[0]' ]
	retry has_descriptors 40
	stop serve
	[ "$status" -eq 0 ]
}
