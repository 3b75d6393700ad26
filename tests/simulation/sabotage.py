"""Bugs that are planted to see whether the simulation finds them. None of them is in the product:
they sit in the device, between the store and its log or index, or in how the world is put together.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rucket.model.hlc import HlcClock, HlcTimestamp
from rucket.ports.index import Row, Table
from rucket.ports.log import LogEntry
from tests.simulation.run import Sabotage
from tests.simulation.world import DEVICES, LOG_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from rucket.ports.index import Index, ReadSnapshot, Transaction
    from rucket.ports.log import ApplyEntries, Log, RefusePayloads
    from tests.simulation.world import World


def lose_file_syncs(directory: str, rate: float = 1.0) -> Callable[[World], None]:
    """Has syncs of files below `directory` do nothing, always or now and then."""

    def prepare(world: World) -> None:
        device, random = world.machine.device, world.scheduler.random_stream("sabotage")
        device.faults.lost_syncs = lambda path: (
            path.startswith(directory)
            and not device.names.is_directory(path)
            and random.random() < rate
        )

    return prepare


def lose_directory_syncs(directory: str) -> Callable[[World], None]:
    """Has syncs of directories below `directory` do nothing."""

    def prepare(world: World) -> None:
        device = world.machine.device
        device.faults.lost_syncs = lambda path: (
            path.startswith(directory) and device.names.is_directory(path)
        )

    return prepare


class EagerLog:
    """A log that has commands applied, and so answered, before they are durable.

    It numbers and stamps them as the real log will, a moment later.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._apply: ApplyEntries | None = None
        self._applied = 0
        self._hlc = HlcClock(lambda: 0)

    def submit(self, payload: bytes) -> None:
        """See `Log.submit`."""
        if self._apply is not None:
            self._applied = max(self._applied, self._log.last_sequence_number()) + 1
            self._apply([LogEntry(self._applied, self._hlc.now().value, payload)])
        self._log.submit(payload)

    async def run(self, apply: ApplyEntries, refuse: RefusePayloads) -> None:
        """See `Log.run`."""
        self._apply = apply
        await self._log.run(lambda _: None, refuse)

    async def sync(self) -> None:
        """See `Log.sync`."""
        await self._log.sync()

    async def read_barrier(self) -> None:
        """See `Log.read_barrier`."""
        await self._log.read_barrier()

    def replay(self, after: int) -> Iterator[Sequence[LogEntry]]:
        """See `Log.replay`."""
        return self._log.replay(after)

    def first_sequence_number(self) -> int:
        """See `Log.first_sequence_number`."""
        return self._log.first_sequence_number()

    def last_sequence_number(self) -> int:
        """See `Log.last_sequence_number`."""
        return self._log.last_sequence_number()

    def observe(self, hlc: int) -> None:
        """See `Log.observe`."""
        self._hlc.observe(HlcTimestamp(hlc))
        self._log.observe(hlc)

    def discard_before(self, sequence_number: int) -> None:
        """See `Log.discard_before`."""
        self._log.discard_before(sequence_number)


class _WithoutOutcomes:
    """A snapshot in which no outcome of an earlier command is to be found."""

    def __init__(self, snapshot: ReadSnapshot) -> None:
        self._snapshot = snapshot
        self.get = snapshot.get
        self.get_with_attachment = snapshot.get_with_attachment
        self.scan_whole = snapshot.scan_whole
        self.scan_groups = snapshot.scan_groups

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        return [] if table is Table.OUTCOMES else self._snapshot.scan(table, start, stop, limit)


class ForgetfulIndex:
    """An index from which a node that starts doesn't learn what it has answered before: a command
    that is sent again happens again."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.sync = index.sync
        self.close = index.close

    @contextmanager
    def snapshot(self) -> Iterator[ReadSnapshot]:
        """See `IndexReader.snapshot`."""
        with self._index.snapshot() as snapshot:
            yield _WithoutOutcomes(snapshot)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """See `Index.transaction`."""
        return self._index.transaction()


PLANTED_BUGS = {
    "log syncs do nothing": Sabotage(prepare=lose_file_syncs(LOG_DIRECTORY)),
    "one log sync in ten does nothing": Sabotage(prepare=lose_file_syncs(LOG_DIRECTORY, 0.1)),
    "blob syncs do nothing": Sabotage(prepare=lose_file_syncs(DEVICES[0])),
    "blob names are never synced": Sabotage(prepare=lose_directory_syncs(DEVICES[0])),
    "answers come before the sync": Sabotage(
        settings=lambda settings: replace(settings, wrap_log=EagerLog)
    ),
    "what was answered is forgotten": Sabotage(
        settings=lambda settings: replace(settings, wrap_index=ForgetfulIndex)
    ),
    "gateways read before the log is replayed": Sabotage(
        settings=lambda settings: replace(settings, gateways_wait_for_node=False)
    ),
}
