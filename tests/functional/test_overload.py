"""More than the server is configured for: it says so, stays as it is, and recovers by itself."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.functional.crowd import send_crowd
from tests.functional.raw_http import RawClient
from tests.server_process import ROOT, RucketProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1024 * 1024
WORKER_COUNT = 2
CONNECTIONS_PER_WORKER = 40
IN_FLIGHT_PER_WORKER = 8
TIMEOUT_S = 1.0
HEADER_BYTES = 8 * 1024
BODY = bytes(range(256)) * 1024
CLIENTS_IN_PEACE = 16
CLIENTS_IN_A_CROWD = 10 * CLIENTS_IN_PEACE
SECONDS = 3.0
UNREAD_BYTES = 64 * MIB
HELD_BYTES_MAX = 16 * MIB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RucketProcess]:
    """A server that waits for nobody and takes few connections, and a bucket."""
    with serving(
        tmp_path_factory.mktemp("impatient"),
        max_connections=CONNECTIONS_PER_WORKER,
        header_timeout_s=TIMEOUT_S,
        body_idle_timeout_s=TIMEOUT_S,
        max_header_size_bytes=HEADER_BYTES,
    ) as started:
        yield started


@pytest.fixture(scope="module")
def busy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RucketProcess]:
    """A server that does few things at a time, and a bucket."""
    with serving(
        tmp_path_factory.mktemp("busy"), requests_in_flight_max=IN_FLIGHT_PER_WORKER
    ) as started:
        yield started


@contextmanager
def serving(directory: Path, **limits: float) -> Iterator[RucketProcess]:
    """A server with these limits, and a bucket."""
    config = {"server": {"workers": WORKER_COUNT, **limits}}
    with RucketProcess(directory, config) as started:
        with client_of(started) as client:
            assert client.request("PUT", "/bucket").status == 200
        yield started


def client_of(server: RucketProcess) -> RawClient:
    """A client on a connection of its own."""
    return RawClient(server.endpoint, server.region, ROOT)


def head_bytes(
    server: RucketProcess, method: str, target: str, body: bytes = b"", more: str = ""
) -> bytes:
    """The head of a signed request as it goes over the wire."""
    with client_of(server) as client:
        headers = client.sign(method, target, {"host": client.netloc}, body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        host = f"host: {client.netloc}\r\ncontent-length: {len(body)}\r\n"
    return f"{method} {target} HTTP/1.1\r\n{host}{lines}{more}\r\n".encode()


def wait_until_served(server: RucketProcess) -> None:
    """Returns when the server carries requests out again.

    Raises:
        AssertionError: it doesn't within seconds.
    """
    until = time.perf_counter() + 10
    while time.perf_counter() < until:
        with client_of(server) as client:
            if client.request("GET", "/bucket?list-type=2").status == 200:
                return
    raise AssertionError(f"still not served; {server.log_tail()}")


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET /bucket HTTP/1.1\r\nhost: x\r\n"], ids=["nothing", "a-byte", "half"]
)
def test_a_head_that_never_ends_is_not_waited_for(server: RucketProcess, sent: bytes) -> None:
    """The connection is closed after the time for heads, even if nothing was sent on it."""
    with socket.create_connection(server.address, timeout=10 * TIMEOUT_S) as connection:
        connection.sendall(sent)
        started = time.perf_counter()

        assert connection.recv(1) == b""
        assert 0.5 * TIMEOUT_S < time.perf_counter() - started < 5 * TIMEOUT_S


def test_a_head_that_grows_line_by_line_is_not_waited_for(server: RucketProcess) -> None:
    """The time for heads is for all of it, not for each line."""
    with socket.create_connection(server.address, timeout=0.1) as connection:
        connection.sendall(b"GET /bucket HTTP/1.1\r\n")
        started = time.perf_counter()
        while time.perf_counter() - started < 10 * TIMEOUT_S:
            try:
                connection.sendall(b"x-more: x\r\n")
                ended = connection.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            assert ended
            break

        assert time.perf_counter() - started < 5 * TIMEOUT_S


@pytest.mark.parametrize("size_bytes", [HEADER_BYTES + 1, 20 * HEADER_BYTES])
def test_a_head_that_is_too_large_is_refused(server: RucketProcess, size_bytes: int) -> None:
    """With 431, and the connection ends."""
    with socket.create_connection(server.address, timeout=10 * TIMEOUT_S) as connection:
        connection.sendall(b"GET /bucket HTTP/1.1\r\nhost: x\r\nx-large: ")
        connection.sendall(b"x" * size_bytes + b"\r\n\r\n")

        assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


def test_a_body_that_comes_byte_by_byte_is_refused(server: RucketProcess) -> None:
    """RequestTimeout, though every byte came in time."""
    with client_of(server) as client:
        head = head_bytes(server, "PUT", "/bucket/slow", b"x" * 100_000)
        with socket.create_connection(server.address, timeout=0.1) as connection:
            connection.sendall(head)
            started = time.perf_counter()
            answer = b""
            while not answer and time.perf_counter() - started < 10 * TIMEOUT_S:
                connection.sendall(b"x")
                try:
                    answer = connection.recv(4096)
                except TimeoutError:
                    continue

        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"RequestTimeout" in answer
        assert client.request("GET", "/bucket/slow").code == "NoSuchKey"


def test_connections_too_many_are_told_so(server: RucketProcess) -> None:
    """Who sends a request on one of them gets SlowDown and is disconnected; the others are served,
    and so is everybody once the silent ones have been closed.
    """
    request = head_bytes(server, "GET", "/bucket?list-type=2")
    with ExitStack() as stack:
        for _ in range(2 * WORKER_COUNT * CONNECTIONS_PER_WORKER):
            stack.enter_context(socket.create_connection(server.address, timeout=10))
        refused = b""
        until = time.perf_counter() + 10
        while b"SlowDown" not in refused and time.perf_counter() < until:
            with socket.create_connection(server.address, timeout=10) as connection:
                connection.sendall(request)
                refused = b"".join(iter(lambda: connection.recv(4096), b""))

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close" in refused.lower()
    wait_until_served(server)


def test_ten_times_too_many_clients_are_served_at_the_server_s_maximum(
    busy_server: RucketProcess,
) -> None:
    """Those in excess are told SlowDown at once, the rest is served as fast as before, memory stays
    bounded, and afterwards all is as it was.
    """
    expect = "expect: 100-continue\r\n"
    puts = [
        (head_bytes(busy_server, "PUT", f"/bucket/{n}", BODY, expect), BODY)
        for n in range(CLIENTS_IN_A_CROWD)
    ]
    in_peace = send_crowd(busy_server.address, puts[:CLIENTS_IN_PEACE], CLIENTS_IN_PEACE, SECONDS)
    pss_before = busy_server.pss_bytes()

    crowded = send_crowd(busy_server.address, puts, CLIENTS_IN_A_CROWD, 2 * SECONDS)
    pss_crowded = busy_server.pss_bytes()
    after = send_crowd(busy_server.address, puts[:4], 4, SECONDS)

    print(
        in_peace.served_per_s,
        crowded.served_per_s,
        crowded.counts,
        crowded.slowest_of(0.99),
        pss_crowded - pss_before,
        after.counts,
    )
    assert set(crowded.counts) == {"200", "503 SlowDown"}
    assert crowded.served_per_s > 0.4 * in_peace.served_per_s
    assert crowded.slowest_of(0.99) < 3.0
    assert pss_crowded - pss_before < 100 * MIB
    assert set(after.counts) == {"200"}


def test_clients_that_do_not_read_cost_little(busy_server: RucketProcess) -> None:
    """What they have asked for isn't gathered in memory, and others are served meanwhile."""
    with client_of(busy_server) as client:
        assert client.request("PUT", "/bucket/large", body=bytes(UNREAD_BYTES)).status == 200
    request = head_bytes(busy_server, "GET", "/bucket/large")
    readers_per_worker = IN_FLIGHT_PER_WORKER // 2
    before = busy_server.pss_bytes()
    with ExitStack() as stack:
        for _ in range(WORKER_COUNT * readers_per_worker):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(busy_server.address)
            connection.sendall(request)
            assert connection.recv(1)
        with client_of(busy_server) as client:
            assert client.request("GET", "/bucket?list-type=2").status in {200, 503}

        assert busy_server.pss_bytes() - before < WORKER_COUNT * readers_per_worker * HELD_BYTES_MAX
    wait_until_served(busy_server)
