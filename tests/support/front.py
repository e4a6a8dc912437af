"""A door in front of a server: TLS with a certificate of its own, and a user with a password."""

from __future__ import annotations

import base64
import datetime
import http.client
import ipaddress
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"


@dataclass
class Front:
    """Where it is, what certificate it shows, and who it lets in."""

    url: str
    authority: Path
    user: str
    password: str


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the loopback address that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "front")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "front.pem", folder / "front.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


@contextmanager
def front(server: str, folder: Path, user: str, password: str) -> Generator[Front]:
    """Hand on what comes with the right password, over TLS."""
    public, private = certificate(folder)
    behind = urlsplit(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size)
            token = base64.b64encode(f"{door.user}:{door.password}".encode()).decode()
            if self.headers.get("authorization") != f"Basic {token}":
                self._answer(401, b'{"error": "who are you?"}')
                return
            given = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("host", "authorization", "connection")
            }
            connection = http.client.HTTPConnection(behind.hostname or "", behind.port, timeout=30)
            connection.request(self.command, self.path, body, given)
            answer = connection.getresponse()
            said = answer.read()
            encoding = answer.getheader("content-encoding") or ""
            self._answer(answer.status, said, encoding)
            connection.close()

        def _answer(self, status: int, body: bytes, encoding: str = "") -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if encoding:
                self.send_header("content-encoding", encoding)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us hangs up."""

    with Server((LOOPBACK, 0), Handler) as served:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(public, private)
        served.socket = context.wrap_socket(served.socket, server_side=True)
        door = Front(f"https://{LOOPBACK}:{served.server_port}", public, user, password)
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        try:
            yield door
        finally:
            served.shutdown()
            thread.join()
