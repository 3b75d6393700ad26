"""A device with packed blobs, and what should be in it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rucket.disk.os_disk import OsDisk
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.packed.compactor import Compactor
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts
from tests.unit.fakes import FakeRandom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.model.names import BlobId
    from rucket.ports.disk import Disk

SEGMENT_SIZE_BYTES = 64 * 1024


class Observer:
    """A `CompactionObserver` that remembers."""

    def __init__(self) -> None:
        self.segment_count = self.live_bytes = self.dead_bytes = 0
        self.copied_bytes = self.freed_bytes = 0

    def surveyed(self, segment_count: int, live_bytes: int, dead_bytes: int) -> None:
        self.segment_count, self.live_bytes, self.dead_bytes = segment_count, live_bytes, dead_bytes

    def compacted(self, copied_bytes: int, freed_bytes: int) -> None:
        self.copied_bytes += copied_bytes
        self.freed_bytes += freed_bytes


class PackedDevice:
    """Blobs that are written, deleted and compacted by processes that come and go.

    Attributes:
        bodies: what should be there, by id.
        observer: of the compactor.
    """

    def __init__(self, directory: Path, disk: Disk | None = None) -> None:
        self.directory = directory
        self.bodies: dict[BlobId, bytes] = {}
        self.deleted: set[BlobId] = set()
        self.observer = Observer()
        self._disk = disk or OsDisk()
        self._random = FakeRandom(1)
        self.blobs = self.start()
        self.blobs.prepare()

    def start(self) -> PackedBlobs:
        """What another process has of it."""
        ports = WriterPorts(self._disk, SystemRandom(), SystemThreads())
        return PackedBlobs(ports, SystemClock(), str(self.directory), 3, SEGMENT_SIZE_BYTES)

    def restart(self) -> None:
        """Ends the process, and starts it again."""
        close(self.blobs)
        self.blobs = self.start()

    def put(self, size_bytes: int) -> BlobId:
        """Writes a blob of random bytes."""
        body = self._random.token_bytes(size_bytes)
        writer = self.blobs.create(size_bytes)
        writer.write(body)
        blob_id = writer.finish()
        self.bodies[blob_id] = body
        return blob_id

    def delete(self, blob_id: BlobId) -> None:
        """Deletes a blob."""
        self.blobs.delete(blob_id)
        del self.bodies[blob_id]
        self.deleted.add(blob_id)

    def compactor(self, dead_ratio_min: float = 0.3) -> Compactor:
        """Of a maintenance process that has just started; rows name what should be there."""
        return Compactor(
            self.start(), SystemClock(), self.named_blobs, dead_ratio_min, self.observer
        )

    def named_blobs(self, segment_id: bytes) -> Iterator[bytes]:
        """What rows name of a segment."""
        return (blob_id for blob_id in sorted(self.bodies) if blob_id[2:8] == segment_id)

    def compact(self, dead_ratio_min: float = 0.3) -> None:
        """One pass over all segments, by a process that ends after it."""
        compactor = self.compactor(dead_ratio_min)
        while compactor.step():
            pass
        close(compactor._blobs)

    def check(self) -> None:
        """Everything is there, and listed, for this process and for one that starts."""
        for blobs in (self.blobs, self.start()):
            for blob_id, body in self.bodies.items():
                assert read(blobs, blob_id) == body
            listed, expected = list_all(blobs, 7), sorted(self.bodies)
            assert listed == expected, (
                f"missing {set(expected) - set(listed)}, too many {set(listed) - set(expected)}"
            )

    def segment_paths(self) -> list[Path]:
        """The files of segments."""
        return sorted(self.directory.glob("?/*.seg"))

    def map_paths(self) -> list[Path]:
        """The files of maps."""
        return sorted((self.directory / "moved").iterdir())

    def segment_of(self, blob_id: BlobId) -> Path:
        """The segment that a blob was born in."""
        return Path(self.blobs.directory.segment_path(blob_id[2:8]))


def close(blobs: PackedBlobs) -> None:
    """Ends a process: also the thread that makes a spare segment."""
    while blobs.writer._is_making_spare:
        time.sleep(0.001)
    blobs.close()


def read(blobs: PackedBlobs, blob_id: BlobId) -> bytes:
    """All of a blob."""
    reader = blobs.open(blob_id)
    try:
        return reader.read(0, reader.size_bytes)
    finally:
        reader.close()


def list_all(blobs: PackedBlobs, limit: int) -> list[BlobId]:
    """All ids, page by page."""
    listed: list[BlobId] = []
    while page := blobs.list_ids(listed[-1] if listed else None, limit):
        assert all(written_ms > 0 for _, written_ms in page)
        listed += [blob_id for blob_id, _ in page]
    return listed


def flip(path: Path, offset: int, mask: int = 1) -> None:
    """Turns bits of one byte of a file over."""
    data = bytearray(path.read_bytes())
    data[offset] ^= mask
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data[offset : offset + 1])
