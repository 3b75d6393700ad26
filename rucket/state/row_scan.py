"""Reading the rows of a table past damaged ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.errors import CorruptionError, CorruptRowError

if TYPE_CHECKING:
    from rucket.ports.index import Row, Snapshot, Table


@dataclass(frozen=True, slots=True)
class RowsRead:
    """Some rows, in order.

    Attributes:
        damage: what came after them, if it could not be read.
        position: where to go on; None at the end of the table, and behind a damage that nothing
            can be read behind.
    """

    rows: list[Row]
    damage: CorruptionError | None
    position: bytes | None


def read_rows(
    snapshot: Snapshot, table: Table, position: bytes, stop: bytes | None, limit: int
) -> RowsRead:
    """Up to `limit` rows with position <= key < stop, or those before the first damage."""
    try:
        rows = snapshot.scan(table, position, stop, limit)
    except CorruptionError as error:
        return _before_damage(snapshot, table, position, stop, (limit, error))
    return RowsRead(rows, None, rows[-1][0] + b"\0" if len(rows) == limit else None)


def _before_damage(
    snapshot: Snapshot,
    table: Table,
    position: bytes,
    stop: bytes | None,
    failed: tuple[int, CorruptionError],
) -> RowsRead:
    """Finds out how many rows can be read. What `failed` holds is how many could not, and why."""
    too_many, damage = failed
    rows: list[Row] = []
    while too_many - len(rows) > 1:
        middle = (len(rows) + too_many) // 2
        try:
            rows = snapshot.scan(table, position, stop, middle)
        except CorruptionError as error:
            too_many, damage = middle, error
        else:
            if len(rows) < middle:
                return RowsRead(rows, None, None)  # whatever it was, it is gone
    last = rows[-1][0] if rows else position
    # If the key is what was damaged, it may be anything: then rows up to it are left out.
    if isinstance(damage, CorruptRowError) and damage.key >= last:
        return RowsRead(rows, damage, damage.key + b"\0")
    return RowsRead(rows, damage, None)
