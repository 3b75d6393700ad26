"""The log, as everything above this layer may know it: one node's WAL now, Raft later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A command at its place in the log.

    Attributes:
        sequence_number: 1 for the first entry ever, then without gaps.
        hlc: the stamp, greater than those of all entries before it (u64, `rucket.model.hlc`).
        payload: the encoded command.
    """

    sequence_number: int
    hlc: int
    payload: bytes


ApplyEntries = Callable[[Sequence[LogEntry]], None]


class Log(Protocol):
    """An ordered, durable sequence of commands."""

    def submit(self, payload: bytes) -> None:
        """Queues a command. Once it is durable, it reaches the `apply` that `run` was given.

        Raises:
            LogFailedError: the log takes no more.
            StorageFullError: there is no room; the command is not in the log.
        """
        ...

    async def run(self, apply: ApplyEntries) -> None:
        """Makes submitted commands durable, batch by batch, and hands each batch to `apply`, in
        order, exactly once.

        Raises:
            LogFailedError: a sync failed. What was submitted may or may not be durable.
        """
        ...

    async def read_barrier(self) -> None:
        """Returns when the index shows everything that was acknowledged before the call."""
        ...

    def replay(self, after: int) -> Iterator[Sequence[LogEntry]]:
        """The durable entries with a sequence number greater than `after`, in batches.

        Raises:
            CorruptionError: they aren't all there.
        """
        ...

    def last_sequence_number(self) -> int:
        """That of the newest durable entry; 0 in an empty log."""
        ...

    def discard_before(self, sequence_number: int) -> None:
        """Says that entries below `sequence_number` are no longer needed."""
        ...
