"""Puts the parts together. The one module that knows every layer: it decides which port is which.

node          Store over Wal and SqliteIndex, behind CommitServer
gateway       the S3 application over RemoteCommits, SqliteIndexReader and FileBlobs
maintenance   the collection of garbage over the same three, and the scrubber
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.version import VERSION
from rucket.disk.os_disk import OsDisk
from rucket.model.records import BucketStatistics
from rucket.net.commit_server import CommitServer
from rucket.net.remote_commits import RemoteCommits
from rucket.net.unix_sockets import UnixSockets
from rucket.observe.metrics import StoredCounts, WalMetrics
from rucket.observe.scrub_metrics import ScrubMetrics
from rucket.ports.index import Table
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.service.gateway import Gateway, ServiceSettings
from rucket.service.scrub_findings import FindingKind
from rucket.service.scrubbing import Scrubber, ScrubPace, ScrubPorts
from rucket.state.rows import STATISTICS
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.quarantine import FileQuarantine
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.scrub_cursor_file import ScrubCursorFile
from rucket.store.store import Store
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from rucket.daemon.settings import Settings

_NODE_THREAD_COUNT = 4
_GATEWAY_THREAD_COUNT = 8
_MAINTENANCE_THREAD_COUNT = 2
_ROWS_PER_SCAN = 1000
_SECONDS_PER_DAY = 24 * 60 * 60
_STRUCTURE_CHECKED_BYTES_MAX = 1 << 30  # a few seconds, which can't be slowed down


@dataclass(frozen=True, slots=True)
class NodeParts:
    """The node process."""

    directory: DataDirectory
    tasks: AsyncioTasks
    log: Wal
    index: SqliteIndex
    store: Store
    server: CommitServer


def build_node(settings: Settings) -> NodeParts:
    """Makes the data directory where it is missing, and the node over it; nothing runs yet."""
    disk, clock, random = OsDisk(), SystemClock(), SystemRandom()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    directory.prepare(clock, random)
    directory.make_sealing_key(random)
    FileBlobs(disk, directory.blobs, 0, random).prepare()
    tasks = AsyncioTasks(_NODE_THREAD_COUNT)
    log = Wal(
        disk,
        directory.log,
        tasks,
        clock,
        random,
        segment_size_bytes=settings.storage.wal.segment_size_bytes,
        segment_age_s=settings.storage.wal.segment_age_s,
        sync=settings.storage.sync.strategy(settings.storage.sync.metadata),
        observer=WalMetrics(),
    )
    index = SqliteIndex(directory.index, disk)
    store = Store(log, index, tasks)
    return NodeParts(directory, tasks, log, index, store, CommitServer(store, UnixSockets()))


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """A gateway process, or the maintenance process: whoever works through the node."""

    gateway: Gateway
    tasks: AsyncioTasks
    commits: RemoteCommits
    index: SqliteIndexReader


def build_gateway(settings: Settings) -> GatewayParts:
    """The parts of a gateway process; the node has prepared the data directory."""
    return _build_client(settings, _GATEWAY_THREAD_COUNT)


def build_maintenance(settings: Settings) -> GatewayParts:
    """The parts of the maintenance process; the node has prepared the data directory."""
    return _build_client(settings, _MAINTENANCE_THREAD_COUNT)


@dataclass(frozen=True, slots=True)
class ScrubberParts:
    """The scrubber, in the maintenance process."""

    scrubber: Scrubber
    index: SqliteIndexReader


def build_scrubber(settings: Settings, gateway: Gateway) -> ScrubberParts:
    """The scrubber, with an index connection of its own: it reads in threads."""
    disk = OsDisk()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    index = SqliteIndexReader(directory.index)
    blobs = FileBlobs(disk, directory.blobs, 0, gateway.random)
    ports = ScrubPorts(
        index=index,
        index_problems=lambda: index.structure_problems(_STRUCTURE_CHECKED_BYTES_MAX),
        blobs=blobs,
        tasks=gateway.tasks,
        clock=gateway.clock,
        cursors=ScrubCursorFile(disk, directory.scrub_cursor),
        quarantine=FileQuarantine(disk, blobs, directory.quarantine),
        observer=ScrubMetrics(FindingKind),
    )
    scrub = settings.storage.scrub
    pace = ScrubPace(scrub.cycle_days * _SECONDS_PER_DAY, scrub.max_bytes_per_s)
    return ScrubberParts(Scrubber(ports, pace), index)


class StoredCounter:
    """Says what is stored, from an index connection of its own: it is called on another thread."""

    def __init__(self, data_dir: str) -> None:
        self._path = DataDirectory(data_dir, OsDisk()).index
        self._index: SqliteIndexReader | None = None

    def __call__(self) -> StoredCounts:
        """The counts; as many steps as there are buckets."""
        if self._index is None:
            self._index = SqliteIndexReader(self._path)
        totals = BucketStatistics()
        bucket_count = 0
        start = b""
        while True:
            with self._index.snapshot() as snapshot:
                rows = snapshot.scan(Table.BUCKET_STATISTICS, start, None, _ROWS_PER_SCAN)
            for _, value in rows:
                bucket = STATISTICS.decode(value)
                totals = BucketStatistics(
                    totals.object_count + bucket.object_count,
                    totals.size_bytes + bucket.size_bytes,
                    totals.upload_count + bucket.upload_count,
                )
            bucket_count += len(rows)
            if len(rows) < _ROWS_PER_SCAN:
                return StoredCounts(
                    bucket_count, totals.object_count, totals.size_bytes, totals.upload_count
                )
            start = rows[-1][0] + b"\0"


def _build_client(settings: Settings, thread_count: int) -> GatewayParts:
    disk, clock, random = OsDisk(), SystemClock(), SystemRandom()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    tasks = AsyncioTasks(thread_count)
    service_settings = _service_settings(settings, directory, clock.wall_ms())
    commits = RemoteCommits(
        UnixSockets(), directory.node_socket, tasks, service_settings.commit_timeout_s
    )
    index = SqliteIndexReader(directory.index)
    gateway = Gateway(
        index=index,
        commits=commits,
        blobs=FileBlobs(disk, directory.blobs, 0, random),
        tasks=tasks,
        clock=clock,
        random=random,
        settings=service_settings,
    )
    return GatewayParts(gateway, tasks, commits, index)


def _service_settings(settings: Settings, directory: DataDirectory, now_ms: int) -> ServiceSettings:
    configured_key = settings.auth.sealing_key
    if configured_key is None:
        sealing_key = directory.make_sealing_key(SystemRandom())
    else:
        sealing_key = bytes.fromhex(configured_key.get_secret_value())
    return ServiceSettings(
        region=settings.server.region,
        domains=settings.server.domains,
        users=settings.auth.configured_users(),
        sealing_key=sealing_key,
        version=VERSION,
        node_id=directory.read_identity().node_id,
        started_at_ms=now_ms,
        body_size_bytes_max=settings.server.max_body_size_bytes,
        requests_in_flight_max=settings.server.requests_in_flight_max,
        body_idle_timeout_s=settings.server.body_idle_timeout_s,
        body_bytes_per_s_min=settings.server.body_bytes_per_s_min,
    )
