"""A partner's end, in a process of its own (`bench.push`): HTTPS on loopback, with the certificate and key of a file.

It prints its port, and then for each notification its id and when it was there as a whole, in milliseconds of Unix
time; it ends when it is terminated.
"""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Receiver:
    """The other side of it. `close` it."""

    def __init__(self, folder: Path) -> None:
        """`certificate`, made in `folder`, is what it is known by."""
        self.certificate, key = folder / "receiver.pem", folder / "receiver.key"
        options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        command = ["openssl", *options.split(), "-out", str(self.certificate), "-keyout", str(key)]
        subprocess.run(command, check=True, capture_output=True)
        both = folder / "receiver-and-key.pem"
        both.write_bytes(key.read_bytes() + self.certificate.read_bytes())
        words = [sys.executable, "-m", "bench.push_receiver", str(both)]
        self._process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.port = int(self._lines.readline())
        self._received_ms: dict[str, int] = {}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def received_ms(self, identity: str) -> int | None:
        """When a notification came first; None: not yet."""
        return self._received_ms.get(identity)

    def close(self) -> None:
        self._process.terminate()
        self._thread.join()
        self._lines.close()
        self._process.wait()

    def _read(self) -> None:
        for line in self._lines:
            identity, received_ms = line.split()
            self._received_ms.setdefault(identity, int(received_ms))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        sys.stdout.write(f"{self.headers['webhook-id']} {time.time_ns() // 1_000_000}\n")
        sys.stdout.flush()
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
