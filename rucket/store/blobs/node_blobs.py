"""The `Blobs` port of a node: one or many devices.

::

    create ── devices for the class that take blobs and have room ── by weight and free bytes
                │ the device refuses ──> marked for all processes, another one is asked
    open, delete ── the device that the id says

A device that fails a write or a sync gets no more blobs from any process of the node until the next
start (a failed sync may have lost what the kernel had accepted, and says so only once); what it has
is read on. A device that isn't there any more is lost: its blobs are unavailable, which is another
thing than missing, and nothing else is touched.
"""

from __future__ import annotations

import errno
import heapq
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import DeviceError, DeviceUnavailableError, StorageFullError
from rucket.store.blobs.blob_ids import birth_of
from rucket.store.blobs.device_marks import Mark
from rucket.store.blobs.device_records import IDENTITY_NAME
from rucket.store.blobs.placement import Candidate, choose_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.model.names import BlobId
    from rucket.ports.blobs import BlobReader, Blobs, BlobWriter
    from rucket.ports.clock import Clock
    from rucket.ports.disk import Buffer, Disk
    from rucket.ports.random import Random
    from rucket.store.blobs.device_marks import DeviceMarks

FREE_BYTES_AGE_S_MAX: Final = 1.0

_OURS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})
"""What fails in a process, or in the whole system, and says nothing about a device."""


@dataclass(frozen=True, slots=True)
class BlobDevice:
    """A device, as this node uses it.

    Attributes:
        path: its directory.
        blobs: that are on it.
        weight: its share of new blobs, relative to others; 0: it takes none.
        storage_classes: that it is for; empty: for all that no other device is for.
        has_identity: whether it says who it is; not before the first start of this version.
    """

    number: int
    path: str
    blobs: Blobs
    weight: float = 1.0
    storage_classes: frozenset[str] = frozenset()
    has_identity: bool = True


class NodeBlobs:
    """The blobs on all devices of a node.

    Args:
        devices: all it has, at least one.
        disk: on which they are.
        marks: what is wrong with them.
        random: chooses.
        clock: says when free bytes have to be asked for again.
    """

    def __init__(
        self,
        devices: Sequence[BlobDevice],
        disk: Disk,
        marks: DeviceMarks,
        random: Random,
        clock: Clock,
    ) -> None:
        self._devices = {device.number: device for device in devices}
        self._disk = disk
        self._marks = marks
        self._random = random
        self._clock = clock
        self._free_bytes: dict[int, tuple[float, int]] = {}

    def is_placed_for(self, blob_id: BlobId, storage_class: str) -> bool:
        """See `Blobs.is_placed_for`."""
        return self.device_of(blob_id) in self._serving(storage_class)

    def _serving(self, storage_class: str) -> set[int]:
        """The devices for a class: those that name it; else those that name none; else all."""
        devices = self._devices.values()
        is_named = any(storage_class in device.storage_classes for device in devices)
        serving = {
            device.number
            for device in devices
            if (storage_class in device.storage_classes if is_named else not device.storage_classes)
        }
        return serving or set(self._devices)

    def device_of(self, blob_id: BlobId) -> int:
        """The number of the device that a blob is on, if there is such a blob."""
        birth = birth_of(blob_id)
        number = 0 if birth is None else birth.device_number
        return number if number in self._devices else 0  # one of format 1 that only looks newer

    def create(self, storage_class: str, size_bytes_expected: int | None) -> BlobWriter:
        """See `Blobs.create`."""
        numbers = {
            number for number in self._serving(storage_class) if self._devices[number].weight > 0
        }
        full: StorageFullError | None = None
        while candidates := self._candidates(numbers):
            number = choose_device(candidates, size_bytes_expected, self._random).number
            device = self._devices[number]
            try:
                writer = device.blobs.create(storage_class, size_bytes_expected)
            except StorageFullError as error:
                self._free_bytes[number] = (self._clock.monotonic_s(), 0)
                full = error
            except (DeviceError, FileNotFoundError) as error:
                self.note_trouble(number, error)
            else:
                return _DeviceWriter(self, number, writer)
            numbers.discard(number)
        if full is not None:
            raise full
        raise DeviceUnavailableError(
            f"no device takes blobs of {storage_class}: all have failed or are lost; mend or "
            "replace one, and start the server again"
        )

    def _candidates(self, numbers: set[int]) -> list[Candidate]:
        return [
            Candidate(number, self._devices[number].weight, self._free(number))
            for number in sorted(numbers)
            if not self._marks.has(number, Mark.FAILED) and not self._marks.has(number, Mark.LOST)
        ]

    def _free(self, number: int) -> int:
        now_s = self._clock.monotonic_s()
        asked_s, free_bytes = self._free_bytes.get(number, (float("-inf"), 0))
        if now_s - asked_s >= FREE_BYTES_AGE_S_MAX:
            try:
                free_bytes = self._disk.free_bytes(self._devices[number].path)
            except (DeviceError, FileNotFoundError):
                free_bytes = 0  # `create` meets the trouble, and says what it is
            self._free_bytes[number] = (now_s, free_bytes)
        return free_bytes

    def note_trouble(self, number: int, error: DeviceError | FileNotFoundError) -> None:
        """Marks a device that refused to write, for all processes of the node.

        Raises:
            DeviceError: `error`, where it says nothing about the device.
        """
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno in _OURS:
            raise error
        path = self._devices[number].path
        mark = Mark.FAILED if self._is_there(number) else Mark.LOST
        self._marks.put_up(number, mark, path, str(error))

    def _is_there(self, number: int) -> bool:
        device = self._devices[number]
        try:
            self._disk.modified_ms(
                f"{device.path}/{IDENTITY_NAME}" if device.has_identity else device.path
            )
        except (FileNotFoundError, DeviceError):
            return False
        return True

    def open(self, blob_id: BlobId) -> BlobReader:
        """See `Blobs.open`."""
        number = self.device_of(blob_id)
        if number not in self._devices:
            raise FileNotFoundError(blob_id.hex())
        try:
            return self._devices[number].blobs.open(blob_id)
        except FileNotFoundError as error:
            self._check_there(number, error)
            if number == 0 or 0 not in self._devices:
                raise
        return self._devices[0].blobs.open(blob_id)

    def open_cached(self, blob_id: BlobId) -> BlobReader | None:
        """See `Blobs.open_cached`."""
        device = self._devices.get(self.device_of(blob_id))
        return None if device is None else device.blobs.open_cached(blob_id)

    def _check_there(self, number: int, error: FileNotFoundError) -> None:
        """Returns if a blob is missing from a device that is there.

        Raises:
            DeviceUnavailableError: all of the device is missing.
        """
        if not self._is_there(number):
            path = self._devices[number].path
            self._marks.put_up(number, Mark.LOST, path, str(error))
            raise DeviceUnavailableError(
                f"device {number} ({path}) is lost: mount it and start the server again"
            ) from error

    def delete(self, blob_id: BlobId) -> None:
        """See `Blobs.delete`. On a lost device nothing happens: should it come back, its garbage
        belongs to nobody and is removed as orphans are.
        """
        number = self.device_of(blob_id)
        for candidate in {number, 0} & self._devices.keys():
            try:
                self._devices[candidate].blobs.delete(blob_id)
            except DeviceError as error:
                self.note_trouble(candidate, error)

    def list_ids(self, after: BlobId | None, limit: int) -> list[tuple[BlobId, int]]:
        """See `Blobs.list_ids`. Those on a lost device are left out."""
        lists = []
        for number, device in self._devices.items():
            try:
                lists.append(device.blobs.list_ids(after, limit))
            except (FileNotFoundError, DeviceError) as error:
                if self._is_there(number):
                    raise
                self._marks.put_up(number, Mark.LOST, device.path, str(error))
        return list(itertools.islice(heapq.merge(*lists), limit))


class _DeviceWriter:
    """A `BlobWriter` whose failures are the device's."""

    __slots__ = ("_blobs", "_number", "_writer")

    def __init__(self, blobs: NodeBlobs, number: int, writer: BlobWriter) -> None:
        self._blobs = blobs
        self._number = number
        self._writer = writer

    def write(self, data: Buffer) -> None:
        """See `BlobWriter.write`."""
        try:
            self._writer.write(data)
        except (DeviceError, FileNotFoundError) as error:
            raise self._failure(error) from error

    def finish(self) -> BlobId:
        """See `BlobWriter.finish`."""
        try:
            return self._writer.finish()
        except (DeviceError, FileNotFoundError) as error:
            raise self._failure(error) from error

    def _failure(self, error: DeviceError | FileNotFoundError) -> DeviceUnavailableError:
        self._blobs.note_trouble(self._number, error)
        return DeviceUnavailableError(f"device {self._number} failed while a blob was written")

    def abort(self) -> None:
        """See `BlobWriter.abort`."""
        self._writer.abort()
