#!/usr/bin/env bats
# What wsutils(7) says under LIFE AND DEATH and holds for every tool.
load lib/common
load lib/rabbit

setup() {
	printf '**\n\t.\n' > "$T/routes"
	export K=0123456789abcdef0123456789abcdef
}

# Each filter, with the options that it cannot do without.
filters() {
	printf '%s\n' "ws-route $T/routes" 'jwt-check --key-env K' 'ws-replay' 'amqp-pub --dry-run -q q'
}

@test "a closed standard input is an empty one" {
	while read -r filter; do
		echo "$filter"
		run -0 --separate-stderr bash -c "timeout 20 $filter <&-"
		[ "$output" = "" ]
	done < <(filters)
}

@test "a closed standard output is exit code 6, and is told" {
	while read -r filter; do
		echo "$filter"
		run -6 --separate-stderr bash -c "echo '{\"data\":1,\"token\":\"a\"}' | timeout 20 $filter >&-"
		[ "${stderr_lines[-1]}" = "${filter%% *}: cannot write standard output: Bad file descriptor" ]
	done < <(filters)
	run -6 --separate-stderr bash -c "jwt-sign --key-env K >&-"
	[ "$stderr" = "jwt-sign: cannot write standard output: Bad file descriptor" ]
}

@test "a tap whose standard output is closed takes nothing" {
	requires_rabbitmq
	declare_queue q
	publish_numbers q 1 3
	run -6 --separate-stderr bash -c "timeout 20 amqp-tap -q q -n 3 >&-"
	[ "$stderr" = "amqp-tap: cannot write standard output: Bad file descriptor" ]
	[ "$(queue_count q)" = 3 ]
}

@test "a publisher whose standard output is closed acknowledges nothing, and says so" {
	requires_rabbitmq
	declare_queue q
	run -6 --separate-stderr bash -c "echo '{\"tag\":1,\"data\":1}' | timeout 20 amqp-pub --acks -q q >&-"
	[ "$stderr" = "amqp-pub: cannot write standard output: Bad file descriptor" ]
	run -0 --separate-stderr bash -c "timeout 20 amqp-pub -q q <&-"
	[ "$(queue_count q)" = 0 ]
}

# on_terminal SHELL-COMMANDS: run with a controlling terminal, which is stdin and stdout
# too; the shell's pid, which `exec` keeps, is in $T/pid. end_feed term hangs up.
on_terminal() {
	rm -f "$T/term.in" "$T/pid"
	start_fed term script -qec "echo \$\$ > '$T/pid'; $1" /dev/null
	wait_for "$T/pid" .
}

# signal_is SigIgn|SigCgt NUMBER: the program of on_terminal ignores or catches it.
signal_is() {
	local mask
	mask=$(sed -n "s/^$1:\t//p" "/proc/$(cat "$T/pid")/status")
	((0x$mask >> ($2 - 1) & 1))
}
not_caught() { ! signal_is SigCgt "$1"; }

@test "what is typed at a terminal is not waited for after Ctrl-C" {
	requires_rabbitmq
	declare_queue q
	start server ws-serve --control "$T/sock" 0
	wait_for server.out listen
	{ filters; echo 'amqp-pub -v -q q'; echo "ws-ctl $T/sock"; } > "$T/tools"
	while read -r -u 8 tool; do
		echo "$tool"
		on_terminal "exec $tool --drain 0"
		retry signal_is SigCgt 2
		kill -INT "$(cat "$T/pid")"
		wait_end term
		[ "$status" = 0 ]
		end_feed term
	done 8< "$T/tools"
}

@test "under nohup a hang-up of the terminal ends nothing" {
	local fd
	mkfifo "$T/in"
	on_terminal "trap '' HUP; exec ws-route --drain 1ms '$T/routes' < '$T/in' > '$T/out'"
	exec {fd}> "$T/in"
	echo '{"event":"one"}' >&$fd
	wait_for "$T/out" one
	signal_is SigIgn 1
	kill -HUP "$(cat "$T/pid")"
	echo '{"event":"two"}' >&$fd
	wait_for "$T/out" two
	exec {fd}>&-
	wait_end term
	[ "$status" = 0 ]
}

@test "ws-serve under nohup stays when the terminal goes" {
	on_terminal "trap '' HUP; exec ws-serve 0 < /dev/null > '$T/out'"
	wait_for "$T/out" listen
	signal_is SigIgn 1
	kill -TERM "$(cat "$T/pid")"
	wait_end term
	[ "$status" = 0 ]
}

@test "a second hang-up ends at once, by that signal" {
	local fd
	mkfifo "$T/in"
	on_terminal "exec ws-route --drain 0 '$T/routes' < '$T/in' > '$T/out'"
	exec {fd}> "$T/in"
	echo '{"event":"one"}' >&$fd
	wait_for "$T/out" one
	kill -HUP "$(cat "$T/pid")"
	retry not_caught 1
	kill -HUP "$(cat "$T/pid")"
	wait_end term
	exec {fd}>&-
	[ "$status" = 129 ]
}
