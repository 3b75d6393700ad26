"""Taking in a body: hashed and written as it comes, never held whole, durable when this returns.

::

    gather ──ended, small──> in memory: hash, verify                      ──> Content.inline
       │
       └─ 1 MiB or more ──> blob: hash + (encrypt +) write ┐ one hop off the loop each
              ^                                │ while the next is gathered
              └──── more ──────────────────────┘
              └──── ended ──> verify, finish (fsync)                      ──> Content.extents
       failure, cancellation ──> abort

At most two buffers are alive: one is being gathered, one is being processed. Knows no HTTP and no
disk; a body is anything that satisfies `Payload`.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from rucket.model.errors import EntityTooLarge, OperatingError, StorageFullError
from rucket.model.names import BlobId
from rucket.model.records import Content, Extent
from rucket.service.blocking_work import BlockingWork
from rucket.state.outcomes import Committed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rucket.model.records import Checksum, Record
    from rucket.ports.blobs import Blobs, BlobWriter
    from rucket.ports.disk import Buffer
    from rucket.service.gateway import Gateway

BUFFER_SIZE_BYTES = 1024 * 1024
_LAST_BUFFER_SIZE_BYTES_MAX = BUFFER_SIZE_BYTES + BUFFER_SIZE_BYTES // 4

_logger = logging.getLogger(__name__)


class Hasher(Protocol):
    """Sees every byte of a body, in order."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Takes the next bytes."""
        ...


class Payload(Protocol):
    """A body: read once, to its end, where an empty piece is; then verified."""

    @property
    def size_bytes(self) -> int | None:
        """How long it will be, where that is known."""
        ...

    async def read(self) -> bytes | bytearray | memoryview:
        """The next piece, empty at the end. It may be kept, and is nobody else's."""
        ...

    def hashers(self) -> Sequence[Hasher]:
        """What has to see every byte before `verify`."""
        ...

    def verify(self) -> None:
        """Raises S3Error if the bytes aren't those the sender meant."""
        ...


class ChecksummedPayload(Payload, Protocol):
    """A body with a checksum that is kept with its bytes."""

    def checksum(self) -> Checksum | None:
        """What is kept, once the body has been read and verified."""
        ...


class Sealer(Protocol):
    """Encrypts one body, in order."""

    def sealed_size_bytes(self, size_bytes: int) -> int:
        """How much becomes of a body of this size."""
        ...

    def seal(self, plain: Buffer, *, is_last: bool) -> memoryview:
        """What is kept of the next bytes; some of it may come with later ones."""
        ...


@dataclass(frozen=True, slots=True)
class Ingested:
    """A body that is durable, or will be once it is committed inline, and that nobody sees yet.

    Attributes:
        size_bytes: of the body, which is more in `content` where that is encrypted.
        md5: of the body, 16 bytes.
    """

    content: Content
    size_bytes: int
    md5: bytes


async def ingest(
    gateway: Gateway,
    payload: Payload,
    storage_class: str,
    *,
    may_be_inline: bool = True,
    sealer: Sealer | None = None,
) -> Ingested:
    """Reads `payload` to its end, verifies it and keeps its bytes.

    Args:
        gateway: where blobs go.
        payload: the body; not read before this is called.
        storage_class: decides where its blob goes.
        may_be_inline: whether a small body may ride in the command. Otherwise any body but an
            empty one becomes a blob.
        sealer: encrypts what is kept; an empty body isn't empty then.

    Raises:
        S3Error: the body broke off or isn't what the sender meant; nothing of it is left.
        StorageFullError, DeviceError: it could not be written; nothing of it is left.
    """
    _check_size(gateway, payload.size_bytes or 0)
    digests = _Digests(payload.hashers())
    buffer, is_last = await _gather(payload, payload.size_bytes)
    inline_size_bytes_max = gateway.settings.inline_size_bytes_max
    if not may_be_inline:
        inline_size_bytes_max = 0 if sealer is None else -1
    if not is_last or len(buffer) > inline_size_bytes_max:
        sink = _BlobSink(gateway.blobs, storage_class, payload, digests, sealer)
        blob_id, size_bytes = await _ingest_blob(gateway, payload, sink, buffer, is_last=is_last)
        content = Content(extents=(Extent(blob_id, sink.kept_size_bytes),))
        return Ingested(content, size_bytes, digests.md5())
    digests.update(memoryview(buffer))
    payload.verify()
    kept = buffer if sealer is None else sealer.seal(buffer, is_last=True)
    content = Content(inline=bytes(kept)) if may_be_inline else Content()
    return Ingested(content, len(buffer), digests.md5())


async def commit_ingested(gateway: Gateway, command: Record, ingested: Ingested) -> Record:
    """Commits the command that names what was ingested.

    Where it certainly didn't happen, the blobs are removed again. Where nobody knows, because the
    node went away or the request was cancelled meanwhile, they stay: maintenance finds those that
    nobody names.

    Raises:
        CommitUnknownError: it may or may not have happened.
        StorageFullError: it has not.
    """
    try:
        outcome = await gateway.commits.commit(command)
    except StorageFullError:
        await discard(gateway, ingested.content)
        raise
    if not isinstance(outcome, Committed):
        await discard(gateway, ingested.content)
    return outcome


async def discard(gateway: Gateway, content: Content) -> None:
    """Removes blobs that no command names or ever will, as far as their devices let us."""
    for extent in content.extents:
        await _removed(gateway, partial(gateway.blobs.delete, BlobId(extent.blob_id)))


async def _removed(gateway: Gateway, remove: Callable[[], None]) -> None:
    """Removes what nobody names. What a device refuses to remove is an orphan, which maintenance
    finds; whoever asked for something else gets the answer to that.
    """
    try:
        await gateway.tasks.run_blocking(remove)
    except OperatingError as error:
        _logger.warning("a blob that nobody names can't be removed now: %s", error)


_MD5 = "md5"
_HashlibHash = type(hashlib.new(_MD5, usedforsecurity=False))


class _Digests:
    """MD5, for the entity tag, and whatever else has to see the bytes.

    MD5 costs more than everything else together. Where the client has sent Content-MD5, one of the
    hashers computes it already.
    """

    __slots__ = ("_hashers", "_md5")

    def __init__(self, hashers: Sequence[Hasher]) -> None:
        found = [hasher for hasher in hashers if isinstance(hasher, _HashlibHash)]
        shared = next((hasher for hasher in found if hasher.name == _MD5), None)
        self._md5 = shared or hashlib.new(_MD5, usedforsecurity=False)
        self._hashers = hashers if shared else (self._md5, *hashers)

    def update(self, data: memoryview) -> None:
        for hasher in self._hashers:
            hasher.update(data)

    def md5(self) -> bytes:
        return self._md5.digest()


def _check_size(gateway: Gateway, size_bytes: int) -> None:
    size_bytes_max = gateway.settings.body_size_bytes_max
    if size_bytes > size_bytes_max:
        raise EntityTooLarge(ProposedSize=str(size_bytes), MaxSizeAllowed=str(size_bytes_max))


async def _gather(payload: Payload, size_bytes_left: int | None) -> tuple[bytearray, bool]:
    """The next buffer, and whether the body ends with it.

    A last bit isn't left for a buffer of its own: it would cost another hop.
    """
    buffer = bytearray()
    is_near_end = size_bytes_left is not None and size_bytes_left <= _LAST_BUFFER_SIZE_BYTES_MAX
    size_bytes_wanted = _LAST_BUFFER_SIZE_BYTES_MAX + 1 if is_near_end else BUFFER_SIZE_BYTES
    while len(buffer) < size_bytes_wanted:
        piece = await payload.read()
        if not piece:
            return buffer, True
        if not buffer and isinstance(piece, bytearray):
            buffer = piece
        else:
            buffer += piece
    return buffer, False


async def _ingest_blob(
    gateway: Gateway, payload: Payload, sink: _BlobSink, buffer: bytearray, *, is_last: bool
) -> tuple[BlobId, int]:
    """The blob that the body has become, and its size."""
    size_bytes = 0
    work: BlockingWork[None] | None = None
    try:
        while True:
            size_bytes += len(buffer)
            _check_size(gateway, size_bytes)
            if work is not None:
                await work.result()
            work = BlockingWork(gateway.tasks, "write blob", sink.take, buffer, is_last)
            if is_last:
                break
            left = None if payload.size_bytes is None else payload.size_bytes - size_bytes
            buffer, is_last = await _gather(payload, left)
        await work.result()
    except BaseException:
        gateway.tasks.spawn(_abort(gateway, sink, work), "abort blob")
        raise
    assert sink.blob_id is not None, "the last piece finishes it"
    return sink.blob_id, size_bytes


async def _abort(gateway: Gateway, sink: _BlobSink, work: BlockingWork[None] | None) -> None:
    if work is not None:
        await work.ended()
    await _removed(gateway, sink.discard)


class _BlobSink:
    """The end of the pipe. Its calls block, and come one after the other.

    Attributes:
        blob_id: of what was written, once it is durable.
        kept_size_bytes: how much was written.
    """

    __slots__ = (
        "_blobs",
        "_digests",
        "_payload",
        "_sealer",
        "_storage_class",
        "_writer",
        "blob_id",
        "kept_size_bytes",
    )

    def __init__(
        self,
        blobs: Blobs,
        storage_class: str,
        payload: Payload,
        digests: _Digests,
        sealer: Sealer | None,
    ) -> None:
        self.blob_id: BlobId | None = None
        self.kept_size_bytes = 0
        self._sealer = sealer
        self._blobs = blobs
        self._storage_class = storage_class
        self._payload = payload
        self._digests = digests
        self._writer: BlobWriter | None = None

    def take(self, data: bytearray, is_last: bool) -> None:  # noqa: FBT001 - a port calls it
        """Hashes, encrypts and writes `data`; with the last of it, verifies and makes the blob
        durable.
        """
        view = memoryview(data)
        self._digests.update(view)
        if self._sealer is not None:
            view = self._sealer.seal(view, is_last=is_last)
        if self._writer is None:
            size_bytes_expected = len(view) if is_last else self._expected_size_bytes(len(data))
            self._writer = self._blobs.create(self._storage_class, size_bytes_expected)
        self._writer.write(view)
        self.kept_size_bytes += len(view)
        if is_last:
            self._payload.verify()
            self.blob_id = self._writer.finish()

    def _expected_size_bytes(self, size_bytes: int) -> int | None:
        """What was announced, unless it is less than what has come: that body will be refused."""
        announced = self._payload.size_bytes
        if announced is None:
            return None
        announced = max(announced, size_bytes)
        return announced if self._sealer is None else self._sealer.sealed_size_bytes(announced)

    def discard(self) -> None:
        """Leaves nothing behind, whether the blob was finished or failed half-way to it."""
        if self._writer is not None:
            self._writer.abort()
        if self.blob_id is not None:
            self._blobs.delete(self.blob_id)
