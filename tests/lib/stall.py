#!/usr/bin/python3
"""Clients that stop on their way, or go on a byte at a time: stall.py URL COUNT HOW

COUNT connections to the ws:, wss:, http: or https: URL get as far as HOW says and then do
nothing; certificates are not checked. When all are there "holding" is printed, and then, a
line each, how they end: the first line of an HTTP answer, "cut", or "whole" for one that
could say all that it had to say a byte at a time.

    request     half a request
    drip        a request a byte at a time, that never ends
    hello       half a TLS ClientHello
    drip-hello  a ClientHello a byte at a time
    half-way    a ClientHello, and no answer to what comes
    mute        a WebSocket that reads and never answers, neither pings nor a close
    deaf        the same without reading until the end
    ended       a WebSocket whose sending side is closed"""
import base64, os, selectors, socket, ssl, sys, time
from urllib.parse import urlsplit

parts, count, how = urlsplit(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
secure = parts.scheme in ("wss", "https")
tls = ssl._create_unverified_context()
STEP = 0.1  # seconds between two bytes
SLOWLY = 400  # bytes, which take far longer than anything may


def request():
    return ("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n" % (
                parts.path or "/", parts.netloc, base64.b64encode(os.urandom(16)).decode())).encode()


def hello():
    out = ssl.MemoryBIO()
    try:
        tls.wrap_bio(ssl.MemoryBIO(), out, server_hostname="x" * 60 + ".example").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def connect():
    s = socket.create_connection((parts.hostname, parts.port))
    s.settimeout(120)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if secure and "hello" not in how and how != "half-way":
        s = tls.wrap_socket(s)
    return s


def enter(s):
    s.sendall(request() + b"\r\n")
    got = b""
    while b"established" not in got:
        got += s.recv(4096)


def begin(s):
    """Go as far as it goes; what is left to be said a byte at a time."""
    if how == "request":
        s.sendall(request())
    elif how == "drip":
        return request() + b"X-Slow: " + b"x" * SLOWLY
    elif how == "hello":
        s.sendall(hello()[:100])
    elif how == "drip-hello":
        return hello()[:SLOWLY]
    elif how == "half-way":
        s.sendall(hello())
    else:
        enter(s)
        if how == "ended":
            (s.unwrap() if secure else s).shutdown(socket.SHUT_WR)
    return b""


def end(s):
    """How it ends: waits for it."""
    answer = b""
    try:
        while more := s.recv(65536):
            answer += more
    except OSError:
        pass
    line = answer.split(b"\r\n")[0].decode("latin-1")
    return line if line.startswith("HTTP/") else "cut"


def say_slowly(held, rest):
    """A byte of each, pause, until all have been answered or have said all."""
    sel = selectors.DefaultSelector()
    for i, s in enumerate(held):
        sel.register(s, selectors.EVENT_READ, i)
    left = set(range(len(held)))
    for step in range(max(map(len, rest))):
        for i in sorted(left):
            try:
                held[i].sendall(rest[i][step:step + 1])
            except OSError:
                left.discard(i)
        for key, _ in sel.select(0):
            left.discard(key.data)
            sel.unregister(key.fileobj)
        if not left:
            return left
        time.sleep(STEP)
    return left


held, rest = [], []
for _ in range(count):
    held.append(connect())
    rest.append(begin(held[-1]))
print("holding", flush=True)
whole = say_slowly(held, rest) if any(rest) else set()
if how == "deaf":
    # Closed by now, or never: the caller looks.
    sys.stdin.read()
for i, s in enumerate(held):
    print("whole" if i in whole else end(s), flush=True)
