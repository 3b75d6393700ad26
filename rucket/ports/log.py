"""The log, as everything above this layer may know it: one node's WAL now, Raft later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rucket.model.errors import OperatingError


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
RefusePayloads = Callable[[Sequence[bytes], "OperatingError"], None]


class Log(Protocol):
    """An ordered, durable sequence of commands.

    An entry is durable before it is applied, unless the log was told otherwise: then it is, at the
    latest, when `sync` returns.
    """

    def submit(self, payload: bytes) -> None:
        """Queues a command. It reaches the `apply` that `run` was given once it is in the log, or
        `refuse` if it could not be put into the log at all.

        Raises:
            OverloadedError: too many commands wait already; it wasn't taken.
        """
        ...

    async def run(self, apply: ApplyEntries, refuse: RefusePayloads) -> None:
        """Puts submitted commands into the log, batch by batch, and hands each batch to `apply`, in
        order, exactly once. Those there is no room for go to `refuse`; they are not in the log.

        Raises:
            LogFailedError: a write or a sync failed. What was submitted may or may not be durable.
        """
        ...

    async def sync(self) -> None:
        """Returns when every entry that was applied before the call survives a power cut.

        Raises:
            LogFailedError: a sync failed.
        """
        ...

    async def read_barrier(self) -> None:
        """Returns when the index shows everything that was acknowledged before the call."""
        ...

    def replay(self, after: int) -> Iterator[Sequence[LogEntry]]:
        """The entries with a sequence number greater than `after`, in batches.

        Raises:
            CorruptionError: they aren't all there.
        """
        ...

    def first_sequence_number(self) -> int:
        """That of the oldest entry that is kept, or will be the first one's."""
        ...

    def last_sequence_number(self) -> int:
        """That of the newest entry; 0 in an empty log."""
        ...

    def observe(self, hlc: int) -> None:
        """Takes note of a stamp that was issued before: later entries get greater ones."""
        ...

    def discard_before(self, sequence_number: int) -> None:
        """Says that entries below `sequence_number` are no longer needed."""
        ...
