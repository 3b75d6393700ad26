"""Bugs that are planted to see whether the simulation finds them. None of them is in the product:
they sit in the device, or between the store and its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.hlc import HlcClock, HlcTimestamp
from rucket.ports.log import LogEntry
from tests.simulation.world import BLOB_DIRECTORY, LOG_DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rucket.ports.log import ApplyEntries, Log, RefusePayloads
    from tests.simulation.world import World


def lose_file_syncs(directory: str) -> Callable[[World], None]:
    """Has syncs of files below `directory` do nothing."""

    def prepare(world: World) -> None:
        world.machine.device.faults.lost_syncs = lambda path: (
            path.startswith(directory) and not world.machine.device.names.is_directory(path)
        )

    return prepare


def lose_directory_syncs(directory: str) -> Callable[[World], None]:
    """Has syncs of directories below `directory` do nothing."""

    def prepare(world: World) -> None:
        world.machine.device.faults.lost_syncs = lambda path: (
            path.startswith(directory) and world.machine.device.names.is_directory(path)
        )

    return prepare


lose_log_syncs = lose_file_syncs(LOG_DIRECTORY)
lose_blob_syncs = lose_file_syncs(BLOB_DIRECTORY)
lose_blob_name_syncs = lose_directory_syncs(BLOB_DIRECTORY)


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

    async def read_barrier(self) -> None:
        """See `Log.read_barrier`."""
        await self._log.read_barrier()

    def replay(self, after: int) -> Iterator[Sequence[LogEntry]]:
        """See `Log.replay`."""
        return self._log.replay(after)

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
