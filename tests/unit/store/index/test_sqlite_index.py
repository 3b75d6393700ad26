"""The index on SQLite."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DataDirectoryError, DeviceError, UnknownFormatError
from rucket.ports.index import GroupEnd, Table
from rucket.state.rows import prefix_end
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from tests.simulator.index import first_of_groups

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SqliteIndex]:
    index = SqliteIndex(str(tmp_path / "index.db"), OsDisk())
    yield index
    index.close()


def test_a_committed_row_is_seen_by_another_connection(index: SqliteIndex, tmp_path: Path) -> None:
    """At once, value and attachment."""
    reader = SqliteIndexReader(str(tmp_path / "index.db"))
    with index.transaction() as transaction:
        transaction.put(Table.OBJECTS, b"k", b"value", b"attachment" * 1000)

    with reader.snapshot() as snapshot:
        assert snapshot.get(Table.OBJECTS, b"k") == b"value"
        row = snapshot.get_with_attachment(Table.OBJECTS, b"k")
    reader.close()

    assert row == (b"value", b"attachment" * 1000)


def test_a_range_of_rows_is_removed_and_no_other(index: SqliteIndex) -> None:
    """From its start, up to but without its stop, in one table."""
    keys = [b"a", b"b", b"b\0", b"c", b"d"]
    with index.transaction() as transaction:
        for key in keys:
            transaction.put(Table.OUTCOMES, key, b"v")
            transaction.put(Table.GARBAGE, key, b"v")

        transaction.delete_range(Table.OUTCOMES, b"b", b"c")

    with index.snapshot() as snapshot:
        outcomes = snapshot.scan(Table.OUTCOMES, b"", None, 10)
        assert [key for key, _ in outcomes] == [b"a", b"c", b"d"]
        assert len(snapshot.scan(Table.GARBAGE, b"", None, 10)) == len(keys)


def test_a_snapshot_stays_as_it_was(index: SqliteIndex, tmp_path: Path) -> None:
    """While others commit."""
    reader = SqliteIndexReader(str(tmp_path / "index.db"))
    with reader.snapshot() as snapshot:
        assert snapshot.scan(Table.BUCKETS, b"", None, 10) == []
        with index.transaction() as transaction:
            transaction.put(Table.BUCKETS, b"k", b"v")

        assert snapshot.scan(Table.BUCKETS, b"", None, 10) == []
    with reader.snapshot() as snapshot:
        assert snapshot.scan(Table.BUCKETS, b"", None, 10) == [(b"k", b"v")]
    reader.close()


def test_a_transaction_that_raises_changes_nothing(index: SqliteIndex) -> None:
    """All or nothing."""
    with pytest.raises(ZeroDivisionError), index.transaction() as transaction:
        transaction.put(Table.BUCKETS, b"k", b"v")
        raise ZeroDivisionError

    with index.snapshot() as snapshot:
        assert snapshot.get(Table.BUCKETS, b"k") is None


def test_a_reader_can_not_write(index: SqliteIndex, tmp_path: Path) -> None:
    """One process writes."""
    with index.transaction() as transaction:
        transaction.put(Table.BUCKETS, b"k", b"v")
    reader = SqliteIndexReader(str(tmp_path / "index.db"))

    with pytest.raises(DeviceError, match="readonly database"), reader.snapshot() as snapshot:
        snapshot.delete(Table.BUCKETS, b"k")
    reader.close()


def test_its_wal_begins_anew_though_writes_never_pause(tmp_path: Path) -> None:
    """Under a load without a gap, SQLite alone would let it grow for ever."""
    index = SqliteIndex(str(tmp_path / "index.db"), OsDisk(), wal_kept_bytes=256 * 1024)
    wal = tmp_path / "index.db-wal"
    stopping = threading.Event()
    written_bytes = 0

    def write() -> None:
        nonlocal written_bytes
        number = 0
        while not stopping.is_set():
            with index.transaction() as transaction:
                for _ in range(20):
                    number += 1
                    transaction.put(Table.OBJECTS, b"%d" % (number % 1000), b"x" * 1000)
                    written_bytes += 1000

    writer = threading.Thread(target=write)
    writer.start()
    restart_count = 0
    while restart_count < 3 and written_bytes < 64 * 1024 * 1024:
        index.sync()
        restart_count = int.from_bytes(wal.read_bytes()[12:16], "big")  # its header counts them
    stopping.set()
    writer.join()
    index.close()

    assert restart_count >= 3


@pytest.mark.parametrize("column", ["value", "attachment"])
def test_a_row_with_a_flipped_byte_is_never_returned(tmp_path: Path, column: str) -> None:
    """SQLite doesn't check its pages; we check our rows."""
    path = tmp_path / "index.db"
    index = SqliteIndex(str(path), OsDisk())
    with index.transaction() as transaction:
        transaction.put(Table.OBJECTS, b"k", b"value", b"attachment")
    index.close()
    database = sqlite3.connect(path)
    name = f"t{Table.OBJECTS.value}"
    (content,) = database.execute(f"SELECT {column} FROM {name}").fetchone()
    database.execute(f"UPDATE {name} SET {column} = ?", (bytes([content[0] ^ 1]) + content[1:],))
    database.commit()
    database.close()

    index = SqliteIndex(str(path), OsDisk())
    with pytest.raises(CorruptionError, match="a row of OBJECTS"), index.snapshot() as snapshot:
        snapshot.get_with_attachment(Table.OBJECTS, b"k")
    index.close()


def test_an_index_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    """Never guessed."""
    path = tmp_path / "index.db"
    SqliteIndex(str(path), OsDisk()).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 4")
    database.close()

    with pytest.raises(UnknownFormatError):
        SqliteIndex(str(path), OsDisk())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """With its name."""
    path = tmp_path / "index.db"
    path.write_bytes(b"this is not a database, it only looks like one" * 100)

    with pytest.raises(CorruptionError, match=r"index\.db"):
        SqliteIndex(str(path), OsDisk())


def test_a_reader_without_an_index_says_so(tmp_path: Path) -> None:
    """It doesn't make one."""
    with pytest.raises(DataDirectoryError):
        SqliteIndexReader(str(tmp_path / "index.db"))


_keys = st.binary(min_size=1, max_size=1100)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.dictionaries(_keys, st.binary(max_size=50), max_size=30),
    start=_keys,
    stop=st.none() | _keys,
    limit=st.integers(1, 40),
)
def test_a_scan_returns_what_a_sorted_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory,
    rows: dict[bytes, bytes],
    start: bytes,
    stop: bytes | None,
    limit: int,
) -> None:
    """In the order of the keys' bytes, whatever the keys are."""
    index = SqliteIndex(str(tmp_path_factory.mktemp("index") / "index.db"), OsDisk())
    with index.transaction() as transaction:
        for key, value in rows.items():
            transaction.put(Table.OBJECTS, key, value)
        found = transaction.scan(Table.OBJECTS, start, stop, limit)
    index.close()

    expected = [
        (key, rows[key]) for key in sorted(rows) if key >= start and (stop is None or key < stop)
    ]
    assert found == expected[:limit]


_texts = st.text(alphabet="ab/é\0\U0001f600", max_size=6).map(str.encode)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.dictionaries(_texts, st.binary(max_size=5), max_size=30),
    prefix=_texts,
    mark=st.text(alphabet="ab/é", min_size=1, max_size=2).map(str.encode),
    start=_texts,
    limit=st.integers(1, 40),
)
def test_a_scan_of_groups_returns_the_first_row_of_each(
    tmp_path_factory: pytest.TempPathFactory,
    rows: dict[bytes, bytes],
    prefix: bytes,
    mark: bytes,
    start: bytes,
    limit: int,
) -> None:
    """Whatever stands in the keys, before the mark and in it."""
    index = SqliteIndex(str(tmp_path_factory.mktemp("index") / "index.db"), OsDisk())
    with index.transaction() as transaction:
        for key, value in rows.items():
            transaction.put(Table.OBJECTS, b"\0\1" + key, value)
    start, stop = b"\0\1" + prefix + start, prefix_end(b"\0\1" + prefix)
    assert stop is not None
    group_end = GroupEnd(mark, len(prefix) + 2)
    with index.snapshot() as snapshot:
        found = snapshot.scan_groups(Table.OBJECTS, start, stop, group_end, limit)
    index.close()

    keys = [b"\0\1" + key for key in sorted(rows)]
    expected = first_of_groups([key for key in keys if start <= key < stop], group_end)
    assert found == [(key, rows[key[2:]]) for key in expected[:limit]]
