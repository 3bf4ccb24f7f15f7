load lib/common
load lib/jwt

FIX=$ROOT/tests/fixtures/jwt

setup_file() {
	jwt_keys
}

# The verdict on a token, with the shared secret.
check() {
	local token=$1
	shift
	jwt-check --key-file "$K/secret.txt" --now "$NOW" "$@" <<< "$token"
}

# refused REASON TOKEN [OPTIONS]: that is the verdict, word for word, and exit code 1.
refused() {
	local reason=$1
	shift
	run -1 --separate-stderr check "$@"
	[ "$output" = '{"ok":false,"error":"'"$reason"'"}' ] || { echo "got: $output"; return 1; }
	[ -z "$stderr" ]
}

# accepted TOKEN [OPTIONS]
accepted() {
	run -0 --separate-stderr check "$@"
	[[ $output == '{"ok":true,'* ]] || { echo "got: $output"; return 1; }
	[ -z "$stderr" ]
}

# --- verdicts ---

@test "a good token gives the user, the claims and the time it expires" {
	run -0 --separate-stderr check "$(claims '{"userId":"u1","role":"USER","exp":1800003600}')"
	[ "$output" = '{"ok":true,"user":"u1","claims":{"userId":"u1","role":"USER","exp":1800003600},"expires":1800003600}' ]
	[ -z "$stderr" ]
}

@test "claims come out byte for byte, whatever their numbers" {
	p='{"big":9007199254740993,"huge":18446744073709551616,"e":1e400,"f":0.1000,"z":-0,"s":"\u0000\/","sub":"u1"}'
	run -0 check "$(claims "$p")"
	[ "$output" = '{"ok":true,"user":"u1","claims":'"$p"'}' ]
}

@test "a record's other members come first, byte for byte, and the token never" {
	t=$(claims '{"sub":"u1"}')
	run -0 check ' { "id" : 7, "token":"'"$t"'", "n":9007199254740993, "x":{"a" : 1e400},"path":"/ws" } '
	[ "$output" = '{"id":7,"n":9007199254740993,"x":{"a" : 1e400},"path":"/ws","ok":true,"user":"u1","claims":{"sub":"u1"}}' ]
	run -1 check '{"id":8,"token":"'"$t"'x"}'
	[[ $output == '{"id":8,"ok":false,"error":'* ]]
	[[ $output != *"$t"* ]]
}

@test "members that only a verdict may have are not taken from the record" {
	run -1 check '{"id":1,"ok":true,"user":"root","claims":{"role":"ADMIN"},"expires":9,"error":"","\u006fk":true,"token":"x"}'
	[ "$output" = '{"id":1,"ok":false,"error":"not three parts"}' ]
}

@test "a record without exactly one token is refused" {
	refused "no token" '{}'
	refused "no token" '{"token":""}'
	refused "token is not a string" '{"token":null}'
	refused "token is not a string" '{"token":["x"]}'
	t=$(claims '{"sub":"u1"}')
	refused "more than one token" '{"token":"x","token":"'"$t"'"}'
	refused "more than one token" '{"token":"x","\u0074oken":"'"$t"'"}'
}

@test "an escaped token is the same token" {
	t=$(claims '{"sub":"u1"}')
	accepted '{"token":"\u0065'"${t#e}"'"}'
}

@test "the answer to a line comes at once, while the input stays open" {
	start_fed jc jwt-check --key-file "$K/secret.txt"
	feed jc '{"id":1,"token":"'"$(claims '{"sub":"u1"}')"'"}'
	wait_for jc.out '^{"id":1,"ok":true,"user":"u1",'
	feed jc '{"id":2,"token":"x"}'
	wait_for jc.out '^{"id":2,"ok":false,'
	end_feed jc
	wait_end jc
	[ "$status" = 1 ]
}

@test "a bad line is reported with its number and skipped" {
	t=$(claims '{"sub":"u1"}')
	printf '%s\n' "$t" '{"token":' '' "$t" > "$T/in"
	run -3 --separate-stderr jwt-check --key-file "$K/secret.txt" < "$T/in"
	[ "${#lines[@]}" = 2 ]
	[ "$stderr" = $'jwt-check: line 2: no value at byte 10\njwt-check: line 3: empty' ]
}

@test "a line that is too long is reported and skipped" {
	{
		head -c 3000 /dev/zero | tr '\0' x
		echo
		claims '{"sub":"u1"}'
	} > "$T/in"
	run -3 --separate-stderr jwt-check --key-file "$K/secret.txt" --max-line 2k < "$T/in"
	[ "${#lines[@]}" = 1 ]
	[ "$stderr" = "jwt-check: line 1: longer than --max-line" ]
}

@test "ten thousand tokens are all answered in their order" {
	jwt-sign --key-file "$K/secret.txt" --sub 'u%d' --count 10000 > "$T/tokens"
	jwt-check --key-file "$K/secret.txt" < "$T/tokens" > "$T/out"
	[ "$(grep -c '"ok":true' "$T/out")" = 10000 ]
	diff <(jq -r .user "$T/out") <(seq -f 'u%.0f' 10000)
}

@test "a token as argument gives its claims, or the reason and 1" {
	run -0 --separate-stderr jwt-check --key-file "$K/secret.txt" "$(claims '{"sub":"u1", "n":1e400}')"
	[ "$output" = '{"sub":"u1", "n":1e400}' ]
	[ -z "$stderr" ]
	t=$(claims '{"sub":"u1","exp":1}')
	run -1 --separate-stderr jwt-check --key-file "$K/secret.txt" "$t"
	[ -z "$output" ]
	[ "$stderr" = "jwt-check: token refused: expired" ]
}

# --- the user ---

@test "the user is userId, else sub, else nobody" {
	run -0 check "$(claims '{"userId":"u1","sub":"s1"}')"
	[[ $output == *'"user":"u1"'* ]]
	run -0 check "$(claims '{"sub":"s1"}')"
	[[ $output == *'"user":"s1"'* ]]
	run -0 check "$(claims '{"userId":null,"sub":"s1"}')"
	[[ $output == *'"user":"s1"'* ]]
	run -0 check "$(claims '{}')"
	[ "$output" = '{"ok":true,"claims":{}}' ]
}

@test "a numeric user keeps its digits" {
	run -0 check "$(claims '{"userId":9007199254740993}')"
	[ "$output" = '{"ok":true,"user":9007199254740993,"claims":{"userId":9007199254740993}}' ]
}

@test "--user-claim names the claim, by name or path, and it must be there" {
	run -0 check "$(claims '{"account":{"name":"u1"}}')" --user-claim account.name
	[[ $output == *'"user":"u1"'* ]]
	run -0 check "$(claims '{"https://a.b/user":"u2"}')" --user-claim https://a.b/user
	[[ $output == *'"user":"u2"'* ]]
	refused "no user" "$(claims '{"sub":"u1"}')" --user-claim account.name
}

@test "a user that is no plain name is refused" {
	for u in '""' true '{}' '["u1"]' 1.5 1e3 '"u1\u0000"' '"a\nb"' '"\u007f"' '"\ud800"'; do
		refused "user is not a name" "$(claims '{"userId":'"$u"'}')"
	done
}

# --- form ---

@test "anything but three parts is refused" {
	refused "not three parts" abc
	refused "not three parts" a.b
	refused "not three parts" "$(claims '{"sub":"u1"}')."
	refused "not three parts" "$(claims '{"sub":"u1"}').abcd"
}

@test "a token over 16 KiB is refused, one of 16 KiB is not" {
	big() { claims '{"sub":"u1","x":"'"$(head -c "$1" /dev/zero | tr '\0' x)"'"}'; }
	t=$(big 12208)
	[ "${#t}" = 16384 ] || { echo "it is ${#t}"; false; }
	accepted "$t"
	refused "token over 16384 bytes" "$(big 12209)"
}

@test "a token has one spelling: no padding, blanks, other alphabet or spare bits" {
	t=$(claims '{"sub":"u1~~~???"}')
	[[ $t == *[-_]* ]]
	accepted "$t"
	IFS=. read -r h p s <<< "$t"
	refused "header is not base64url" "$h=.$p.$s"
	refused "payload is not base64url; bad signature" "$h.$p=.$s"
	refused "signature is not base64url" "$h.$p.$s="
	refused "signature is not base64url" "$h.$p.$s==="
	refused "payload is not base64url; bad signature" "$h.${p:0:4} ${p:4}.$s"
	refused "signature is not base64url" "$h.$p.${s:0:4}!${s:4}"
	refused "signature is not base64url" "$h.$p.é$s"
	refused "signature is not base64url" "$h.$p.$(tr -- -_ +/ <<< "-${s:1}")"
	# The last character of 32 bytes has two bits to spare.
	refused "signature is not base64url" "$h.$p.${s%?}$(tr 'AEIMQUYcgkosw048' 'BFJNRVZdhlptx159' <<< "${s: -1}")"
}

@test "what is not one JSON object is refused" {
	for p in '' '[]' '"x"' 1 '{' '{}x' '{"a":01}' '{"a":NaN}' $'{"a":"\xff"}' '{"a":1,}' $'\xef\xbb\xbf{}'; do
		refused "payload is not a JSON object" "$(claims "$p")"
	done
	refused "header is not a JSON object" "$(mint '["HS256"]' '{"sub":"u1"}')"
	refused "header is not a JSON object" "$(mint '{"alg":"HS256"} x' '{"sub":"u1"}')"
}

@test "duplicate members are refused at every depth, however spelled" {
	refused "payload has a member twice" "$(claims '{"sub":"u1","sub":"u1"}')"
	refused "payload has a member twice" "$(claims '{"sub":"u1","s\u0075b":"admin"}')"
	refused "payload has a member twice" "$(claims '{"a":[{"b":{"c":1,"c":2}}]}')"
	refused "header has a member twice" "$(mint '{"alg":"HS256","alg":"HS256"}' '{"sub":"u1"}')"
	accepted "$(claims '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}')"
}

@test "an escaped claim name is that claim" {
	refused expired "$(claims '{"\u0065xp":1}')"
}

# --- algorithm and key ---

@test "a token without a signature is refused, whatever its algorithm" {
	t=$(claims '{"sub":"u1"}')
	refused "empty signature" "${t%.*}."
}

@test "algorithm none is refused, however it is written" {
	for a in none None NONE nOnE; do
		input=$(printf %s '{"alg":"'$a'"}' | b64).$(printf %s '{"sub":"root"}' | b64)
		refused "algorithm none; empty signature" "$input."
		refused "algorithm none" "$input.$(hs256 "$input" | b64)"
	done
}

@test "an algorithm that is not the key's is refused, also in another case" {
	for a in RS256 hs256 HS257 '' ES256 PS256 EdDSA; do
		refused "wrong algorithm" "$(mint '{"alg":"'$a'"}' '{"sub":"u1"}')"
	done
	refused "no algorithm" "$(mint '{"typ":"JWT"}' '{"sub":"u1"}')"
	refused "no algorithm" "$(mint '{"alg":256}' '{"sub":"u1"}')"
}

@test "a public key never serves as a secret" {
	for k in rsa ec256 ed; do
		# What a forger would do: HS256 with the bytes of the published key.
		for secret in "$(< "$K/$k.pub")" "$(cat "$K/$k.pub"; echo x)"; do
			t=$(mint '{"alg":"HS256"}' '{"sub":"root"}' "${secret%x}")
			run -1 jwt-check --key-file "$K/$k.pub" <<< "$t"
			[ "$output" = '{"ok":false,"error":"wrong algorithm"}' ]
		done
	done
}

@test "a published key in another form is an error at the start, not a secret" {
	openssl pkey -pubin -in "$K/rsa.pub" -outform DER -out "$T/der"
	grep -v -- ----- "$K/rsa.pub" > "$T/bare"
	jwk rsa > "$T/jwk"
	ssh-keygen -i -m PKCS8 -f "$K/rsa.pub" > "$T/ssh" 2> /dev/null || echo 'ssh-rsa AAAAB3NzaC1yc2E' > "$T/ssh"
	sed 2d "$K/rsa.pub" > "$T/broken"
	for f in der bare jwk ssh broken; do
		run -2 --separate-stderr jwt-check --key-file "$T/$f" x
		[[ $stderr == "jwt-check: $T/$f: "* ]]
	done
	run -2 --separate-stderr jwt-check --key-encoding base64 --key-file "$T/bare" x
	[[ $stderr == "jwt-check: $T/bare: "* ]]
}

@test "an empty or missing key is an error at the start" {
	: > "$T/empty"
	echo > "$T/newline"
	for f in empty newline; do
		run -2 --separate-stderr jwt-check --key-file "$T/$f" x
		[ "$stderr" = "jwt-check: $T/$f: empty or not there" ]
	done
	run -2 --separate-stderr jwt-check --key-encoding base64 --key-file "$T/newline" x
	echo '  ' > "$T/blank"
	run -2 --separate-stderr jwt-check --key-encoding base64 --key-file "$T/blank" x
	[ "$stderr" = "jwt-check: $T/blank: an empty secret" ]
	run -2 --separate-stderr jwt-check --key-file "$T/none" x
	[ "$stderr" = "jwt-check: $T/none: No such file or directory" ]
	run -2 --separate-stderr jwt-check --key-env NO_SUCH_KEY x
	[ "$stderr" = "jwt-check: NO_SUCH_KEY: empty or not there" ]
	run -2 --separate-stderr jwt-check x
	[ "$stderr" = "jwt-check: no key: give --key-file, --key-env or --jwks; see jwt-check --help" ]
}

@test "a token is checked with its key's own curve and nothing else" {
	in=$(printf %s '{"alg":"ES256"}' | b64).$(printf %s '{"sub":"u1"}' | b64)
	for k in ec384 ec521; do
		# A signature by this curve's key, R and S as long as ES256 has them or as the
		# curve has them, both by hand.
		t=$(jwt-sign --key-file "$K/$k.pem" --sub u1)
		run -1 jwt-check --key-file "$K/$k.pub" <<< "$in.${t##*.}"
		[ "$output" = '{"ok":false,"error":"wrong algorithm"}' ]
	done
	openssl ecparam -name secp256k1 -genkey -noout -out "$T/k1.pem"
	openssl pkey -in "$T/k1.pem" -pubout -out "$T/k1.pub"
	run -2 --separate-stderr jwt-check --key-file "$T/k1.pub" x
	[ "$stderr" = "jwt-check: $T/k1.pub: an EC key that is not on P-256, P-384 or P-521" ]
}

@test "an RSA key of less than 2048 bits is refused" {
	openssl genrsa -out "$T/weak.pem" 1024 2> /dev/null
	openssl rsa -in "$T/weak.pem" -pubout -out "$T/weak.pub" 2> /dev/null
	run -2 --separate-stderr jwt-check --key-file "$T/weak.pub" x
	[ "$stderr" = "jwt-check: $T/weak.pub: an RSA key of less than 2048 bits" ]
}

@test "a secret shorter than the hash is warned of, and refused with --strict" {
	echo short > "$T/s"
	t=$(mint '{"alg":"HS256"}' '{"sub":"u1"}' short)
	run -0 --separate-stderr jwt-check --key-file "$T/s" <<< "$t"
	[ "$stderr" = "jwt-check: $T/s: a secret shorter than the hash (RFC 7518 3.2) can be guessed" ]
	run -2 --separate-stderr jwt-check --strict --key-file "$T/s" <<< "$t"
	[ "$stderr" = "jwt-check: $T/s: a secret shorter than the hash (RFC 7518 3.2)" ]
	# 32 bytes are enough for HS256 only.
	jwt-sign --key-file "$K/secret.txt" --alg HS512 --sub u1 > "$T/512"
	run -0 jwt-check --key-file "$K/secret.txt" < "$T/512"
	run -1 jwt-check --strict --key-file "$K/secret.txt" < "$T/512"
	[ "$output" = '{"ok":false,"error":"wrong algorithm"}' ]
}

@test "every algorithm is verified, and a changed byte is noticed" {
	while read -r key alg; do
		if [ "$key" = secret ]; then private=secret.txt public=secret.txt; else private=$key.pem public=$key.pub; fi
		t=$(jwt-sign --key-file "$K/$private" --alg "$alg" --sub u1)
		run -0 --separate-stderr jwt-check --key-file "$K/$public" <<< "$t"
		[[ $output == '{"ok":true,"user":"u1",'* ]]
		# Another first character of the signature.
		IFS=. read -r h p s <<< "$t"
		run -1 jwt-check --key-file "$K/$public" <<< "$h.$p.$(tr A-Za-z0-9_- B-ZAb-za1-90-_ <<< "${s:0:1}")${s:1}"
		[ "$output" = '{"ok":false,"error":"bad signature"}' ]
		other=$(printf %s '{"sub":"root"}' | b64)
		run -1 jwt-check --key-file "$K/$public" <<< "$h.$other.$s"
		[ "$output" = '{"ok":false,"error":"bad signature"}' ]
	done <<-'END'
		secret HS256
		secret HS384
		secret HS512
		rsa RS256
		rsa RS384
		rsa RS512
		rsa PS256
		rsa PS384
		rsa PS512
		ec256 ES256
		ec384 ES384
		ec521 ES512
		ed EdDSA
	END
}

@test "signatures made by openssl are good" {
	sign() { # ALG KEY OPTIONS...: RSA
		local in alg=$1 key=$2
		shift 2
		in=$(printf %s '{"alg":"'"$alg"'"}' | b64).$(printf %s '{"sub":"u1"}' | b64)
		echo "$in.$(printf %s "$in" | openssl dgst -sign "$K/$key.pem" "$@" -binary | b64)"
	}
	for bits in 256 384 512; do
		run -0 jwt-check --key-file "$K/rsa.pub" <<< "$(sign RS$bits rsa -sha$bits)"
		run -0 jwt-check --key-file "$K/rsa.pub" <<< "$(sign PS$bits rsa -sha$bits \
			-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)"
	done
	# RFC 7518 3.5: the salt has the size of the hash, no other.
	run -1 jwt-check --key-file "$K/rsa.pub" <<< "$(sign PS256 rsa -sha256 \
		-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:20)"
	[ "$output" = '{"ok":false,"error":"bad signature"}' ]
	# PKCS #1 v1.5 where PSS is announced, and a wrong hash.
	run -1 jwt-check --key-file "$K/rsa.pub" <<< "$(sign PS256 rsa -sha256)"
	run -1 jwt-check --key-file "$K/rsa.pub" <<< "$(sign RS256 rsa -sha512)"
	# ECDSA as DER is not what RFC 7518 3.4 says.
	run -1 jwt-check --key-file "$K/ec256.pub" <<< "$(sign ES256 ec256 -sha256)"
	[ "$output" = '{"ok":false,"error":"bad signature"}' ]
}

@test "a certificate serves as its key, a chain of them is refused" {
	openssl req -x509 -key "$K/rsa.pem" -subj /CN=x -days 30 -out "$T/cert.pem" 2> /dev/null
	t=$(jwt-sign --key-file "$K/rsa.pem" --sub u1)
	run -0 jwt-check --key-file "$T/cert.pem" <<< "$t"
	cat "$T/cert.pem" "$K/rsa2.pub" > "$T/chain.pem"
	run -2 --separate-stderr jwt-check --key-file "$T/chain.pem" <<< "$t"
	[ "$stderr" = "jwt-check: $T/chain.pem: more than one PEM key in a file" ]
}

@test "a private key is warned of, and its public half used" {
	t=$(jwt-sign --key-file "$K/ec256.pem" --sub u1)
	run -0 --separate-stderr jwt-check --key-file "$K/ec256.pem" <<< "$t"
	[ "$stderr" = "jwt-check: $K/ec256.pem: holds a private key; only its public half is used" ]
}

@test "--alg narrows what a key is used for" {
	t=$(jwt-sign --key-file "$K/rsa.pem" --alg PS256 --sub u1)
	run -0 jwt-check --key-file "$K/rsa.pub" --alg RS256,PS256 <<< "$t"
	run -1 jwt-check --key-file "$K/rsa.pub" --alg RS256 <<< "$t"
	[ "$output" = '{"ok":false,"error":"wrong algorithm"}' ]
	run -2 --separate-stderr jwt-check --key-file "$K/rsa.pub" --alg ES256 <<< "$t"
	[ "$stderr" = "jwt-check: $K/rsa.pub: no algorithm of --alg fits this key" ]
	for a in none rs256 'RS256,' ''; do
		run -2 jwt-check --key-file "$K/rsa.pub" --alg "$a" x
	done
}

@test "several keys are all good, for rotation" {
	echo another-secret-of-more-than-32-bytes > "$T/new"
	t=$(mint '{"alg":"HS256"}' '{"sub":"u1"}' another-secret-of-more-than-32-bytes)
	run -1 check "$t"
	accepted "$t" --key-file "$T/new"
	accepted "$(claims '{"sub":"u1"}')" --key-file "$T/new"
	r=$(jwt-sign --key-file "$K/rsa.pem" --sub u1 --now "$NOW")
	accepted "$r" --key-file "$K/rsa.pub"
	# Each key keeps its own algorithms.
	refused "bad signature" "$(mint '{"alg":"HS256"}' '{"sub":"root"}' "$(< "$K/rsa.pub")")" --key-file "$K/rsa.pub"
}

@test "a secret comes from the environment, in base64 or base64url, with any bytes" {
	t=$(claims '{"sub":"u1"}')
	KEY=$SECRET run -0 jwt-check --key-env KEY <<< "$t"
	printf 'a\0b\xff\xfe~~~~0123456789abcdef01234567' > "$T/raw"
	basenc --base64 -w 0 "$T/raw" > "$T/b64"
	basenc --base64url -w 0 "$T/raw" | tr -d = > "$T/b64url"
	jwt-sign --key-file "$T/raw" --sub u1 > "$T/token"
	run -0 jwt-check --key-file "$T/raw" < "$T/token"
	run -0 jwt-check --key-encoding base64 --key-file "$T/b64" < "$T/token"
	run -0 jwt-check --key-encoding base64url --key-file "$T/b64url" < "$T/token"
	run -1 jwt-check --key-file "$T/b64" < "$T/token"
	run -2 --separate-stderr jwt-check --key-encoding base64url --key-file "$T/b64" < "$T/token"
	[ "$stderr" = "jwt-check: $T/b64: not in the encoding that --key-encoding names" ]
}

# --- JWK sets ---

@test "the key of a JWK set is chosen by kid" {
	printf '{"keys":[%s,%s,%s]}' "$(jwk rsa '"kid":"a"')" "$(jwk ec256 '"kid":"b"')" "$(jwk ed '"kid":"c"')" > "$T/set"
	for k in rsa:a ec256:b ed:c; do
		t=$(jwt-sign --key-file "$K/${k%:*}.pem" --kid "${k#*:}" --sub u1)
		run -0 jwt-check --jwks "$T/set" <<< "$t"
	done
	t=$(jwt-sign --key-file "$K/rsa.pem" --kid d --sub u1)
	run -1 jwt-check --jwks "$T/set" <<< "$t"
	[ "$output" = '{"ok":false,"error":"unknown key"}' ]
	t=$(jwt-sign --key-file "$K/rsa.pem" --kid b --sub u1)
	run -1 jwt-check --jwks "$T/set" <<< "$t"
	[ "$output" = '{"ok":false,"error":"wrong algorithm"}' ]
	t=$(jwt-sign --key-file "$K/rsa2.pem" --kid a --sub u1)
	run -1 jwt-check --jwks "$T/set" <<< "$t"
	[ "$output" = '{"ok":false,"error":"bad signature"}' ]
	refused "kid is not a string" "$(mint '{"alg":"HS256","kid":7}' '{"sub":"u1"}')"
}

@test "keys of a set that --alg does not want are passed over silently" {
	printf '{"keys":[%s,%s]}' "$(jwk rsa)" "$(jwk ec256)" > "$T/set"
	t=$(jwt-sign --key-file "$K/ec256.pem" --sub u1)
	run -0 --separate-stderr jwt-check --jwks "$T/set" --alg ES256 <<< "$t"
	[ -z "$stderr" ]
}

@test "a token without kid may be by any key of a set" {
	printf '{"keys":[%s,%s]}' "$(jwk rsa2 '"kid":"a"')" "$(jwk rsa '"kid":"b"')" > "$T/set"
	t=$(jwt-sign --key-file "$K/rsa.pem" --sub u1)
	run -0 jwt-check --jwks "$T/set" <<< "$t"
}

@test "every kind of key is read from a JWK" {
	for k in rsa ec256 ec384 ec521 ed; do
		jwk "$k" > "$T/jwk"
		t=$(jwt-sign --key-file "$K/$k.pem" --sub u1)
		run -0 --separate-stderr jwt-check --jwks "$T/jwk" <<< "$t"
		[ -z "$stderr" ]
	done
	echo '{"kty":"oct","k":"'"$(printf %s "$SECRET" | b64)"'"}' > "$T/jwk"
	run -0 jwt-check --jwks "$T/jwk" <<< "$(claims '{"sub":"u1"}')"
}

@test "use, key_ops and alg of a JWK are respected" {
	t=$(jwt-sign --key-file "$K/rsa.pem" --sub u1)
	for m in '"use":"sig"' '"key_ops":["verify"]' '"alg":"RS256"' '"use":"sig","key_ops":["verify"],"alg":"RS256"'; do
		jwk rsa "$m" > "$T/jwk"
		run -0 jwt-check --jwks "$T/jwk" <<< "$t"
	done
	for m in '"use":"enc"' '"use":1' '"key_ops":["encrypt"]' '"key_ops":[]' '"alg":"RSA-OAEP"'; do
		jwk rsa "$m" > "$T/jwk"
		run -2 --separate-stderr jwt-check --jwks "$T/jwk" <<< "$t"
		[ "$stderr" = "jwt-check: $T/jwk: no key that can be used" ]
	done
	jwk rsa '"alg":"PS256"' > "$T/jwk"
	run -1 jwt-check --jwks "$T/jwk" <<< "$t"
	[ "$output" = '{"ok":false,"error":"wrong algorithm"}' ]
}

@test "a member of a set that cannot be used is left out with a warning, the rest is used" {
	openssl genrsa -out "$T/w.pem" 1024 2> /dev/null
	n=$(openssl rsa -in "$T/w.pem" -noout -modulus 2> /dev/null)
	weak='{"kty":"RSA","e":"AQAB","n":"'$(unhex "${n#*=}")'"}'
	point=$(jwk ec256)
	off=${point/\"x\":\"???/\"x\":\"AAA}
	# With this exponent anybody could sign.
	one=$(jwk rsa2)
	one=${one/AQAB/AQ}
	printf '{"keys":[%s,%s,%s,{"kty":"oct","k":"a="},{"kty":"new"},%s]}' "$weak" "$off" "$one" \
		"$(jwk rsa)" > "$T/set"
	t=$(jwt-sign --key-file "$K/rsa.pem" --sub u1)
	run -0 --separate-stderr jwt-check --jwks "$T/set" <<< "$t"
	[ "$stderr" = "jwt-check: $T/set: a key is left out: an RSA key of less than 2048 bits
jwt-check: $T/set: a key is left out: a malformed or incomplete key
jwt-check: $T/set: a key is left out: a key whose numbers do not make one
jwt-check: $T/set: a key is left out: a malformed or incomplete key" ]
}

@test "a file that is no JWK set is an error at the start" {
	echo '{"keys":[' > "$T/a"
	run -2 --separate-stderr jwt-check --jwks "$T/a" x
	[ "$stderr" = "jwt-check: $T/a: not JSON" ]
	echo '{"a":1}' > "$T/b"
	run -2 --separate-stderr jwt-check --jwks "$T/b" x
	[ "$stderr" = "jwt-check: $T/b: neither a JWK nor a JWK set" ]
	echo '{"keys":[]}' > "$T/c"
	run -2 --separate-stderr jwt-check --jwks "$T/c" x
	[ "$stderr" = "jwt-check: $T/c: no key that can be used" ]
}

@test "the examples of RFC 7515 A.1 to A.3 are good until they expire" {
	for e in rfc7515-a1 rfc7515-a2 rfc7515-a3; do
		run -0 jwt-check --jwks "$FIX/$e.jwk" --now 1300819379 < "$FIX/$e.token"
		[ "$output" = '{"ok":true,"claims":{"iss":"joe",   "exp":1300819380,   "http://example.com/is_root":true},"expires":1300819380}' ]
		run -1 jwt-check --jwks "$FIX/$e.jwk" --now 1300819380 < "$FIX/$e.token"
		[ "$output" = '{"ok":false,"error":"expired"}' ]
	done
}

@test "the signatures of RFC 7515 A.4 and RFC 8037 A.4 are good, their payloads no claims" {
	for e in rfc7515-a4 rfc8037-a4; do
		run -1 jwt-check --jwks "$FIX/$e.jwk" < "$FIX/$e.token"
		[ "$output" = '{"ok":false,"error":"payload is not a JSON object"}' ]
		run -1 jwt-check --jwks "$FIX/$e.jwk" <<< "$(sed 's/\.\([^.]*\)\./.A\1AA./' "$FIX/$e.token")"
		[[ $output == *"bad signature"* ]]
	done
}

@test "the unsecured token of RFC 7515 A.5 and RFC 7519 6.1 is refused" {
	run -1 jwt-check --jwks "$FIX/rfc7515-a1.jwk" --now 1300819379 < "$FIX/rfc7515-a5.token"
	[ "$output" = '{"ok":false,"error":"algorithm none; empty signature"}' ]
}

# --- claims ---

@test "a token ends at exp and begins at nbf, to the millisecond of the leeway" {
	accepted "$(claims '{"exp":1800000001}')"
	refused expired "$(claims '{"exp":1800000000}')"
	refused expired "$(claims '{"exp":0}')"
	accepted "$(claims '{"nbf":1800000000}')"
	refused "not yet valid" "$(claims '{"nbf":1800000001}')"
	accepted "$(claims '{"iat":1800000000}')"
	refused "issued in the future" "$(claims '{"iat":1800000001}')"
	accepted "$(claims '{"exp":1799999990,"nbf":1800000010,"iat":1800000010}')" --leeway 11s
	[[ $output == *'"expires":1800000001}' ]]
	refused "expired" "$(claims '{"exp":1799999990}')" --leeway 10s
	accepted "$(claims '{"exp":1799999990}')" --leeway 10001ms
	refused "not yet valid; issued in the future" "$(claims '{"nbf":1800000011,"iat":1800000011}')" --leeway 10s
}

@test "--now takes a time as in RFC 3339 too" {
	t=$(claims '{"exp":1800000000}')
	run -0 jwt-check --key-file "$K/secret.txt" --now 2027-01-15T07:59:59.999Z <<< "$t"
	run -1 jwt-check --key-file "$K/secret.txt" --now 2027-01-15T08:00:00Z <<< "$t"
	run -2 jwt-check --key-file "$K/secret.txt" --now tomorrow <<< "$t"
}

@test "times of the wrong type are refused" {
	for v in '"1800003600"' 1800003600.5 1800003600.0 1.8e9 -1 -0 null true '[]' '{}' \
		1800003600000 9223372036854775808 18446744073709551617 1e400 253402300800; do
		for c in exp nbf iat; do
			refused "$c is not a time in whole seconds" "$(claims '{"'$c'":'"$v"'}')"
		done
	done
	accepted "$(claims '{"exp":253402300799}')"
}

@test "registered claims of the wrong type are refused" {
	for v in 1 null '{}' true; do
		refused "iss is not a string" "$(claims '{"iss":'"$v"'}')"
		refused "jti is not a string" "$(claims '{"jti":'"$v"'}')"
		refused "sub is not a string" "$(claims '{"userId":"u1","sub":'"$v"'}')"
		refused "aud is not a string or a list of strings" "$(claims '{"aud":'"$v"'}')"
		refused "aud is not a string or a list of strings" "$(claims '{"aud":["a",'"$v"']}')" --audience a
	done
}

@test "--issuer asks for one of the issuers" {
	accepted "$(claims '{"iss":"a"}')" --issuer b --issuer a
	refused "wrong issuer" "$(claims '{"iss":"c"}')" --issuer b --issuer a
	refused "wrong issuer" "$(claims '{"iss":"a\u0000"}')" --issuer a
	refused "wrong issuer" "$(claims '{"iss":"A"}')" --issuer a
	refused "no issuer" "$(claims '{}')" --issuer a
}

@test "--audience asks for one of the audiences" {
	accepted "$(claims '{"aud":"a"}')" --audience b --audience a
	accepted "$(claims '{"aud":["x","a"]}')" --audience b --audience a
	refused "wrong audience" "$(claims '{"aud":["x"]}')" --audience a
	refused "wrong audience" "$(claims '{"aud":[]}')" --audience a
	refused "wrong audience" "$(claims '{"aud":"ab"}')" --audience a
	refused "no audience" "$(claims '{}')" --audience a
	accepted "$(claims '{"aud":"someone"}')"
}

@test "--require asks for a claim, with a value if one is given" {
	accepted "$(claims '{"role":"USER"}')" --require role
	accepted "$(claims '{"role":"USER"}')" --require role=USER
	accepted "$(claims '{"role":["X","USER"]}')" --require role=USER
	accepted "$(claims '{"a":{"b":9007199254740993},"t":true}')" --require a.b=9007199254740993 --require t=true
	accepted "$(claims '{"https://a.b/x":"y"}')" --require https://a.b/x=y
	refused "missing claim role" "$(claims '{"roles":1}')" --require role
	refused "missing claim role" "$(claims '{"role":null}')" --require role
	refused "wrong claim role" "$(claims '{"role":"USERS"}')" --require role=USER
	refused "wrong claim id" "$(claims '{"id":9007199254740993}')" --require id=9007199254740992
	refused "missing claim exp; wrong claim role" "$(claims '{"role":1}')" --require exp --require role=USER
	run -2 jwt-check --key-file "$K/secret.txt" --require = x
}

@test "all that is wrong with a token is told" {
	in=$(printf %s '{"alg":"HS256","crit":["b64"],"b64":false}' | b64).$(printf %s \
		'{"exp":1,"nbf":"x","iat":1900000000,"iss":7,"aud":"z","sub":"u1"}' | b64)
	refused "unknown critical header; bad signature; nbf is not a time in whole seconds; expired; issued in the future; iss is not a string; wrong audience; missing claim role" \
		"$in.$(printf x | b64)" --audience a --require role
}

@test "crit is refused whatever it lists" {
	for c in '["exp"]' '[]' '"exp"' null '["b64"]'; do
		refused "unknown critical header" "$(mint '{"alg":"HS256","crit":'"$c"',"b64":true}' '{"sub":"u1"}')"
	done
}

@test "any typ is accepted, at+jwt of RFC 9068 among them" {
	accepted "$(mint '{"alg":"HS256","typ":"at+jwt"}' '{"sub":"u1"}')"
	accepted "$(mint '{"alg":"HS256"}' '{"sub":"u1"}')"
}

@test "--claim-as gives a claim another name, and no other claim may pass for it" {
	run -0 check "$(claims '{"role":"ADMIN","https://x/roles":["A","B"],"n":1e400}')" --claim-as role=https://x/roles
	[ "$output" = '{"ok":true,"claims":{"https://x/roles":["A","B"],"n":1e400,"role":["A","B"]}}' ]
	run -0 check "$(claims '{"r\u006fle":"ADMIN","n":1}')" --claim-as role=https://x/roles
	[ "$output" = '{"ok":true,"claims":{"n":1}}' ]
	run -0 check "$(claims '{"realm":{"roles":"x"}}')" --claim-as role=realm.roles --claim-as r=realm.roles
	[ "$output" = '{"ok":true,"claims":{"realm":{"roles":"x"},"role":"x","r":"x"}}' ]
	run -2 jwt-check --key-file "$K/secret.txt" --claim-as role x
	run -2 jwt-check --key-file "$K/secret.txt" --claim-as role=a --claim-as role=b x
}

# --- life ---

@test "a reload takes the new keys" {
	cp "$K/secret.txt" "$T/key"
	start_fed jc setsid jwt-check -v --key-file "$T/key"
	feed jc "$(claims '{"sub":"u1"}')"
	wait_for jc.out '"user":"u1"'
	echo another-secret-of-more-than-32-bytes > "$T/key"
	kill -s HUP "${PID[jc]}"
	wait_for jc.err '1 keys loaded'
	feed jc "$(claims '{"sub":"u2"}')" "$(mint '{"alg":"HS256"}' '{"sub":"u3"}' another-secret-of-more-than-32-bytes)"
	wait_for jc.out '"user":"u3"'
	[ "$(sed -n 2p "$T/jc.out")" = '{"ok":false,"error":"bad signature"}' ]
}

@test "a reload that fails keeps the old keys and says why" {
	cp "$K/secret.txt" "$T/key"
	start_fed jc setsid jwt-check --key-file "$T/key"
	feed jc "$(claims '{"sub":"u1"}')"
	wait_for jc.out '"user":"u1"'
	: > "$T/key"
	kill -s HUP "${PID[jc]}"
	wait_for jc.err 'the keys stay as they were: '
	feed jc "$(claims '{"sub":"u2"}')"
	wait_for jc.out '"user":"u2"'
	grep -q "^jwt-check: the keys stay as they were: $T/key: empty or not there" "$T/jc.err"
}

@test "a report is given on SIGUSR1" {
	start_fed jc jwt-check --key-file "$K/secret.txt"
	feed jc "$(claims '{"sub":"u1"}')" x '{'
	wait_for jc.err 'line 3'
	kill -s USR1 "${PID[jc]}"
	wait_for jc.err '^jwt-check: 1 tokens good, 1 refused, 1 lines bad$'
}

@test "counters are written as Prometheus text" {
	printf '%s\n' "$(claims '{"sub":"u1"}')" x y '{' > "$T/in"
	run -3 jwt-check --key-file "$K/secret.txt" --metrics-file "$T/metrics" < "$T/in"
	grep -qx 'jwt_check_good_total 1' "$T/metrics"
	grep -qx 'jwt_check_refused_total 2' "$T/metrics"
	grep -qx 'jwt_check_bad_lines_total 1' "$T/metrics"
}

@test "after SIGTERM the rest of the input is still answered" {
	start_fed jc jwt-check --key-file "$K/secret.txt"
	feed jc "$(claims '{"sub":"u1"}')"
	wait_for jc.out u1
	kill -s TERM "${PID[jc]}"
	feed jc "$(claims '{"sub":"u2"}')"
	wait_for jc.out u2
	end_feed jc
	wait_end jc
	[ "$status" = 0 ]
}

@test "output that cannot be written is exit code 6" {
	claims '{"sub":"u1"}' > "$T/in"
	run -6 --separate-stderr bash -c 'jwt-check --key-file "$1" < "$2" > /dev/full' _ "$K/secret.txt" "$T/in"
	[ "$stderr" = "jwt-check: cannot write standard output: No space left on device" ]
}

@test "nothing of a secret or a token is ever said" {
	t=$(claims '{"sub":"u1","exp":1}')
	run -1 bash -c 'jwt-check -v -v --log-json --key-file "$1" "$2" 2>&1' _ "$K/secret.txt" "$t"
	[[ $output == *expired* ]]
	[[ $output != *"${t%%.*}"* ]]
	[[ $output != *"$SECRET"* ]]
	echo '{"token":"'"$t"'" oops' > "$T/in"
	run -3 bash -c 'jwt-check -v -v --key-file "$1" < "$2" 2>&1' _ "$K/secret.txt" "$T/in"
	[[ $output != *"${t%%.*}"* ]]
}
