"""A mirror for frames, with a thread for each client."""

import os
import socketserver
import struct

LIMIT = 65_536


class Mirror(socketserver.StreamRequestHandler):
    def handle(self):
        # read(n) waits for n bytes; it gives fewer only when the client has ended.
        while len(prefix := self.rfile.read(4)) == 4:
            (length,) = struct.unpack(">I", prefix)
            if length > LIMIT:
                return
            payload = self.rfile.read(length)
            if len(payload) < length:
                return
            self.wfile.write(prefix + payload[::-1])


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that resets is no news


with Server(("127.0.0.1", int(os.environ["PORT"])), Mirror) as server:
    server.serve_forever()
