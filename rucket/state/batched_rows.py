"""The rows while a batch of commands is applied: each is written once, at the end of the batch.

Commands of one batch change the same rows again and again (the counters of a bucket, above all).
Here they find what the ones before them wrote in memory, and the transaction sees one write for
each row. The rows are the same as without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.ports.index import Table

if TYPE_CHECKING:
    from rucket.ports.index import Row, Transaction, WholeRow

_Changes = dict[bytes, tuple[bytes, bytes] | None]


class BatchedRows:
    """The `Transaction` port over another transaction; what was written is there after `flush`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._changes: dict[Table, _Changes] = {table: {} for table in Table}

    def get(self, table: Table, key: bytes) -> bytes | None:
        """See `Snapshot.get`."""
        changes = self._changes[table]
        if key in changes:
            changed = changes[key]
            return None if changed is None else changed[0]
        return self._transaction.get(table, key)

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """See `Snapshot.get_with_attachment`."""
        changes = self._changes[table]
        if key in changes:
            return changes[key]
        return self._transaction.get_with_attachment(table, key)

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`. Writes what is pending of the table first."""
        self._flush(table)
        return self._transaction.scan(table, start, stop, limit)

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """See `Snapshot.scan_whole`. Writes what is pending of the table first."""
        self._flush(table)
        return self._transaction.scan_whole(table, start, limit)

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """See `Transaction.put`."""
        self._changes[table][key] = value, attachment

    def delete(self, table: Table, key: bytes) -> None:
        """See `Transaction.delete`."""
        self._changes[table][key] = None

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """See `Transaction.delete_range`. Writes what is pending of the table first."""
        self._flush(table)
        self._transaction.delete_range(table, start, stop)

    def flush(self) -> None:
        """Writes what is pending."""
        for table, changes in self._changes.items():
            if changes:
                self._flush(table)

    def _flush(self, table: Table) -> None:
        changes, self._changes[table] = self._changes[table], {}
        for key, change in sorted(changes.items()):  # neighbours share a page
            if change is None:
                self._transaction.delete(table, key)
            else:
                self._transaction.put(table, key, *change)
