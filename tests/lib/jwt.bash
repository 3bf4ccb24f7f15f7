# jwt.bash - keys and hand-made tokens:  load lib/jwt
#
# Keys are made once a file, in $K: secret.txt (a secret of 32 bytes), rsa, rsa2, ec256,
# ec384, ec521 and ed, each as NAME.pem (private) and NAME.pub.

K=$BATS_FILE_TMPDIR
SECRET=0123456789abcdef0123456789abcdef
NOW=1800000000 # the tests' time of day, for --now

jwt_keys() {
	local name
	echo "$SECRET" > "$K/secret.txt"
	for name in rsa rsa2; do
		openssl genrsa -out "$K/$name.pem" 2048 2> /dev/null
	done
	for name in ec256:P-256 ec384:P-384 ec521:P-521; do
		openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${name#*:}" -out "$K/${name%:*}.pem"
	done
	openssl genpkey -algorithm ed25519 -out "$K/ed.pem"
	for name in rsa rsa2 ec256 ec384 ec521 ed; do
		openssl pkey -in "$K/$name.pem" -pubout -out "$K/$name.pub"
	done
}

# b64: base64url without padding, of stdin.
b64() { basenc --base64url -w 0 | tr -d =; }

# hs256 INPUT [SECRET]: the raw HMAC.
hs256() {
	printf %s "$1" | openssl dgst -sha256 -mac HMAC \
		-macopt "hexkey:$(printf %s "${2:-$SECRET}" | basenc --base16 -w 0)" -binary
}

# mint HEADER PAYLOAD [SECRET]: a token of these bytes with a good HS256 signature,
# whatever the header says.
mint() {
	local input
	input=$(printf %s "$1" | b64).$(printf %s "$2" | b64)
	echo "$input.$(hs256 "$input" "${3:-$SECRET}" | b64)"
}

# claims PAYLOAD: the same with the usual header.
claims() { mint '{"alg":"HS256","typ":"JWT"}' "$1"; }

# jwk NAME [MEMBERS]: the public key of $K/NAME.pub as a JWK, with more members.
jwk() {
	local kty hex
	hex=$(openssl pkey -pubin -in "$K/$1.pub" -outform DER | basenc --base16 -w 0)
	case $1 in
	rsa*)
		hex=$(openssl rsa -pubin -in "$K/$1.pub" -noout -modulus)
		kty='"kty":"RSA","e":"AQAB","n":"'$(unhex "${hex#*=}")'"' ;;
	ec256) kty='"kty":"EC","crv":"P-256",'$(xy "$hex" 64) ;;
	ec384) kty='"kty":"EC","crv":"P-384",'$(xy "$hex" 96) ;;
	ec521) kty='"kty":"EC","crv":"P-521",'$(xy "$hex" 132) ;;
	ed) kty='"kty":"OKP","crv":"Ed25519","x":"'$(unhex "${hex: -64}")'"' ;;
	esac
	echo "{$kty${2:+,$2}}"
}
unhex() { printf %s "$1" | basenc -d --base16 | b64; }
xy() { # HEX-OF-KEY DIGITS-OF-A-COORDINATE
	local both=${1: -$(($2 * 2))}
	echo "\"x\":\"$(unhex "${both:0:$2}")\",\"y\":\"$(unhex "${both:$2}")\""
}

# storm_tokens COUNT: lines "USER TOKEN" for storm.py, each fourth of them bad ("- TOKEN"):
# expired, of another secret, another one's claims, unsigned or rubbish in turn.
storm_tokens() {
	local n=$(($1 / 4))
	echo another-secret-of-more-than-32-bytes > "$T/other.txt"
	jwt-sign --key-file "$K/secret.txt" --sub 'user-%d' --exp 1h --count $(($1 - n)) > "$T/good"
	jwt-sign --key-file "$K/secret.txt" --sub 'bad-%d' --exp -1s --count "$n" > "$T/expired"
	jwt-sign --key-file "$T/other.txt" --sub 'user-%d' --exp 1h --count "$n" > "$T/forged"
	awk '{ print "user-" NR, $0 }' "$T/good"
	paste "$T/good" "$T/expired" "$T/forged" | awk -v n="$n" -v none="$(printf '{"alg":"none"}' | b64)" '
		NR > n { exit }
		{
			split($1, good, ".")
			if (NR % 5 == 0) bad = $2
			else if (NR % 5 == 1) bad = $3
			else if (NR % 5 == 2) bad = good[1] "." good[2] "." last
			else if (NR % 5 == 3) bad = none "." good[2] "."
			else bad = "x" NR
			last = good[3]
			print "-", bad
		}'
}
