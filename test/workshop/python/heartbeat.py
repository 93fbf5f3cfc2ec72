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
# A write must not wait for a peer that does not read: the clock goes on.
peer.setblocking(False)
heard = next_ping = time.monotonic()
pings = 0
line = b""
waiting = bytearray()

try:
    while True:
        now = time.monotonic()
        # Read first, decide then: what came while we were stopped counts.
        wait = max(0, min(next_ping, heard + LIMIT) - now)
        writers = [peer] if waiting else []
        if select.select([peer], writers, [], wait)[0] or select.select([peer], [], [], 0)[0]:
            chunk = peer.recv(65536)
            if not chunk:
                leave("peer has closed", 0)
            heard = time.monotonic()
            *complete, line = (line + chunk).split(b"\n")
            for each in complete:
                if match := re.fullmatch(rb"ping ([0-9]{1,18})", each):
                    waiting += b"pong %s\n" % match[1]
        now = time.monotonic()
        if now - heard >= LIMIT:
            leave("peer is gone", 3)
        if now >= next_ping:
            pings += 1
            waiting += b"ping %d\n" % pings
            next_ping = now + INTERVAL
        try:
            while waiting:
                del waiting[: peer.send(waiting[:65536])]
        except BlockingIOError:
            pass
except OSError:
    leave("connection is lost", 4)
