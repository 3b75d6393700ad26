"""The load generator: some connections in one thread, each with one request under way.

It costs the server's machine little: requests are signed before the clock runs, answers are read
into one buffer and their bodies dropped unless the request asks for them. A connection follows a
`Script`, a generator that yields a request and is sent the answer to it. Source: RFC 9112, as far
as S3 stores use it: Content-Length or chunked answers on connections that stay open.
"""

import select
import socket
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from loadtests.bench.endpoints import Endpoint

RECEIVE_BYTES = 256 * 1024
HEAD_BYTES_MAX = 64 * 1024
STALL_TIMEOUT_S = 30.0
ERROR_EXCERPT_BYTES = 600


class LoadError(Exception):
    """A request failed or was answered otherwise than expected; the run is worth nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, signed. A unit, whose time is measured, ends with a request that says so."""

    label: str
    head: bytes
    body: bytes | memoryview = b""
    expected_status: int = 200
    expected_size: int | None = None
    keep_body: bool = False
    is_head: bool = False
    ends_unit: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status and headers, its body's size, and the body when it was asked for."""

    status: int
    headers: dict[str, str]
    size: int
    body: bytes


Script = Generator[Request, Answer, None]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run saw: the time of every unit by label, its bytes and how long all took."""

    latencies_s: dict[str, list[float]]
    bytes_moved: int
    elapsed_s: float

    @property
    def unit_count(self) -> int:
        """All units of all labels."""
        return sum(len(times) for times in self.latencies_s.values())


def run_scripts(endpoint: Endpoint, scripts: Sequence[Script], seconds: float) -> Measured:
    """Run every script on a connection of its own until it ends or `seconds` have passed.

    Requests under way at the end are finished and counted.

    Raises:
        LoadError: The endpoint is not there, stalls, or answers otherwise than expected.
    """
    poller = select.epoll()
    connections: dict[int, _Connection] = {}
    try:
        for script in scripts:
            connection = _Connection(endpoint, script)
            connections[connection.fileno] = connection
        return _loop(poller, connections, seconds)
    except OSError as error:
        raise LoadError(f"{endpoint.name} at {endpoint.authority}: {error}") from error
    finally:
        poller.close()
        for connection in connections.values():
            connection.close()


def _loop(poller: select.epoll, connections: dict[int, "_Connection"], seconds: float) -> Measured:
    latencies: dict[str, list[float]] = {}
    clock = time.perf_counter
    started = clock()
    deadline = started + seconds
    running = 0
    for fileno, connection in connections.items():
        if connection.begin():
            poller.register(fileno, select.EPOLLIN)
            running += 1
    while running:
        events = poller.poll(STALL_TIMEOUT_S)
        if not events:
            raise LoadError(f"no answer to {running} requests within {STALL_TIMEOUT_S} s")
        for fileno, event in events:
            connection = connections[fileno]
            if event & select.EPOLLOUT:
                connection.send_rest(poller)
            if not event & ~select.EPOLLOUT or not connection.receive():
                continue
            request = connection.request
            if request.ends_unit:
                times = latencies.setdefault(request.label, [])
                times.append(clock() - connection.unit_started)
            may_start = clock() < deadline or not request.ends_unit
            if not connection.proceed(poller, may_start_unit=may_start):
                poller.unregister(fileno)
                running -= 1
    elapsed = clock() - started
    moved = sum(connection.bytes_moved for connection in connections.values())
    return Measured(latencies, moved, elapsed)


class _Connection:
    """One connection, its script, and how far the answer under way has been read."""

    def __init__(self, endpoint: Endpoint, script: Script) -> None:
        self._endpoint = endpoint
        self._script = script
        self._socket = socket.create_connection(
            (endpoint.host, endpoint.port), timeout=STALL_TIMEOUT_S
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(0)
        self._buffer = bytearray(RECEIVE_BYTES)
        self._view = memoryview(self._buffer)
        self._unsent: list[memoryview] = []
        self.fileno = self._socket.fileno()
        self.bytes_moved = 0
        self.unit_started = 0.0
        self.request = Request("none", b"")
        self._reset()

    def _reset(self) -> None:
        self._head = b""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._size_left: int | None = None
        self._size = 0
        self._kept: list[bytes] = []
        self._chunks: bytes | None = None

    def close(self) -> None:
        self._script.close()
        self._socket.close()

    def begin(self) -> bool:
        """Send the script's first request; False when it has none."""
        request = next(self._script, None)
        if request is None:
            return False
        self.unit_started = time.perf_counter()
        self._send(request)
        if self._unsent:
            self._wait_writable()
        return True

    def proceed(self, poller: select.epoll, *, may_start_unit: bool) -> bool:
        """Give the answer to the script and send its next request; False when it stops here."""
        answer = Answer(self._status, self._headers, self._size, b"".join(self._kept))
        ended = self.request.ends_unit
        self._reset()
        try:
            request = self._script.send(answer)
        except StopIteration:
            return False
        if not may_start_unit:
            return False
        if ended:
            self.unit_started = time.perf_counter()
        self._send(request)
        if self._unsent:
            poller.modify(self.fileno, select.EPOLLIN | select.EPOLLOUT)
        return True

    def send_rest(self, poller: select.epoll) -> None:
        """Send more of the request under way, as much as fits."""
        self._push()
        if not self._unsent:
            poller.modify(self.fileno, select.EPOLLIN)

    def receive(self) -> bool:
        """Read what is there; True when the answer is complete and as expected."""
        try:
            count = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            return False
        if count == 0:
            raise LoadError(f"{self._name}: connection closed before the answer was complete")
        data = self._view[:count]
        if self._status == 0:
            rest = self._read_head(data)
            if rest is None:
                return False
            data = rest
        return self._read_body(data)

    @property
    def _name(self) -> str:
        return f"{self._endpoint.name}: {self.request.label}"

    def _send(self, request: Request) -> None:
        self.request = request
        self.bytes_moved += len(request.body)
        if len(request.body) <= RECEIVE_BYTES:
            self._unsent = [memoryview(request.head + bytes(request.body))]
        else:
            self._unsent = [memoryview(request.head), memoryview(request.body)]
        self._push()

    def _push(self) -> None:
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent[0])
            except BlockingIOError:
                return
            if sent == len(self._unsent[0]):
                del self._unsent[0]
            else:
                self._unsent[0] = self._unsent[0][sent:]

    def _wait_writable(self) -> None:
        while self._unsent:
            _, writable, _ = select.select([], [self._socket], [], STALL_TIMEOUT_S)
            if not writable:
                raise LoadError(f"{self._name}: nothing was taken for {STALL_TIMEOUT_S} s")
            self._push()

    def _read_head(self, data: memoryview) -> memoryview | None:
        """Parse the head once it is whole; return what follows it."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > HEAD_BYTES_MAX:
                raise LoadError(f"{self._name}: the answer's head is too long")
            return None
        rest = memoryview(self._head)[end + 4 :]
        lines = self._head[:end].decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        if status == 100:
            self._head = b""
            return self._read_head(rest)
        self._status = status
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self._headers[name.lower()] = value.strip()
        if self.request.is_head or status in (204, 304):
            self._size_left = 0
        elif "content-length" in self._headers:
            self._size_left = int(self._headers["content-length"])
        elif self._headers.get("transfer-encoding") == "chunked":
            self._chunks = b""
        else:
            raise LoadError(f"{self._name}: the answer has neither length nor chunks")
        return rest

    def _read_body(self, data: memoryview) -> bool:
        if self._chunks is not None:
            self._chunks += data
            body = decode_chunks(self._chunks)
            if body is None:
                return False
            self._size = len(body)
            self._kept = [body]
            return self._complete()
        assert self._size_left is not None
        self._size_left -= len(data)
        self._size += len(data)
        if len(data) and (self.request.keep_body or self._status >= 300):
            self._kept.append(bytes(data))
        return self._size_left <= 0 and self._complete()

    def _complete(self) -> bool:
        request = self.request
        if self._status != request.expected_status:
            excerpt = b"".join(self._kept)[:ERROR_EXCERPT_BYTES].decode(errors="replace")
            raise LoadError(f"{self._name}: status {self._status}: {excerpt}")
        if request.expected_size is not None and self._size != request.expected_size:
            raise LoadError(
                f"{self._name}: {self._size} bytes came, {request.expected_size} expected"
            )
        if self._unsent:
            raise LoadError(f"{self._name}: answered before the request was sent")
        self.bytes_moved += self._size
        return True


def decode_chunks(data: bytes) -> bytes | None:
    """Return the body of a chunked message, None while it is not whole."""
    if not data.endswith(b"\r\n\r\n"):
        return None
    body = bytearray()
    position = 0
    while True:
        line_end = data.find(b"\r\n", position)
        if line_end < 0:
            return None
        size = int(data[position:line_end].split(b";")[0], 16)
        position = line_end + 2
        if size == 0:
            return bytes(body)
        if len(data) < position + size + 2:
            return None
        body += data[position : position + size]
        position += size + 2
