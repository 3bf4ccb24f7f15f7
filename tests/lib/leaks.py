#!/usr/bin/python3
"""Say secrets to a ws-serve wherever one can be said: sound, refused, malformed, and to an
authenticator that misbehaves. What is answered, but for answers on the connections
themselves, is printed.

    leaks.py PORT CONTROL-SOCKET ADMIN-ADDRESS

TOKENSECRET stands in tokens, PAYLOADSECRET in messages and commands, ADMINSECRET is the
token of administration. With the argument "auth" it is the authenticator, which puts
CLAIMSECRET among the claims, and the token into all that it says when it misbehaves."""
import http.client, json, socket, sys

TOKEN, PAYLOAD, ADMIN = "TOKENSECRET", "PAYLOADSECRET", "ADMINSECRET"


def authenticate():
    for line in sys.stdin:
        q = json.loads(line)
        how = q["token"].removeprefix(TOKEN)
        answer = {"id": q["id"], "ok": False, "error": "bad token " + q["token"]}
        if how == "good":
            answer = {"id": q["id"], "ok": True, "user": "u1", "claims": {"role": "CLAIMSECRET"}}
        elif how == "user":
            answer = {"id": q["id"], "ok": True, "user": [q["token"]]}
        elif how == "noid":
            answer = {"ok": True, "user": q["token"]}
        elif how == "dies":
            sys.exit(1)
        print("not JSON " + q["token"] if how == "text" else json.dumps(answer), flush=True)


def upgrade(target, *fields):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(10)
    s.sendall("\r\n".join(["GET %s HTTP/1.1" % target, "Host: a", "Upgrade: websocket",
                           "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *fields, "", ""]).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += s.recv(4096)
    return s, answer.partition(b"\r\n\r\n")[2]


def say(s, text):
    data, mask = text.encode(), b"\1\2\3\4"
    s.sendall(bytes([0x81, 0x80 | len(data)]) + mask
              + bytes(c ^ mask[i % 4] for i, c in enumerate(data)))


def hear(s, got, word):
    while word not in got:
        more = s.recv(4096)
        if not more:
            break
        got += more


def main():
    open_ones = []
    for how in "good", "bad", "user", "text", "noid", "dies":
        t = TOKEN + how
        for fields in ("/ws?token=" + t,), ("/ws", "Authorization: Bearer " + t), \
                ("/ws", "Sec-WebSocket-Protocol: bearer, " + t), \
                ("/ws", "Cookie: session=" + t, "Origin: http://x"):
            open_ones.append(upgrade(*fields))
    for fields in ("/%s?token=%s" % (TOKEN, TOKEN),), ("/ws?token=%s&token=%s" % (TOKEN, TOKEN),), \
            ("/ws", "Sec-WebSocket-Key: " + TOKEN), ("/ws", "Host: " + TOKEN), \
            ("/ws", "Origin: " + TOKEN), ("/ws", TOKEN), ("/ws", "Upgrade: " + TOKEN):
        upgrade(*fields)
    for how in "good", "bad", "text":
        s, got = upgrade("/ws")
        say(s, '{"type":"auth","token":"%s"}' % (TOKEN + how))
        hear(s, got, b"established" if how == "good" else b"error")
    for text in PAYLOAD, '{"type":5,"x":"%s"}' % PAYLOAD, '{"%s' % PAYLOAD, \
            '{"type":"subscribe","channel":{"%s":1}}' % PAYLOAD, '{"type":"x","y":"%s"}' % PAYLOAD:
        say(open_ones[0][0], text)
    hear(*open_ones[0], b"error")

    control = socket.socket(socket.AF_UNIX)
    control.connect(sys.argv[2])
    for line in PAYLOAD, '{"to":"r","data":"%s","x":1}' % PAYLOAD, '{"%s":1}' % PAYLOAD, \
            '{"to":"%s*","data":1}' % PAYLOAD, '{"close":"%s"}' % PAYLOAD, '{"get":"connections"}':
        control.sendall(line.encode() + b"\n")
    control.shutdown(socket.SHUT_WR)
    print(control.makefile().read())

    for method, path, body, token in ("GET", "/connections", None, ADMIN), \
            ("GET", "/stats", None, ADMIN + "x"), ("GET", "/metrics", None, ""), \
            ("POST", "/broadcast", '{"type":1,"d":"%s"}' % PAYLOAD, ADMIN), \
            ("POST", "/broadcast", '{"channel":"%s*","type":"t"}' % PAYLOAD, ADMIN), \
            ("POST", "/commands", '{"%s":1}' % PAYLOAD, ADMIN):
        c = http.client.HTTPConnection(sys.argv[3], timeout=10)
        c.request(method, path, body, {"Authorization": "Bearer " + token,
                                       "Content-Type": "application/json"})
        print(c.getresponse().read().decode())


authenticate() if sys.argv[1] == "auth" else main()
