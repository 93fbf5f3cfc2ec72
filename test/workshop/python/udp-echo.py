"""A UDP echo: the exercise `udp-echo`, without a line of this kit."""
import os
import socket

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(os.environ["PORT"])))
while True:
    message, sender = sock.recvfrom(65535)
    sock.sendto(message, sender)
