"""The load generator, against a small HTTP server of the standard library."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtests.bench.endpoints import Endpoint
from loadtests.bench.http_load import (
    Answer,
    LoadError,
    Request,
    Script,
    decode_chunks,
    run_scripts,
)

BODY = bytes(range(256)) * 4096


class Handler(BaseHTTPRequestHandler):
    """GET gives BODY, in chunks on request; PUT gives the size it got; other paths are refused."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with a length, with chunks, or with an error."""
        if self.path == "/missing":
            self.send_error(404, "not there")
            return
        if self.path == "/closed":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            self.close_connection = True
            return
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(BODY), 100_000):
                piece = BODY[start : start + 100_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def do_HEAD(self) -> None:
        """Answer with the length of what is not sent."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()

    def do_PUT(self) -> None:
        """Read all, answer with its size."""
        size = str(len(self.rfile.read(int(self.headers["Content-Length"])))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(size)))
        self.end_headers()
        self.wfile.write(size)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """The server's endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Endpoint("stub", "127.0.0.1", server.server_address[1], "key", "secret")
    server.shutdown()
    thread.join()
    server.server_close()


def request(method: str, path: str, body: bytes = b"", **options: object) -> Request:
    """An unsigned request that keeps its answer's body."""
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    fields: dict[str, object] = {"keep_body": True, **options}
    return Request(method, head, body, **fields)  # type: ignore[arg-type]


def recording(requests: list[Request], seen: list[Answer]) -> Script:
    """Send each request and keep the answers."""
    for position in range(len(requests)):
        answer = yield requests[position]
        seen.append(answer)


def test_bodies_come_whole_with_a_length_in_chunks_and_not_for_head(endpoint: Endpoint) -> None:
    """One connection serves several requests, one after the other."""
    seen: list[Answer] = []
    requests = [
        request("GET", "/"),
        request("GET", "/chunked"),
        request("HEAD", "/", is_head=True),
        request("PUT", "/", BODY),
    ]
    measured = run_scripts(endpoint, [recording(requests, seen)], seconds=30)

    assert [answer.body for answer in seen] == [BODY, BODY, b"", str(len(BODY)).encode()]
    assert measured.unit_count == 4
    assert measured.bytes_moved == 3 * len(BODY) + len(str(len(BODY)))


def test_connections_run_side_by_side_until_the_time_is_up(endpoint: Endpoint) -> None:
    """Endless scripts stop at the deadline, each after an answer; all units are counted."""
    counts = [0, 0, 0]

    def endless(number: int) -> Script:
        while True:
            yield request("HEAD", "/", is_head=True)
            counts[number] += 1

    measured = run_scripts(endpoint, [endless(number) for number in range(3)], seconds=0.2)

    assert all(counts)
    assert measured.unit_count == sum(counts)
    assert measured.elapsed_s >= 0.2


def test_unit_of_several_requests_is_finished_and_timed_as_one(endpoint: Endpoint) -> None:
    """The time is up after the first request, but the unit goes on to its end."""
    seen: list[Answer] = []
    requests = [request("GET", "/", ends_unit=False), request("GET", "/"), request("GET", "/")]
    measured = run_scripts(endpoint, [recording(requests, seen)], seconds=0)

    assert len(seen) == 2
    assert measured.unit_count == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (request("GET", "/missing"), "status 404: .*not there"),
        (request("GET", "/", expected_size=7), "bytes came, 7 expected"),
        (request("GET", "/closed"), "closed before the answer was complete"),
    ],
    ids=["status", "size", "cut"],
)
def test_unexpected_answer_ends_the_run(endpoint: Endpoint, wrong: Request, message: str) -> None:
    """Nothing is counted when one request fails; the message says which and how."""
    with pytest.raises(LoadError, match=f"(?s)stub: GET: .*{message}"):
        run_scripts(endpoint, [recording([wrong], [])], seconds=1)


def test_nobody_listening_is_said_plainly() -> None:
    """The name and the address are in the message."""
    nobody = Endpoint("nobody", "127.0.0.1", 1, "key", "secret")
    with pytest.raises(LoadError, match=r"nobody at 127\.0\.0\.1:1: .*refused"):
        run_scripts(nobody, [recording([], [])], seconds=1)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (b"3\r\nabc\r\n", None),
        (b"6\r\nab\r\n\r\n", None),
    ],
)
def test_chunks_are_joined_when_all_are_there(data: bytes, body: bytes | None) -> None:
    """A message that is cut, even after what looks like its end, is not whole."""
    assert decode_chunks(data) == body
