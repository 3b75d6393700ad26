"""Reading the bytes of an object: verified, piece by piece, the next one while one is being sent.

::

    open_content ── in the row, or one piece at hand, or else one hop off the loop ──> bytes
        │           FileNotFoundError: the snapshot was old; the caller looks again
        └── more ──> ContentStream, its first piece read already
    ContentStream ── piece ── piece ── … ── end      the next piece is read meanwhile
        a blob that is missing or damaged by now raises: the answer breaks off, it is never padded

Pieces end at multiples of their size within a blob, so that only the first and the last of a range
touch a block in part. A reader is closed with its last piece, or by `ContentStream.aclose`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rucket.model.errors import CorruptionError
from rucket.model.names import BlobId
from rucket.service.blocking_work import BlockingWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rucket.model.records import Content
    from rucket.ports.blobs import BlobReader, Blobs
    from rucket.ports.tasks import Tasks

PIECE_SIZE_BYTES = 512 * 1024
CACHED_READ_SIZE_BYTES_MAX = PIECE_SIZE_BYTES
_SEALED_TAIL_SIZE_BYTES_MAX = 64 * 1024
"""Tags make a body of whole pieces a little longer: that little is no piece of its own."""

Piece = bytes


@dataclass(frozen=True, slots=True)
class ByteSpan:
    """`size_bytes` bytes from byte `offset` on."""

    offset: int
    size_bytes: int

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.offset + self.size_bytes


class PieceOpener(Protocol):
    """Makes what is wanted of what was read, where that is encrypted."""

    def open(self, offset: int, sealed: bytes) -> Piece:
        """The wanted bytes in a piece that was read from `offset` on of the blob.

        Raises:
            CorruptionError: it isn't what was written.
        """
        ...


@dataclass(frozen=True, slots=True)
class BlobSpan:
    """`size_bytes` bytes of a blob, from byte `offset` on; `opener` decrypts them."""

    blob_id: BlobId
    offset: int
    size_bytes: int
    opener: PieceOpener | None = None


class ContentOpener(Protocol):
    """Knows how one encrypted object lies in its content."""

    def open_inline(self, inline: bytes, span: ByteSpan) -> Piece:
        """The bytes in `span` of a body in the row; CorruptionError if that isn't what was
        written.
        """
        ...

    def blob_spans(self, content: Content, span: ByteSpan) -> list[BlobSpan]:
        """What to read of blobs for the bytes in `span`, in order; CorruptionError if the blobs
        can't be what was written.
        """
        ...


def blob_spans(content: Content, span: ByteSpan) -> list[BlobSpan]:
    """Where the bytes in `span` of a content in blobs are, in order; `span` lies within it."""
    spans: list[BlobSpan] = []
    start = 0
    for extent in content.extents:
        first = max(span.offset, start)
        end = min(span.end, start + extent.size_bytes)
        if first < end:
            offset = extent.offset + first - start
            spans.append(BlobSpan(BlobId(extent.blob_id), offset, end - first))
        start += extent.size_bytes
    return spans


async def open_content(
    blobs: Blobs,
    tasks: Tasks,
    content: Content,
    span: ByteSpan,
    opener: ContentOpener | None = None,
) -> Piece | ContentStream:
    """The bytes in `span`: all of them if they are few, else a stream.

    The stream's first piece has been read already. What is encrypted takes an opener.

    Raises:
        FileNotFoundError: the first blob is gone; the snapshot that named it may be old.
        CorruptionError: the first piece isn't what was written.
        DeviceError: it could not be read.
    """
    if content.inline is not None:
        return _inline_bytes(content.inline, span, opener)
    spans = _spans_to_read(content, span, opener)
    if not spans:
        return b""
    cursor = _BlobCursor(blobs, spans)
    if cursor.is_one_piece:
        piece = cursor.next_piece_cached()
        return await tasks.run_blocking(cursor.next_piece) if piece is None else piece
    stream = ContentStream(tasks, cursor)
    await stream.read_first()
    return stream


def _inline_bytes(inline: bytes, span: ByteSpan, opener: ContentOpener | None) -> Piece:
    if opener is not None:
        return opener.open_inline(inline, span)
    if len(inline) < span.end:
        raise CorruptionError("an inline body", f"{span.end} bytes wanted, {len(inline)} there")
    return inline[span.offset : span.end]


def _spans_to_read(
    content: Content, span: ByteSpan, opener: ContentOpener | None
) -> list[BlobSpan]:
    if opener is not None:
        return opener.blob_spans(content, span)
    spans = blob_spans(content, span)
    if sum(part.size_bytes for part in spans) != span.size_bytes:
        raise CorruptionError("the extents of an object", f"they don't cover {span}")
    return spans


async def scan_content(
    blobs: Blobs,
    tasks: Tasks,
    content: Content,
    span: ByteSpan,
    take: Callable[[Piece], None],
    opener: ContentOpener | None = None,
) -> None:
    """Reads the bytes in `span` and hands them to `take`, in order, off the loop.

    Raises:
        FileNotFoundError: a blob is gone; the snapshot that named it may be old.
        CorruptionError, DeviceError: as `open_content`.
    """
    if content.inline is not None:
        take(_inline_bytes(content.inline, span, opener))
        return
    cursor = _BlobCursor(blobs, _spans_to_read(content, span, opener))
    work: BlockingWork[None] | None = None
    try:
        while not cursor.is_at_end:
            work = BlockingWork(tasks, "scan blob", lambda: take(cursor.next_piece()))
            await work.result()
    except BaseException:
        if work is not None:
            tasks.spawn(_close_after(tasks, cursor, work), "close blob")
        raise


async def _close_after(tasks: Tasks, cursor: _BlobCursor, work: BlockingWork[Any]) -> None:
    await work.ended()
    await tasks.run_blocking(cursor.close)


class ContentStream:
    """An async iterator over pieces. Whoever has one closes it, whatever happens."""

    __slots__ = ("_ahead", "_at_end", "_cursor", "_is_closed", "_ready", "_tasks")

    def __init__(self, tasks: Tasks, cursor: _BlobCursor) -> None:
        self._tasks = tasks
        self._cursor = cursor
        self._ready: Piece | None = None
        self._ahead: BlockingWork[Piece] | None = None
        self._is_closed = False
        self._at_end: Callable[[], None] | None = None

    def at_end(self, call: Callable[[], None]) -> None:
        """Has `call` called once, when the stream is closed. It isn't yet."""
        assert not self._is_closed
        self._at_end = call

    async def read_first(self) -> None:
        """Reads the first piece, which `open_content` does before it hands the stream out.

        Raises:
            FileNotFoundError, CorruptionError, DeviceError: as `open_content`.
        """
        try:
            self._read_ahead()
            self._ready = await self._take()
        except BaseException:
            await self.aclose()
            raise

    def __aiter__(self) -> ContentStream:
        """Itself."""
        return self

    async def __anext__(self) -> Piece:
        """The next piece.

        Raises:
            CorruptionError: it isn't what was written, or its blob is gone.
            DeviceError: it could not be read.
        """
        if self._is_closed or (self._ready is None and self._ahead is None):
            raise StopAsyncIteration
        try:
            piece = await self._take()
        except FileNotFoundError as error:
            raise CorruptionError("an object", f"a blob of it is missing: {error}") from error
        self._read_ahead()
        return piece

    async def aclose(self) -> None:
        """Gives the blobs back; after the piece that is being read, if one is."""
        if self._is_closed:
            return
        self._is_closed = True
        self._ready = None
        if self._at_end is not None:
            self._at_end()
        if self._ahead is not None:
            self._tasks.spawn(_close_after(self._tasks, self._cursor, self._ahead), "close blob")
        elif self._cursor.is_open:
            await self._tasks.run_blocking(self._cursor.close)

    def _read_ahead(self) -> None:
        """Starts on the next piece, if there is one. A small one may be there without waiting."""
        if self._cursor.is_at_end:
            return
        self._ready = self._cursor.next_piece_cached()
        if self._ready is None:
            self._ahead = BlockingWork(self._tasks, "read piece", self._cursor.next_piece)

    async def _take(self) -> Piece:
        if self._ready is not None:
            piece, self._ready = self._ready, None
            return piece
        assert self._ahead is not None, "there is always a piece on its way, or none left"
        piece = await self._ahead.result()
        self._ahead = None
        return piece


class _BlobCursor:
    """Goes through spans of blobs. Its calls block, and come one after the other."""

    __slots__ = ("_blobs", "_position", "_reader", "_spans")

    def __init__(self, blobs: Blobs, spans: Iterable[BlobSpan]) -> None:
        self._blobs = blobs
        self._spans = deque(spans)
        self._reader: BlobReader | None = None
        self._position = 0  # within the first span

    @property
    def is_at_end(self) -> bool:
        """Whether there are no more pieces."""
        return not self._spans

    @property
    def is_one_piece(self) -> bool:
        """Whether the next piece is the last one."""
        return len(self._spans) == 1 and self._next_size_bytes() == self._spans[0].size_bytes

    @property
    def is_open(self) -> bool:
        """Whether there is something to close."""
        return self._reader is not None

    def next_piece(self) -> Piece:
        """Reads and verifies. The blob is closed with its last piece, or if this raises."""
        span = self._spans[0]
        size_bytes = self._next_size_bytes()
        try:
            reader = self._open(span)
            offset = span.offset + self._position
            piece = reader.read(offset, size_bytes)
            if span.opener is not None:
                piece = span.opener.open(offset, piece)
        except BaseException:
            self.close()
            raise
        self._advance(size_bytes)
        return piece

    def next_piece_cached(self) -> Piece | None:
        """As `next_piece`, but doesn't block: None unless the piece is small and at hand."""
        size_bytes = self._next_size_bytes()
        span = self._spans[0]
        if size_bytes > CACHED_READ_SIZE_BYTES_MAX:
            return None
        if self._reader is None:
            reader = self._blobs.open_cached(span.blob_id)
            if reader is None:
                return None
            if reader.size_bytes < span.offset + span.size_bytes:
                reader.close()
                return None
            self._reader = reader
        offset = span.offset + self._position
        try:
            piece = self._reader.read_cached(offset, size_bytes)
            if piece is not None and span.opener is not None:
                piece = span.opener.open(offset, piece)
        except BaseException:
            self.close()
            raise
        if piece is not None:
            self._advance(size_bytes)
        return piece

    def close(self) -> None:
        """Closes the blob that is open, if one is."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self, span: BlobSpan) -> BlobReader:
        if self._reader is None:
            self._reader = self._blobs.open(span.blob_id)
            if self._reader.size_bytes < span.offset + span.size_bytes:
                detail = f"{self._reader.size_bytes} bytes are fewer than {span} needs"
                raise CorruptionError(f"blob {span.blob_id.hex()}", detail)
        return self._reader

    def _next_size_bytes(self) -> int:
        span = self._spans[0]
        left = span.size_bytes - self._position
        offset = span.offset + self._position
        size_bytes = PIECE_SIZE_BYTES - offset % PIECE_SIZE_BYTES
        if span.opener is not None and left <= size_bytes + _SEALED_TAIL_SIZE_BYTES_MAX:
            return left
        return min(left, size_bytes)

    def _advance(self, size_bytes: int) -> None:
        self._position += size_bytes
        if self._position == self._spans[0].size_bytes:
            self.close()
            self._spans.popleft()
            self._position = 0
