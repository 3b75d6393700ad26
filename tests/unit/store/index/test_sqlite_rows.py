"""Attachments that lie apart from their rows."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptRowError
from rucket.ports.index import Table
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.index.sqlite_rows import ATTACHMENT_IN_ROW_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = b"body" * 500
OTHER = b"other" * 400


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "index.db")


@pytest.fixture
def index(path: str) -> Iterator[SqliteIndex]:
    """An index with two objects whose content lies apart."""
    index = SqliteIndex(path, OsDisk())
    _put(index, b"a", b"value of a", BODY)
    _put(index, b"b", b"value of b", OTHER)
    yield index
    index.close()


def _put(index: SqliteIndex, key: bytes, value: bytes, attachment: bytes = b"") -> None:
    with index.transaction() as transaction:
        transaction.put(Table.OBJECTS, key, value, attachment)


def _ask(path: str, statement: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(path)
    try:
        return list(connection.execute(statement))
    finally:
        connection.close()


def _count_apart(path: str) -> object:
    return _ask(path, "SELECT count(*) FROM attachments")[0][0]


def _problems(path: str) -> list[str]:
    reader = SqliteIndexReader(path)
    try:
        return reader.structure_problems()
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("size_bytes", "count"),
    [(ATTACHMENT_IN_ROW_BYTES_MAX, 2), (ATTACHMENT_IN_ROW_BYTES_MAX + 1, 3)],
)
def test_long_attachments_lie_apart(
    index: SqliteIndex, path: str, size_bytes: int, count: int
) -> None:
    """And short ones in their rows; who reads doesn't see the difference."""
    _put(index, b"c", b"v", b"x" * size_bytes)

    with index.snapshot() as snapshot:
        assert snapshot.get_with_attachment(Table.OBJECTS, b"c") == (b"v", b"x" * size_bytes)
        assert snapshot.scan_whole(Table.OBJECTS, b"b\0", 5) == [(b"c", b"v", b"x" * size_bytes)]
    assert _count_apart(path) == count


@pytest.mark.parametrize("attachment", [OTHER, b"short", b""], ids=["long", "short", "none"])
def test_an_overwritten_attachment_is_freed(
    index: SqliteIndex, path: str, attachment: bytes
) -> None:
    """In the same transaction, whatever takes its place."""
    _put(index, b"a", b"new value", attachment)

    with index.snapshot() as snapshot:
        assert snapshot.get_with_attachment(Table.OBJECTS, b"a") == (b"new value", attachment)
    assert _count_apart(path) == 1 + (attachment is OTHER)
    assert _problems(path) == []


def test_a_removed_row_takes_its_attachment_along(index: SqliteIndex, path: str) -> None:
    """Alone or in a range."""
    with index.transaction() as transaction:
        transaction.delete(Table.OBJECTS, b"a")
    assert _count_apart(path) == 1

    with index.transaction() as transaction:
        transaction.delete_range(Table.OBJECTS, b"a", b"c")
    assert _count_apart(path) == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE t5 SET attachment = 3 - attachment",
        "UPDATE t5 SET attachment = 2 WHERE key = x'61'",
        "UPDATE attachments SET id = 7 WHERE id = 1",
        "UPDATE t5 SET attachment = 1.5 WHERE key = x'61'",
        "UPDATE attachments SET content = CAST(x'00' || substr(content, 2) AS BLOB) WHERE id = 1",
        "UPDATE attachments SET content = 17 WHERE id = 1",
        "UPDATE attachments SET content = CAST('text' AS TEXT) WHERE id = 1",
    ],
    ids=["swapped", "another's", "gone", "no number", "one byte", "a number", "text"],
)
def test_an_attachment_that_is_not_the_rows_own_is_never_served(
    index: SqliteIndex, path: str, damage: str
) -> None:
    """Though its value is whole: reads and scans of the whole row raise, and name its key."""
    _ask(path, damage)

    with pytest.raises(CorruptRowError) as caught, index.snapshot() as snapshot:
        snapshot.get_with_attachment(Table.OBJECTS, b"a")
    assert caught.value.key == b"a"
    with pytest.raises(CorruptRowError), index.snapshot() as snapshot:
        snapshot.scan_whole(Table.OBJECTS, b"", 5)
    with index.snapshot() as snapshot:
        assert snapshot.get(Table.OBJECTS, b"a") == b"value of a"


def test_an_attachment_from_before_an_overwrite_is_never_served(
    index: SqliteIndex, path: str
) -> None:
    """Not even when the row of the same key holds its rowid."""
    ((stale,),) = _ask(path, "SELECT content FROM attachments WHERE id = 1")
    _put(index, b"a", b"new value", BODY)
    connection = apsw.Connection(path)
    connection.execute("UPDATE attachments SET content = ? WHERE id = 1", (stale,))
    connection.close()

    with pytest.raises(CorruptRowError), index.snapshot() as snapshot:
        snapshot.get_with_attachment(Table.OBJECTS, b"a")


def test_a_row_whose_attachment_is_damaged_can_be_overwritten(
    index: SqliteIndex, path: str
) -> None:
    """What there was is left behind; what is new can be read."""
    _ask(path, "UPDATE attachments SET content = CAST(x'ff00ff' AS TEXT) WHERE id = 1")

    _put(index, b"a", b"new value", BODY)

    with index.snapshot() as snapshot:
        assert snapshot.get_with_attachment(Table.OBJECTS, b"a") == (b"new value", BODY)
    assert "attachments apart, but rows name" in _problems(path)[0]


@pytest.mark.parametrize("is_removed", [True, False], ids=["removed", "overwritten"])
def test_a_damaged_rowid_does_not_free_the_attachment_of_another_row(
    index: SqliteIndex, path: str, *, is_removed: bool
) -> None:
    """The damage doesn't spread; what belongs to no row any more is found."""
    _ask(path, "UPDATE t5 SET attachment = 2 WHERE key = x'61'")

    if is_removed:
        with index.transaction() as transaction:
            transaction.delete(Table.OBJECTS, b"a")
    else:
        _put(index, b"a", b"new value", BODY)

    with index.snapshot() as snapshot:
        assert snapshot.get_with_attachment(Table.OBJECTS, b"b") == (b"value of b", OTHER)
    assert len(_problems(path)) == 1
    assert "attachments apart, but rows name" in _problems(path)[0]


_keys = st.sampled_from([b"a", b"b", b"c", b"d"])
_attachments = st.sampled_from([0, 1, 399, 400, 401, 1024, 9000])
_operations = st.one_of(
    st.tuples(_keys, _attachments),
    st.tuples(_keys, st.none()),
    st.tuples(st.just(b"b"), st.just("range")),
)


@settings(max_examples=60, deadline=None)
@given(
    table=st.sampled_from([Table.OBJECTS, Table.PARTS, Table.META]),
    operations=st.lists(_operations, max_size=12),
)
def test_rows_are_those_of_a_dictionary_whatever_lies_apart(
    table: Table, operations: list[tuple[bytes, int | str | None]]
) -> None:
    """After any writes, and nothing apart is left over."""
    expected: dict[bytes, tuple[bytes, bytes]] = {}
    with TemporaryDirectory() as directory:
        path = str(Path(directory) / "index.db")
        index = SqliteIndex(path, OsDisk())
        for number, (key, what) in enumerate(operations):
            with index.transaction() as transaction:
                if isinstance(what, int):
                    expected[key] = b"value %d" % number, bytes([number]) * what
                    transaction.put(table, key, *expected[key])
                elif what is None:
                    expected.pop(key, None)
                    transaction.delete(table, key)
                else:
                    for gone in (b"b", b"c"):
                        expected.pop(gone, None)
                    transaction.delete_range(table, b"b", b"d")
        with index.snapshot() as snapshot:
            found = snapshot.scan_whole(table, b"", 10)
        index.close()
        problems = _problems(path)

    assert found == [(key, *expected[key]) for key in sorted(expected)]
    assert problems == []
