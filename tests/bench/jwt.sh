#!/bin/bash
# Checking tokens beside bare OpenSSL and libjwt, in one process, and through the tools.
set -eu
cd "$(dirname "$0")/../.."
BIN=${BIN:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make -s B="$BIN" "$BIN/libwsutils.a" "$BIN/jwt-check" "$BIN/jwt-sign"
"${CC:-cc}" -std=c11 -O2 -D_GNU_SOURCE -Ilib -o "$work/jwt" tests/bench/jwt.c "$BIN/libwsutils.a" \
	-ljwt -ljansson -lcrypto -lm
"$work/jwt"

ms() { # COMMAND...: how long it takes
	local begin
	begin=$(date +%s%N)
	"$@"
	echo $((($(date +%s%N) - begin) / 1000000))
}
sign() { "$BIN/jwt-sign" --key-file "$work/secret" --sub 'user-%d' --exp 1h --count "$1" > "$work/tokens"; }
check() { "$BIN/jwt-check" --key-file "$work/secret" < "$work/tokens" > /dev/null; }

echo 0123456789abcdef0123456789abcdef > "$work/secret"
echo "jwt-sign: 10000 HS256 tokens in $(ms sign 10000) ms"
sign 200000
took=$(ms check)
echo "jwt-check: 200000 HS256 lines in $took ms, $((200000 * 1000 / (took + 1)))/s with reading and writing"
