"""A mirror for SLIP frames, with a thread for each client."""

import os
import socketserver

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
MEANING = {ESC_END: END, ESC_ESC: ESC}
LIMIT = 1024


def frame(payload):
    # ESC first: the other way round the ESC of END's escape would be escaped again.
    wire = payload.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return wire + b"\xc0"


class Mirror(socketserver.BaseRequestHandler):
    def handle(self):
        payload, escaped, lost = bytearray(), False, False
        while chunk := self.request.recv(65_536):
            for byte in chunk:
                if byte == END:
                    if payload and not escaped and not lost:
                        self.request.sendall(frame(bytes(reversed(payload))))
                    payload, escaped, lost = bytearray(), False, False
                elif byte == ESC and not escaped:
                    escaped = True
                else:
                    if escaped and byte not in MEANING or len(payload) == LIMIT:
                        lost = True
                    if not lost:
                        payload.append(MEANING[byte] if escaped else byte)
                    escaped = False


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that resets is no news


with Server(("127.0.0.1", int(os.environ["PORT"])), Mirror) as server:
    server.serve_forever()
