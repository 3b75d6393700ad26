"""A store on a simulated machine: log, index, blobs, and the gateways that write through them.

What puts the parts together is what `rucket.daemon.build` does, in one process: a power cut, or a
``kill -9`` of the supervisor, ends all of them at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rucket.model.names import BlobId
from rucket.ports.index import Table
from rucket.service.compaction import named_blobs
from rucket.service.gateway import Gateway, ServiceSettings
from rucket.state.placement import SingleNodePlacement
from rucket.state.rows import CONTENT, find_bucket, find_object_with_content, part_row_key
from rucket.store.blobs.blob_ids import packed_id_prefix
from rucket.store.blobs.device_blobs import DeviceBlobs
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.late_sync import LateSync
from rucket.store.blobs.packed.compactor import Compactor
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts
from rucket.store.checkpoints.keeping import CheckpointKeeper, LogNeededByCheckpoints
from rucket.store.rebuilding import CheckpointSource
from rucket.store.store import Store
from rucket.store.sync_strategy import ALWAYS, SyncStrategy
from rucket.store.wal.wal import Wal
from tests.simulation.final_checks import check_rows
from tests.simulator.process import SimulatedClock, SimulatedRandom, SimulatedTasks
from tests.simulator.threads import SimulatedThreads
from tests.storage.checkpoints import check_rebuilding
from tests.storage.interleaving import InterleavedTasks, InterleavedThreads

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.model.errors import OperatingError
    from rucket.model.records import Content, Record
    from rucket.ports.clock import Clock
    from rucket.ports.disk import Disk
    from rucket.ports.index import Index, Snapshot
    from rucket.ports.log import Log
    from rucket.ports.tasks import Tasks
    from tests.simulator.machine import SimulatedMachine
    from tests.storage.claims import Body

LOG_DIRECTORY = "/data/log"
BLOB_DIRECTORY = "/data/blobs"
CHECKPOINT_DIRECTORY = "/data/checkpoints"
BLOB_DIRECTORIES = tuple(f"{BLOB_DIRECTORY}/files/{number:02x}" for number in range(2))
PACKED_DIRECTORY = f"{BLOB_DIRECTORY}/packed"
DIRECTORIES = (
    "/",
    "/data",
    LOG_DIRECTORY,
    BLOB_DIRECTORY,
    f"{BLOB_DIRECTORY}/files",
    *BLOB_DIRECTORIES,
    PACKED_DIRECTORY,
    f"{PACKED_DIRECTORY}/0",
    f"{PACKED_DIRECTORY}/moved",
)
BUCKET = "bucket"
BUCKET_KEY = "bucket:"
INLINE_SIZE_BYTES_MAX = 300
_DEAD_RATIO_MIN = 0.3


def part_key(upload_id: bytes, part_number: int) -> str:
    """What claims call a part of an upload."""
    return f"part:{upload_id.hex()}:{part_number}"


def _same_disk(disk: Disk) -> Disk:
    return disk


def _same_log(log: Log) -> Log:
    return log


def _same_gateway(gateway: Gateway) -> Gateway:
    return gateway


@dataclass(frozen=True, slots=True)
class Wiring:
    """How the parts are put together; a mutant puts something between them.

    Attributes:
        disk, log, gateway: wrap a port, or the ports of a gateway.
        wal, store, compactor: the classes.
    """

    disk: Callable[[Disk], Disk] = _same_disk
    log: Callable[[Log], Log] = _same_log
    gateway: Callable[[Gateway], Gateway] = _same_gateway
    wal: type[Wal] = Wal
    store: type[Store] = Store
    compactor: type[Compactor] = Compactor


@dataclass(frozen=True, slots=True)
class Layout:
    """The sizes of a node.

    Attributes:
        is_interleaved: whether blocking work takes turns at every disk operation.
        sync: when the log is synced.
        data_sync: when blobs are.
        has_checkpoints: whether the log is kept for checkpoints, and they are judged.
        packed_size_bytes_max: blobs of up to this size are packed; 0: none.
        packed_segment_size_bytes: of their segments.
    """

    segment_size_bytes: int = 16 * 1024
    gateway_count: int = 1
    is_interleaved: bool = False
    sync: SyncStrategy = ALWAYS
    data_sync: SyncStrategy = ALWAYS
    has_checkpoints: bool = False
    packed_size_bytes_max: int = 0
    packed_segment_size_bytes: int = 12 * 1024


class _Random(SimulatedRandom):
    """Ids that lie in a few directories only."""

    def token_bytes(self, size_bytes: int) -> bytes:
        """See `Random.token_bytes`."""
        token = super().token_bytes(size_bytes)
        return bytes([token[0] % len(BLOB_DIRECTORIES)]) + token[1:]


class _Unobserved:
    """A `CompactionObserver` that isn't interested."""

    def surveyed(self, segment_count: int, live_bytes: int, dead_bytes: int) -> None:
        """See `CompactionObserver.surveyed`."""

    def compacted(self, copied_bytes: int, freed_bytes: int) -> None:
        """See `CompactionObserver.compacted`."""


class _Commits:
    """The `Commits` port without a connection between."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        return await self._store.commit(command)

    async def sync(self) -> None:
        """See `Commits.sync`."""
        await self._store.sync()

    async def ready(self) -> bool:
        """See `Commits.ready`."""
        return self._store.is_ready()


class Node:
    """One life of the processes of a machine."""

    def __init__(self, machine: SimulatedMachine, wiring: Wiring, layout: Layout) -> None:
        self.machine = machine
        self.scheduler = machine.scheduler
        self.process = machine.start("node")
        self.tasks: Tasks = (
            InterleavedTasks(self.process)
            if layout.is_interleaved
            else SimulatedTasks(self.process)
        )
        clock = SimulatedClock(self.scheduler, "node")
        disk = wiring.disk(machine.device.attach(self.process))
        self.wal = wiring.wal(
            disk,
            LOG_DIRECTORY,
            self.tasks,
            clock,
            _Random(self.scheduler, "log"),
            segment_size_bytes=layout.segment_size_bytes,
            sync=layout.sync,
        )
        self.late_syncs: list[LateSync] = []
        self.failures: list[OperatingError] = []
        self.index: Index = machine.index_file.open(self.process)
        self.disk = disk
        self.has_checkpoints = layout.has_checkpoints
        self.keeper = CheckpointKeeper(disk, CHECKPOINT_DIRECTORY, self.index)
        self.store = wiring.store(
            wiring.log(self.wal),
            self.index,
            self.tasks,
            [LogNeededByCheckpoints(disk, CHECKPOINT_DIRECTORY)] if layout.has_checkpoints else [],
            None if layout.sync == ALWAYS else CheckpointSource(disk, CHECKPOINT_DIRECTORY),
        )
        self.gateways = [
            wiring.gateway(
                Gateway(
                    index=self.index,
                    commits=_Commits(self.store),
                    blobs=self._blobs(disk, clock, layout, f"blobs-{number}"),
                    tasks=self.tasks,
                    clock=clock,
                    random=_Random(self.scheduler, f"gateway-{number}"),
                    settings=_settings(),
                    placement=SingleNodePlacement("node"),
                )
            )
            for number in range(layout.gateway_count)
        ]
        maintenance = replace(layout, data_sync=ALWAYS)
        self.compactor = wiring.compactor(
            self._blobs(disk, clock, maintenance, "compaction").packed,
            clock,
            lambda segment_id: named_blobs(self.index, packed_id_prefix(0, segment_id)),
            _DEAD_RATIO_MIN,
            _Unobserved(),
        )

    def _blobs(self, disk: Disk, clock: Clock, layout: Layout, name: str) -> DeviceBlobs:
        """Those of one process."""
        random = _Random(self.scheduler, name)
        threads = (
            InterleavedThreads(self.process)
            if layout.is_interleaved
            else SimulatedThreads(self.process)
        )
        late: LateSync | None = None
        if not layout.data_sync.is_always:
            late = LateSync(disk, layout.data_sync, clock, threads, self.failures.append)
            self.late_syncs.append(late)
        packed = PackedBlobs(
            WriterPorts(disk, random, threads),
            clock,
            PACKED_DIRECTORY,
            0,
            layout.packed_segment_size_bytes,
            late,
        )
        files = FileBlobs(disk, BLOB_DIRECTORY, 0, random, late)
        return DeviceBlobs(files, packed, layout.packed_size_bytes_max, late)

    def recover(self) -> None:
        """Opens log and index, as a node that starts does."""
        self.wal.open()
        self.store.recover()

    def read(self, keys: list[str]) -> dict[str, Body]:
        """What a client finds under each key, every byte of it read; and checks all rows and
        blobs against each other."""
        with self.index.snapshot() as snapshot:
            found = {key: self._read(snapshot, key) for key in keys}
        check_rows(self.gateways[0])
        if self.has_checkpoints:
            check_rebuilding(self.disk, LOG_DIRECTORY, CHECKPOINT_DIRECTORY, self.index)
        return found

    def _read(self, snapshot: Snapshot, key: str) -> Body:
        bucket = find_bucket(snapshot, BUCKET)
        if key == BUCKET_KEY:
            return None if bucket is None else b"there"
        if key.startswith("part:"):
            _, upload_id, number = key.split(":")
            row = snapshot.get_with_attachment(
                Table.PARTS, part_row_key(bytes.fromhex(upload_id), int(number))
            )
            return None if row is None else self._body(CONTENT.decode(row[1]))
        if bucket is None:
            return None
        found = find_object_with_content(snapshot, bucket.bucket_id, key)
        return None if found is None else self._body(found[1])

    def read_one(self, key: str) -> Body:
        """What a client finds under a key, whatever is wrong with others.

        Raises:
            CorruptionError, FileNotFoundError: the blob isn't what was written, or is missing.
        """
        with self.index.snapshot() as snapshot:
            return self._read(snapshot, key)

    def _body(self, content: Content) -> bytes:
        if content.inline is not None:
            return content.inline
        pieces = []
        for extent in content.extents:
            reader = self.gateways[0].blobs.open(BlobId(extent.blob_id))
            try:
                pieces.append(reader.read(extent.offset, extent.size_bytes))
            finally:
                reader.close()
        return b"".join(pieces)


def _settings() -> ServiceSettings:
    return ServiceSettings(
        region="us-east-1",
        domains=(),
        users=(),
        sealing_key=bytes(32),
        version="0",
        node_id="node",
        started_at_ms=0,
        inline_size_bytes_max=INLINE_SIZE_BYTES_MAX,
    )
