#!/usr/bin/env bats
# ws-connect against a server that breaks the protocol: it ends with a reason and exit
# code 4 or 5, answers with the right close code, never hangs, never crashes.
#
# shellcheck disable=SC2154 # status, output and stderr are set by run
load lib/common
load fixtures/ws-connect/peer

# ends_with CODE REASON CLOSE CASE [OPTIONS...]: exit code, a part of the reason, what the
# server saw ("close 1002", "end"; "" is any).
ends_with() {
	local code=$1 reason=$2 close=$3 case=$4
	shift 4
	run --separate-stderr timeout 20 ws-connect "$@" "$WS/$case" < /dev/null
	echo "$case: exit $status: $stderr"
	[ "$status" = "$code" ] && [ "${#stderr_lines[@]}" = 1 ] && [[ $stderr == *"$reason"* ]] &&
		wait_for rude.out "^$case ${close:-.}"
}

@test "frames that RFC 6455 forbids are answered with 1002" {
	rude
	while read -r case reason; do
		ends_with 5 "protocol error: $reason" 'close 1002$' "$case" || return 1
	done <<- 'EOF2'
		masked frame is masked
		masked-ping frame is masked
		rsv1 reserved bits are set
		rsv2 reserved bits are set
		rsv3 reserved bits are set
		rsv-on-ping reserved bits are set
		opcode-3 reserved opcode
		opcode-7 reserved opcode
		opcode-11 reserved opcode
		opcode-15 reserved opcode
		long-ping long control frame
		long-pong long control frame
		long-close long control frame
		fragmented-ping fragmented control frame
		fragmented-close fragmented control frame
		length-16-not-minimal frame length is not in its shortest form
		length-64-not-minimal frame length is not in its shortest form
		length-top-bit frame length has its top bit set
		continuation-first a continuation of no message
		text-within-message a new message within a fragmented one
		binary-within-message a new message within a fragmented one
		continuation-after-end a continuation of no message
	EOF2
}

@test "malformed Close frames are answered with 1002" {
	rude
	for case in 1-byte 999 1004 1005 1006 1015 2999 5000 reason-not-utf8; do
		ends_with 5 'protocol error: a malformed Close frame' 'close 1002$' "close-$case" || return 1
	done
}

@test "text that is not UTF-8 is answered with 1007 and not written" {
	rude
	for case in bad-byte overlong surrogate too-high cut-off cut-off-fragmented bad-over-fragments; do
		ends_with 5 'protocol error: a text that is not UTF-8' 'close 1007$' "utf8-$case" || return 1
		[ -z "$output" ]
	done
}

@test "a message that is announced too long is answered with 1009, before it comes" {
	rude
	ends_with 5 'a message longer than --max-message' 'close 1009$' length-huge
}

@test "what cannot be inflated ends the connection" {
	rude
	ends_with 5 'that cannot be inflated' '' deflate-garbage --deflate
	ends_with 5 'reserved bits are set' 'close 1002$' deflate-on-continuation --deflate
}

@test "a small frame that inflates to 64 MiB is refused" {
	rude
	ends_with 5 'a message longer than --max-message' 'close 1009$' deflate-bomb --deflate
}

@test "handshakes that RFC 6455 forbids are refused" {
	rude
	while read -r case reason; do
		ends_with 5 "$reason" end "$case" || return 1
	done <<- 'EOF2'
		wrong-accept the server's handshake has a wrong Sec-WebSocket-Accept
		no-accept the server's handshake has no Sec-WebSocket-Accept header
		two-accepts the server's handshake has a wrong Sec-WebSocket-Accept
		no-upgrade the server's handshake has no Upgrade header
		wrong-upgrade the server's handshake has an Upgrade that is not websocket
		no-connection the server's handshake has no Connection: Upgrade
		subprotocol-not-asked-for the server's handshake has a subprotocol that was not asked for
		extension-not-offered the server's handshake has an extension that was not offered
		status-200 refused with HTTP status 200 OK
		http-2 the server sent no HTTP/1.1 reply
		folded-header the server sent a malformed header line
		bare-line-feeds the server sent a malformed header line
		nul-in-header the server sent a malformed header line
		not-http the server sent no HTTP/1.1 reply
		garbage the server sent no HTTP/1.1 reply
		endless-header the server sent a head of more than 64 KiB
	EOF2
}

@test "extensions that were not offered are refused" {
	rude
	ends_with 5 'an extension that was not offered' end unknown-extension --deflate
	ends_with 5 'a parameter of permessage-deflate that was not offered' end deflate-bad-parameter --deflate
}

@test "a connection that just ends is worth retrying: exit code 4" {
	rude
	ends_with 4 'closed the connection during the handshake' end end-at-once
	ends_with 4 'closed the connection during the handshake' end end-in-handshake
	ends_with 4 'the connection was closed without a closing handshake' end end-without-close
	ends_with 4 'the connection was closed without a closing handshake' end cut-off-frame
}

@test "a server that never answers the handshake is given up" {
	rude
	ends_with 4 'timed out' end never-answers --connect-timeout 300ms
}
