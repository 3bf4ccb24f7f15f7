# soak.bash - what ws-serve holds, for the long tests:  load lib/soak
#
# LONG: seconds of a flood. The heap is counted by heap.so (heap.c); figures of it are the
# same under AddressSanitizer, where resident memory is not: its shadow and what it keeps
# aside of freed memory come on top.
# shellcheck disable=SC2034 # LONG is for the tests

LONG=${SOAK_SECONDS:-60}
export ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=1:verify_asan_link_order=0

sanitized() { ldd "$BIN/ws-serve" | grep -q libasan; }

# serve_counted OPTION...: as `serve`, with its heap counted.
serve_counted() {
	SERVE_UNDER="env HEAP=$T LD_PRELOAD=$BIN/tests/heap.so" serve "$@"
}

# heap blocks|bytes|peak: of the server's heap now, and the most bytes until now.
heap() {
	local blocks bytes peak
	read -r blocks bytes peak < <(od -An -t d8 -w24 "$T/${PID[serve]}")
	echo "${!1}"
}

# memory: both views of it, for people.
memory() {
	echo "$(rss) kB resident, $(heap blocks) blocks, $(($(heap bytes) >> 10)) kB on the heap"
}

# rss: resident memory of the server, kB; highest: the most there has been.
rss() { awk '/^VmRSS/ { print $2 }' "/proc/${PID[serve]}/status"; }
highest() { awk '/^VmHWM/ { print $2 }' "/proc/${PID[serve]}/status"; }

descriptors() { find "/proc/${PID[serve]}/fd" -type l | wc -l; }
has_descriptors() { [ "$(descriptors)" -le "$1" ]; }

# flat COMMAND...: what it leaves behind when it runs twice more is nothing: tables have
# grown the first time. It must take all its connections with it.
flat() {
	local fds blocks bytes resident
	fds=$(descriptors)
	"$@"
	DEADLINE=60 retry has_descriptors "$fds"
	blocks=$(heap blocks) bytes=$(heap bytes) resident=$(rss)
	echo "# after the first round $(memory)" >&3
	"$@"
	"$@"
	DEADLINE=60 retry has_descriptors "$fds"
	echo "# after two more        $(memory)" >&3
	# What libraries cache now and then.
	[ $(($(heap blocks) - blocks)) -le 10 ]
	[ $(($(heap bytes) - bytes)) -le 32768 ]
	sanitized || [ $(($(rss) - resident)) -le 1024 ]
}

# certificate: $T/cert and $T/key
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=x \
		-keyout "$T/key" -out "$T/cert" 2> /dev/null
}

# bench NAME OPTION...: ws-bench in the background, its report in $T/NAME.out.
bench() {
	local name=$1
	shift
	start "$name" ws-bench --json "$@" "$URL"
}

# stat_of NAME: of the server, asked on stdin.
stat_of() {
	local id=stat-$SRANDOM
	feed serve '{"get":"stats","id":"'"$id"'"}'
	wait_for serve.out "\"id\":\"$id\""
	grep "\"id\":\"$id\"" "$T/serve.out" | jq ".stats.$1"
}
