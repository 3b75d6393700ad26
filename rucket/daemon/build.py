"""Puts the parts together. The one module that knows every layer: it decides which port is which.

node          Store over Wal and SqliteIndex, behind CommitServer
gateway       the S3 application over RemoteCommits, SqliteIndexReader and NodeBlobs
maintenance   the collection of garbage over the same three, the scrubber, checkpoints, compaction
              and events
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.daemon.checkpointing import CheckpointJob, CheckpointPace
from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.devices import CompactionOfDevice, NodeDevices, open_node_devices
from rucket.daemon.key_register import KeyRegister
from rucket.daemon.version import VERSION
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError
from rucket.model.records import BucketStatistics
from rucket.net.commit_server import CommitServer
from rucket.net.remote_commits import RemoteCommits
from rucket.net.unix_sockets import UnixSockets
from rucket.net.webhook import Webhook, WebhookTarget
from rucket.observe.checkpoint_metrics import CheckpointMetrics
from rucket.observe.encryption_metrics import RotationMetrics
from rucket.observe.event_metrics import EventMetrics
from rucket.observe.metrics import StoredCounts, WalMetrics
from rucket.observe.packed_metrics import PackedMetrics
from rucket.observe.scrub_metrics import ScrubMetrics
from rucket.ports.index import Table
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.service.compaction import PacedCompaction, named_blobs
from rucket.service.encryption.object_encryption import ObjectEncryption
from rucket.service.event_delivery import CURSOR_NAME, DeliveryPorts, EventDelivery
from rucket.service.gateway import Gateway, ServiceSettings
from rucket.service.key_rotation import KeyRotation
from rucket.service.open_readers import OpenReaders
from rucket.service.scrub_findings import FindingKind
from rucket.service.scrubbing import Scrubber, ScrubPace, ScrubPorts
from rucket.state.placement import SingleNodePlacement
from rucket.state.rows import STATISTICS, applied_position
from rucket.store.blobs.blob_ids import packed_id_prefix
from rucket.store.blobs.packed.compactor import Compactor
from rucket.store.checkpoints.files import list_checkpoints
from rucket.store.checkpoints.keeping import CheckpointKeeper, LogNeededByCheckpoints
from rucket.store.index.replacement import finish_replacement
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.lease_files import LeaseFile, LeaseFiles
from rucket.store.log_cursors import LogCursors, LogNeededByCursors
from rucket.store.rebuilding import CheckpointSource
from rucket.store.scrub_cursor_file import ScrubCursorFile
from rucket.store.store import Store
from rucket.store.sync_strategy import ALWAYS, SyncMode
from rucket.store.wal.inspection import segment_names
from rucket.store.wal.tail import LogTail
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from rucket.daemon.settings import Settings
    from rucket.store.blobs.node_blobs import NodeBlobs
    from rucket.store.blobs.packed.packed_blobs import PackedBlobs
    from rucket.store.sync_strategy import SyncStrategy

_NODE_THREAD_COUNT = 4
_GATEWAY_THREAD_COUNT = 8
_MAINTENANCE_THREAD_COUNT = 2
_ROWS_PER_SCAN = 1000
_LEASE_NAME_SIZE_BYTES = 8
_MS_PER_S = 1000
_SECONDS_PER_DAY = 24 * 60 * 60
_STRUCTURE_CHECKED_BYTES_MAX = 1 << 30  # a few seconds, which can't be slowed down


@dataclass(frozen=True, slots=True)
class NodeParts:
    """The node process.

    Attributes:
        blobs: nothing but a look at whether there are any.
        is_synced_later: whether the log may lose what was acknowledged, when the power goes.
    """

    disk: OsDisk
    blobs: NodeBlobs
    is_synced_later: bool
    directory: DataDirectory
    tasks: AsyncioTasks
    log: Wal
    index: SqliteIndex
    store: Store
    server: CommitServer

    def open(self) -> int:
        """Opens the log and recovers; returns how many records were replayed. Blocks.

        Raises:
            CorruptionError: log or index aren't what was written, or have lost something. Nothing
                was changed.
        """
        self._refuse_emptied_log()
        self.log.open()
        return self.store.recover(self._known_durable())

    def _refuse_emptied_log(self) -> None:
        """A log that was ever written has a segment. So a data directory that has lost its log
        isn't taken for a new one. No gateway writes a blob before there is a bucket.
        """
        if segment_names(self.disk, self.directory.log):
            return
        with self.index.snapshot() as snapshot:
            applied, _ = applied_position(snapshot)
        checkpoints = list_checkpoints(self.disk, self.directory.checkpoints)
        if applied or checkpoints or self.blobs.list_ids(None, 1):
            repair = (
                "rucket repair accept-index begins a new log behind what the index shows"
                if applied
                else "restore a backup, or see rucket rebuild-index --help"
            )
            raise CorruptionError(
                "the log",
                f"{self.directory.log} has no segment, but there is data: the index shows record "
                f"{applied}. Nothing was changed. If segments were moved, put them back; otherwise "
                f"{repair}",
            )

    def _known_durable(self) -> int:
        """A record that is known to have been durable in the log: what a checkpoint shows. If the
        log is synced later, it was synced before the next checkpoint.
        """
        checkpoints = list_checkpoints(self.disk, self.directory.checkpoints)
        if self.is_synced_later:
            checkpoints = checkpoints[:-1]
        return checkpoints[-1].position if checkpoints else 0


def build_node(settings: Settings) -> NodeParts:
    """Makes the data directory where it is missing, and the node over it; nothing runs yet."""
    disk, clock, random = OsDisk(), SystemClock(), SystemRandom()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    directory.prepare(clock, random)
    directory.make_sealing_key(random)
    tasks = AsyncioTasks(_NODE_THREAD_COUNT)
    sync = settings.storage.sync.strategy(settings.storage.sync.metadata)
    log = Wal(
        disk,
        directory.log,
        tasks,
        clock,
        random,
        segment_size_bytes=settings.storage.wal.segment_size_bytes,
        segment_age_s=settings.storage.wal.segment_age_s,
        sync=sync,
        observer=WalMetrics(),
    )
    finish_replacement(disk, directory.index)
    index = SqliteIndex(directory.index, disk)
    is_synced_later = sync.mode is not SyncMode.ALWAYS
    cursors = LogCursors(disk, directory.log_cursors)
    store = Store(
        log,
        index,
        tasks,
        [
            LogNeededByCheckpoints(disk, directory.checkpoints),
            LogNeededByCursors(cursors, log, settings.events.backlog_bytes_max),
        ],
        CheckpointSource(disk, directory.checkpoints) if is_synced_later else None,
    )
    server = CommitServer(store, UnixSockets())
    blobs = open_node_devices(directory, settings.storage).blobs
    return NodeParts(disk, blobs, is_synced_later, directory, tasks, log, index, store, server)


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """A gateway process, or the maintenance process: whoever works through the node."""

    gateway: Gateway
    tasks: AsyncioTasks
    commits: RemoteCommits
    index: SqliteIndexReader
    devices: NodeDevices


def build_gateway(settings: Settings) -> GatewayParts:
    """The parts of a gateway process; the node has prepared the data directory."""
    sync = settings.storage.sync
    return _build_client(settings, _GATEWAY_THREAD_COUNT, sync.strategy(sync.data))


def build_maintenance(settings: Settings) -> GatewayParts:
    """The parts of the maintenance process; the node has prepared the data directory. What it
    writes is always synced: nothing that was durable becomes less so.
    """
    return _build_client(settings, _MAINTENANCE_THREAD_COUNT, ALWAYS)


def build_lease(settings: Settings) -> LeaseFile:
    """Where a gateway process says down to where it reads."""
    disk = OsDisk()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    name = f"gateway-{SystemRandom().token_bytes(_LEASE_NAME_SIZE_BYTES).hex()}"
    return LeaseFile(disk, directory.leases, name)


def build_leases(settings: Settings) -> LeaseFiles:
    """What all gateway processes say, for the maintenance process."""
    disk = OsDisk()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    silence_s_max = settings.storage.garbage.reader_lease_s
    return LeaseFiles(disk, directory.leases, SystemClock(), silence_s_max)


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
    devices = open_node_devices(directory, settings.storage)
    ports = ScrubPorts(
        index=index,
        index_problems=lambda: index.structure_problems(_STRUCTURE_CHECKED_BYTES_MAX),
        blobs=devices.blobs,
        tasks=gateway.tasks,
        clock=gateway.clock,
        cursors=ScrubCursorFile(disk, directory.scrub_cursor),
        quarantine=devices.quarantine,
        observer=ScrubMetrics(FindingKind),
    )
    scrub = settings.storage.scrub
    pace = ScrubPace(scrub.cycle_days * _SECONDS_PER_DAY, scrub.max_bytes_per_s)
    return ScrubberParts(Scrubber(ports, pace), index)


def build_checkpoints(settings: Settings, commits: RemoteCommits) -> CheckpointJob:
    """The job that makes checkpoints, in the maintenance process, with an index connection of its
    own.
    """
    disk = OsDisk()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    index = SqliteIndexReader(directory.index)
    wal = settings.storage.wal
    pace = CheckpointPace(directory.index, wal.checkpoint_max_bytes_per_s)
    keeper = CheckpointKeeper(disk, directory.checkpoints, index, pace)
    metrics = CheckpointMetrics()
    return CheckpointJob(disk, directory, wal, index, keeper, pace, SystemClock(), metrics, commits)


@dataclass(frozen=True, slots=True)
class EventParts:
    """The delivery of events, in the maintenance process. Blocking work has a thread of its own:
    a sink may take its time.
    """

    delivery: EventDelivery
    tasks: AsyncioTasks
    index: SqliteIndexReader
    tail: LogTail
    webhook: Webhook

    def close(self) -> None:
        """Waits for the message that is being sent, and gives everything back."""
        self.tasks.close()
        self.index.close()
        self.tail.close()
        self.webhook.close()


def build_events(settings: Settings) -> EventParts | None:
    """The delivery of events, if they are to be delivered. If not, the log needn't be kept for it
    any more.
    """
    disk, events = OsDisk(), settings.events
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    cursors = LogCursors(disk, directory.log_cursors)
    if events.sink == "none":
        cursors.remove(CURSOR_NAME)
        return None
    index = SqliteIndexReader(directory.index)
    tail = LogTail(disk, directory.log)
    tasks = AsyncioTasks(1)
    target = WebhookTarget(
        url=events.url.get_secret_value(),
        secret=events.secret.get_secret_value(),
        timeout_s=events.timeout_s,
        region=settings.server.region,
        node_id=directory.read_identity().node_id,
    )
    webhook = Webhook(target)
    ports = DeliveryPorts(
        index=index,
        log=tail,
        cursors=cursors,
        sink=webhook,
        observer=EventMetrics(),
        tasks=tasks,
        clock=SystemClock(),
        random=SystemRandom(),
    )
    delivery = EventDelivery(
        ports, events.records_per_message_max, events.poll_interval_ms / _MS_PER_S
    )
    return EventParts(delivery, tasks, index, tail, webhook)


@dataclass(frozen=True, slots=True)
class RotationParts:
    """What brings data keys under the active master key, in the maintenance process.

    Attributes:
        previous_key_ids: of the master keys that nothing shall need afterwards.
    """

    rotation: KeyRotation
    register: KeyRegister
    previous_key_ids: tuple[bytes, ...]


def build_rotation(settings: Settings, gateway: Gateway) -> RotationParts | None:
    """The parts of a rotation; None if nothing is encrypted under a previous key.

    Raises:
        OperatingError: the list of the keys in use can't be read.
    """
    ring = gateway.encryption.ring
    if ring is None:
        return None
    disk = OsDisk()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    register = KeyRegister(disk, directory.key_register)
    in_use = (bytes.fromhex(key.id) for key in register.read())
    previous = tuple(key_id for key_id in in_use if key_id != ring.active.key_id)
    if not previous:
        return None
    rotation = KeyRotation(gateway, ring, RotationMetrics())
    return RotationParts(rotation, register, previous)


@dataclass(frozen=True, slots=True)
class CompactionParts:
    """The compaction of packed blobs, in the maintenance process."""

    compaction: PacedCompaction
    index: SqliteIndexReader


def build_compaction(settings: Settings, parts: GatewayParts) -> CompactionParts:
    """The compaction, with an index connection of its own: it reads in threads."""
    index = SqliteIndexReader(DataDirectory(str(settings.storage.data_dir), OsDisk()).index)
    metrics = PackedMetrics()

    def compactor(number: int, packed: PackedBlobs) -> CompactionOfDevice:
        compactor = Compactor(
            packed,
            parts.gateway.clock,
            lambda segment_id: named_blobs(index, packed_id_prefix(number, segment_id)),
            settings.storage.packed.compaction_dead_ratio_min,
            metrics.of_device(number),
        )
        return CompactionOfDevice(compactor, parts.devices.marks, number)

    compactors = [
        compactor(number, blobs.packed) for number, blobs in parts.devices.by_number.items()
    ]
    bytes_per_s_max = settings.storage.packed.compaction_max_bytes_per_s
    return CompactionParts(PacedCompaction(parts.tasks, compactors, bytes_per_s_max), index)


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


def _build_client(settings: Settings, thread_count: int, sync: SyncStrategy) -> GatewayParts:
    disk, clock, random = OsDisk(), SystemClock(), SystemRandom()
    directory = DataDirectory(str(settings.storage.data_dir), disk)
    tasks = AsyncioTasks(thread_count)
    service_settings = _service_settings(settings, directory, clock.wall_ms())
    commits = RemoteCommits(
        UnixSockets(), directory.node_socket, tasks, service_settings.commit_timeout_s
    )
    index = SqliteIndexReader(directory.index)
    devices = open_node_devices(directory, settings.storage, sync)
    gateway = Gateway(
        index=index,
        commits=commits,
        blobs=devices.blobs,
        tasks=tasks,
        clock=clock,
        random=random,
        settings=service_settings,
        placement=SingleNodePlacement(service_settings.node_id),
        encryption=ObjectEncryption(
            settings.storage.encryption.key_ring(), is_on=settings.storage.encryption.enabled
        ),
        readers=OpenReaders(settings.storage.garbage.reader_lease_s),
    )
    return GatewayParts(gateway, tasks, commits, index, devices)


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
