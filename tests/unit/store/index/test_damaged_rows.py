"""What the index says about rows that aren't what was written."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, CorruptRowError, UnknownFormatError
from rucket.ports.index import Table
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [b"a", b"b", b"c", b"d"]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """An index with four users."""
    path = str(tmp_path / "index.db")
    index = SqliteIndex(path, OsDisk())
    with index.transaction() as transaction:
        for key in KEYS:
            transaction.put(Table.USERS, key, b"value of " + key)
    index.sync()
    index.close()
    return path


def _change(path: str, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t11 SET value = x'00112233445566' WHERE key = x'62'",
        "UPDATE t11 SET value = x'00' WHERE key = x'62'",
        "UPDATE t11 SET value = CAST('text' AS TEXT) WHERE key = x'62'",
        "UPDATE t11 SET value = 17 WHERE key = x'62'",
    ],
    ids=["content", "shorter than its check", "text", "number"],
)
def test_a_row_that_is_not_what_was_written_is_named(path: str, change: str) -> None:
    """Its key is in the error, so that what comes after it can be read."""
    _change(path, change)
    reader = SqliteIndexReader(path)

    with pytest.raises(CorruptRowError) as caught, reader.snapshot() as snapshot:
        snapshot.scan(Table.USERS, b"", None, 10)
    with reader.snapshot() as snapshot:
        rest = snapshot.scan(Table.USERS, b"b\0", None, 10)
    reader.close()

    assert caught.value.key == b"b"
    assert [key for key, _ in rest] == [b"c", b"d"]


def test_a_key_that_changed_fits_its_check_no_more(path: str) -> None:
    """The check covers the key."""
    _change(path, "UPDATE t11 SET key = x'6262' WHERE key = x'62'")
    reader = SqliteIndexReader(path)

    with pytest.raises(CorruptRowError), reader.snapshot() as snapshot:
        snapshot.scan(Table.USERS, b"", None, 10)
    reader.close()


def test_rows_out_of_order_are_refused(path: str) -> None:
    """Two entries of a page have changed places: one of the rows would be hidden from a search."""
    with open(path, "r+b") as file:  # noqa: PTH123
        data = bytearray(file.read())
        # The leaf of USERS: its array of cell pointers, two bytes each, behind the page's header.
        page = next(
            start
            for start in range(4096, len(data), 4096)
            if b"value of a" in data[start : start + 4096]
        )
        first, second = data[page + 8 : page + 10], data[page + 10 : page + 12]
        data[page + 8 : page + 12] = second + first
        file.seek(0)
        file.write(data)
    reader = SqliteIndexReader(path, is_inspection=True)

    with pytest.raises(CorruptionError, match="no order"), reader.snapshot() as snapshot:
        snapshot.scan(Table.USERS, b"", None, 10)
    assert reader.structure_problems()
    reader.close()


def test_an_inspection_leaves_every_byte_as_it_was(tmp_path: Path, path: str) -> None:
    """Also what SQLite would tidy up when the last one closes."""
    index = SqliteIndex(path, OsDisk())
    with index.transaction() as transaction:
        transaction.put(Table.USERS, b"e", b"in the WAL only")
    files = [tmp_path / "index.db", tmp_path / "index.db-wal"]
    before = [file.read_bytes() for file in files]

    reader = SqliteIndexReader(path, is_inspection=True)
    with reader.snapshot() as snapshot:
        found = snapshot.get(Table.USERS, b"e")
    assert reader.structure_problems() == []
    reader.close()

    assert found == b"in the WAL only"
    assert [file.read_bytes() for file in files] == before
    index.close()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("PRAGMA user_version = 4", UnknownFormatError),
        ("PRAGMA user_version = 0", CorruptionError),
        ("PRAGMA application_id = 5", CorruptionError),
    ],
)
def test_what_is_no_index_of_ours_is_refused(
    path: str, change: str, error: type[Exception]
) -> None:
    """By who writes it and by who inspects it."""
    _change(path, change)

    with pytest.raises(error):
        SqliteIndex(path, OsDisk())
    with pytest.raises(error):
        SqliteIndexReader(path, is_inspection=True)


def test_text_that_is_none_is_corruption(path: str) -> None:
    """The type of a value is in SQLite's own bytes, which its check doesn't cover."""
    _change(path, "UPDATE t11 SET value = CAST(x'ff00ff00ff' AS TEXT) WHERE key = x'62'")
    reader = SqliteIndexReader(path)

    with pytest.raises(CorruptionError), reader.snapshot() as snapshot:
        snapshot.get(Table.USERS, b"b")
    reader.close()


def test_a_table_that_is_gone_is_corruption(path: str) -> None:
    """And no defect of the program."""
    reader = SqliteIndexReader(path)
    _change(path, "DROP TABLE t11")

    with pytest.raises(CorruptionError, match="no such table"), reader.snapshot() as snapshot:
        snapshot.get(Table.USERS, b"a")
    reader.close()


def test_tables_that_are_not_where_they_were_made_are_refused(path: str) -> None:
    """One that begins where another one does would show the other's rows, checks and all."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET rootpage = 10 WHERE name = 't10'")
    connection.close()

    with pytest.raises(CorruptionError, match="where they were made"):
        SqliteIndex(path, OsDisk())
    with pytest.raises(CorruptionError, match="where they were made"):
        SqliteIndexReader(path)


def test_a_key_that_is_text_is_found_where_no_search_would(path: str) -> None:
    """The type of a key is in SQLite's own bytes; text comes before everything that is searched."""
    _change(path, "UPDATE t11 SET key = CAST(key AS TEXT) WHERE key = x'61'")
    reader = SqliteIndexReader(path)

    with reader.snapshot() as snapshot:
        found = snapshot.scan(Table.USERS, b"", None, 10)
    assert [key for key, _ in found] == KEYS[1:]
    assert "t11 has a key that isn't bytes" in reader.structure_problems(0)[0]
    reader.close()
