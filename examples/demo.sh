#!/bin/bash
# demo.sh - the gateway of examples/gateway.sh without a broker: a recording of payment,
# auth and admin events is replayed at its own pace, routed, and served to a user and an
# admin, who show what each of them gets. Runs until Ctrl-C; DEMO_SECONDS=N ends it after
# N seconds with exit code 0. DEMO_PORT fixes the port, DEMO_SPEED the pace (2x).
set -um # each job gets a process group of its own, so that all of it can be ended

here=$(cd "$(dirname "$0")" && pwd)
PATH=${BIN:-$here/../build}:$PATH
dir=$(mktemp -d) || exit 6
jobs=()

finish() {
	trap - INT TERM EXIT
	for group in "${jobs[@]}"; do kill -TERM -- "-$group" 2>/dev/null; done
	{ wait; } 2> /dev/null # without "Terminated" for each job
	rm -rf "$dir"
	exit "${1:-0}"
}
trap finish INT TERM HUP
trap 'finish $?' EXIT

# The tokens' secret lives as long as the demo.
head -c 32 /dev/urandom | base64 > "$dir/secret"
token() { jwt-sign --key-file "$dir/secret" --sub "$1" --claim "role=$2" --exp 12h; }
token u1 USER > "$dir/user.jwt" || exit
token boss ADMIN > "$dir/admin.jwt" || exit

# The gateway. It starts feeding when both clients are there.
{
	until [[ -e $dir/go ]]; do
		[[ -d $dir ]] || exit
		sleep 0.05
	done
	exec ws-replay --loop --speed "${DEMO_SPEED:-2x}" "$here/payments.ndjson"
} | ws-route "$here/gateway.routes" |
	ws-serve --auth "jwt-check --key-file '$dir/secret'" --rooms "$here/gateway.rooms" \
		--static "$here/browser" --drain 1s "${DEMO_PORT:-0}" > "$dir/events" &
jobs+=("$(jobs -p %%)")

# Wait until `lines` of the events match, or the gateway has ended.
await() { # PATTERN LINES
	until (($(grep -c "$1" "$dir/events") >= $2)); do
		kill -0 -- "-${jobs[0]}" 2>/dev/null || exit 6
		sleep 0.05
	done
}
await '"event":"listen"' 1
url=$(sed -n 's/.*"event":"listen".*"url":"\([^"]*\)".*/\1/p' "$dir/events")

show() { # LABEL COLOUR TOKEN-FILE
	local on='' off=''
	if [[ -t 1 ]]; then on=$'\e['$2m off=$'\e[0m'; fi
	ws-connect --token-file "$3" "$url" < /dev/null | sed -u "s/^/$on$1$off  /" &
	jobs+=("$(jobs -p %%)")
}
show 'user u1   ' 36 "$dir/user.jwt"
show 'admin boss' 35 "$dir/admin.jwt"
await '"event":"open"' 2

http=${url/ws:/http:}
cat << END
The gateway listens on $url. Open in a browser:

  ${http%/ws}/#token=$(< "$dir/user.jwt")

or connect with a client of your own:

  build/ws-connect '$url?token=$(< "$dir/user.jwt")'

END
touch "$dir/go"
if [[ -n ${DEMO_SECONDS:-} ]]; then
	sleep "$DEMO_SECONDS" &
	wait $!
	exit 0
fi
echo 'Ctrl-C ends it.'
wait
