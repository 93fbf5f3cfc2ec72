"""An HTTP server that keeps its connections: the exercise `http-keep-alive`, in Python."""

import http.client
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


# The library takes 100 lines of at most 64 KiB each; a head of 64 KiB may have more of them.
http.client._MAXHEADERS = 700
LARGEST = 1024 * 1024
LARGEST_HEAD = 64 * 1024


class HeadTooLong(Exception):
    pass


class Head:
    """Counts the bytes of lines, which only a head has; a body goes through."""

    def __init__(self, file):
        self.file = file
        self.left = LARGEST_HEAD

    def readline(self, limit=-1):
        line = self.file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise HeadTooLong
        return line

    def __getattr__(self, name):
        return getattr(self.file, name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.rfile = Head(self.rfile)

    def handle_one_request(self):
        self.rfile.left = LARGEST_HEAD
        try:
            super().handle_one_request()
        except HeadTooLong:
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 431 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    def finish(self):
        super().finish()
        # To close with unread bytes is a reset, and may destroy our last answer.
        try:
            self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(65536):
                pass
        except OSError:
            pass

    def answer(self):
        length = self.headers.get("Content-Length", "0").strip(" \t")
        if not (length.isascii() and length.isdigit()) or int(length) > LARGEST:
            self.close_connection = True
            self.send_response(400)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            return
        length = int(length)
        if len(self.rfile.read(length)) < length:
            self.close_connection = True
            return
        # The library looks for the one word only; the header is a list, in one line or several.
        lines = self.headers.get_all("Connection", [])
        words = [word.strip().lower() for word in ",".join(lines).split(",")]
        old = self.request_version == "HTTP/1.0"
        kept = "close" not in words and (not old or "keep-alive" in words)
        body = f"{self.command} {self.requestline.split()[1]} {length}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "keep-alive" if kept else "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = not kept

    def __getattr__(self, name):
        # do_GET, do_POST and all others.
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
