"""A client that notices when its peer has vanished: the exercise `heartbeat`, in Python."""

import os
import re
import select
import socket
import sys
import time

INTERVAL = 0.25
LIMIT = 1.5


def leave(line, code):
    print(line, flush=True)
    sys.exit(code)


peer = socket.create_connection(("127.0.0.1", int(os.environ["PORT"])))
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
heard = next_ping = time.monotonic()
pings = 0
line = b""

try:
    while True:
        now = time.monotonic()
        # Read first, decide then: what came while we were stopped counts.
        wait = max(0, min(next_ping, heard + LIMIT) - now)
        if select.select([peer], [], [], wait)[0] or select.select([peer], [], [], 0)[0]:
            chunk = peer.recv(65536)
            if not chunk:
                leave("peer has closed", 0)
            heard = time.monotonic()
            *complete, line = (line + chunk).split(b"\n")
            for each in complete:
                if match := re.fullmatch(rb"ping (\d+)", each):
                    peer.sendall(b"pong %s\n" % match[1])
        now = time.monotonic()
        if now - heard >= LIMIT:
            leave("peer is gone", 3)
        if now >= next_ping:
            pings += 1
            peer.sendall(b"ping %d\n" % pings)
            next_ping = now + INTERVAL
except OSError:
    leave("connection is lost", 4)
