"""The `Index` port, simulated: sorted tables in memory, snapshots, transactions, and crashes.

A `SimulatedIndexFile` outlives the processes of its machine; each process opens its own
`SimulatedIndex` on it. When a process is killed, every committed transaction stays. When power is
cut, the rows are those of some commit: that of the last `sync` or any later one.
"""

from __future__ import annotations

import sys
import zlib
from bisect import bisect_left, insort
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from rucket.ports.index import GroupEnd, Row, Table, WholeRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulator.process import Process
    from tests.simulator.scheduler import Scheduler


class _Value(NamedTuple):
    value: bytes
    attachment: bytes


_Change = tuple[Table, bytes, "_Value | None"]


class _Rows:
    """The rows of one table, which several snapshots may share."""

    def __init__(self, keys: list[bytes], by_key: dict[bytes, _Value]) -> None:
        self.keys = keys
        self.by_key = by_key
        self.reader_count = 0

    def copy(self) -> _Rows:
        return _Rows(list(self.keys), dict(self.by_key))

    def set(self, key: bytes, value: _Value | None) -> _Value | None:
        """Puts a row, or removes it; returns what was there."""
        old = self.by_key.get(key)
        if value is not None:
            if old is None:
                insort(self.keys, key)
            self.by_key[key] = value
        elif old is not None:
            del self.keys[bisect_left(self.keys, key)]
            del self.by_key[key]
        return old

    def range(self, start: bytes, stop: bytes | None) -> Iterator[bytes]:
        for place in range(bisect_left(self.keys, start), len(self.keys)):
            key = self.keys[place]
            if stop is not None and key >= stop:
                return
            yield key


def _no_crash(_: str) -> None:
    return


class SimulatedIndexFile:
    """The committed rows, and how to get back to any commit since the last sync.

    Attributes:
        crash_point: called before and after every commit and before every sync; may kill
            processes.
    """

    def __init__(self, scheduler: Scheduler, name: str = "index") -> None:
        self.scheduler = scheduler
        self.name = name
        self.crash_point: Callable[[str], None] = _no_crash
        self.tables = {table: _Rows([], {}) for table in Table}
        self.is_being_written = False
        self.commit_count = 0
        self._random = scheduler.random_stream(f"index/{name}")
        self._undo: list[list[_Change]] = []

    def open(self, process: Process) -> SimulatedIndex:
        """The index as `process` sees it."""
        return SimulatedIndex(self, process)

    def commit(self, changes: dict[tuple[Table, bytes], _Value | None]) -> None:
        """Carries out the changes of a transaction."""
        self.commit_count += 1
        undo = [
            (table, key, self._set(table, key, value)) for (table, key), value in changes.items()
        ]
        self._undo.append(undo)

    def _set(self, table: Table, key: bytes, value: _Value | None) -> _Value | None:
        rows = self.tables[table]
        if rows.reader_count:
            rows = self.tables[table] = rows.copy()
        return rows.set(key, value)

    def sync(self) -> None:
        """Makes all commits durable."""
        self._undo.clear()

    def cut_power(self) -> None:
        """Goes back to one of the commits since the last sync, or to that."""
        lost_count = self._random.choice((0, len(self._undo), self._random_count()))
        for _ in range(lost_count):
            for table, key, old in reversed(self._undo.pop()):
                self._set(table, key, old)
        self.note("device", f"loses {lost_count} commits of {self.name}")
        self._undo.clear()
        self.is_being_written = False

    def _random_count(self) -> int:
        return self._random.randint(0, len(self._undo))

    def note(self, actor: str, what: str) -> None:
        """Adds to the trace."""
        self.scheduler.trace.add(self.scheduler.now_s, actor, what)


class SimulatedSnapshot:
    """The `Snapshot` port."""

    def __init__(self, tables: dict[Table, _Rows], process: Process) -> None:
        self._tables = tables
        self._process = process

    def get(self, table: Table, key: bytes) -> bytes | None:
        """See `Snapshot.get`."""
        row = self._find(table, key)
        return None if row is None else row.value

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """See `Snapshot.get_with_attachment`."""
        row = self._find(table, key)
        return None if row is None else (row.value, row.attachment)

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        self._process.check_alive()
        rows = self._tables[table]
        found: list[Row] = []
        for key in rows.range(start, stop):
            if len(found) == limit:
                break
            found.append((key, rows.by_key[key].value))
        return found

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """See `Snapshot.scan_whole`."""
        found: list[WholeRow] = []
        for key, value in self.scan(table, start, None, limit):
            row = self._find(table, key)
            assert row is not None
            found.append((key, value, row.attachment))
        return found

    def scan_groups(
        self, table: Table, start: bytes, stop: bytes, group_end: GroupEnd, limit: int
    ) -> list[Row]:
        """See `ReadSnapshot.scan_groups`."""
        self._process.check_alive()
        rows = self._tables[table]
        keys = first_of_groups(list(rows.range(start, stop)), group_end)
        return [(key, rows.by_key[key].value) for key in keys[:limit]]

    def _find(self, table: Table, key: bytes) -> _Value | None:
        self._process.check_alive()
        return self._tables[table].by_key.get(key)


def first_of_groups(keys: list[bytes], group_end: GroupEnd) -> list[bytes]:
    """Of each group of keys, which are in order, the first one."""
    groups = [group_end.group(key) for key in keys]
    return [
        key
        for place, (key, group) in enumerate(zip(keys, groups, strict=True))
        if group is None or place == 0 or groups[place - 1] != group
    ]


class SimulatedTransaction(SimulatedSnapshot):
    """The `Transaction` port."""

    def __init__(self, tables: dict[Table, _Rows], process: Process) -> None:
        super().__init__(tables, process)
        self.changes: dict[tuple[Table, bytes], _Value | None] = {}

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """See `Transaction.put`."""
        self._process.check_alive()
        self.changes[table, key] = _Value(bytes(value), bytes(attachment))

    def delete(self, table: Table, key: bytes) -> None:
        """See `Transaction.delete`."""
        self._process.check_alive()
        self.changes[table, key] = None

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """See `Transaction.delete_range`."""
        for key, _ in self.scan(table, start, stop, sys.maxsize):
            self.delete(table, key)

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        self._process.check_alive()
        rows = {
            key: self._tables[table].by_key[key] for key in self._tables[table].range(start, stop)
        }
        for (changed, key), value in self.changes.items():
            if changed is not table or key < start or (stop is not None and key >= stop):
                continue
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        return [(key, rows[key].value) for key in sorted(rows)[:limit]]

    def _find(self, table: Table, key: bytes) -> _Value | None:
        self._process.check_alive()
        if (table, key) in self.changes:
            return self.changes[table, key]
        return self._tables[table].by_key.get(key)


class SimulatedIndex:
    """The `Index` port of one process."""

    def __init__(self, file: SimulatedIndexFile, process: Process) -> None:
        self._file = file
        self._process = process

    @contextmanager
    def snapshot(self) -> Iterator[SimulatedSnapshot]:
        """See `IndexReader.snapshot`."""
        self._process.check_alive()
        tables = dict(self._file.tables)
        for rows in tables.values():
            rows.reader_count += 1
        task = self._process.scheduler.current_task
        turn = self._process.scheduler.turn_count
        try:
            yield SimulatedSnapshot(tables, self._process)
        finally:
            for rows in tables.values():
                rows.reader_count -= 1
        assert task is None or turn == self._process.scheduler.turn_count, (
            "a snapshot was held across an await"
        )

    @contextmanager
    def transaction(self) -> Iterator[SimulatedTransaction]:
        """See `Index.transaction`."""
        self._process.check_alive()
        assert not self._file.is_being_written, "two transactions at the same time"
        self._file.is_being_written = True
        forget = self._process.at_end(self._roll_back)
        try:
            transaction = SimulatedTransaction(self._file.tables, self._process)
            yield transaction
            self._begin(f"commit {_digest(transaction)}")
            self._file.commit(transaction.changes)
            self._pass_crash_point("go on after the commit")
        finally:
            if self._process.alive:
                forget()
                self._roll_back()

    def _roll_back(self) -> None:
        self._file.is_being_written = False

    def sync(self) -> None:
        """See `Index.sync`."""
        self._begin("sync")
        self._file.sync()

    def close(self) -> None:
        """See `Index.close`."""

    def _pass_crash_point(self, what: str) -> None:
        self._process.check_alive()
        self._file.crash_point(f"{what} of {self._file.name}")
        self._process.check_alive()

    def _begin(self, what: str) -> None:
        self._pass_crash_point(what)
        self._file.note(self._process.name, f"{what} of {self._file.name}")


def _digest(transaction: SimulatedTransaction) -> str:
    digest = 0
    for (table, key), row in transaction.changes.items():
        digest = zlib.crc32(bytes([table]) + key + (b"".join(row) if row else b""), digest)
    return f"{len(transaction.changes)} rows crc {digest:08x}"
