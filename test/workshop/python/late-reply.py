"""An upload that is answered after its end: the exercise `late-reply`, in Python."""

import os
import re
import socketserver
import time


LONGEST = 1_000_000


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        if not (match := re.fullmatch(rb"work (\d+)\n", line)):
            return
        count = total = 0
        # An empty answer of read() is the client's FIN. It ends one direction only.
        while chunk := self.rfile.read1(65536):
            count += len(chunk)
            total = (total + sum(chunk)) % 65536
        # A sleep has its limit: 292 years.
        left = int(match[1]) / 1000
        while left > 0:
            time.sleep(min(left, LONGEST))
            left -= LONGEST
        self.wfile.write(b"got %d %d\n" % (count, total))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that is gone: its thread ends, the others go on


Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
