# http.bash - requests on a bare socket:  load lib/http
#
# ask [slowly|ending]: send the bytes on stdin to $PORT of 127.0.0.1 (or the address in
# $AT) and print the answer, see ask.py.
# shellcheck disable=SC2120 # some files need no arguments
ask() { /usr/bin/python3 "$ROOT/tests/lib/ask.py" "${AT:-127.0.0.1:$PORT}" "$@"; }

# The fields of a sound opening handshake, and all of it: upgrade [TARGET [FIELD...]]
UPGRADE=$'Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
VERSION=$'Sec-WebSocket-Version: 13\r\n'
KEY=$'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
upgrade() {
	local target=${1:-/ws}
	shift || true
	printf 'GET %s HTTP/1.1\r\n%s%s%s' "$target" "$UPGRADE" "$VERSION" "$KEY"
	[ $# -eq 0 ] || printf '%s\r\n' "$@"
	printf '\r\n'
}

# raw TEXT...: these bytes, with \r and \n as in printf.
raw() { printf '%b' "$@"; }

# code: the status of the answer on stdin, alone.
code() { sed -n '1s/^HTTP\/1\.1 \([0-9]*\) .*/\1/p'; }

# field NAME: the value of a field of the answer on stdin.
field() { sed -n '/^$/q; s/^'"$1"': //p'; }

# content: the body of the answer on stdin.
content() { sed '1,/^$/d'; }

# code_of COMMAND...: the status that this request (made by raw or upgrade) is answered
# with.
code_of() { "$@" | ask | code; }

# An address that is not loopback, of this host: the first that there is.
own_address() { hostname -I | cut -d' ' -f1; }
