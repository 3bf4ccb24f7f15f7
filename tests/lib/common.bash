# common.bash - what every test file loads:  load lib/common
#
# shellcheck disable=SC2034 # status, URL and PORT are for the tests
#
# The built programs come first in PATH; $T is the test's own folder. Background
# programs are started with `start` and ended by teardown; their stdout and stderr are
# $T/NAME.out and $T/NAME.err. Nothing sleeps: wait_for waits for a line, with a deadline.

bats_require_minimum_version 1.5.0
ROOT=${BATS_TEST_DIRNAME%/tests*}
BIN=${BIN:-$ROOT/build}
case $BIN in /*) ;; *) BIN=$ROOT/$BIN ;; esac
PATH=$BIN:$PATH
# RETRIES: how often a test that failed is tried again, 0 unless set. CI sets it, since a
# busy machine may miss a deadline; what was tried again is told.
BATS_TEST_RETRIES=${RETRIES:-0}
if ((${BATS_TEST_TRY_NUMBER:-1} > 1)); then
	echo "# tried again: the test that is told of next" >&3
fi
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-120}
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:exitcode=99} UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
T=$BATS_TEST_TMPDIR
DEADLINE=${DEADLINE:-20} # seconds that wait_for and retry wait at most

declare -gA PID=() FEED=() # -g: bats loads this file in a function

# start NAME COMMAND...: run in the background, stdin /dev/null.
start() {
	local name=$1
	shift
	(close_feeds; exec "$@") < /dev/null > "$T/$name.out" 2> "$T/$name.err" 3>&- &
	PID[$name]=$!
}

# start_fed NAME COMMAND...: the same with a pipe as stdin; `feed` writes to it,
# `end_feed` closes it.
start_fed() {
	local name=$1 fd
	shift
	mkfifo "$T/$name.in"
	(close_feeds; exec "$@") < "$T/$name.in" > "$T/$name.out" 2> "$T/$name.err" 3>&- &
	PID[$name]=$!
	exec {fd}> "$T/$name.in"
	FEED[$name]=$fd
}

# feed NAME LINE...: write lines to the stdin of a program started with start_fed.
feed() {
	local name=$1
	shift
	printf '%s\n' "$@" >&"${FEED[$name]}"
}

end_feed() {
	local fd=${FEED[$1]}
	unset "FEED[$1]"
	exec {fd}>&-
}

# A pipe's end is seen only when no child holds it open.
close_feeds() {
	local fd
	for fd in "${FEED[@]}"; do exec {fd}>&-; done
}

# retry COMMAND...: until it succeeds, DEADLINE seconds at most.
retry() {
	local end=$((SECONDS + DEADLINE))
	until "$@"; do
		if ((SECONDS >= end)); then
			echo "gave up after $DEADLINE s: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

# wait_for NAME.out|NAME.err|FILE PATTERN [COUNT]: until that many lines match (grep -E).
wait_for() {
	local file=$1 pattern=$2 want=${3:-1}
	[[ $file == /* ]] || file=$T/$file
	if ! retry has_lines "$file" "$pattern" "$want"; then
		echo "no $want lines like $pattern in $file:" >&2
		tail -n 30 "$file" >&2
		return 1
	fi
}

has_lines() { # FILE PATTERN COUNT
	local n
	n=$(grep -aEc -- "$2" "$1" 2>/dev/null)
	((${n:-0} >= $3)) # no file yet: no line
}

# wait_end NAME: wait until it has ended; its exit code is in $status.
wait_end() {
	local end=$((SECONDS + DEADLINE))
	while kill -0 "${PID[$1]}" 2>/dev/null; do
		if ((SECONDS >= end)); then
			echo "$1 did not end within $DEADLINE s" >&2
			return 1
		fi
		sleep 0.02
	done
	status=0
	wait "${PID[$1]}" || status=$?
	unset "PID[$1]"
}

# stop NAME [SIGNAL]: signal it (TERM) and wait for its end.
stop() {
	kill -s "${2:-TERM}" "${PID[$1]}"
	wait_end "$1"
}

# Kill what still runs, and show what it said when the test failed.
common_teardown() {
	local name
	for name in "${!PID[@]}"; do
		kill -s KILL "${PID[$name]}" 2>/dev/null || true
		wait "${PID[$name]}" 2>/dev/null || true
	done
	if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then
		for name in "$T"/*.err; do
			[[ -s $name ]] && { echo "--- ${name##*/}"; tail -n 20 "$name"; }
		done
	fi
	return 0
}
teardown() { common_teardown; }

# serve [OPTIONS...]: a ws-serve named "serve" on a free port of 127.0.0.1; $URL is its
# WebSocket URL, $PORT its port. Its commands: feed serve '{"to":…}'. SERVE_UNDER: a
# command that starts it.
serve() {
	# shellcheck disable=SC2086 # a command and its arguments
	start_fed serve ${SERVE_UNDER:-} ws-serve "$@" 0
	wait_for serve.out '"event":"listen"'
	URL=$(sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$T/serve.out" | head -n 1)
	PORT=${URL##*:}
	PORT=${PORT%%/*}
}

# free_port: a TCP port that is free now (for programs that cannot take port 0).
free_port() {
	/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
