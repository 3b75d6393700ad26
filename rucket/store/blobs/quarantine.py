"""Where damaged blobs go: out of reach of requests, kept for who wants to look at them.

::

    quarantine/ID         the blob's file, renamed from where it was
    quarantine/ID.json    what was found, written first

A read of the object fails at once from then on, as its blob is missing. Renamed back, it is what it
was: blocks whose checks fit can be read.
"""

from __future__ import annotations

import contextlib
import posixpath
from typing import TYPE_CHECKING

from rucket.store.blobs.blob_ids import PackedBirth, birth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rucket.model.names import BlobId
    from rucket.ports.disk import Disk
    from rucket.store.blobs.device_blobs import DeviceBlobs

_REPORT_SUFFIX = ".json"


class FileQuarantine:
    """The `Quarantine` of `rucket.service.scrubbing`. All calls block.

    Args:
        disk: where everything is.
        blobs: the store's.
        directory: of the quarantine, on the same device; made when it is needed.
    """

    def __init__(self, disk: Disk, blobs: DeviceBlobs, directory: str) -> None:
        self._disk = disk
        self._blobs = blobs
        self._directory = directory

    def holds(self, blob_id: BlobId) -> bool:
        """Whether a blob was moved here."""
        try:
            return blob_id.hex() in self._disk.list_directory(self._directory)
        except FileNotFoundError:
            return False

    def isolate(self, blob_id: BlobId, report: bytes) -> str:
        """Moves a blob here, durably, with `report` (JSON) beside it.

        Returns:
            Where it is now.

        Raises:
            FileNotFoundError: there is no such blob any more; nothing is left behind.
            StorageFullError, DeviceError: it could not be done; the blob is where it was.
        """
        self._disk.make_directory(self._directory)
        target = posixpath.join(self._directory, blob_id.hex())
        self._write(target + _REPORT_SUFFIX, report)
        try:
            if isinstance(birth_of(blob_id), PackedBirth):
                self._take_out(blob_id, target)
            else:
                self._rename(self._blobs.files.path(blob_id), target)
        except FileNotFoundError:
            self._disk.remove(target + _REPORT_SUFFIX)
            raise
        return target

    def _rename(self, source: str, target: str) -> None:
        self._disk.rename(source, target)
        self._disk.sync_directory(self._directory)
        self._disk.sync_directory(posixpath.dirname(source))

    def _take_out(self, blob_id: BlobId, target: str) -> None:
        packed = self._blobs.packed
        self._write(target, packed.salvage(blob_id))
        self._disk.sync_directory(self._directory)
        packed.delete(blob_id)

    def _write(self, path: str, data: bytes) -> None:
        # One may be there: of a move that a crash came in between.
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(path)
        file = self._disk.create(path)
        try:
            file.write_at(0, [data])
            file.sync_data()
        finally:
            file.close()


class NodeQuarantine:
    """The quarantines of all devices, each of its own blobs: a rename stays on a device.

    Args:
        device_of: the number of the device that a blob is on.
        quarantines: by number.
    """

    def __init__(
        self, device_of: Callable[[BlobId], int], quarantines: Mapping[int, FileQuarantine]
    ) -> None:
        self._device_of = device_of
        self._quarantines = quarantines

    def holds(self, blob_id: BlobId) -> bool:
        """See `FileQuarantine.holds`."""
        quarantine = self._quarantines.get(self._device_of(blob_id))
        return quarantine is not None and quarantine.holds(blob_id)

    def isolate(self, blob_id: BlobId, report: bytes) -> str:
        """See `FileQuarantine.isolate`."""
        return self._quarantines[self._device_of(blob_id)].isolate(blob_id, report)
