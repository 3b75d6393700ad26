"""The body of a request on its way in.

A body of known length is read by the kernel straight into the buffer that the application gets.
That one begins small and grows only for those who really send: announcing costs us nothing. One in
chunks is taken apart by llhttp. Source: RFC 9112 §6 and §7.
"""

from __future__ import annotations

from typing import Final, Protocol

import httptools

SMALL_PIECE_BYTES: Final = 64 * 1024
LARGE_PIECE_BYTES: Final = 1024 * 1024
LARGE_PIECE_COUNT_MAX: Final = 128
"""So many large buffers are being filled at once in a process; others get their bytes in smaller
pieces."""

_CHUNKED_HEAD = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"


class MalformedBodyError(Exception):
    """The chunks of a body aren't chunks."""


class LargePieces:
    """How many large buffers may still be begun."""

    def __init__(self, count_max: int = LARGE_PIECE_COUNT_MAX) -> None:
        self._left = count_max

    def acquire(self) -> bool:
        """Whether there may be one more; then `release` has to follow."""
        if self._left <= 0:
            return False
        self._left -= 1
        return True

    def release(self) -> None:
        """One has been handed over, or given up."""
        self._left += 1


class IncomingBody(Protocol):
    """What a connection knows of a body."""

    @property
    def is_ready(self) -> bool:
        """Whether `take` should be called: there is a full piece, or the end."""
        ...

    @property
    def has_some(self) -> bool:
        """Whether `take` would return some bytes."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether all of it has come in, taken or not."""
        ...

    def take(self) -> bytes | bytearray:
        """What has come in since; the caller's from now on."""
        ...

    def feed(self, data: bytearray) -> None:
        """Takes what belongs to the body from the beginning of `data`, and removes it there.

        Raises:
            MalformedBodyError: it can't be what it should.
        """
        ...

    def discard(self) -> None:
        """Gives up what has come in."""
        ...


class NoIncomingBody:
    """Of a request without one."""

    is_ready = True
    has_some = False
    has_ended = True

    def take(self) -> bytes:
        """Nothing."""
        return b""

    def feed(self, data: bytearray) -> None:
        """Leaves all of it to the next request."""

    def discard(self) -> None:
        """There is nothing."""


class SizedBody:
    """A body of known length.

    Args:
        size_bytes: more than 0.
        large_pieces: of the process.
    """

    __slots__ = ("_buffer", "_filled_bytes", "_is_large", "_large_pieces", "_left_bytes")

    def __init__(self, size_bytes: int, large_pieces: LargePieces) -> None:
        self._left_bytes = size_bytes  # beyond what is in the buffer
        self._large_pieces = large_pieces
        self._is_large = False
        self._buffer = bytearray()
        self._filled_bytes = 0

    @property
    def is_ready(self) -> bool:
        """See `IncomingBody`."""
        return self._left_bytes == 0 or (
            self._filled_bytes == len(self._buffer) and self._filled_bytes > 0
        )

    @property
    def has_some(self) -> bool:
        """See `IncomingBody`."""
        return self._filled_bytes > 0

    @property
    def has_ended(self) -> bool:
        """See `IncomingBody`."""
        return self._left_bytes == 0

    def space(self) -> memoryview:
        """Where the next bytes belong; not empty while the body hasn't ended and isn't ready."""
        if not self._buffer:
            self._buffer = bytearray(min(self._left_bytes, SMALL_PIECE_BYTES))
        return memoryview(self._buffer)[self._filled_bytes :]

    def advance(self, size_bytes: int) -> None:
        """So many bytes have come into `space`."""
        self._filled_bytes += size_bytes
        self._left_bytes -= size_bytes
        if self._left_bytes and self._filled_bytes == len(self._buffer) and not self._is_large:
            self._grow()

    def _grow(self) -> None:
        if not self._large_pieces.acquire():
            return
        self._is_large = True
        grown = bytearray(min(self._filled_bytes + self._left_bytes, LARGE_PIECE_BYTES))
        grown[: self._filled_bytes] = self._buffer
        self._buffer = grown

    def take(self) -> bytearray:
        """See `IncomingBody`."""
        is_whole = self._filled_bytes == len(self._buffer)
        piece = self._buffer if is_whole else self._buffer[: self._filled_bytes]
        self.discard()
        return piece

    def feed(self, data: bytearray) -> None:
        """See `IncomingBody`."""
        while data and not self.is_ready:
            if not self._buffer and len(data) >= self._left_bytes <= SMALL_PIECE_BYTES:
                # All of it came with the head, as that of most small ones does.
                self._buffer = data[: self._left_bytes]
                size_bytes = self._left_bytes
            else:
                with self.space() as space:
                    size_bytes = min(len(space), len(data))
                    space[:size_bytes] = data[:size_bytes]
            self.advance(size_bytes)
            del data[:size_bytes]

    def discard(self) -> None:
        """See `IncomingBody`."""
        if self._is_large:
            self._is_large = False
            self._large_pieces.release()
        self._buffer = bytearray()
        self._filled_bytes = 0


class ChunkedBody:
    """A body in chunks. What follows it on its connection isn't looked at: nothing says where it
    begins, so the connection ends with the answer.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(_CHUNKED_HEAD)
        self._piece = bytearray()
        self.has_ended = False

    @property
    def is_ready(self) -> bool:
        """See `IncomingBody`."""
        return self.has_ended or len(self._piece) >= SMALL_PIECE_BYTES

    @property
    def has_some(self) -> bool:
        """See `IncomingBody`."""
        return bool(self._piece)

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if not self.has_ended:
            self._piece += data

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.has_ended = True

    def take(self) -> bytearray:
        """See `IncomingBody`."""
        piece, self._piece = self._piece, bytearray()
        return piece

    def feed(self, data: bytearray) -> None:
        """See `IncomingBody`."""
        if self.has_ended or not data:
            return
        try:
            self._parser.feed_data(bytes(data))
        except httptools.HttpParserError as error:
            if not self.has_ended:  # what comes after it is nobody's business
                raise MalformedBodyError(str(error)) from error
        data.clear()

    def discard(self) -> None:
        """See `IncomingBody`."""
        self._piece = bytearray()
