"""The check of a row covers everything that a damaged page could confuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import CorruptRowError
from rucket.ports.index import Table
from rucket.store.index.row_check import (
    attachment_with_check,
    checked_attachment,
    checked_value,
    checked_values,
    value_with_check,
)

_tables = st.sampled_from(Table)


@given(_tables, st.binary(max_size=40), st.binary(max_size=40))
def test_what_was_stored_comes_back(table: Table, key: bytes, content: bytes) -> None:
    """As a value and as its attachment."""
    value = value_with_check(table, key, content)
    attachment = attachment_with_check(table, key, value, content)

    assert checked_value(table, key, value) == content
    assert checked_attachment(table, key, value, attachment) == content


@given(st.lists(_tables, min_size=2, max_size=2, unique=True), st.binary(max_size=20))
def test_a_row_of_another_table_is_refused(tables: list[Table], key: bytes) -> None:
    """Though its key and content are whole."""
    stored = value_with_check(tables[0], key, b"content")

    with pytest.raises(CorruptRowError):
        checked_value(tables[1], key, stored)


def test_a_value_is_no_attachment() -> None:
    """Nor the other way round."""
    value = value_with_check(Table.OBJECTS, b"key", b"c")
    attachment = attachment_with_check(Table.OBJECTS, b"key", value, b"c")

    with pytest.raises(CorruptRowError):
        checked_attachment(Table.OBJECTS, b"key", value, value)
    with pytest.raises(CorruptRowError):
        checked_value(Table.OBJECTS, b"key", attachment)


def test_an_attachment_of_the_value_before_is_refused() -> None:
    """Though it is one of the same key: what was overwritten never comes back with new metadata."""
    before = value_with_check(Table.OBJECTS, b"key", b"value before")
    now = value_with_check(Table.OBJECTS, b"key", b"value now")
    attachment = attachment_with_check(Table.OBJECTS, b"key", before, b"content before")

    with pytest.raises(CorruptRowError):
        checked_attachment(Table.OBJECTS, b"key", now, attachment)


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20))
def test_bytes_that_moved_from_the_key_to_the_value_are_noticed(key: bytes, content: bytes) -> None:
    """And from the value to the key."""
    stored = value_with_check(Table.OBJECTS, key, content)

    with pytest.raises(CorruptRowError):
        checked_value(Table.OBJECTS, key[:-1], key[-1:] + stored)
    with pytest.raises(CorruptRowError):
        checked_value(Table.OBJECTS, key + content[:1], stored[1:])


@given(
    _tables,
    st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40)), max_size=5),
    st.integers(0, 2**32 - 1),
    st.integers(0, 4),
)
def test_rows_of_a_scan_are_checked_as_single_ones(
    table: Table, contents: list[tuple[bytes, bytes]], difference: int, damaged: int
) -> None:
    """All that fit come back; where one doesn't, it is named."""
    rows = [(key, value_with_check(table, key, content)) for key, content in contents]
    assert checked_values(table, rows) == contents

    if damaged < len(rows) and difference:
        key, stored = rows[damaged]
        check = int.from_bytes(stored[-4:], "little") ^ difference
        rows[damaged] = key, stored[:-4] + check.to_bytes(4, "little")

        with pytest.raises(CorruptRowError) as caught:
            checked_values(table, rows)
        assert caught.value.key == key


def test_a_scan_takes_keys_of_any_length() -> None:
    """Longer ones than anybody writes are checked, too."""
    key = bytes(10_000)

    assert checked_values(Table.OBJECTS, [(key, value_with_check(Table.OBJECTS, key, b"c"))]) == [
        (key, b"c")
    ]
