"""The metrics page."""

import contextlib
import socket
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from rucket.model.errors import OperatingError
from rucket.observe.metrics import StoredCounts, StoredMetrics
from rucket.observe.metrics_server import HEAD_SIZE_BYTES_MAX, MetricsServer, serve_metrics


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    """A server of some metrics."""
    server = serve_metrics("127.0.0.1", 0, [StoredMetrics(lambda: StoredCounts(1, 2, 3, 4))])
    yield server
    server.close()


def ask(server: MetricsServer, method: str, path: str) -> tuple[int, str, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers["content-type"], body


@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=1"])
def test_metrics_are_given(server: MetricsServer, path: str) -> None:
    """In the text format that Prometheus reads."""
    status, kind, body = ask(server, "GET", path)

    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"# TYPE rucket_buckets_total gauge\nrucket_buckets_total 1.0\n" in body


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/", 404), ("GET", "/metrics/", 404), ("POST", "/metrics", 405), ("PUT", "/x", 404)],
)
def test_there_is_nothing_else(
    server: MetricsServer, method: str, path: str, expected: int
) -> None:
    """It only reads."""
    assert ask(server, method, path)[0] == expected


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n", b"GET /metrics HTTP/1.1\r\n", b"x" * (HEAD_SIZE_BYTES_MAX + 1)],
    ids=["nothing", "an-empty-line", "half-a-head", "too-much"],
)
def test_a_strange_client_is_cut_off(server: MetricsServer, sent: bytes) -> None:
    """And the next one is served."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""

    assert ask(server, "GET", "/metrics")[0] == 200


class Broken(Collector):
    """Can't be read."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        raise OSError("no such table")


def test_metrics_that_cannot_be_read_are_unavailable() -> None:
    """For now: the server goes on."""

    class Later(Broken):
        def describe(self) -> list[GaugeMetricFamily]:
            return []

    server = serve_metrics("127.0.0.1", 0, [Later()])

    assert ask(server, "GET", "/metrics")[0] == 503
    assert ask(server, "GET", "/metrics")[0] == 503
    server.close()


def test_an_address_in_use_is_told() -> None:
    """As something that the operator mends."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(OperatingError, match=f"port {port}"):
            serve_metrics("127.0.0.1", port, [])


def test_closing_gives_the_port_back(server: MetricsServer) -> None:
    """A successor can listen there at once."""
    port = server.port
    ask(server, "GET", "/metrics")
    server.close()

    serve_metrics("127.0.0.1", port, []).close()
