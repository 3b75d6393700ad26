"""A whole Rucket in one thread: node, gateways and maintenance on one simulated machine.

::

    clients ──HTTP──> gateway processes ──commit protocol──> node process
                          │ blobs                               │ log, index
                          └──────── simulated machine ──────────┘   <── nemesis

The processes run the product's code on simulated ports; what puts them together here is what
`rucket.daemon` does there. A supervisor starts again whatever dies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import (
    CommitUnknownError,
    DeviceError,
    LogFailedError,
    StorageFullError,
)
from rucket.net.commit_server import CommitServer
from rucket.net.remote_commits import RemoteCommits
from rucket.service.compaction import PacedCompaction, named_blobs
from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.service.garbage import GarbageCollector
from rucket.service.gateway import ConfiguredUser, Gateway, ServiceSettings
from rucket.service.read_floor import publish_floor, publish_floor_often
from rucket.state.placement import SingleNodePlacement
from rucket.store.blobs.blob_ids import packed_id_prefix
from rucket.store.blobs.device_blobs import DeviceBlobs
from rucket.store.blobs.device_marks import DeviceMarks
from rucket.store.blobs.device_preparation import DevicePlaces, NodeOfDevices, prepare_devices
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.node_blobs import BlobDevice, NodeBlobs
from rucket.store.blobs.packed.compactor import Compactor
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts
from rucket.store.lease_files import LeaseFile, LeaseFiles
from rucket.store.store import Store
from rucket.store.wal.wal import Wal
from rucket.wire.sigv4.signer import SigningCredentials
from tests.simulation.http_exchange import RunningGateway
from tests.simulator.breakable_disk import BreakableDisk, Fault
from tests.simulator.errors import SimulationError
from tests.simulator.machine import SimulatedMachine
from tests.simulator.process import Process, SimulatedClock, SimulatedRandom, SimulatedTasks
from tests.simulator.scheduler import Scheduler
from tests.simulator.threads import SimulatedThreads
from tests.simulator.transport import SimulatedNetwork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rucket.ports.asgi import Application
    from rucket.ports.index import Index
    from rucket.ports.log import Log
    from rucket.ports.tasks import Promise
    from rucket.wire.request_observer import RequestObserver, RequestReport
    from tests.simulator.trace import Trace

    AppMaker = Callable[[Gateway, RequestObserver], Application]
    LogWrapper = Callable[[Log], Log]
    IndexWrapper = Callable[[Index], Index]

CREDENTIALS = SigningCredentials("root", "root-secret-of-the-simulation")

LOG_DIRECTORY = "/data/log"
DEVICES = {0: "/data/blobs", 1: "/disk1"}
_PLACES = DevicePlaces("/data", "/data/devices.json", "/data/run/devices")
_LEASES = "/data/run/leases"
_NODE_ID = "simulated"
_LEASE_S_MAX = 60.0
NODE_ENDPOINT = "/data/node.sock"
_CLOCK_STEP_MS_MAX = 20_000
_DEAD_RATIO_MIN = 0.3
_COMPACTION_BYTES_PER_S = 64 * 1024 * 1024
_RESTART_DELAY_S_MAX = 0.2
_FAILURES_IN_A_ROW_MAX = 20
_EXPECTED_ENDS = (LogFailedError, DeviceError, StorageFullError)


class ProcessFailedError(SimulationError):
    """A process ended with an exception that nothing in the run explains."""


@dataclass(frozen=True, slots=True)
class WorldSettings:
    """How large a world is.

    Attributes:
        make_app: makes a gateway's application.
        wrap_log, wrap_index: plant something between the store and its log or index.
        gateways_wait_for_node: whether gateways start only when the node has recovered.
        processes_may_fail: whether disks fail, so that processes may end by themselves.
        encryption: what gateways do about it.
    """

    make_app: AppMaker
    gateway_count: int = 2
    log_segment_size_bytes: int = 256 * 1024
    checkpoint_interval_s: float = 0.5
    garbage_interval_s: float = 0.1
    commit_timeout_s: float = 5.0
    inline_size_bytes_max: int = 2048
    packed_size_bytes_max: int = 0
    packed_segment_size_bytes: int = 64 * 1024
    compaction_rest_s: float = 2.0
    wrap_log: LogWrapper = lambda log: log
    wrap_index: IndexWrapper = lambda index: index
    gateways_wait_for_node: bool = True
    processes_may_fail: bool = False
    encryption: ObjectEncryption = NO_ENCRYPTION


async def _tell_failure(work: Awaitable[None], ended: Promise[None]) -> None:
    """Does `work`, which goes on for ever; if it fails after all, so does `ended`."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whoever awaits `ended` decides
        ended.set_exception(error)


class _Observer:
    """Has the run fail when a request crashes for no good reason."""

    def __init__(self, settings: WorldSettings) -> None:
        self._settings = settings

    def finished(self, report: RequestReport) -> None:
        """See `RequestObserver.finished`."""

    def crashed(
        self,
        request_id: str,  # noqa: ARG002 - the port's
        operation: str,
        error: Exception,
    ) -> None:
        """See `RequestObserver.crashed`."""
        if not (self._settings.processes_may_fail and isinstance(error, DeviceError)):
            raise ProcessFailedError(f"{operation} crashed: {error!r}") from error


class _Unobserved:
    """A `CompactionObserver` that isn't interested."""

    def surveyed(self, segment_count: int, live_bytes: int, dead_bytes: int) -> None:
        """See `CompactionObserver.surveyed`."""

    def compacted(self, copied_bytes: int, freed_bytes: int) -> None:
        """See `CompactionObserver.compacted`."""


class Role:
    """A process that is started again whenever it ends.

    Args:
        world: where it runs.
        name: of its processes.
        run: what a process does until it ends.
    """

    def __init__(self, world: World, name: str, run: Callable[[Process], Awaitable[None]]) -> None:
        self.name = name
        self._failure_count = 0
        self.process: Process | None = None
        self._world = world
        self._run = run

    def start(self) -> None:
        """Starts a process, as soon as the supervisor would."""
        if not self._world.may_start(self):
            return
        process = self.process = self._world.machine.start(self.name)
        process.at_end(self._start_again)
        self._world.scheduler.spawn(process, self._live(process), "life")

    def _start_again(self) -> None:
        self.process = None
        delay_s = self._world.scheduler.random.random() * _RESTART_DELAY_S_MAX
        self._world.scheduler.call_later(delay_s, self.start_unless_running)

    def start_unless_running(self) -> None:
        """Starts a process if there is none."""
        if self.process is None:
            self.start()

    async def _live(self, process: Process) -> None:
        try:
            await self._run(process)
        except _EXPECTED_ENDS as error:
            self._failure_count += 1
            is_expected = self._world.settings.processes_may_fail
            if not is_expected or self._failure_count > _FAILURES_IN_A_ROW_MAX:
                raise ProcessFailedError(f"{process.name} failed: {error!r}") from error
        except Exception as error:
            raise ProcessFailedError(f"{process.name} failed: {error!r}") from error
        process.kill()

    def is_ready(self) -> None:
        """Says that its process does what it is there for."""
        self._failure_count = 0

    def kill(self) -> None:
        """Kills the process, if one is running."""
        if self.process is not None:
            self.process.kill()


class World:
    """The machine and its processes, and the clients' process beside them.

    Attributes:
        clients: the process of all clients; nothing ever happens to it.
        nodes, gateways, maintenance: the processes of the machine, by role.
    """

    def __init__(self, seed: int | str, trace: Trace, settings: WorldSettings) -> None:
        self.settings = settings
        self.scheduler = Scheduler(seed, trace)
        self.machine = SimulatedMachine(self.scheduler, "machine", _CLOCK_STEP_MS_MAX)
        self.network = SimulatedNetwork(self.scheduler)
        self.clients = Process(self.scheduler, "clients")
        self.client_tasks = SimulatedTasks(self.clients)
        self.client_clock = SimulatedClock(self.scheduler, "clients")
        self.random = self.scheduler.random_stream("world")
        self.node = Role(self, "node", self._run_node)
        self.gateways = [
            Role(self, f"gateway-{number}", self._run_gateway)
            for number in range(1, settings.gateway_count + 1)
        ]
        self.maintenance = Role(self, "maintenance", self._run_maintenance)
        self._node_was_ready = False
        self.device_faults: dict[str, Fault] = {}
        self._observer = _Observer(settings)
        self._running_gateways: dict[str, RunningGateway] = {}

    @property
    def roles(self) -> list[Role]:
        """All roles of the machine."""
        return [self.node, *self.gateways, self.maintenance]

    def prepare_disk(self) -> None:
        """Makes the directories that are there before anything runs."""
        setup = self.machine.start("setup")
        self._prepare_devices(setup)
        setup.kill()

    def _prepare_devices(self, process: Process) -> None:
        random = SimulatedRandom(self.scheduler, process.name)
        blobs = self._devices(process)
        node = NodeOfDevices(_NODE_ID, lambda known: blobs[known.number].prepare())
        prepare_devices(self._disk(process), _PLACES, node, list(DEVICES.values()), random)

    def _disk(self, process: Process) -> BreakableDisk:
        return BreakableDisk(self.machine.device.attach(process), self.device_faults)

    def start(self) -> None:
        """Starts all processes."""
        self.node.start()

    def cut_power(self) -> None:
        """Cuts the power of the machine; it comes back after a while."""
        self._node_was_ready = False
        self.machine.cut_power()

    def kill_all(self) -> None:
        """Kills the supervisor, and with it all processes; somebody starts it again."""
        self._node_was_ready = False
        for role in self.roles:
            role.kill()

    def may_start(self, role: Role) -> bool:
        """Whether a role's process may start now. Since the machine has started, the node has to
        have recovered once: before, the index may be older than what was acknowledged."""
        waits = self.settings.gateways_wait_for_node
        return role is self.node or self._node_was_ready or not waits

    def _node_is_ready(self) -> None:
        self.node.is_ready()
        if not self._node_was_ready:
            self._node_was_ready = True
            for role in self.roles[1:]:
                role.start_unless_running()

    def pick_gateway(self) -> RunningGateway | None:
        """Some gateway that takes requests."""
        running = list(self._running_gateways.values())
        return self.random.choice(running) if running else None

    def running_gateways(self) -> list[RunningGateway]:
        """All gateways that take requests."""
        return list(self._running_gateways.values())

    async def _run_node(self, process: Process) -> None:
        tasks = SimulatedTasks(process)
        if not self._node_was_ready:  # the supervisor's part, at the start of a server
            await tasks.run_blocking(self._prepare_devices, process)
        wal = Wal(
            self.machine.device.attach(process),
            LOG_DIRECTORY,
            tasks,
            self.machine.clock,
            SimulatedRandom(self.scheduler, process.name),
            segment_size_bytes=self.settings.log_segment_size_bytes,
        )
        store = Store(
            self.settings.wrap_log(wal),
            self.settings.wrap_index(self.machine.index_file.open(process)),
            tasks,
        )
        await tasks.run_blocking(wal.open)
        await tasks.run_blocking(store.recover)
        ended = tasks.promise()
        tasks.spawn(_tell_failure(store.run(), ended), "store")
        tasks.spawn(_tell_failure(self._checkpoint_often(store, tasks), ended), "checkpoints")
        await CommitServer(store, self.network.attach(process)).listen(NODE_ENDPOINT)
        self._node_is_ready()
        await ended

    async def _checkpoint_often(self, store: Store, tasks: SimulatedTasks) -> None:
        while True:
            await tasks.sleep(self.settings.checkpoint_interval_s)
            await store.checkpoint()

    async def _run_gateway(self, process: Process) -> None:
        gateway = self._make_gateway(process)
        name = f"{process.name}-{gateway.random.token_bytes(8).hex()}"
        lease = LeaseFile(self._disk(process), _LEASES, name)
        await publish_floor(gateway, lease)
        gateway.tasks.spawn(publish_floor_often(gateway, lease), "read-floor")
        running = RunningGateway(process, self.settings.make_app(gateway, self._observer))
        self._running_gateways[process.name] = running

        def forget() -> None:
            del self._running_gateways[process.name]

        process.at_end(forget)
        await gateway.tasks.promise()

    async def _run_maintenance(self, process: Process) -> None:
        gateway = self._make_gateway(process)
        ended = gateway.tasks.promise()
        gateway.tasks.spawn(_tell_failure(self._collect_often(gateway, process), ended), "garbage")
        gateway.tasks.spawn(_tell_failure(self._compact_often(gateway, process), ended), "compact")
        await ended

    async def _compact_often(self, gateway: Gateway, process: Process) -> None:
        compactors = [
            self._compactor(gateway, number, blobs.packed)
            for number, blobs in self._devices(process).items()
        ]
        paced = PacedCompaction(
            gateway.tasks, compactors, _COMPACTION_BYTES_PER_S, self.settings.compaction_rest_s
        )
        while True:
            await gateway.tasks.sleep(await paced.step())

    def _compactor(self, gateway: Gateway, number: int, packed: PackedBlobs) -> Compactor:
        return Compactor(
            packed,
            self.machine.clock,
            lambda segment_id: named_blobs(gateway.index, packed_id_prefix(number, segment_id)),
            _DEAD_RATIO_MIN,
            _Unobserved(),
        )

    async def _collect_often(self, gateway: Gateway, process: Process) -> None:
        leases = LeaseFiles(self._disk(process), _LEASES, self.machine.clock, _LEASE_S_MAX)
        collector = GarbageCollector(gateway, leases.lowest_floor_hlc)
        while True:
            try:
                await collector.step()
            except CommitUnknownError:
                continue
            await gateway.tasks.sleep(self.settings.garbage_interval_s)

    def _make_gateway(self, process: Process) -> Gateway:
        tasks = SimulatedTasks(process)
        random = SimulatedRandom(self.scheduler, process.name)
        commits = RemoteCommits(
            self.network.attach(process), NODE_ENDPOINT, tasks, self.settings.commit_timeout_s
        )
        commits.start()
        return Gateway(
            index=self.machine.index_file.open(process),
            commits=commits,
            blobs=self._blobs(process, random),
            tasks=tasks,
            clock=self.machine.clock,
            random=random,
            settings=self._service_settings(),
            placement=SingleNodePlacement("simulated"),
            encryption=self.settings.encryption,
        )

    def _devices(self, process: Process) -> dict[int, DeviceBlobs]:
        disk = self._disk(process)
        random = SimulatedRandom(self.scheduler, f"{process.name}/blobs")
        return {
            number: DeviceBlobs(
                FileBlobs(disk, path, number, random),
                PackedBlobs(
                    WriterPorts(disk, random, SimulatedThreads(process)),
                    self.machine.clock,
                    f"{path}/packed",
                    number,
                    self.settings.packed_segment_size_bytes,
                ),
                self.settings.packed_size_bytes_max,
            )
            for number, path in DEVICES.items()
        }

    def _blobs(self, process: Process, random: SimulatedRandom) -> NodeBlobs:
        disk = self._disk(process)
        devices = [
            BlobDevice(number, DEVICES[number], blobs)
            for number, blobs in self._devices(process).items()
        ]
        marks = DeviceMarks(disk, _PLACES.marks)
        return NodeBlobs(devices, disk, marks, random, self.machine.clock)

    def gateway_of_clients(self) -> Gateway:
        """A gateway in the clients' process: looks at the machine from outside, for checks."""
        return self._make_gateway(self.clients)

    def _service_settings(self) -> ServiceSettings:
        root = ConfiguredUser(
            "root",
            "0" * 64,
            "Root",
            "",
            CREDENTIALS.access_key_id,
            CREDENTIALS.secret_access_key,
            is_root=True,
        )
        return ServiceSettings(
            region=CREDENTIALS.region,
            domains=(),
            users=(root,),
            sealing_key=bytes(32),
            version="0.0.0",
            node_id="simulated",
            started_at_ms=self.machine.clock.wall_ms(),
            inline_size_bytes_max=self.settings.inline_size_bytes_max,
            commit_timeout_s=self.settings.commit_timeout_s,
        )
