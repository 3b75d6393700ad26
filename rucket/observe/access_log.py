"""The access log: one line a request, cheap enough for every request.

`AccessLog.write` formats into memory and never waits; `AccessLog.flush`, which may wait for whoever
reads the log, is for a task of the caller, off the event loop, some ten times a second. Between the
two lies a bounded buffer: when the reader is too slow, lines are dropped and counted, not requests.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

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
        self._pretty = pretty
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._second = -1
        self._second_text = ""
        self._encoder = msgspec.json.Encoder()

    def write(  # noqa: PLR0913 -- one call a request: a record of its own would double the cost
        self,
        *,
        request_id: str,
        remote: str,
        access_key_id: str,
        operation: str,
        method: str,
        target: str,
        status: int,
        error_code: str,
        request_bytes: int,
        response_bytes: int,
        duration_s: float,
    ) -> None:
        """Adds a line. `target` is the path and query as they came; signatures are cut out."""
        if len(self._lines) >= LINES_MAX:
            self._dropped += 1
            return
        if len(target) > TARGET_LENGTH_MAX:
            target = f"{target[:TARGET_LENGTH_MAX]}…"
        if "ignature=" in target or "oken=" in target:
            target = redact_text(target)
        timestamp = self._timestamp()
        if not self._pretty:
            line = self._encoder.encode(
                {
                    "timestamp": timestamp,
                    "level": "info",
                    "process": self._process,
                    "event": "request",
                    "request_id": request_id,
                    "remote": remote,
                    "access_key_id": access_key_id,
                    "operation": operation,
                    "method": method,
                    "target": target,
                    "status": status,
                    "error_code": error_code,
                    "request_bytes": request_bytes,
                    "response_bytes": response_bytes,
                    "duration_ms": round(duration_s * 1000, 3),
                }
            )
            self._lines.append(line + b"\n")
            return
        text = (
            f"{timestamp} info     {self._process:<12} {status} {error_code or '-'} "
            f"{method} {target} {operation} {duration_s * 1000:.1f}ms in={request_bytes} "
            f"out={response_bytes} from={remote} key={access_key_id or '-'} id={request_id}"
        )
        if not text.isprintable():
            text = ascii(text)[1:-1]
        self._lines.append(f"{text}\n".encode(errors="backslashreplace"))

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

    def _dropped_line(self, count: int) -> bytes:
        event = "access log lines dropped: the log is read too slowly"
        if self._pretty:
            head = f"{self._timestamp()} warning  {self._process:<12}"
            return f"{head} {event}  count={count}\n".encode()
        fields = {"timestamp": self._timestamp(), "level": "warning", "process": self._process}
        return self._encoder.encode({**fields, "event": event, "count": count}) + b"\n"

    def _timestamp(self) -> str:
        second, millisecond = divmod(self._clock.wall_ms(), 1000)
        if second != self._second:
            self._second = second
            self._second_text = _format_second(second)
        return f"{self._second_text}.{millisecond:03d}Z"


def _format_second(second: int) -> str:
    """RFC 3339 without the zone."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
