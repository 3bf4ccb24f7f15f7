load lib/common
load lib/jwt

setup_file() {
	jwt_keys
}

# header TOKEN, payload TOKEN: the JSON of that part.
header() { part 1 "$1"; }
payload() { part 2 "$1"; }
part() { # NUMBER TOKEN
	local p
	p=$(cut -d . -f "$1" <<< "$2")
	while ((${#p} % 4)); do p+="="; done
	basenc -d --base64url <<< "$p"
}

sign() { jwt-sign --key-file "$K/secret.txt" --now "$NOW" "$@"; }

@test "a token says what the options say, and is good" {
	t=$(sign --sub u1 --claim role=USER --exp 1h)
	[ "$(payload "$t" | jq -cS .)" = '{"exp":1800003600,"iat":1800000000,"role":"USER","sub":"u1"}' ]
	[ "$(header "$t" | jq -cS .)" = '{"alg":"HS256","typ":"JWT"}' ]
	run -0 jwt-check --key-file "$K/secret.txt" --now "$NOW" <<< "$t"
	[[ $output == '{"ok":true,"user":"u1",'* ]]
}

@test "every kind of key signs by each of its algorithms, the first unless told" {
	while read -r key first algs; do
		[ "$(header "$(jwt-sign --key-file "$K/$key")" | jq -r .alg)" = "$first" ]
		for a in $algs; do
			t=$(jwt-sign --key-file "$K/$key" --alg "$a" --sub u1)
			[ "$(header "$t" | jq -r .alg)" = "$a" ]
			run -0 jwt-check --key-file "$K/${key/.pem/.pub}" --alg "$a" <<< "$t"
		done
	done <<-'END'
		secret.txt HS256 HS256 HS384 HS512
		rsa.pem RS256 RS256 RS384 RS512 PS256 PS384 PS512
		ec256.pem ES256 ES256
		ec384.pem ES384 ES384
		ec521.pem ES512 ES512
		ed.pem EdDSA EdDSA
	END
}

@test "openssl agrees with a signature" {
	t=$(jwt-sign --key-file "$K/rsa.pem" --alg PS384 --sub u1)
	printf %s "${t%.*}" > "$T/input"
	part 3 "$t" > "$T/sig"
	openssl dgst -sha384 -verify "$K/rsa.pub" -sigopt rsa_padding_mode:pss \
		-sigopt rsa_pss_saltlen:48 -signature "$T/sig" "$T/input"
	t=$(sign --sub u1)
	[ "${t##*.}" = "$(hs256 "${t%.*}" | b64)" ]
}

@test "a claim is a string unless its value is JSON" {
	t=$(sign --no-iat -c 'a=x y' -c b=true -c c=9007199254740993 -c 'd="7"' -c 'e=["x",{"y":null}]' -c f= -c g=01 -c 'h=a=b')
	[ "$(payload "$t")" = '{"a":"x y","b":true,"c":9007199254740993,"d":"7","e":["x",{"y":null}],"f":"","g":"01","h":"a=b"}' ]
}

@test "values that libjwt would change come out as given" {
	p='{"z":0.1000,"big":18446744073709551615,"e":1e400,"m":-0,"n":"\u0000"}'
	printf %s "$p" > "$T/claims"
	t=$(sign --no-iat --claims-file "$T/claims")
	[ "$(payload "$t")" = "$p" ]
	run -0 jwt-check --key-file "$K/secret.txt" <<< "$t"
	for k in rsa ec256; do
		t=$(jwt-sign --key-file "$K/$k.pem" --no-iat --claims-file "$T/claims")
		[ "$(payload "$t")" = "$p" ]
		run -0 jwt-check --key-file "$K/$k.pub" <<< "$t"
	done
}

@test "options win over the claims file, and the last of equal claims wins" {
	echo '{"sub":"file","iat":5,"exp":6,"r\u006fle":"A","x":1}' > "$T/claims"
	t=$(sign --claims-file "$T/claims" --sub u1 --exp @7 -c role=B -c role=C)
	[ "$(payload "$t" | jq -cS .)" = '{"exp":7,"iat":5,"role":"C","sub":"u1","x":1}' ]
}

@test "a claims file that is no object or names a claim twice is refused" {
	echo '[]' > "$T/a"
	run -2 --separate-stderr sign --claims-file "$T/a"
	[ "$stderr" = "jwt-sign: $T/a: not a JSON object at byte 1" ]
	echo '{"a":1,"\u0061":2}' > "$T/b"
	run -2 --separate-stderr sign --claims-file "$T/b"
	[ "$stderr" = "jwt-sign: $T/b: a member stands twice" ]
	run -2 --separate-stderr sign --claims-file "$T/none"
	[ "$stderr" = "jwt-sign: $T/none: No such file or directory" ]
}

@test "times are given from now, back in time or as seconds" {
	[ "$(payload "$(sign --no-iat --exp 90m --nbf -30s)" | jq -cS .)" = '{"exp":1800005400,"nbf":1799999970}' ]
	[ "$(payload "$(sign --no-iat --exp +1d --nbf @12)" | jq -cS .)" = '{"exp":1800086400,"nbf":12}' ]
	for bad in 60 1y @x '' -; do
		run -2 sign --exp "$bad"
	done
	run -2 --separate-stderr sign --exp 60
	[ "$stderr" = "jwt-sign: --exp: neither a duration such as 1h or -5m nor @SECONDS: 60; see jwt-sign --help" ]
}

@test "an issuer and one or several audiences" {
	[ "$(payload "$(sign --no-iat --issuer i --audience a)" | jq -cS .)" = '{"aud":"a","iss":"i"}' ]
	[ "$(payload "$(sign --no-iat --audience a --audience b)")" = '{"aud":["a","b"]}' ]
}

@test "--count makes as many tokens, with %d counting from 1" {
	sign --count 3 --sub 'user-%d' -c 'n=%d' -c 'p=100%%' > "$T/tokens"
	mapfile -t tokens < "$T/tokens"
	[ "${#tokens[@]}" = 3 ]
	[ "$(payload "${tokens[0]}" | jq -cS '[.sub,.n,.p]')" = '["user-1",1,"100%"]' ]
	[ "$(payload "${tokens[2]}" | jq -cS '[.sub,.n,.p]')" = '["user-3",3,"100%"]' ]
}

@test "%d makes JSON where it stands in JSON" {
	sign --no-iat --count 2 -c 'a=["u%d"]' -c 'b="%d"' -c 'c=%d' --sub %d > "$T/tokens"
	[ "$(payload "$(tail -n 1 "$T/tokens")" | jq -cS .)" = '{"a":["u2"],"b":"2","c":2,"sub":"2"}' ]
}

@test "--claim wins over the options that make the same claim" {
	t=$(sign --exp 1h --nbf 1h --audience a -c exp=1 -c nbf=x -c iat=2.5 -c aud=7)
	[ "$(payload "$t" | jq -cS .)" = '{"aud":7,"exp":1,"iat":2.5,"nbf":"x"}' ]
}

@test "without --count a % is a %" {
	[ "$(payload "$(sign --no-iat --sub 'a%db%%')")" = '{"sub":"a%db%%"}' ]
}

@test "the key of a set is chosen by kid, which the header then names" {
	cat > "$T/set" <<-'END'
		{"keys":[
		 {"kty":"OKP","crv":"Ed25519","kid":"ed","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
		  "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		 {"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
		  "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
		 {"kty":"oct","kid":"hs","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}
	END
	for k in ed:EdDSA ec:ES256 hs:HS256; do
		t=$(jwt-sign --jwks "$T/set" --kid "${k%:*}" --sub u1)
		[ "$(header "$t" | jq -cS .)" = '{"alg":"'"${k#*:}"'","kid":"'"${k%:*}"'","typ":"JWT"}' ]
		run -0 jwt-check --jwks "$T/set" <<< "$t"
	done
	run -2 --separate-stderr jwt-sign --jwks "$T/set" --kid other
	[ "$stderr" = "jwt-sign: no key has the kid other; see jwt-sign --help" ]
	run -2 --separate-stderr jwt-sign --jwks "$T/set"
	[ "$stderr" = "jwt-sign: several keys: --kid says which; see jwt-sign --help" ]
}

@test "a private JWK whose halves do not agree is refused" {
	cat > "$T/jwk" <<-'END'
		{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
		 "x":"21qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
	END
	run -2 --separate-stderr jwt-sign --jwks "$T/jwk"
	[[ $stderr == *"malformed or incomplete"* ]]
}

@test "--kid is put into the header of a PEM key's tokens" {
	for k in rsa:RS256 ed:EdDSA; do
		t=$(jwt-sign --key-file "$K/${k%:*}.pem" --kid 'k"1')
		[ "$(header "$t" | jq -cS .)" = '{"alg":"'"${k#*:}"'","kid":"k\"1","typ":"JWT"}' ]
	done
}

@test "a public or missing key does not sign" {
	run -2 --separate-stderr jwt-sign --key-file "$K/rsa.pub"
	[ "$stderr" = "jwt-sign: $K/rsa.pub: a public key: signing needs the private one" ]
	run -2 --separate-stderr jwt-sign --sub u1
	[ "$stderr" = "jwt-sign: no key: give --key-file, --key-env or --jwks; see jwt-sign --help" ]
	run -2 --separate-stderr jwt-sign --key-file "$K/rsa.pem" --alg ES256
	[ "$stderr" = "jwt-sign: $K/rsa.pem: no algorithm of --alg fits this key" ]
	run -2 jwt-sign --key-file "$K/secret.txt" --alg none
	run -2 --separate-stderr jwt-sign --key-file "$K/secret.txt" --key-file "$K/rsa.pem"
	[ "$stderr" = "jwt-sign: several keys: --kid says which; see jwt-sign --help" ]
}

@test "an encrypted private key is refused, not asked about" {
	openssl pkey -in "$K/ec256.pem" -aes128 -passout pass:x -out "$T/enc.pem"
	run -2 --separate-stderr jwt-sign --key-file "$T/enc.pem"
	[ "$stderr" = "jwt-sign: $T/enc.pem: an encrypted private key" ]
	openssl rsa -in "$K/rsa.pem" -traditional -aes128 -passout pass:x -out "$T/old.pem" 2> /dev/null
	run -2 --separate-stderr jwt-sign --key-file "$T/old.pem"
	[ "$stderr" = "jwt-sign: $T/old.pem: an encrypted private key" ]
}

@test "old forms of private keys are read" {
	openssl rsa -in "$K/rsa.pem" -traditional -out "$T/rsa.pem" 2> /dev/null
	openssl ecparam -name prime256v1 -genkey -out "$T/ec.pem"
	grep -q 'BEGIN EC PARAMETERS' "$T/ec.pem"
	run -0 jwt-check --key-file "$K/rsa.pub" "$(jwt-sign --key-file "$T/rsa.pem")"
	run -0 jwt-sign --key-file "$T/ec.pem"
}

@test "a secret is taken from the environment" {
	KEY=$SECRET run -0 jwt-sign --key-env KEY --now "$NOW" --sub u1
	[ "$output" = "$(sign --sub u1)" ]
}

@test "an operand is a mistake" {
	run -2 --separate-stderr sign u1
	[ "$stderr" = "jwt-sign: no operand is expected: u1; see jwt-sign --help" ]
}

@test "output that cannot be written is exit code 6" {
	run -6 --separate-stderr bash -c 'jwt-sign --key-file "$1" > /dev/full' _ "$K/secret.txt"
	[ "$stderr" = "jwt-sign: cannot write standard output: No space left on device" ]
}
