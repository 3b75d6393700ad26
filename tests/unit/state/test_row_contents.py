"""Rows taken apart, and what doesn't fit between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import CorruptionError, CorruptRowError
from rucket.model.records import BucketStatistics, Content, Extent, ObjectMetadata
from rucket.ports.index import Table
from rucket.state.recount import recount_bucket
from rucket.state.row_contents import decode_row, read_whole_row, row_problems
from rucket.state.row_scan import read_rows
from rucket.state.rows import (
    CONTENT,
    NEXT_BUCKET_ID,
    OBJECT,
    object_row_key,
    put_applied_position,
    put_garbage,
    put_reference_count,
)
from tests.storage.bitrot.image import Image, make_image
from tests.unit.fakes import FakeIndex

if TYPE_CHECKING:
    from collections.abc import Callable

BLOB_ID = bytes(16)
OTHER_ID = bytes(range(16))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Rows that the store has written."""
    return make_image(tmp_path_factory.mktemp("image") / "data")


@pytest.fixture
def index(image: Image) -> FakeIndex:
    """These rows, in memory."""
    index = FakeIndex()
    for (table, key), (value, attachment) in image.rows.items():
        index.put(table, key, value, attachment)
    return index


def _problems(index: FakeIndex) -> list[str]:
    return [
        f"{table.name}: {problem}"
        for table in Table
        for key, value in index.scan(table, b"", None, 10_000)
        for problem in row_problems(index, table, read_whole_row(index, table, key, value))
    ]


def _drop_first(table: Table) -> Callable[[FakeIndex], None]:
    def drop(index: FakeIndex) -> None:
        index.delete(table, index.scan(table, b"", None, 1)[0][0])

    return drop


def _put_object(index: FakeIndex, size_bytes: int, content: Content) -> None:
    metadata = ObjectMetadata(b"", 1, size_bytes, "etag", "owner")
    index.put(
        Table.OBJECTS, object_row_key(1, "new"), OBJECT.encode(metadata), CONTENT.encode(content)
    )


def test_every_row_of_every_table_can_be_taken_apart(index: FakeIndex) -> None:
    """And what the store writes fits together."""
    assert _problems(index) == []
    assert index.scan(Table.OUTCOMES, b"", None, 1)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (_drop_first(Table.BUCKETS_BY_OWNER), "BUCKETS: it isn't among the buckets of its owner"),
        (_drop_first(Table.BUCKETS), "BUCKETS_BY_OWNER: it names a bucket that isn't there"),
        (_drop_first(Table.BUCKET_STATISTICS), "BUCKETS: its counters are missing"),
        (_drop_first(Table.BUCKET_STATISTICS), "UPLOADS: there are no counters of its bucket 1"),
        (_drop_first(Table.USERS), "ACCESS_KEYS: its user isn't there"),
        (_drop_first(Table.USERS), "USER_ATTRIBUTES: it names a user who isn't there"),
        (
            _drop_first(Table.ACCESS_KEYS),
            "USER_ATTRIBUTES: it names an access key that isn't there",
        ),
        (
            _drop_first(Table.USER_ATTRIBUTES),
            "ACCESS_KEYS: it isn't among the access keys of its user",
        ),
        (
            lambda index: index.delete(Table.META, NEXT_BUCKET_ID),
            "BUCKETS: there are buckets, but the next bucket id is missing",
        ),
        (_drop_first(Table.META), "OUTCOMES: there are outcomes, but its position is missing"),
        (
            lambda index: put_applied_position(index, 70, 1),
            "OUTCOMES: the position says that only 70 records are shown",
        ),
        (
            lambda index: put_garbage(
                index, index.scan(Table.BLOB_REFERENCES, b"", None, 1)[0][0], 1
            ),
            "GARBAGE: it is named by rows and garbage as well",
        ),
        (
            lambda index: put_reference_count(index, BLOB_ID, 0),
            "BLOB_REFERENCES: no row names it, but it isn't garbage",
        ),
        (
            lambda index: _put_object(index, 5, Content(None, (Extent(OTHER_ID, 5),))),
            f"OBJECTS: blob {OTHER_ID.hex()} has no reference row",
        ),
        (
            lambda index: _put_object(index, 5, Content(b"four")),
            "OBJECTS: it has 5 bytes, its content 4",
        ),
    ],
)
def test_rows_that_contradict_each_other_are_named(
    index: FakeIndex, damage: Callable[[FakeIndex], None], problem: str
) -> None:
    """Whichever of them is wrong."""
    damage(index)

    assert problem in _problems(index)


@pytest.mark.parametrize("table", sorted(set(Table) - {Table.BUCKETS_BY_OWNER, Table.META}))
def test_a_value_that_is_nothing_of_its_table_is_refused(table: Table) -> None:
    """With an error that a reader can expect."""
    with pytest.raises(CorruptionError):
        decode_row(table, b"\xff", b"\x01\xc1\xff\xff\xff")


def test_a_bucket_is_counted_again(index: FakeIndex) -> None:
    """Objects, bytes and uploads."""
    counted = recount_bucket(index, 2)

    assert counted == BucketStatistics(1, 5, 0)
    assert recount_bucket(index, 1).upload_count == 1


class SomeRows:
    """A table of numbers, some of them damaged."""

    def __init__(self, *damaged: int) -> None:
        self._damaged = damaged

    def scan(
        self, table: Table, start: bytes, stop: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        del stop
        chosen = [number for number in range(100) if bytes([number]) >= start][:limit]
        for number in chosen:
            if number in self._damaged:
                raise CorruptRowError(table.name, bytes([number]), "damaged")
            if -number in self._damaged:
                raise CorruptionError(table.name, "nothing is known")
        return [(bytes([number]), b"") for number in chosen]


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
def test_rows_around_a_damaged_one_are_read(limit: int) -> None:
    """One by one, past each of several."""
    rows, damages = [], 0
    position: bytes | None = b""
    while position is not None:
        read = read_rows(SomeRows(0, 40, 41, 99), Table.USERS, position, None, limit)  # type: ignore[arg-type]
        rows += [key[0] for key, _ in read.rows]
        damages += read.damage is not None
        position = read.position

    assert rows == [number for number in range(100) if number not in {0, 40, 41, 99}]
    assert damages == 4


def test_reading_ends_where_nothing_is_known_of_what_follows() -> None:
    """With everything before it."""
    read = read_rows(SomeRows(-40), Table.USERS, b"", None, 1000)  # type: ignore[arg-type]

    assert [key[0] for key, _ in read.rows] == list(range(40))
    assert read.damage is not None
    assert read.position is None
