"""The exercise "hello", with a thread for each client."""

import os
import socket
import socketserver


class Hello(socketserver.BaseRequestHandler):
    def handle(self):
        address, port = self.client_address
        try:
            self.request.sendall(f"hello {address} port {port}\n".encode())
            self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(65536):
                pass
        except OSError:
            pass  # the client has reset the connection


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", int(os.environ["PORT"])), Hello).serve_forever()
