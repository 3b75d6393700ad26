"""The blobs of one device: small ones packed, others in files. The `Blobs` port.

An id says which of the two a blob was written as. One that isn't found there is looked for as a
file: it may be of format 1 and only look newer, or have been taken out of a segment.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from rucket.store.blobs.blob_ids import PackedBirth, birth_of
from rucket.store.blobs.packed.packed_blobs import BLOB_SIZE_BYTES_MAX

if TYPE_CHECKING:
    from rucket.model.names import BlobId
    from rucket.ports.blobs import BlobReader, BlobWriter
    from rucket.store.blobs.file_blobs import FileBlobs
    from rucket.store.blobs.late_sync import LateSync
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs


class DeviceBlobs:
    """Both kinds together. All calls block.

    Args:
        files, packed: of the same device.
        packed_size_bytes_max: blobs of up to this size are packed, where it is known beforehand.
        late: syncs both; None: they are synced at once.
    """

    def __init__(
        self,
        files: FileBlobs,
        packed: PackedBlobs,
        packed_size_bytes_max: int = BLOB_SIZE_BYTES_MAX,
        late: LateSync | None = None,
    ) -> None:
        self.late = late
        self.files = files
        self.packed = packed
        self._packed_size_bytes_max = packed_size_bytes_max

    def prepare(self) -> None:
        """Makes the directories."""
        self.files.prepare()
        self.packed.prepare()

    def close(self) -> None:
        """Syncs what isn't synced yet, and gives up what is open.

        Raises:
            DeviceError: a sync has failed.
        """
        try:
            if self.late is not None:
                self.late.sync()
        finally:
            self.packed.close()

    def close_removed(self) -> None:
        """See `PackedBlobs.close_removed`."""
        self.packed.close_removed()

    def create(self, storage_class: str, size_bytes_expected: int | None) -> BlobWriter:
        """See `Blobs.create`."""
        if size_bytes_expected is None or size_bytes_expected > self._packed_size_bytes_max:
            return self.files.create(storage_class, size_bytes_expected)
        return self.packed.create(size_bytes_expected)

    def is_placed_for(self, blob_id: BlobId, storage_class: str) -> bool:
        """See `Blobs.is_placed_for`. All classes are at the same place."""
        del blob_id, storage_class
        return True

    def open(self, blob_id: BlobId) -> BlobReader:
        """See `Blobs.open`."""
        if isinstance(birth_of(blob_id), PackedBirth):
            try:
                return self.packed.open(blob_id)
            except FileNotFoundError:
                pass
        return self.files.open(blob_id)

    def open_cached(self, blob_id: BlobId) -> BlobReader | None:
        """See `Blobs.open_cached`."""
        if isinstance(birth_of(blob_id), PackedBirth):
            return self.packed.open_cached(blob_id)
        return self.files.open_cached(blob_id)

    def delete(self, blob_id: BlobId) -> None:
        """See `Blobs.delete`."""
        if isinstance(birth_of(blob_id), PackedBirth):
            self.packed.delete(blob_id)
        self.files.delete(blob_id)

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """See `Blobs.list_ids`."""
        found = heapq.merge(self.files.list_ids(after, limit), self.packed.list_ids(after, limit))
        return list(itertools.islice(found, limit))
