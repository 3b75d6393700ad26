"""Rows in SQLite: the statements, and the `Transaction` port on one connection.

Every table of `rucket.ports.index` is one SQLite table of key, value, attachment, without rowid, so
that a row is one entry of one B-tree. The content of an object can be many times what describes it,
and in that tree it would fill up the pages that scans read and that every insertion splits. So an
attachment longer than `ATTACHMENT_IN_ROW_BYTES_MAX` lies apart: in the table ``attachments``, which
has no order of keys and grows at its end; the row holds its rowid there.

Who overwrites or removes a row frees its attachment in the same transaction; but never one that
doesn't fit its check, since that may be another row's. What is left behind then belongs to no row,
and is found by `SqliteIndexReader.structure_problems`.
"""

from __future__ import annotations

from itertools import islice
from operator import lt
from typing import TYPE_CHECKING, Final

from rucket.model.errors import CorruptionError, CorruptRowError
from rucket.ports.index import GroupEnd, Row, Table, WholeRow
from rucket.state.row_contents import WITH_ATTACHMENT
from rucket.state.rows import prefix_end
from rucket.store.index.row_check import (
    CHECK_SIZE_BYTES,
    attachment_with_check,
    checked_attachment,
    checked_value,
    checked_values,
    missing_attachment,
    value_with_check,
)

if TYPE_CHECKING:
    import apsw

ATTACHMENT_IN_ROW_BYTES_MAX: Final = 400
"""Longer ones lie apart. A list of blobs, which most attachments are, is shorter."""

_APART: Final = {
    table: f"(SELECT content FROM attachments WHERE id = t{table}.attachment)"  # noqa: S608
    for table in Table
}
_STORED_IN_ROW_BYTES_MAX: Final = ATTACHMENT_IN_ROW_BYTES_MAX + CHECK_SIZE_BYTES

_GET = {table: f"SELECT value FROM t{table} WHERE key = ?" for table in Table}  # noqa: S608
_GET_WITH_ATTACHMENT = {
    table: f"SELECT value, attachment, {_APART[table]} FROM t{table} WHERE key = ?"  # noqa: S608
    for table in Table
}
_SCAN = {
    table: f"SELECT key, value FROM t{table} WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"  # noqa: S608
    for table in Table
}
_SCAN_TO_END = {
    table: f"SELECT key, value FROM t{table} WHERE key >= ? ORDER BY key LIMIT ?"  # noqa: S608
    for table in Table
}
_SCAN_WHOLE = {
    table: f"""
        SELECT key, value, attachment, {_APART[table]} FROM t{table}
        WHERE key >= ? ORDER BY key LIMIT ?"""  # noqa: S608
    for table in Table
}
# One seek a group, all of them in SQLite: of the key found, the part up to its mark, with the last
# byte of that raised by one (`behind`), is less than every key of the next group, and greater than
# every one of this. What SQLite joins with || becomes text, though its bytes stay what they are.
_SCAN_GROUPS = {
    table: f"""
        WITH RECURSIVE found(key) AS (
            SELECT (SELECT key FROM t{table} WHERE key >= :start AND key < :stop
                    ORDER BY key LIMIT 1)
            UNION ALL
            SELECT (SELECT key FROM t{table}
                    WHERE key < :stop AND key >= CASE instr(substr(found.key, :offset + 1), :mark)
                        WHEN 0 THEN CAST(found.key || x'00' AS BLOB)
                        ELSE CAST(substr(found.key, 1, :offset - 1
                            + instr(substr(found.key, :offset + 1), :mark)) || :behind AS BLOB)
                        END
                    ORDER BY key LIMIT 1)
            FROM found WHERE found.key IS NOT NULL LIMIT :limit
        )
        SELECT found.key, t{table}.value FROM found
        CROSS JOIN t{table} ON t{table}.key = found.key"""  # noqa: S608
    for table in Table
}
_PUT = {table: f"INSERT OR REPLACE INTO t{table} VALUES (?, ?, ?)" for table in Table}  # noqa: S608
_DELETE = {table: f"DELETE FROM t{table} WHERE key = ?" for table in Table}  # noqa: S608
_PUT_APART: Final = "INSERT OR REPLACE INTO attachments VALUES (?, ?)"
_DELETE_APART: Final = "DELETE FROM attachments WHERE id = ?"
_FIND_APART = {
    table: f"""
        SELECT value, attachment, {_APART[table]} FROM t{table}
        WHERE key = ? AND typeof(attachment) = 'integer'"""  # noqa: S608
    for table in Table
}
_KEYS = {
    table: f"SELECT key FROM t{table} WHERE key >= ? AND key < ?"  # noqa: S608
    for table in Table
}
_DELETE_RANGE = {
    table: f"DELETE FROM t{table} WHERE key >= ? AND key < ?"  # noqa: S608
    for table in Table
}


def _check_order(table: Table, start: bytes, keys: list[bytes]) -> None:
    # Damaged pages can show a row twice, another one not at all, each with its own good check.
    if keys and (keys[0] < start or not all(map(lt, keys, islice(keys, 1, None)))):
        raise CorruptionError(f"the table {table.name}", f"rows after {start!r} have no order")


class SqliteRows:
    """The `Transaction` port, which includes the `Snapshot` port, on one connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute
        self._last_rowid = connection.last_insert_rowid

    def get(self, table: Table, key: bytes) -> bytes | None:
        """See `Snapshot.get`."""
        for (stored,) in self._execute(_GET[table], (key,)):
            return checked_value(table, key, stored)
        return None

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """See `Snapshot.get_with_attachment`."""
        for stored, attachment, apart in self._execute(_GET_WITH_ATTACHMENT[table], (key,)):
            value = checked_value(table, key, stored)
            return value, _whole(table, key, stored, attachment, apart)
        return None

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        if stop is None:
            rows = self._execute(_SCAN_TO_END[table], (start, limit))
        else:
            rows = self._execute(_SCAN[table], (start, stop, limit))
        found = checked_values(table, list(rows))
        _check_order(table, start, [key for key, _ in found])
        return found

    def scan_groups(
        self, table: Table, start: bytes, stop: bytes, group_end: GroupEnd, limit: int
    ) -> list[Row]:
        """See `ReadSnapshot.scan_groups`."""
        behind = prefix_end(group_end.mark)
        assert behind is not None, "a mark of FF alone has nothing behind it"
        values = {
            "start": start,
            "stop": stop,
            "mark": group_end.mark,
            "behind": behind,
            "offset": group_end.offset,
            "limit": limit,
        }
        found = checked_values(table, list(self._execute(_SCAN_GROUPS[table], values)))
        _check_order(table, start, [key for key, _ in found])
        return found

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """See `Snapshot.scan_whole`."""
        found = [
            (
                key,
                checked_value(table, key, stored),
                _whole(table, key, stored, attachment, apart),
            )
            for key, stored, attachment, apart in self._execute(_SCAN_WHOLE[table], (start, limit))
        ]
        _check_order(table, start, [key for key, _, _ in found])
        return found

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """See `Transaction.put`."""
        stored = value_with_check(table, key, value)
        kept = attachment_with_check(table, key, stored, attachment) if attachment else None
        if table in WITH_ATTACHMENT:
            place = self._put_apart(self._find_apart(table, key), kept)
            self._execute(_PUT[table], (key, stored, place))
            return
        self._execute(_PUT[table], (key, stored, kept))

    def delete(self, table: Table, key: bytes) -> None:
        """See `Transaction.delete`."""
        if table in WITH_ATTACHMENT:
            self._put_apart(self._find_apart(table, key), None)
        self._execute(_DELETE[table], (key,))

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """See `Transaction.delete_range`."""
        if table in WITH_ATTACHMENT:
            for (key,) in list(self._execute(_KEYS[table], (start, stop))):
                self._put_apart(self._find_apart(table, key), None)
        self._execute(_DELETE_RANGE[table], (start, stop))

    def _put_apart(self, rowid: int | None, stored: bytes | None) -> bytes | int | None:
        """Puts an attachment where it belongs: into its row, or apart.

        Args:
            rowid: of the attachment that the row has had until now, if that lies apart: the new one
                takes its place, or it goes.
            stored: the attachment with its check, if there is one.

        Returns:
            What the row has to hold.
        """
        if stored is not None and len(stored) > _STORED_IN_ROW_BYTES_MAX:
            self._execute(_PUT_APART, (rowid, stored))
            return self._last_rowid() if rowid is None else rowid
        if rowid is not None:
            self._execute(_DELETE_APART, (rowid,))
        return stored

    def _find_apart(self, table: Table, key: bytes) -> int | None:
        """The rowid of the row's attachment, if it lies apart and is surely its own."""
        try:
            for stored, rowid, attachment in self._execute(_FIND_APART[table], (key,)):
                checked_attachment(table, key, stored, attachment)
                return int(rowid)
        except (CorruptRowError, UnicodeDecodeError):
            pass
        return None


def _whole(
    table: Table, key: bytes, stored: bytes, attachment: bytes | int | None, apart: bytes | None
) -> bytes:
    """The attachment of a row.

    Args:
        table: of the row.
        key: of the row.
        stored: its value, as it is stored.
        attachment: what the row holds of it.
        apart: what lies apart at the rowid that it holds.

    Raises:
        CorruptRowError: it isn't what was written.
    """
    if attachment is None:
        return b""
    if not isinstance(attachment, int):
        return checked_attachment(table, key, stored, attachment)
    if apart is None:
        raise missing_attachment(table, key)
    return checked_attachment(table, key, stored, apart)
