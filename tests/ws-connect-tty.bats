#!/usr/bin/env bats
# ws-connect on a terminal: editing, history, commands; and none of it in a pipe.
#
# shellcheck disable=SC2154 # status, output and stderr are set by run
load lib/common
load fixtures/ws-connect/peer

export LC_ALL=C.UTF-8 NO_COLOR=1

# on_terminal ARGS...: ws-connect on a terminal, with the steps from standard input.
on_terminal() {
	"$FIXTURES/terminal.py" ws-connect "$@"
}

@test "terminal: a line that is typed is sent, and both sides are shown with time and direction" {
	peer
	run -0 on_terminal "$WS/echo" <<- 'EOF2'
		wait connected
		type {"a":1}\r
		wait < {"a":1}
		screen
		type \x04
		end
	EOF2
	[[ $output == *$'\nTIME > {"a":1}\nTIME < {"a":1}\n>'* ]] || false
	[ "${lines[-1]}" = "exit 0" ]
	got '"close":1000'
}

@test "terminal: what comes does not tear what is being typed" {
	serve
	start_fed feeder cat
	{
		printf 'wait connected\ntype half a \nwait half a\n'
		printf 'type line\\x1b[D\\x1b[D\n'
		printf 'wait n":3\nscreen\nrow\ntype \\r\nwait > half a line\nscreen\ntype \\x04\nend\n'
	} > "$T/steps"
	start terminal bash -c "exec '$FIXTURES/terminal.py' ws-connect '$URL' < '$T/steps'"
	wait_for serve.out '"event":"open"'
	feed serve '{"all":true,"data":{"n":1}}' '{"all":true,"data":{"n":2}}' '{"all":true,"data":{"n":3}}'
	wait_end terminal
	[ "$status" = 0 ]
	for n in 1 2 3; do grep -qx "TIME < {\"n\":$n}" "$T/terminal.out"; done
	grep -qx '> half a li|ne' "$T/terminal.out"
	grep -qx 'TIME > half a line' "$T/terminal.out"
	[ "$(grep -c '> half a line' "$T/terminal.out")" = 2 ]
}

@test "terminal: a line of several rows is put aside whole, and comes back whole" {
	peer
	long=$(printf 'abcdefghi-%.0s' {1..10})
	run -0 on_terminal "$WS/echo" <<- EOF2
		wait connected
		type /ping\\r$long
		wait pong after
		screen
		type \\r
		wait <
		screen
		type \\x04
		end
	EOF2
	flat=$(tr -d '\n' <<< "$output")
	[[ $flat == *"> ${long}"*"TIME > $long"*"TIME < \"$long\">exit 0" ]] || false
}

@test "terminal: the line before comes back with the up key" {
	peer
	run -0 on_terminal "$WS/echo" <<- 'EOF2'
		wait connected
		type one\r
		wait < "one"
		type \x1b[A\x7f\x7fff\r
		wait < "off"
		type \x04
		end
	EOF2
	grep -qF '{"message":"off"}' "$T/peer.out"
}

@test "terminal: /ping, /help, // and commands that do not exist" {
	peer
	run -0 on_terminal "$WS/echo" <<- 'EOF2'
		wait connected
		type /ping\r
		wait \* pong after [0-9.]+ ms
		type /help\r
		wait Control-D
		type //slash\r
		wait < "/slash"
		type /nonsense\r
		wait no such command: /nonsense
		type \x04
		end
	EOF2
	got '"ping":true'
	grep -qF '{"message":"/slash"}' "$T/peer.out"
}

@test "terminal: /close sends code and reason" {
	peer
	run -0 on_terminal "$WS/echo" <<- 'EOF2'
		wait connected
		type /close 999\r
		wait neither 1000 nor
		type /close 4002 see you\r
		end
	EOF2
	got '{"close":4002,"reason":"see you"}'
}

@test "terminal: Control-C ends with a closing handshake and exit code 0" {
	peer
	run -0 on_terminal "$WS/echo" <<- 'EOF2'
		wait connected
		type abc\x03
		end
	EOF2
	[ "${lines[-1]}" = "exit 0" ]
	got '"close":1000'
}

@test "terminal: what the server sends cannot control the terminal" {
	peer
	run -0 on_terminal "$WS/echo" <<- 'EOF2'
		wait connected
		type a\x16\x1b[2Jb\x16\x9bz\r
		wait <
		screen
		type \x04
		end
	EOF2
	[[ $output == *'< "a\u001b[2Jb'* ]] || false
}

@test "terminal: messages on standard error do not tear the line either" {
	port=$(free_port)
	run -0 on_terminal --reconnect=forever --reconnect-delay 200ms "ws://127.0.0.1:$port/" <<- 'EOF2'
		type typed
		wait Connection refused
		row
		type \x15\x04
		end
	EOF2
	grep -qxF '> typed|' <<< "$output"
}

@test "terminal: a shutdown of the server is shown, and ends it with its exit code" {
	peer
	run -0 on_terminal "$WS/close/1001/restart" <<- 'EOF2'
		wait connected
		type x\r
		end
		screen
	EOF2
	[[ $(tr -d '\n' <<< "$output") == *"closed with code 1001 (going away): restart"* ]] || false
	grep -qx 'exit 4' <<< "$output"
}

@test "with --records a terminal is used as a pipe is" {
	peer
	run -0 on_terminal -j -n 1 "$WS/count/1" <<- 'EOF2'
		end
		screen
	EOF2
	[[ $(tr -d '\n' <<< "$output") == *'{"event":"message",'*'"data":{"n":1}}'* ]] || false
	[[ $output != *'>'* ]] || false
}

@test "in a pipe nothing of the terminal is written" {
	peer
	TERM=xterm run -0 --separate-stderr ws-connect -n 1 "$WS/echo" <<< /ping
	[ "$output" = '"/ping"' ]
	[ -z "$stderr" ]
}
