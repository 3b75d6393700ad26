"""``GET /metrics`` and nothing else, over HTTP/1.0, on a thread of its own.

One client at a time, each with bounded patience: whoever sends slowly or too much is cut off, so
that the server's own work never waits for the one who watches.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from rucket.model.errors import OperatingError
from rucket.observe.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prometheus_client.registry import Collector

HEAD_SIZE_BYTES_MAX: Final = 8192
RECEIVES_MAX: Final = 8
RECEIVE_TIMEOUT_S: Final = 0.5
SEND_TIMEOUT_S: Final = 5.0

_BACKLOG: Final = 16
_PLAIN_TEXT: Final = "text/plain; charset=utf-8"

_log = get_logger(__name__)


def process_metrics(directory: Path) -> Collector:
    """The metrics that all processes of the server leave in `directory`, added up."""
    return MultiProcessCollector(None, str(directory))  # type: ignore[no-untyped-call]


def serve_metrics(host: str, port: int, sources: Sequence[Collector]) -> MetricsServer:
    """Starts to serve what `sources` have.

    Raises:
        OperatingError: the address can't be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OperatingError(f"can't serve metrics on {host} port {port}: {error}") from error
    registry = CollectorRegistry(auto_describe=False)
    for source in sources:
        registry.register(source)
    return MetricsServer(listener, registry)


class MetricsServer:
    """A running server of metrics.

    Args:
        listener: where clients come in; the server's from now on.
        registry: what they get.
    """

    def __init__(self, listener: socket.socket, registry: CollectorRegistry) -> None:
        self._listener = listener
        self._registry = registry
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Takes no more clients; returns when the last one has its answer."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up the thread
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            with client, contextlib.suppress(OSError):
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        request_line = _receive_request_line(client)
        if request_line is None:
            return
        method, _, rest = request_line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if path != "/metrics":
            status, kind, body = "404 Not Found", _PLAIN_TEXT, b"GET /metrics is all there is.\n"
        elif method != "GET":
            status, kind, body = "405 Method Not Allowed", _PLAIN_TEXT, b"Use GET.\n"
        else:
            status, kind, body = self._exposition()
        head = (
            f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            "Allow: GET\r\nConnection: close\r\n\r\n"
        )
        client.settimeout(SEND_TIMEOUT_S)
        client.sendall(head.encode() + body)

    def _exposition(self) -> tuple[str, str, bytes]:
        try:
            return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)
        except Exception:  # noqa: BLE001 -- the outermost place of this thread; sources are others'
            _log.warning("metrics can't be read", exc_info=True)
            return "503 Service Unavailable", _PLAIN_TEXT, b"Metrics can't be read now.\n"


def _receive_request_line(client: socket.socket) -> str | None:
    """The first line of a request, once its head is complete; None for anything else."""
    client.settimeout(RECEIVE_TIMEOUT_S)
    head = b""
    for _ in range(RECEIVES_MAX):
        data = client.recv(HEAD_SIZE_BYTES_MAX)
        head += data
        if b"\r\n\r\n" in head:
            return head.partition(b"\r\n")[0].decode("latin-1")
        if not data or len(head) > HEAD_SIZE_BYTES_MAX:
            return None
    return None
