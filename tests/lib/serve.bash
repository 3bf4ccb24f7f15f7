# serve.bash - clients for the tests of ws-serve:  load lib/serve
#
# client NAME [URL] [HEADER...]: connect (to $URL by default); what it gets stands in
# $T/NAME.out, `say NAME LINE...` sends (see ws-client.py). Waits until it is open or
# refused.

client() {
	local name=$1 url=${2:-$URL}
	shift
	[ $# -eq 0 ] || shift
	start_fed "$name" /usr/bin/python3 "$ROOT/tests/lib/ws-client.py" "$url" "$@"
	wait_for "$name.out" '^\[(open|refused)'
}

say() { feed "$@"; }

# hears NAME PATTERN [COUNT]: wait until it got that.
hears() { wait_for "$1.out" "$2" "${3:-1}"; }

# got NAME: its text messages, without time stamps.
got() {
	grep -v '^\[' "$T/$1.out" | sed 's/,"timestamp":"[-0-9T:.]*Z"//'
}

# sees PATTERN [COUNT]: wait for an event of the server.
sees() { wait_for serve.out "$@"; }

# conn_id NAME-OF-USER-OR-NUMBER: the id of the n-th connection.
conn_id() { sed -n 's/.*"event":"open".*"conn":"\([^"]*-'"$1"'\)".*/\1/p' "$T/serve.out"; }

# rooms_file LINE...: $T/rooms
rooms_file() { printf '%s\n' "$@" > "$T/rooms"; }

# An authenticator that knows a few tokens: USER, USER.ROLE (a role claim), expired,
# soon-USER (expires in a second), slow (no answer), die (it ends).
auth_script() {
	cat > "$T/auth.py" <<'PY'
import json, sys, time
for line in sys.stdin:
    q = json.loads(line)
    t = q["token"]
    a = {"id": q["id"], "ok": True}
    with open(sys.argv[1], "a") as f:
        f.write(line)
    if t == "slow":
        continue
    if t == "die":
        sys.exit(3)
    if t == "expired" or not t:
        a = {"id": q["id"], "ok": False, "error": "expired"}
    elif t == "leak":
        a = {"id": q["id"], "ok": False, "error": "do not like the token leak"}
    elif t == "maybe":
        a["ok"] = "yes"
    elif t == "noid":
        del a["id"]
    else:
        if t.startswith("soon-"):
            t = t[5:]
            a["expires"] = time.time() + 1
        user, _, role = t.partition(".")
        a["user"] = user
        a["claims"] = {"role": role or "USER"}
    print(json.dumps(a), flush=True)
PY
	AUTH="/usr/bin/python3 $T/auth.py $T/asked"
}
