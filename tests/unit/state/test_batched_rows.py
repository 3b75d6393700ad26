"""Rows that are written once a batch."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rucket.ports.index import Table
from rucket.state.batched_rows import BatchedRows
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import dump

KEYS = st.sampled_from([b"", b"a", b"a\0", b"b", b"c"])
TABLES = st.sampled_from([Table.OBJECTS, Table.META])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), TABLES, KEYS, st.binary(max_size=2), st.binary(max_size=2)),
        st.tuples(st.just("delete"), TABLES, KEYS),
        st.tuples(st.just("delete_range"), TABLES, KEYS, KEYS),
        st.tuples(st.just("get"), TABLES, KEYS),
        st.tuples(st.just("get_with_attachment"), TABLES, KEYS),
        st.tuples(st.just("scan"), TABLES, KEYS, st.none() | KEYS, st.integers(0, 5)),
        st.tuples(st.just("scan_whole"), TABLES, KEYS, st.integers(0, 5)),
    ),
    max_size=40,
)


@given(ACTIONS, ACTIONS)
def test_reads_and_rows_are_those_of_a_transaction(
    before: list[tuple[object, ...]], actions: list[tuple[object, ...]]
) -> None:
    """Whatever was there, and in whatever order things happen."""
    plain, beneath = FakeIndex(), FakeIndex()
    for name, *arguments in before:
        getattr(plain, str(name))(*arguments)
        getattr(beneath, str(name))(*arguments)
    batched = BatchedRows(beneath)

    for name, *arguments in actions:
        expected = getattr(plain, str(name))(*arguments)
        assert getattr(batched, str(name))(*arguments) == expected
    batched.flush()

    assert dump(beneath) == dump(plain)


class _CountingIndex(FakeIndex):
    """Counts writes of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: Counter[bytes] = Counter()

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        self.writes[key] += 1
        super().put(table, key, value, attachment)


def test_a_row_that_changes_often_is_written_once() -> None:
    """With what it was last."""
    index = _CountingIndex()
    batched = BatchedRows(index)
    for number in range(5):
        batched.put(Table.META, b"counter", b"%d" % number)

    batched.flush()
    batched.flush()

    assert index.writes == {b"counter": 1}
    assert index.get(Table.META, b"counter") == b"4"
