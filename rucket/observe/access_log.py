"""The access log: one line a request, cheap enough for every request.

`AccessLog.write` formats into memory and never waits; `AccessLog.flush`, which may wait for whoever
reads the log, is for a task of the caller, off the event loop, every `FLUSH_INTERVAL_S`. Between
the two lies a bounded buffer: when the reader is too slow, lines are dropped and counted, and no
request waits.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from rucket.observe.log import STANDARD_ERROR
from rucket.observe.redaction import redact_text

if TYPE_CHECKING:
    from rucket.ports.clock import Clock

FLUSH_INTERVAL_S: Final = 0.1
LINES_MAX: Final = 20_000
TARGET_LENGTH_MAX: Final = 2048

# Writes to a pipe up to this size aren't mixed with those of other processes (PIPE_BUF).
_WRITE_SIZE_BYTES_MAX: Final = 4096

_MS: Final = 1000


class FinishedRequest(Protocol):
    """A request that is over, as the access log wants to know it.

    Attributes:
        remote: the client's address.
        access_key_id: empty for anonymous requests.
        operation: S3's name of it.
        target: path and query as they came; signatures in it are cut out.
        error_code: S3's, or empty.
        request_bytes: of the body.
        response_bytes: of the body.
    """

    @property
    def request_id(self) -> str: ...  # noqa: D102 -- see the class
    @property
    def remote(self) -> str: ...  # noqa: D102
    @property
    def access_key_id(self) -> str: ...  # noqa: D102
    @property
    def operation(self) -> str: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def error_code(self) -> str: ...  # noqa: D102
    @property
    def request_bytes(self) -> int: ...  # noqa: D102
    @property
    def response_bytes(self) -> int: ...  # noqa: D102
    @property
    def duration_s(self) -> float: ...  # noqa: D102


class AccessLog:
    """Lines about requests.

    Args:
        clock: stamps the lines.
        process: the name that every line carries.
        pretty: lines for people; else JSON.
        descriptor: where they go.
    """

    def __init__(
        self, clock: Clock, process: str, *, pretty: bool, descriptor: int = STANDARD_ERROR
    ) -> None:
        self._clock = clock
        self._process = process
        self._descriptor = descriptor
        self._format = self._format_pretty if pretty else self._format_json
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._second = -1
        self._second_text = ""
        self._encode = msgspec.json.Encoder().encode

    def write(self, request: FinishedRequest) -> None:
        """Adds a line about `request`."""
        if len(self._lines) < LINES_MAX:
            self._lines.append(self._format(request))
        else:
            self._dropped += 1

    def flush(self) -> None:
        """Writes out what has gathered; may wait for whoever reads the log."""
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self._lines.append(self._dropped_line(dropped))
        chunk: list[bytes] = []
        size_bytes = 0
        for _ in range(len(self._lines)):
            line = self._lines.popleft()
            if chunk and size_bytes + len(line) > _WRITE_SIZE_BYTES_MAX:
                self._write_out(chunk)
                chunk, size_bytes = [], 0
            chunk.append(line)
            size_bytes += len(line)
        if chunk:
            self._write_out(chunk)

    def _write_out(self, lines: list[bytes]) -> None:
        with contextlib.suppress(OSError):  # a log that can't be written doesn't stop the server
            os.write(self._descriptor, b"".join(lines))

    def _format_json(self, request: FinishedRequest) -> bytes:
        fields = {
            "timestamp": self._timestamp(),
            "level": "info",
            "process": self._process,
            "event": "request",
            "request_id": request.request_id,
            "remote": request.remote,
            "access_key_id": request.access_key_id,
            "operation": request.operation,
            "method": request.method,
            "target": _loggable_target(request.target),
            "status": request.status,
            "error_code": request.error_code,
            "request_bytes": request.request_bytes,
            "response_bytes": request.response_bytes,
            "duration_ms": round(request.duration_s * _MS, 3),
        }
        return self._encode(fields) + b"\n"

    def _format_pretty(self, request: FinishedRequest) -> bytes:
        line = (
            f"{self._timestamp()} info     {self._process:<12} {request.status} "
            f"{request.method} {_loggable_target(request.target)}  {request.operation} "
            f"{request.error_code or 'ok'}  {request.duration_s * _MS:.1f}ms "
            f"in={request.request_bytes} out={request.response_bytes} from={request.remote} "
            f"key={request.access_key_id or '-'} request_id={request.request_id}"
        )
        # What a client sent must not look like a line of ours.
        return f"{line if line.isprintable() else ascii(line)[1:-1]}\n".encode()

    def _dropped_line(self, count: int) -> bytes:
        event = "access log lines dropped: the log is read too slowly"
        if self._format == self._format_pretty:
            head = f"{self._timestamp()} warning  {self._process:<12}"
            return f"{head} {event}  count={count}\n".encode()
        fields = {"timestamp": self._timestamp(), "level": "warning", "process": self._process}
        return self._encode({**fields, "event": event, "count": count}) + b"\n"

    def _timestamp(self) -> str:
        second, millisecond = divmod(self._clock.wall_ms(), _MS)
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._second_text = moment.strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._second_text}.{millisecond:03d}Z"


def _loggable_target(target: str) -> str:
    if len(target) > TARGET_LENGTH_MAX:
        target = f"{target[:TARGET_LENGTH_MAX]}..."
    # Looked for first, because presigned requests are few and regular expressions slow.
    lower = target.lower()
    return redact_text(target) if "signature" in lower or "security-token" in lower else target
