#!/usr/bin/python3
"""Clients that come and go in every way: visitors.py URL COUNT [TOKEN]

250 at a time connect to the ws: or wss: URL; each leaves in the next one of these ways.
Ends when all have. Certificates are not checked."""
import base64, os, socket, ssl, struct, sys
from urllib.parse import urlsplit

parts, count, token = urlsplit(sys.argv[1]), int(sys.argv[2]), "".join(sys.argv[3:4])
tls = ssl._create_unverified_context()
AT_ONCE = 250


def request(field=""):
    return ("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s\r\n" % (
                parts.path, parts.netloc, base64.b64encode(os.urandom(16)).decode(),
                "Authorization: Bearer %s\r\n" % token if token else "", field)).encode()


def frame(first, data):
    n = len(data)
    length = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n)
    return bytes([first]) + length + b"\0\0\0\0" + data


def read_until(s, what):
    got = b""
    while what not in got:
        more = s.recv(65536)
        if not more:
            raise SystemExit("closed instead of %r: %r" % (what, got[-300:]))
        got += more


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def in_the_request(s):
    s.sendall(request()[:50])


def refused(s):
    s.sendall(request().replace(b"Version: 13", b"Version: 12"))
    read_until(s, b" 426 ")


def not_found(s):
    s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
    read_until(s, b" 404 ")


def enter(s, field=""):
    s.sendall(request(field))
    read_until(s, b"established")


def silently(s):
    enter(s)


def with_close(s):
    enter(s)
    s.sendall(frame(0x88, b"\x03\xe8"))
    read_until(s, b"\x88\x02\x03\xe8")


def by_reset(s):
    enter(s)
    reset(s)


def within_a_frame(s):
    enter(s)
    s.sendall(frame(0x81, b'{"type":"x","pad":"%s"}' % (b"x" * 2000))[:1500])
    reset(s)


def within_a_message(s):
    enter(s)
    s.sendall(frame(0x01, b'{"type":"x","pad":"%s' % (b"x" * 2000)) + frame(0x00, b"y" * 2000))


def with_rooms_and_messages(s):
    enter(s)
    rooms = ",".join('"visit:%d.%d"' % (s.fileno(), i) for i in range(20))
    s.sendall(frame(0x81, b'{"type":"subscribe","channels":[%s]}' % rooms.encode()) +
              frame(0x81, b'{"type":"subscribe","channel":"visit:%d.*"}' % s.fileno()) +
              frame(0x81, b'{"type":"x"}') * 5 + frame(0x81, b'{"type":"ping"}'))
    read_until(s, b"pong")


def breaking_the_protocol(s):
    enter(s)
    s.sendall(frame(0x83, b"?"))
    read_until(s, b"\x03\xea")  # 1002


def being_rejected(s):
    enter(s)
    s.sendall(frame(0x81, b"no JSON") * 20)
    read_until(s, b"\x03\xef")  # 1007


def packed(s):
    enter(s, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
    s.sendall(frame(0x81, b'{"type":"subscribe","channel":"%s"}' % (b"r" * 200)))
    s.sendall(frame(0x88, b""))
    read_until(s, b"\x88\x00")


WAYS = [in_the_request, refused, not_found, silently, with_close, by_reset, within_a_frame,
        within_a_message, with_rooms_and_messages, breaking_the_protocol, being_rejected, packed]

for start in range(0, count, AT_ONCE):
    here = []
    for _ in range(start, min(start + AT_ONCE, count)):
        s = socket.create_connection((parts.hostname, parts.port))
        s.settimeout(60)
        here.append(tls.wrap_socket(s) if parts.scheme == "wss" else s)
    for i, s in enumerate(here):
        WAYS[(start + i) % len(WAYS)](s)
    for s in here:
        s.close()
