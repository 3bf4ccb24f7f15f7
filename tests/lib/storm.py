#!/usr/bin/python3
"""storm - many clients connect to a ws-serve at once, some with tokens that are not good.

    storm.py URL TOKENS [CONCURRENCY]

TOKENS has lines "USER TOKEN"; USER is - when the token must be refused. All stay
connected to the end. Meanwhile a process of its own pings over ten connections, with the
first good token, to see what the others' noise does to those who are in.

Writes one JSON object: how many came in under their own name (in), under another one
(wrong), although refused (intruders); got 401 or 503; anything else (other), with an
example; and the probes' round trips in milliseconds before and during the storm.
"""
import base64
import errno
import json
import os
import random
import resource
import selectors
import socket
import sys
import time
from collections import Counter
from urllib.parse import urlparse

PROBES, PROBE_PAUSE, QUIET = 10, 0.02, 1.0


def request(path, host, token):
    key = base64.b64encode(os.urandom(16)).decode()
    return (f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Authorization: Bearer {token}\r\n\r\n").encode()


def frame(text):
    """A masked text frame of less than 126 bytes."""
    mask = os.urandom(4)
    data = bytes(b ^ mask[i % 4] for i, b in enumerate(text.encode()))
    return bytes([0x81, 0x80 | len(data)]) + mask + data


def messages(buf):
    """The whole text messages in buf, and what is left of it."""
    out = []
    while len(buf) >= 2:
        n, at = buf[1] & 127, 2
        if n == 126:
            if len(buf) < 4:
                break
            n, at = int.from_bytes(buf[2:4], "big"), 4
        if len(buf) < at + n:
            break
        if buf[0] & 15 == 1:
            out.append(json.loads(buf[at:at + n]))
        buf = buf[at + n:]
    return out, buf


class Client:
    """One connection attempt: connect, ask, read the answer and the welcome."""

    def __init__(self, address, path, user, token):
        self.user = user
        self.out = request(path, f"{address[0]}:{address[1]}", token)
        self.buf = b""
        self.sock = socket.socket()
        self.sock.setblocking(False)
        err = self.sock.connect_ex(address)
        if err not in (0, errno.EINPROGRESS):
            raise OSError(err, os.strerror(err))

    def write(self):
        """True when all has been written."""
        self.out = self.out[self.sock.send(self.out):]
        return not self.out

    def read(self):
        """None, or what has become of it."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            return "reset"
        if not data:
            return "closed: " + self.buf[:40].decode("latin-1")
        self.buf += data
        head, blank, rest = self.buf.partition(b"\r\n\r\n")
        if not blank:
            return None
        status = head.split(b" ")[1]
        if status != b"101":
            return status.decode()
        if self.user == "-":
            return "intruder"
        found, _ = messages(rest)
        if not found:
            return None
        return "in" if found[0]["payload"]["userId"] == self.user else "wrong"


def storm(address, path, tokens, concurrency):
    random.seed(1)
    random.shuffle(tokens)
    sel, waiting, results, open_sockets = selectors.DefaultSelector(), 0, Counter(), []
    todo = iter(tokens)
    more = True
    while more or waiting:
        while more and waiting < concurrency:
            pair = next(todo, None)
            if pair is None:
                more = False
                break
            client = Client(address, path, *pair)
            sel.register(client.sock, selectors.EVENT_WRITE, client)
            waiting += 1
        for key, mask in sel.select(20):
            client = key.data
            try:
                if mask & selectors.EVENT_WRITE:
                    if client.write():
                        sel.modify(client.sock, selectors.EVENT_READ, client)
                    continue
                result = client.read()
            except OSError as e:
                result = e.strerror
            if result is None:
                continue
            sel.unregister(client.sock)
            waiting -= 1
            results[result] += 1
            if result == "in":
                open_sockets.append(client.sock)
            else:
                client.sock.close()
    return results, open_sockets


def receive(sock):
    data = sock.recv(65536)
    if not data:
        raise ConnectionError("a probe was closed")
    return data


def ping_over(socks, pings, until):
    """Ping in turn, pause after each round; until(rounds) ends it. Round trips in ms."""
    trips, rounds = [], 0
    while not until(rounds):
        for sock in socks:
            start = time.monotonic()
            sock.sendall(frame('{"type":"ping","id":%d}' % pings))
            while True:
                found, _ = messages(receive(sock))
                if any(m.get("type") == "pong" for m in found):
                    break
            trips.append((time.monotonic() - start) * 1000)
        rounds += 1
        time.sleep(PROBE_PAUSE)
    return sorted(trips)


def probe(address, path, token, commands, results):
    """In a process of its own: a first series at once, a second until told to stop."""
    socks = []
    for _ in range(PROBES):
        sock = socket.create_connection(address)
        sock.settimeout(30)
        sock.sendall(request(path, f"{address[0]}:{address[1]}", token))
        buf = b""
        while b"\r\n\r\n" not in buf or not messages(buf.partition(b"\r\n\r\n")[2])[0]:
            buf += receive(sock)
        socks.append(sock)
    end = time.monotonic() + QUIET
    quiet = ping_over(socks, 1, lambda rounds: time.monotonic() > end)
    results.write(json.dumps(quiet) + "\n")
    results.flush()
    os.set_blocking(commands, False)

    def stop(rounds):
        try:
            return rounds > 0 and os.read(commands, 1) == b""
        except BlockingIOError:
            return False

    results.write(json.dumps(ping_over(socks, 2, stop)) + "\n")


def summary(trips):
    at = lambda q: round(trips[min(len(trips) - 1, int(len(trips) * q))], 3)
    return {"pings": len(trips), "p50": at(0.5), "p99": at(0.99), "max": at(1)}


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    url = urlparse(sys.argv[1])
    address, path = (url.hostname, url.port), url.path
    tokens = [tuple(line.split()) for line in open(sys.argv[2])]
    concurrency = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    good = next(token for user, token in tokens if user != "-")

    from_probe, to_parent = os.pipe()
    commands, to_probe = os.pipe()
    if os.fork() == 0:
        os.close(to_probe)
        os.close(from_probe)
        with os.fdopen(to_parent, "w") as results:
            probe(address, path, good, commands, results)
        os._exit(0)
    os.close(to_parent)
    os.close(commands)
    with os.fdopen(from_probe) as results:
        quiet = json.loads(results.readline())
        begin = time.monotonic()
        counts, kept = storm(address, path, tokens, concurrency)
        seconds = time.monotonic() - begin
        os.close(to_probe)
        busy = json.loads(results.readline())
    os.wait()
    known = ("in", "wrong", "intruder", "401", "503")
    other = {k: n for k, n in counts.items() if k not in known}
    print(json.dumps({
        "in": counts["in"], "wrong": counts["wrong"], "intruders": counts["intruder"],
        "401": counts["401"], "503": counts["503"], "other": sum(other.values()),
        "examples": dict(list(other.items())[:3]), "kept": len(kept),
        "seconds": round(seconds, 2), "quiet_ms": summary(quiet), "storm_ms": summary(busy)}))


main()
