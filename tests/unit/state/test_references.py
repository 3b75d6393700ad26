"""Who uses which blob."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rucket.ports.index import Table
from rucket.state.references import acquire, all_in_use, release
from rucket.state.rows import reference_count
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import an_id, in_blobs, keys_of

CONTENTS = st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=8)


@given(CONTENTS, st.data())
def test_a_blob_is_garbage_when_its_last_reference_goes(
    contents: list[list[int]], data: st.DataObject
) -> None:
    """Counting as a bag would; a blob named twice by one content counts twice."""
    index = FakeIndex()
    bag: Counter[int] = Counter()
    given_up: set[int] = set()
    for blobs in contents:
        acquire(in_blobs(*blobs), index)
        bag.update(blobs)
    for blobs in data.draw(st.permutations(contents)):
        assert all_in_use(in_blobs(*blobs), index)
        release(in_blobs(*blobs), 7, index)
        bag.subtract(blobs)
        given_up |= {blob for blob in blobs if not bag[blob]}

        assert [reference_count(index, an_id(blob)) for blob in range(5)] == [
            bag[blob] for blob in range(5)
        ]
        assert keys_of(index, Table.GARBAGE) == sorted(map(an_id, given_up))


def test_a_content_without_blobs_is_in_use() -> None:
    """Whatever there is."""
    assert all_in_use(in_blobs(), FakeIndex())
