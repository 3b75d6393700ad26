"""What must hold of checkpoints, whenever the power went: every one that has its name is whole, the
log reaches back to the older of the two newest, and from each the index can be built again, row by
row as it is. A log that is synced later reaches them all, too: a start removes those it doesn't.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.ports.index import Table
from rucket.store.checkpoints.files import list_checkpoints, verify_checkpoint
from rucket.store.checkpoints.keeping import LogNeededByCheckpoints
from rucket.store.rebuilding import is_reached, load_checkpoint, replay_entries
from rucket.store.wal.reading import log_extent, read_entries
from tests.unit.fakes import FakeIndex

if TYPE_CHECKING:
    from rucket.ports.disk import Disk
    from rucket.ports.index import Index
    from rucket.store.checkpoints.layout import TableRow

_ROW_COUNT_MAX = 1_000_000


def all_rows_of(index: Index) -> list[TableRow]:
    """Every row, in order."""
    with index.snapshot() as snapshot:
        return [
            (table, *row)
            for table in Table
            for row in snapshot.scan_whole(table, b"", _ROW_COUNT_MAX)
        ]


def _no_progress(stage: str, done: int, total: int | None) -> None:
    del stage, done, total


def check_rebuilding(disk: Disk, log: str, checkpoints: str, index: Index) -> None:
    """Asserts all of that."""
    found = list_checkpoints(disk, checkpoints)
    named = [name for name in _names(disk, checkpoints) if name.endswith(".ckpt")]
    assert len(found) == len(named), f"of {named} not all are whole"
    for checkpoint in found:
        verify_checkpoint(disk, checkpoint.path)
    extent = log_extent(disk, log)
    assert extent is not None
    needed = LogNeededByCheckpoints(disk, checkpoints).first_needed()
    assert extent.first_sequence_number <= needed, "the log was let go of too early"
    wanted = all_rows_of(index)
    for checkpoint in found[-2:]:
        assert is_reached(checkpoint, extent), f"{checkpoint} and {extent}"
        rebuilt = FakeIndex()
        load_checkpoint(rebuilt, disk, checkpoint, _no_progress)
        entries = read_entries(disk, log, checkpoint.position)
        replay_entries(rebuilt, entries, extent.last_sequence_number, _no_progress)
        assert all_rows_of(rebuilt) == wanted, "an index that is built again shows other rows"


def _names(disk: Disk, directory: str) -> list[str]:
    try:
        return disk.list_directory(directory)
    except FileNotFoundError:
        return []
