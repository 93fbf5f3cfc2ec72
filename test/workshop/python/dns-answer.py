"""A name server for one garden: the exercise `dns-answer`, without a line of this kit."""
import os
import socket
import struct

ZONE = {
    "garden.test": ["192.0.2.1"],
    "rose.garden.test": ["192.0.2.10"],
    "red.rose.garden.test": ["198.51.100.7"],
    "ivy.garden.test": ["192.0.2.20", "192.0.2.21"],
}
BY_LABELS = {tuple(name.encode().split(b".")): all_ for name, all_ in ZONE.items()}


def read_question(message):
    """The labels, the type, and where the question ends; IndexError for what is none."""
    labels, at = [], 12
    while length := message[at]:
        if length > 63:
            raise IndexError
        labels.append(message[at + 1 : at + 1 + length].lower())
        at += 1 + length
    end = at + 5
    if end > len(message) or at + 1 - 12 > 255:
        raise IndexError
    return tuple(labels), struct.unpack_from("!H", message, at + 1)[0], end


def answer(message):
    if len(message) < 12:
        return None
    number, flags, questions = struct.unpack_from("!HHH", message)
    if flags & 0x8000 or questions != 1:
        return None
    try:
        labels, kind, end = read_question(message)
    except IndexError:
        return None
    addresses = BY_LABELS.get(labels)
    found = addresses if addresses and kind == 1 else []
    flags = 0x8400 | flags & 0x0100 | (0 if addresses else 3)
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    records = [
        name + struct.pack("!HHIH", 1, 1, 300, 4) + socket.inet_aton(address)
        for address in reversed(found)
    ]
    header = struct.pack("!HHHHHH", number, flags, 1, len(found), 0, 0)
    return header + message[12:end] + b"".join(records)


sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", int(os.environ["PORT"])))
while True:
    message, sender = sock.recvfrom(65535)
    if (reply := answer(message)) is not None:
        sock.sendto(reply, sender)
