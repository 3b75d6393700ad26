"""The `Blobs` port in memory, with faults on demand and a record of what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError
from rucket.model.names import ID_SIZE_BYTES, BlobId

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.ports.disk import Buffer


def _nothing(_: str) -> None:
    return


class FakeBlobs:
    """Blobs in memory.

    Attributes:
        finished: what can be read, by id.
        storage_classes: which one each of them was created for.
        damaged: ids whose bytes fail their check.
        at_hand: ids that can be opened without waiting.
        open_readers: those that haven't been closed.
        open_writers: those neither finished nor aborted.
        before: called with the name of every call before it is carried out; may raise.
    """

    def __init__(self) -> None:
        self.finished: dict[BlobId, bytes] = {}
        self.storage_classes: dict[BlobId, str] = {}
        self.damaged: set[BlobId] = set()
        self.at_hand: set[BlobId] = set()
        self.open_readers: set[FakeBlobReader] = set()
        self.open_writers: set[FakeBlobWriter] = set()
        self.before: Callable[[str], None] = _nothing
        self.bytes_read = 0
        self._created_count = 0

    def create(self, storage_class: str, size_bytes_expected: int | None) -> FakeBlobWriter:
        """See `Blobs.create`."""
        self.before("create")
        self._created_count += 1
        blob_id = BlobId(b"blob" + self._created_count.to_bytes(ID_SIZE_BYTES - 4, "big"))
        self.storage_classes[blob_id] = storage_class
        return FakeBlobWriter(self, blob_id, size_bytes_expected)

    def is_placed_for(self, blob_id: BlobId, storage_class: str) -> bool:
        """See `Blobs.is_placed_for`. Classes that end alike share a place."""
        return self.storage_classes.get(blob_id, storage_class)[-2:] == storage_class[-2:]

    def open(self, blob_id: BlobId) -> FakeBlobReader:
        """See `Blobs.open`."""
        self.before("open")
        if blob_id not in self.finished:
            raise FileNotFoundError(blob_id.hex())
        return FakeBlobReader(self, blob_id)

    def open_cached(self, blob_id: BlobId) -> FakeBlobReader | None:
        """See `Blobs.open_cached`. Only what was said to be at hand is."""
        return FakeBlobReader(self, blob_id) if blob_id in self.at_hand else None

    def delete(self, blob_id: BlobId) -> None:
        """See `Blobs.delete`."""
        self.before("delete")
        self.finished.pop(blob_id, None)

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """See `Blobs.list_ids`."""
        ids = sorted(blob_id for blob_id in self.finished if after is None or blob_id > after)
        return [(blob_id, 0) for blob_id in ids[:limit]]


class FakeBlobWriter:
    """See `BlobWriter`."""

    def __init__(self, blobs: FakeBlobs, blob_id: BlobId, size_bytes_expected: int | None) -> None:
        self.size_bytes_expected = size_bytes_expected
        self._blobs = blobs
        self._blob_id = blob_id
        self._data = bytearray()
        blobs.open_writers.add(self)

    def write(self, data: Buffer) -> None:
        """See `BlobWriter.write`."""
        self._blobs.before("write")
        self._data += data

    def finish(self) -> BlobId:
        """See `BlobWriter.finish`."""
        self._blobs.before("finish")
        assert self._blob_id not in self._blobs.finished, "blob ids are never used again"
        self._blobs.finished[self._blob_id] = bytes(self._data)
        self._blobs.open_writers.discard(self)
        return self._blob_id

    def abort(self) -> None:
        """See `BlobWriter.abort`."""
        self._blobs.open_writers.discard(self)


class FakeBlobReader:
    """See `BlobReader`."""

    def __init__(self, blobs: FakeBlobs, blob_id: BlobId) -> None:
        self._blobs = blobs
        self._blob_id = blob_id
        self._data = blobs.finished[blob_id]
        self.size_bytes = len(self._data)
        blobs.open_readers.add(self)

    def read(self, offset: int, size_bytes: int) -> bytes:
        """See `BlobReader.read`."""
        self._blobs.before("read")
        return self._read(offset, size_bytes)

    def read_cached(self, offset: int, size_bytes: int) -> bytes | None:
        """See `BlobReader.read_cached`. Every other megabyte is at hand."""
        return self._read(offset, size_bytes) if (offset >> 20) % 2 else None

    def _read(self, offset: int, size_bytes: int) -> bytes:
        assert self in self._blobs.open_readers, "read after close"
        assert 0 <= offset <= offset + size_bytes <= self.size_bytes
        if self._blob_id in self._blobs.damaged:
            raise CorruptionError(self._blob_id.hex(), "a test damaged it")
        self._blobs.bytes_read += size_bytes
        return bytes(self._data[offset : offset + size_bytes])

    def close(self) -> None:
        """See `BlobReader.close`."""
        self._blobs.open_readers.discard(self)
