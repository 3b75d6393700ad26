"""Blobs, as everything above this layer may know them: runs of bytes, written once, named by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rucket.model.names import BlobId
    from rucket.ports.disk import Buffer


class BlobWriter(Protocol):
    """A blob being written. All calls block."""

    def write(self, data: Buffer) -> None:
        """Appends `data`, which the caller may reuse afterwards."""
        ...

    def finish(self) -> BlobId:
        """The id of the blob, once the blob and its name survive a power cut, or what counts as
        such (`storage.sync.data`). It can be read from now on.
        """
        ...

    def abort(self) -> None:
        """Leaves nothing behind, even where `finish` failed half-way. Harmless after a `finish`
        that returned, which it doesn't undo, and a second time.
        """
        ...


class BlobReader(Protocol):
    """An open blob: it stays readable even when it is deleted meanwhile. All calls block."""

    @property
    def size_bytes(self) -> int:
        """How many bytes were written."""
        ...

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Exactly `size_bytes` bytes from `offset` on, verified.

        Raises:
            CorruptionError: a block that was touched isn't what was written.
        """
        ...

    def read_cached(self, offset: int, size_bytes: int) -> bytes | None:
        """As `read`, but None where that would have to wait for the device."""
        ...

    def close(self) -> None:
        """Gives the file back."""
        ...


class Blobs(Protocol):
    """The blobs of a node. All calls block that don't say otherwise."""

    def create(self, storage_class: str, size_bytes_expected: int | None) -> BlobWriter:
        """Starts a blob where blobs of a storage class go; the expected size, where known,
        has to be exact, and reserves room. Its id is known once it is finished.

        Raises:
            StorageFullError: no device for that class has room.
            DeviceUnavailableError: none takes blobs.
        """
        ...

    def is_placed_for(self, blob_id: BlobId, storage_class: str) -> bool:
        """Whether a blob is where those of a storage class go, so that an object of that class may
        share it.
        """
        ...

    def open(self, blob_id: BlobId) -> BlobReader:
        """Opens a blob.

        Raises:
            DeviceUnavailableError: the device it is on is lost.
            FileNotFoundError: there is none; the caller's snapshot may be old.
            CorruptionError: its header or footer isn't what was written.
        """
        ...

    def open_cached(self, blob_id: BlobId) -> BlobReader | None:
        """As `open`, but None where that would have to wait for a device, or where anything is out
        of the ordinary: then `open` says what. Doesn't block.
        """
        ...

    def delete(self, blob_id: BlobId) -> None:
        """Removes a blob; harmless where there is none."""
        ...

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """Up to `limit` ids greater than `after`, in order, each with the time in milliseconds
        since the Unix epoch when its blob was written.
        """
        ...
