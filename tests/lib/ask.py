#!/usr/bin/python3
"""What a server answers to the bytes on stdin: ask.py ADDRESS [slowly | ending]

ADDRESS is HOST:PORT or the path of a Unix socket. The answer is written without its CRs,
up to the end of the connection; of a 101 only the header. slowly: each byte in a segment
of its own. ending: our side is closed behind the request."""
import socket, sys

address, how = sys.argv[1], sys.argv[2:]
if "/" in address:
    s = socket.socket(socket.AF_UNIX)
    s.connect(address)
else:
    host, _, port = address.rpartition(":")
    s = socket.create_connection((host.strip("[]"), int(port)))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.settimeout(20)
request = sys.stdin.buffer.read()
answer = b""
try:
    if "slowly" in how:
        for i in range(len(request)):
            s.sendall(request[i:i + 1])
    else:
        s.sendall(request)
    if "ending" in how:
        s.shutdown(socket.SHUT_WR)
    while not (answer.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in answer):
        more = s.recv(65536)
        if not more:
            break
        answer += more
except OSError:
    answer += b"[reset]"
sys.stdout.buffer.write(answer.replace(b"\r", b""))
