"""An admin API that checks signatures and answers as it was told."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from rucket.model.errors import S3Error
from rucket.runtime.system import SystemClock
from rucket.wire.sigv4 import authentication
from rucket.wire.sigv4.canonical_request import SignedRequest


@dataclass(frozen=True, slots=True)
class Received:
    """A request whose signature was right."""

    access_key_id: str
    method: str
    path: str
    body: Any


@dataclass(slots=True)
class AdminServer:
    """What the server does and has seen."""

    secrets: dict[str, str]
    status: int = 200
    answer: object = None
    received: list[Received] = field(default_factory=list)
    endpoint: str = ""


@contextmanager
def admin_server(secrets: dict[str, str]) -> Iterator[AdminServer]:
    """A server on loopback, for users with these access keys and secrets."""
    state = AdminServer(secrets)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            access_key_id = _signer(self, body, state.secrets)
            answer: object
            if access_key_id is None:
                status, answer = 403, {"error": {"code": "AccessDenied", "message": "Denied"}}
            else:
                state.received.append(
                    Received(access_key_id, self.command, self.path, json.loads(body or b"null"))
                )
                status, answer = state.status, state.answer
            content = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 -- the library's names

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        state.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def _signer(handler: BaseHTTPRequestHandler, body: bytes, secrets: dict[str, str]) -> str | None:
    """The access key id of a request that is signed as it should be, body included."""
    path, _, query = handler.path.partition("?")
    headers = {name.lower(): value for name, value in handler.headers.items()}
    request = SignedRequest(handler.command, path.encode(), query.encode(), headers)
    if headers.get("x-amz-content-sha256") != hashlib.sha256(body).hexdigest():
        return None
    try:
        parsed = authentication.parse(request, "us-east-1")
        assert parsed is not None
        secret = secrets[parsed.access_key_id]
        authentication.verify(request, parsed, secret, SystemClock().wall_ms())
    except (S3Error, KeyError):
        return None
    return parsed.access_key_id
