"""Ends of a connection that are not Node: python3 foreign.py ROLE [PORT]."""

import socket
import struct
import sys


def connect() -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(sys.argv[2])))


def read_all(sock: socket.socket) -> bytes:
    pieces = []
    while piece := sock.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def listen() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    return listener


def byte_client() -> None:
    """Sends one byte per segment, closes its half, and prints what comes back."""
    with connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in "raw żółw\n".encode():
            sock.send(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        sys.stdout.buffer.write(read_all(sock))


def reset_client() -> None:
    """Sends much, reads nothing, and resets: close(2) with SO_LINGER 0."""
    with connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.send(b"x" * 100_000)


def late_server() -> None:
    """Answers only when the client has closed its half."""
    with listen() as listener:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(read_all(connection))


def reset_server() -> None:
    """Reads something, and resets."""
    with listen() as listener:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1)
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


globals()[sys.argv[1]]()
