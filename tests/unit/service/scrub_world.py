"""A scrubber over a simulated gateway, with damage on demand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rucket.model.names import BlobId
from rucket.model.records import Content, Extent, ObjectMetadata
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.service.scrubbing import Scrubber, ScrubPace, ScrubPorts
from rucket.state.commands import DeleteObject, PutObject
from tests.unit.service.world import World

if TYPE_CHECKING:
    from rucket.ports.index import IndexReader

CYCLE_S = 1000.0
BYTES_PER_S_MAX = 1 << 20


class Cursors:
    """A `CursorKeeper` in memory."""

    def __init__(self) -> None:
        self.saved: list[ScrubCursor] = []

    def load(self) -> ScrubCursor | None:
        return self.saved[-1] if self.saved else None

    def save(self, cursor: ScrubCursor) -> None:
        self.saved.append(cursor)


class Shelf:
    """A `Quarantine` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reports: dict[BlobId, bytes] = {}

    def holds(self, blob_id: BlobId) -> bool:
        return blob_id in self.reports

    def isolate(self, blob_id: BlobId, report: bytes) -> str:
        if self._world.blobs.finished.pop(blob_id, None) is None:
            raise FileNotFoundError(blob_id.hex())
        self.reports[blob_id] = report
        return f"quarantine/{blob_id.hex()}"


class Watcher:
    """A `ScrubObserver` that remembers."""

    def __init__(self) -> None:
        self.rows = self.blobs = self.bytes = 0
        self.kinds: list[str] = []
        self.ratios: list[float] = []
        self.last_completed_ms = 0

    def verified(self, row_count: int, blob_count: int, size_bytes: int) -> None:
        self.rows += row_count
        self.blobs += blob_count
        self.bytes += size_bytes

    def found(self, kind: str) -> None:
        self.kinds.append(kind)

    def progressed(self, ratio: float, last_completed_ms: int) -> None:
        self.ratios.append(ratio)
        self.last_completed_ms = last_completed_ms


class ScrubWorld:
    """A node with objects in blobs, and its scrubber."""

    def __init__(self, seed: int = 0) -> None:
        self.world = World(seed)
        self.cursors = Cursors()
        self.shelf = Shelf(self.world)
        self.watcher = Watcher()
        self.index_problems: list[str] = []

    def scrubber(self, index: IndexReader | None = None) -> Scrubber:
        """A scrubber, as a start of the process makes it."""
        ports = ScrubPorts(
            index=index or self.world.index,
            index_problems=lambda: self.index_problems,
            blobs=self.world.blobs,
            tasks=self.world.tasks,
            clock=self.world.gateway.clock,
            cursors=self.cursors,
            quarantine=self.shelf,
            observer=self.watcher,
        )
        return Scrubber(ports, ScrubPace(CYCLE_S, BYTES_PER_S_MAX))

    def put(self, key: str, data: bytes) -> BlobId:
        """Makes an object whose bytes are in a blob."""
        blob_id = BlobId(self.world.random.token_bytes(16))
        self.world.blobs.finished[blob_id] = data
        self.put_naming(key, blob_id, len(data))
        return blob_id

    def put_naming(self, key: str, blob_id: BlobId, size_bytes: int) -> None:
        """Makes an object that names a blob."""
        metadata = ObjectMetadata(b"", 0, size_bytes, "etag", "owner")
        content = Content(None, (Extent(blob_id, size_bytes),))
        self.world.commits.apply(
            PutObject(
                self.world.random.token_bytes(16),
                self.world.bucket.bucket_id,
                key,
                metadata,
                content,
            )
        )

    def delete(self, key: str) -> None:
        """Deletes an object; its blob is garbage from now on."""
        commit_id = self.world.random.token_bytes(16)
        self.world.commits.apply(DeleteObject(commit_id, self.world.bucket.bucket_id, key))

    async def finish_cycle(self, scrubber: Scrubber) -> float:
        """Steps until the cycle is complete, waiting as long as it says; how long it took."""
        clock = self.world.gateway.clock
        started_s = clock.monotonic_s()
        saved = self.cursors.saved
        before = len(saved)
        while True:
            pause_s = await scrubber.step()
            if len(saved) > before and saved[-1].stage is ScrubStage.RESTING:
                return clock.monotonic_s() - started_s
            await self.world.tasks.sleep(pause_s)

    def cycle(self, scrubber: Scrubber | None = None) -> float:
        """A whole cycle, in the simulator; how long it took."""
        return self.world.run(self.finish_cycle(scrubber or self.scrubber()))

    def forget_rest(self) -> None:
        """Makes the next cycle due."""
        last = self.cursors.saved[-1]
        due_ms = last.cycle_started_ms - int(CYCLE_S * 1000)
        self.cursors.saved.append(replace(last, cycle_started_ms=due_ms))
