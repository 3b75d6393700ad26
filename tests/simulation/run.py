"""One run of the simulation: a world, its clients and its nemesis, from one seed, and the verdict.

What is checked: that every byte read is what one write has written (`workload`); that each key's
history is linearizable over all crashes (`linearizability`); and at the end, when everything runs
again, that listings agree with reads, that one more power cut changes nothing, and that the rows
of the index agree with one another and with the blobs (`final_checks`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rucket.ports.transport import ConnectionLostError
from rucket.service.encryption.key_ring import KeyRing, MasterKey
from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.wire.app import make_app
from rucket_platform.histories.linearizability import check_key
from tests.simulation.final_checks import check_rows, check_that_nothing_is_left_over
from tests.simulation.nemesis import Nemesis
from tests.simulation.s3_client import S3Client, UnavailableError
from tests.simulation.workload import ALL_KEYS, Book, Client
from tests.simulation.world import CREDENTIALS, World, WorldSettings
from tests.simulator.errors import SimulationError
from tests.simulator.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulator.trace import Listener

_ENCRYPTING_SHARE = 0.33
_TRY_COUNT_MAX = 100
_TRY_PAUSE_S = 0.1
_UPLOADS_END_AFTER_S = 10.0
_ORPHANS_ARE_OLD_AFTER_MS = 2 * 60 * 60 * 1000


def _new_encryption() -> ObjectEncryption:
    return ObjectEncryption(KeyRing(MasterKey(bytes(32))), is_on=True)


class SimulationFailedError(Exception):
    """A run has shown a bug. The message says how to see it again."""

    def __init__(self, seed: int, trace: Trace, error: BaseException) -> None:
        newest = "\n  ".join(trace.newest()[-30:])
        super().__init__(
            f"seed {seed} fails: {type(error).__name__}: {error}\n"
            f"the last steps:\n  {newest}\n"
            f"replay it with: python -m tests.simulation --replay {seed}"
        )
        self.seed = seed
        self.error = error


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A bug that is planted, to see whether the simulation finds it.

    Attributes:
        settings: changes settings of the world.
        prepare: changes the world before it starts.
    """

    settings: Callable[[WorldSettings], WorldSettings] = lambda settings: settings
    prepare: Callable[[World], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run was like.

    Attributes:
        trace_digest: stands for every step; the same for the same seed, everywhere.
        counts: how often clients and the nemesis did what.
    """

    seed: int
    trace_digest: str
    step_count: int
    virtual_s: float
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a seed decides before anything runs."""

    gateway_count: int
    client_count: int
    request_count: int
    disk_fails: bool
    inline_size_bytes_max: int
    log_segment_size_bytes: int
    packed_size_bytes_max: int
    encrypts: bool

    @classmethod
    def of(cls, seed: int) -> _Plan:
        source = random.Random(f"{seed}/plan")
        return cls(
            gateway_count=source.randint(1, 3),
            client_count=source.randint(1, 4),
            request_count=source.randint(20, 80),
            disk_fails=source.random() < 0.25,
            inline_size_bytes_max=source.choice((0, 300, 2048, 8192)),
            log_segment_size_bytes=source.choice((32 * 1024, 128 * 1024, 512 * 1024)),
            packed_size_bytes_max=source.choice((0, 16 * 1024, 1024 * 1024)),
            encrypts=source.random() < _ENCRYPTING_SHARE,
        )


def run_seed(
    seed: int, *, sabotage: Sabotage | None = None, listener: Listener | None = None
) -> RunReport:
    """Runs the simulation that `seed` stands for.

    Raises:
        SimulationFailedError: something is wrong.
    """
    trace = Trace(listener)
    try:
        return _Run(seed, trace, sabotage or Sabotage()).carry_out()
    except (Exception, SimulationError) as error:
        raise SimulationFailedError(seed, trace, error) from error


class _Run:
    def __init__(self, seed: int, trace: Trace, sabotage: Sabotage) -> None:
        self._seed = seed
        self._trace = trace
        plan = self._plan = _Plan.of(seed)
        settings = WorldSettings(
            make_app=make_app,
            gateway_count=plan.gateway_count,
            inline_size_bytes_max=plan.inline_size_bytes_max,
            log_segment_size_bytes=plan.log_segment_size_bytes,
            packed_size_bytes_max=plan.packed_size_bytes_max,
            processes_may_fail=plan.disk_fails,
            encryption=_new_encryption() if plan.encrypts else NO_ENCRYPTION,
        )
        self._world = World(seed, trace, sabotage.settings(settings))
        sabotage.prepare(self._world)
        self._book = Book()
        self._nemesis = Nemesis(self._world, disk_fails=plan.disk_fails)
        self._clients = [
            self._new_client(f"client-{number}") for number in range(1, plan.client_count + 1)
        ]
        self._last_client = self._new_client("last")

    def _new_client(self, name: str) -> Client:
        return Client(self._world, name, self._new_s3_client(name), self._book)

    def _new_s3_client(self, name: str) -> S3Client:
        world = self._world
        return S3Client(
            CREDENTIALS,
            world.client_tasks,
            world.client_clock,
            world.pick_gateway,
            random=world.scheduler.random_stream(f"s3-client/{name}"),
            disk_fails=self._plan.disk_fails,
        )

    def carry_out(self) -> RunReport:
        """Runs everything and checks it."""
        world = self._world
        try:
            world.prepare_disk()
            world.scheduler.run(world.clients, self._live())
        finally:
            world.scheduler.close()
        for key, operations in self._book.history.by_key().items():
            check_key(key, operations)
        counts = dict(self._nemesis.counts)
        for client in [*self._clients, self._last_client]:
            for what, count in client.counts.items():
                counts[what] = counts.get(what, 0) + count
        return RunReport(
            self._seed,
            self._trace.hexdigest(),
            self._trace.step_count,
            world.scheduler.now_s,
            counts,
        )

    async def _live(self) -> None:
        world = self._world
        world.start()
        await self._until_answered(self._new_s3_client("first").create_bucket)
        nemesis = world.client_tasks.spawn(self._nemesis.run(), "nemesis")
        clients = [
            world.client_tasks.spawn(client.run(self._plan.request_count), client.name)
            for client in self._clients
        ]
        for client in clients:
            await client
        self._nemesis.stop()
        await nemesis
        await self._read_all()
        world.cut_power()
        await self._read_all()
        gateway = world.gateway_of_clients()
        await gateway.tasks.run_blocking(check_rows, gateway)
        await world.client_tasks.sleep(_UPLOADS_END_AFTER_S)
        world.machine.clock.leap(_ORPHANS_ARE_OLD_AFTER_MS)
        world.client_clock.leap(_ORPHANS_ARE_OLD_AFTER_MS)
        await check_that_nothing_is_left_over(gateway)
        await self._read_all()

    async def _read_all(self) -> None:
        """Reads everything, which is possible again some time after the last crash."""
        for key in ALL_KEYS:
            await self._until_answered(lambda key=key: self._last_client.read(key))  # type: ignore[misc]
        await self._until_answered(lambda: self._last_client.list_all(3))

    async def _until_answered(self, request: Callable[[], Awaitable[object]]) -> None:
        for _ in range(_TRY_COUNT_MAX):
            try:
                if await request() is not False:
                    return
            except (ConnectionLostError, TimeoutError, UnavailableError):
                pass
            await self._world.client_tasks.sleep(_TRY_PAUSE_S)
        raise SimulationError("the server doesn't come back")
