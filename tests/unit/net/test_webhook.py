"""The webhook, against a real HTTP server, and the JSON it posts."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import DeliveryFailedError
from rucket.net.s3_notification import notification
from rucket.net.webhook import SIGNATURE_HEADER, Webhook, WebhookTarget
from rucket.state.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

_HLC = (1_700_000_000_123 << 16) | 7
_PUT = Event(EventKind.OBJECT_PUT, 17, _HLC, bytes(16), "bucket", "a key/é+", 3, "etag", "owner")
_DELETED = Event(EventKind.OBJECT_DELETED, 18, _HLC + 1, bytes(16), "bucket", "k")
_MADE = Event(EventKind.BUCKET_CREATED, 1, _HLC, bytes(16), "bucket", owner_id="owner")


class _Server(ThreadingHTTPServer):
    """Remembers what was posted, and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[object] = set()
        self.status = 200
        self.closes = False
        self.hang = threading.Event()
        self.hang.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?token=x"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, _Server)
        assert self.path == "/hook?token=x"
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.hang.wait(10)
        self.server.bodies.append(body)
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.server.connections.add(self.client_address)
        try:
            self.send_response(self.server.status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
        except (BrokenPipeError, ConnectionResetError):  # it didn't wait
            self.close_connection = True
        if self.server.closes:
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


def _webhook(url: str, secret: str = "", timeout_s: float = 5.0) -> Webhook:
    return Webhook(WebhookTarget(url, secret, timeout_s, "eu-west-1", "node"))


def test_events_are_posted_in_order_over_one_connection(server: _Server) -> None:
    """As S3's notification."""
    webhook = _webhook(server.url)
    webhook.deliver([_PUT, _DELETED])
    webhook.deliver([_MADE])
    webhook.close()

    assert server.bodies == [
        notification([_PUT, _DELETED], "eu-west-1", "node"),
        notification([_MADE], "eu-west-1", "node"),
    ]
    assert len(server.connections) == 1
    assert SIGNATURE_HEADER not in server.headers[0]


def test_messages_are_signed_with_the_secret(server: _Server) -> None:
    """So that the receiver knows that they are ours."""
    webhook = _webhook(server.url, secret="s3cret")
    webhook.deliver([_PUT])
    webhook.close()

    digest = hmac.new(b"s3cret", server.bodies[0], hashlib.sha256).hexdigest()
    assert server.headers[0][SIGNATURE_HEADER] == f"sha256={digest}"
    assert "s3cret" not in repr(webhook._target)


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_an_answer_that_is_no_success_is_a_failure(server: _Server, status: int) -> None:
    """It will be tried again; redirects aren't followed."""
    server.status = status
    webhook = _webhook(server.url)

    with pytest.raises(DeliveryFailedError, match=str(status)):
        webhook.deliver([_PUT])
    server.status = 204
    webhook.deliver([_PUT])
    webhook.close()


def test_a_connection_that_was_closed_meanwhile_is_no_failure(server: _Server) -> None:
    """A new one is made."""
    server.closes = True
    webhook = _webhook(server.url)
    for _ in range(3):
        webhook.deliver([_PUT])
    webhook.close()

    assert len(server.bodies) == len(server.connections) == 3


def test_nobody_there_is_a_failure(server: _Server) -> None:
    """Named by the host, without what may be secret in the URL."""
    server.shutdown()
    server.server_close()

    with pytest.raises(DeliveryFailedError, match=r"127\.0\.0\.1") as failure:
        _webhook(server.url).deliver([_PUT])
    assert "token" not in str(failure.value)


def test_an_answer_that_does_not_come_is_a_failure(server: _Server) -> None:
    """In bounded time."""
    server.hang.clear()

    with pytest.raises(DeliveryFailedError, match="timed out"):
        _webhook(server.url, timeout_s=0.1).deliver([_PUT])


def test_the_json_is_that_of_s3() -> None:
    """Version 2.1 of the event message structure, for objects and buckets."""
    put, deleted, made = json.loads(notification([_PUT, _DELETED, _MADE], "eu-west-1", "node"))[
        "Records"
    ]

    assert put == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2023-11-14T22:13:20.123Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": ""},
        "requestParameters": {"sourceIPAddress": ""},
        "responseElements": {"x-amz-request-id": "00" * 16, "x-amz-id-2": "node"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "rucket",
            "bucket": {
                "name": "bucket",
                "ownerIdentity": {"principalId": "owner"},
                "arn": "arn:aws:s3:::bucket",
            },
            "object": {
                "key": "a+key%2F%C3%A9%2B",
                "size": 3,
                "eTag": "etag",
                "sequencer": f"{_HLC:016X}",
            },
        },
    }
    assert deleted["eventName"] == "ObjectRemoved:Delete"
    assert set(deleted["s3"]["object"]) == {"key", "sequencer"}
    assert deleted["s3"]["object"]["sequencer"] > put["s3"]["object"]["sequencer"]
    assert made["eventName"] == "BucketCreated"
    assert "object" not in made["s3"]
