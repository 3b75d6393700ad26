"""The head of a response, as it goes over the wire. Source: RFC 9112 §4, RFC 9110 §6.6.1."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rucket.ports.asgi import HeaderPairs
    from rucket.ports.clock import Clock

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE: Final = (b"connection", b"close")
KEEP_ALIVE: Final = (b"connection", b"keep-alive")

_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}


def render_response_head(status: int, headers: HeaderPairs, date: bytes) -> bytes:
    """Status line and headers.

    Args:
        status: of the answer.
        headers: without ``date``.
        date: `DateHeader.line`.

    Raises:
        ValueError: a value has a line end in it, with which it could pass for more headers.
    """
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, date]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n")
    head = b"".join(lines)
    if head.count(b"\r\n") != len(headers) + 3 or head.count(b"\n") != len(headers) + 3:
        raise ValueError("a response header holds a line end")
    return head


class DateHeader:
    """The ``date`` header of the present second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self.line = b""
        self.renew()

    def renew(self) -> None:
        """To be called now and then, so that not every response has to look at the clock."""
        second = self._clock.wall_ms() // 1000
        if second != self._second:
            self._second = second
            self.line = b"date: %s\r\n" % formatdate(second, usegmt=True).encode()
