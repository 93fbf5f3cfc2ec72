"""The exercise "back-pressure": a thread for each client; sendall() waits for the reader."""

import os
import socketserver


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            pass  # the client has reset the connection


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Echo).serve_forever()
