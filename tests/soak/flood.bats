# Members that never read, and as much for them as there can be.

load ../lib/common
load ../lib/serve
load ../lib/soak

export BATS_TEST_TIMEOUT=900

setup() { ulimit -n "$(ulimit -Hn)"; }

# flood MEMBERS OPTION...: LONG seconds of messages, of which the last 100 members never read
# a byte and none of the others may miss one.
flood() {
	local members=$1
	shift
	bench load -c "$members" --slow 100 --feed "/proc/$$/fd/${FEED[serve]}" -d "${LONG}s" \
		--linger 20s --timeout 1m "$@"
	DEADLINE=$((LONG + 120)) wait_end load
	[ "$status" -eq 0 ]
	echo "# $(jq -c '{sent, delivered, lost, p50: .delivery.p50, p99: .delivery.p99}' "$T/load.out")" >&3
	run -0 jq -c '[.opened, .failed, .dropped, .lost, .duplicated, .reordered]' "$T/load.out"
	[ "$output" = "[$members,0,0,0,0,0]" ]
}

# within KB: the heap never had more than the connections, these queues, and what the
# messages of a turn need; nor was more resident, but for what is no heap.
within() {
	local most=$((1000 * 4 + $1 + 4096))
	echo "# at most $(($(heap peak) >> 10)) kB on the heap, $(highest) kB resident; bound $most kB" >&3
	[ "$(heap peak)" -le $((most << 10)) ]
	sanitized || [ "$(highest)" -le $((most + 16384)) ]
}

queues=(--client-queue 256k --queue-total 16M)

ends() { # CODE COUNT
	[ "$(grep -c '"event":"close".*"code":'"$1" "$T/serve.out")" -eq "$2" ]
}

@test "1,000 members of a room of which 100 never read, closed: the others lose nothing" {
	serve_counted --events listen,close --message-rate 0 "${queues[@]}" --slow close
	flood 1000 --size 4k -r max
	within 16384
	ends 4013 100
	stop serve
	[ "$status" -eq 0 ]
}

@test "1,000 members of a room of which 100 never read, dropped for: the others lose nothing" {
	# Without pings, or those who never read would not stay.
	serve_counted --events listen,close --message-rate 0 "${queues[@]}" --slow drop --ping-interval 0
	flood 1000 --size 4k -r max
	within 16384
	ends 4013 0
	[ "$(stat_of dropped)" -gt 1000 ]
	[ "$(jq -s 'map(select(.event == "close" and .code != 1000)) | length' "$T/serve.out")" -eq 100 ]
	stop serve
	[ "$status" -eq 0 ]
}

@test "1,000 members of a room of which 100 never read, waited for: the others lose nothing" {
	serve_counted --events listen,close --message-rate 0 "${queues[@]}" --slow block:2s
	flood 1000 --size 4k -r max
	within 16384
	ends 4013 100
	[ "$(stat_of held)" -gt 0 ]
	stop serve
	[ "$status" -eq 0 ]
}

# Of one room all queues share the messages; of many each has its own.
@test "the same with a room and messages for each, closed: queues share nothing, keep their bound" {
	serve_counted --events listen,close --message-rate 0 "${queues[@]}" --slow close
	flood 300 --rooms 300 --size 32k -r 6000
	within 16384
	ends 4013 100
	stop serve
	[ "$status" -eq 0 ]
}

@test "the same with a room and messages for each, dropped: queues share nothing, keep their bound" {
	serve_counted --events listen,close --message-rate 0 "${queues[@]}" --slow drop --ping-interval 0
	flood 300 --rooms 300 --size 32k -r 6000
	within 16384
	[ "$(stat_of dropped)" -gt 1000 ]
	ends 4013 0
	stop serve
	[ "$status" -eq 0 ]
}

@test "the same with a room and messages for each, waited for: queues share nothing, keep their bound" {
	serve_counted --events listen,close --message-rate 0 "${queues[@]}" --slow block:2s
	flood 300 --rooms 300 --size 32k -r 6000
	within 16384
	ends 4013 100
	[ "$(stat_of held)" -gt 0 ]
	stop serve
	[ "$status" -eq 0 ]
}
