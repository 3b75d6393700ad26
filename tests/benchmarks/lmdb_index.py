"""The `Index` port on LMDB: what the store would stand on instead of SQLite.

Rows carry the checks that ours do, and attachments lie in databases of their own, so that scans
don't read them. Without a sync at every commit LMDB isn't consistent after a power cut; with one
it pays for what the log has paid for already.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lmdb

from rucket.ports.index import GroupEnd, Row, Table, WholeRow
from rucket.state.rows import prefix_end
from rucket.store.index.row_check import (
    attachment_with_check,
    checked_attachment,
    checked_value,
    value_with_check,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAP_SIZE_BYTES = 64 << 30


class LmdbRows:
    """The `Transaction` port on one transaction of LMDB."""

    def __init__(
        self,
        transaction: lmdb.Transaction[bytes],
        rows: Sequence[lmdb._Database],
        attachments: Sequence[lmdb._Database],
    ) -> None:
        self._transaction = transaction
        self._rows = rows
        self._attachments = attachments

    def get(self, table: Table, key: bytes) -> bytes | None:
        """See `Snapshot.get`."""
        stored = self._transaction.get(key, db=self._rows[table])
        return None if stored is None else checked_value(table, key, stored)

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """See `Snapshot.get_with_attachment`."""
        stored = self._transaction.get(key, db=self._rows[table])
        if stored is None:
            return None
        return checked_value(table, key, stored), self._attachment(table, key, stored)

    def _attachment(self, table: Table, key: bytes, stored: bytes) -> bytes:
        attachment = self._transaction.get(key, db=self._attachments[table])
        return b"" if attachment is None else checked_attachment(table, key, stored, attachment)

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        found: list[Row] = []
        with self._transaction.cursor(db=self._rows[table]) as cursor:
            if not cursor.set_range(start):
                return found
            for key, stored in cursor:
                if (stop is not None and key >= stop) or len(found) == limit:
                    break
                found.append((key, checked_value(table, key, stored)))
        return found

    def scan_groups(
        self, table: Table, start: bytes, stop: bytes, group_end: GroupEnd, limit: int
    ) -> list[Row]:
        """See `ReadSnapshot.scan_groups`."""
        found: list[Row] = []
        with self._transaction.cursor(db=self._rows[table]) as cursor:
            is_there = cursor.set_range(start)
            while is_there and cursor.key() < stop and len(found) < limit:
                key, stored = cursor.item()
                found.append((key, checked_value(table, key, stored)))
                group = group_end.group(key)
                behind = None if group is None else prefix_end(group)
                is_there = cursor.set_range(behind or key + b"\0")
        return found

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """See `Snapshot.scan_whole`."""
        rows = self.scan(table, start, None, limit)
        return [
            (key, value, self._attachment(table, key, value_with_check(table, key, value)))
            for key, value in rows
        ]

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """See `Transaction.put`."""
        stored = value_with_check(table, key, value)
        self._transaction.put(key, stored, db=self._rows[table])
        if attachment:
            checked = attachment_with_check(table, key, stored, attachment)
            self._transaction.put(key, checked, db=self._attachments[table])
        else:
            self._transaction.delete(key, db=self._attachments[table])

    def delete(self, table: Table, key: bytes) -> None:
        """See `Transaction.delete`."""
        self._transaction.delete(key, db=self._rows[table])
        self._transaction.delete(key, db=self._attachments[table])

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """See `Transaction.delete_range`."""
        for key, _ in self.scan(table, start, stop, sys.maxsize):
            self.delete(table, key)


class LmdbIndex:
    """The index in `directory`, for one process.

    Args:
        directory: made when it isn't there.
        is_synced: whether every commit is synced.
    """

    def __init__(self, directory: Path, *, is_synced: bool) -> None:
        directory.mkdir(exist_ok=True)
        self._environment = lmdb.open(
            str(directory),
            map_size=MAP_SIZE_BYTES,
            max_dbs=2 * (max(Table) + 1),
            sync=is_synced,
            metasync=is_synced,
        )
        names = [f"{number}".encode() for number in range(max(Table) + 1)]
        self._rows = [self._environment.open_db(b"t" + name) for name in names]
        self._attachments = [self._environment.open_db(b"a" + name) for name in names]

    @contextmanager
    def snapshot(self) -> Iterator[LmdbRows]:
        """See `IndexReader.snapshot`."""
        with self._environment.begin() as transaction:
            yield LmdbRows(transaction, self._rows, self._attachments)

    @contextmanager
    def transaction(self) -> Iterator[LmdbRows]:
        """See `Index.transaction`."""
        with self._environment.begin(write=True) as transaction:
            yield LmdbRows(transaction, self._rows, self._attachments)

    def sync(self) -> None:
        """See `Index.sync`."""
        self._environment.sync(force=True)

    def close(self) -> None:
        """See `Index.close`."""
        self._environment.close()
