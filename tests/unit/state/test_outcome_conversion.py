"""Outcomes of the first format."""

from __future__ import annotations

import msgspec
import pytest

from rucket.model.errors import CorruptionError
from rucket.ports.index import Table
from rucket.state.outcome_conversion import convert_outcomes
from rucket.state.outcomes import OUTCOME_COUNT_MIN, Committed, RecentOutcomes
from rucket.state.rows import put_applied_position
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import an_id, keys_of


def _index_of_format_1(newest: int) -> FakeIndex:
    """With the outcomes of all commands up to `newest` that the ring held."""
    index = FakeIndex()
    for number in range(max(1, newest - 16_383), newest + 1):
        key = (number % 16_384).to_bytes(4, "big")
        value = msgspec.msgpack.encode((number, an_id(number), Committed(number)))
        index.put(Table.OUTCOMES, key, value)
    put_applied_position(index, newest, newest)
    return index


@pytest.mark.parametrize("newest", [1, 300, 16_384, 40_000, 40_960])
def test_every_outcome_that_was_kept_is_still_known(newest: int) -> None:
    """And stands where it would stand had it been written today."""
    index = _index_of_format_1(newest)
    count = min(newest, OUTCOME_COUNT_MIN)

    assert convert_outcomes(index) == count

    recent = RecentOutcomes(index)
    assert len(keys_of(index, Table.OUTCOMES)) == count
    for number in (newest, newest - count + 1):
        assert recent.get(an_id(number)) == Committed(number)
    assert keys_of(index, Table.OUTCOMES)[-1] == newest.to_bytes(8, "big")
    assert convert_outcomes(index) == 0


def test_a_row_that_was_never_written_is_refused() -> None:
    """Rather than forgotten."""
    index = FakeIndex()
    index.put(Table.OUTCOMES, bytes(4), b"\xc1")

    with pytest.raises(CorruptionError):
        convert_outcomes(index)
