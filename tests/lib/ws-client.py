#!/usr/bin/python3
"""A WebSocket client for tests, on a bare socket: it can also do what no library lets one
do.

    ws-client.py URL [HEADER: VALUE]...

The URL begins with ws: or wss:; certificates are not checked.

Each line of stdin is sent as a text message, but for these:
    !text JSON-STRING     a text message that may hold anything
    !binary HEX           a binary message
    !raw HEX              bytes on the wire as they are
    !frame BYTE HEX       one masked frame; BYTE is its first byte in hex (FIN, RSV, opcode)
    !many N TEXT          TEXT N times, in one write
    !frames N BYTE HEX    the same with such a frame as of !frame
    !size N               a text message of N bytes
    !close [CODE [TEXT]]  a close frame
    !deaf / !hear         stop reading, go on
    !mute                 answer no more pings
    !drop                 cut the connection

What comes is written to stdout, a line each: text messages as they are, binary ones as
[binary HEX], pings and pongs as [ping HEX] and [pong HEX], the end as [closed CODE REASON]
or [lost]. A refused upgrade is [refused STATUS BODY], exit 1; [open HEADERS] is the first
line otherwise, where HEADERS are those of the answer that matter."""
import base64, json, os, select, socket, ssl, struct, sys
from urllib.parse import urlsplit

url = sys.argv[1]
headers = sys.argv[2:]
out = sys.stdout


def say(text):
    out.write(text + "\n")
    out.flush()


def frame(first, data, mask=b"\1\2\3\4"):
    n = len(data)
    head = bytes([first])
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", n)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", n)
    stream = (mask * (n // 4 + 1))[:n]
    return head + mask + (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(n, "big")


parts = urlsplit(url)
s = socket.create_connection((parts.hostname, parts.port))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
tls = parts.scheme == "wss"
if tls:
    s = ssl._create_unverified_context().wrap_socket(s)
target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
request = ["GET %s HTTP/1.1" % target, "Host: %s:%s" % (parts.hostname, parts.port),
           "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()] + headers
s.sendall(("\r\n".join(request) + "\r\n\r\n").encode())
buf = b""
while b"\r\n\r\n" not in buf:
    more = s.recv(65536)
    if not more:
        break
    buf += more
head, _, buf = buf.partition(b"\r\n\r\n")
lines = head.decode("latin1").split("\r\n")
status = lines[0].split(" ")[1] if " " in lines[0] else "nothing"
if status != "101":
    while True:
        more = s.recv(65536)
        if not more:
            break
        buf += more
    say("[refused %s %s]" % (status, buf.decode("utf-8", "replace")))
    sys.exit(1)
say("[open %s]" % " ".join(l for l in lines[1:] if l.lower().startswith("sec-websocket-")
                           and "accept" not in l.lower()))

hearing, answering, stdin_open = True, True, True
pending, message, kind = b"", b"", 0


def take(buf):
    """One whole frame off buf: (first byte, payload, rest), or None."""
    if len(buf) < 2:
        return None
    n, at = buf[1] & 127, 2
    if n == 126:
        if len(buf) < 4:
            return None
        n, at = struct.unpack(">H", buf[2:4])[0], 4
    elif n == 127:
        if len(buf) < 10:
            return None
        n, at = struct.unpack(">Q", buf[2:10])[0], 10
    if len(buf) < at + n:
        return None
    return buf[0], buf[at:at + n], buf[at + n:]


def handle(first, data):
    global message, kind
    op = first & 15
    if op == 8:
        code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
        say("[closed %d %s]" % (code, data[2:].decode("utf-8", "replace")))
        try:
            s.sendall(frame(0x88, data[:2]))
        except OSError:
            pass
        sys.exit(0)
    if op == 9:
        say("[ping %s]" % data.hex())
        if answering:
            s.sendall(frame(0x8a, data))
    elif op == 10:
        say("[pong %s]" % data.hex())
    else:
        if op:
            kind, message = op, b""
        message += data
        if first & 0x80:
            say(message.decode() if kind == 1 else "[binary %s]" % message.hex())


def command(line):
    global hearing, answering
    word, _, rest = line.partition(" ")
    if word == "!text":
        s.sendall(frame(0x81, json.loads(rest).encode()))
    elif word == "!binary":
        s.sendall(frame(0x82, bytes.fromhex(rest)))
    elif word == "!raw":
        s.sendall(bytes.fromhex(rest))
    elif word == "!frame":
        first, _, data = rest.partition(" ")
        s.sendall(frame(int(first, 16), bytes.fromhex(data)))
    elif word == "!many":
        n, _, text = rest.partition(" ")
        s.sendall(frame(0x81, text.encode()) * int(n))
    elif word == "!frames":
        n, first, *data = rest.split(" ")
        s.sendall(frame(int(first, 16), bytes.fromhex("".join(data))) * int(n))
    elif word == "!size":
        s.sendall(frame(0x81, b'{"type":"x","pad":"' + b"x" * (int(rest) - 21) + b'"}'))
    elif word == "!close":
        code, _, text = rest.partition(" ")
        s.sendall(frame(0x88, (struct.pack(">H", int(code)) if code else b"") + text.encode()))
    elif word == "!deaf":
        hearing = False
    elif word == "!hear":
        hearing = True
    elif word == "!mute":
        answering = False
    elif word == "!drop":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
        sys.exit(0)
    else:
        s.sendall(frame(0x81, line.encode()))


while True:
    while True:
        one = take(buf)
        if not one:
            break
        first, data, buf = one
        handle(first, data)
    held = hearing and tls and s.pending() > 0 # decrypted already: no event will tell
    ready = select.select(([s] if hearing else []) + ([0] if stdin_open else []), [], [],
                          0 if held else None)[0]
    try:
        if s in ready or held:
            more = s.recv(1 << 20)
            if not more:
                say("[lost]")
                sys.exit(0)
            buf += more
        if 0 in ready:
            more = os.read(0, 1 << 20)
            if not more:
                stdin_open = False
            pending += more
            *whole, pending = pending.split(b"\n")
            for line in whole:
                command(line.decode())
    except OSError:
        say("[lost]")
        sys.exit(0)
