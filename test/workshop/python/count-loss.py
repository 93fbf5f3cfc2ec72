"""Counts lost datagrams: the exercise `count-loss`, without a line of this kit."""
import os
import socket
import struct
from collections import Counter, defaultdict

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(os.environ["PORT"])))
senders = defaultdict(Counter)
while True:
    message, sender = sock.recvfrom(65535)
    came = senders[sender]
    if message[:1] == b"D" and 5 <= len(message) <= 1005:
        came[struct.unpack_from("!I", message, 1)[0]] += 1
    elif message[:1] == b"Q" and len(message) == 3:
        lost = max(came, default=-1) + 1 - len(came)
        again = sum(came.values()) - len(came)
        sock.sendto(b"A" + message[1:] + struct.pack("!II", lost, again), sender)
