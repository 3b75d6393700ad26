"""Building an index again: from a checkpoint, if there is one that the log reaches, and the log.

What comes out is, row by row, what was there: the index is a function of the log, and a checkpoint
is that function at one position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError
from rucket.ports.index import Table
from rucket.state.apply import apply_entries
from rucket.state.outcomes import RecentOutcomes
from rucket.state.rows import applied_position
from rucket.store.checkpoints.files import (
    list_checkpoints,
    read_checkpoint,
    verify_checkpoint,
)
from rucket.store.checkpoints.keeping import forget_checkpoints_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rucket.ports.disk import Disk
    from rucket.ports.index import Index, Transaction
    from rucket.ports.log import LogEntry
    from rucket.store.checkpoints.files import CheckpointFile
    from rucket.store.wal.reading import LogExtent

    Progress = Callable[[str, int, int | None], None]

_ROWS_PER_SCAN: Final = 1_000
_ROWS_PER_TRANSACTION: Final = 20_000
_ENTRIES_PER_TRANSACTION: Final = 2_000


def is_reached(checkpoint: CheckpointFile, log: LogExtent) -> bool:
    """Whether the log goes on where a checkpoint ends, and knows all that it shows."""
    return log.first_sequence_number - 1 <= checkpoint.position <= log.last_sequence_number


def load_checkpoint(
    index: Index, disk: Disk, checkpoint: CheckpointFile, progress: Progress
) -> None:
    """Fills an empty index with the rows of a checkpoint.

    Raises:
        CorruptionError: the checkpoint isn't what was written; the index holds a part of it.
    """
    frames = read_checkpoint(disk, checkpoint.path)
    row_count = 0
    more = True
    while more:
        more = False
        with index.transaction() as transaction:
            written = 0
            for rows in frames:
                for table, key, value, attachment in rows:
                    transaction.put(table, key, value, attachment)
                written += len(rows)
                if written >= _ROWS_PER_TRANSACTION:
                    more = True
                    break
        row_count += written
        progress("rows of the checkpoint", row_count, checkpoint.row_count)
    with index.snapshot() as snapshot:
        shown = applied_position(snapshot)
    if shown != (checkpoint.position, checkpoint.hlc):
        raise CorruptionError(checkpoint.path, f"its rows show record {shown[0]}")


def clear_rows(transaction: Transaction) -> None:
    """Removes all rows of all tables."""
    for table in Table:
        while rows := transaction.scan(table, b"", None, _ROWS_PER_SCAN):
            for key, _ in rows:
                transaction.delete(table, key)


class CheckpointSource:
    """Where the rows of an index come from that has to be built again in its place.

    Args:
        disk: where everything is.
        directory: of the checkpoints.
    """

    def __init__(self, disk: Disk, directory: str) -> None:
        self._disk = disk
        self._directory = directory

    def forget_after(self, position: int) -> None:
        """Removes what shows records after `position`, which are lost. Durable on return."""
        forget_checkpoints_after(self._disk, self._directory, position)

    def fill(self, transaction: Transaction, log: LogExtent) -> None:
        """Puts the rows of the newest checkpoint that the log reaches in the place of all that are
        there; none, where the log is complete.

        Raises:
            CorruptionError: the log isn't complete, and there is no checkpoint that it reaches.
        """
        for checkpoint in reversed(list_checkpoints(self._disk, self._directory)):
            if is_reached(checkpoint, log):
                verify_checkpoint(self._disk, checkpoint.path)
                clear_rows(transaction)
                for rows in read_checkpoint(self._disk, checkpoint.path):
                    for table, key, value, attachment in rows:
                        transaction.put(table, key, value, attachment)
                return
        if log.first_sequence_number > 1:
            raise CorruptionError(
                "the log",
                f"it begins with record {log.first_sequence_number}, and no checkpoint shows what "
                "came before: restore a backup",
            )
        clear_rows(transaction)


def replay_entries(
    index: Index, batches: Iterable[Sequence[LogEntry]], last: int, progress: Progress
) -> int:
    """Applies records that follow on what the index shows; returns the position it then shows."""
    with index.snapshot() as snapshot:
        position, _ = applied_position(snapshot)
        recent = RecentOutcomes(snapshot)
    waiting: list[LogEntry] = []

    def apply() -> int:
        with index.transaction() as transaction:
            apply_entries(waiting, transaction, recent)
        progress("records of the log", waiting[-1].sequence_number, last)
        return waiting[-1].sequence_number

    for entries in batches:
        waiting.extend(entries)
        if len(waiting) >= _ENTRIES_PER_TRANSACTION:
            position = apply()
            waiting.clear()
    return apply() if waiting else position
