"""Outcomes: what is remembered, and for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.records import Content
from rucket.ports.index import Table
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import ForgetGarbage, PutObject, encode_command
from rucket.state.outcomes import (
    OUTCOME_COUNT_MIN,
    Committed,
    OutcomeRow,
    RecentOutcomes,
    decode_outcome_row,
    encode_outcome_row,
    first_kept,
)
from rucket.state.rows import find_object
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import AppliedLog, an_id, dump, hlc_at, keys_of, metadata

_FULL = OUTCOME_COUNT_MIN + 1024
"""Where the first ones are forgotten."""


def _entry(sequence_number: int, commit_number: int) -> LogEntry:
    command = ForgetGarbage(an_id(commit_number), ())
    return LogEntry(sequence_number, hlc_at(sequence_number), encode_command(command))


def _filled(count: int) -> tuple[FakeIndex, RecentOutcomes]:
    index = FakeIndex()
    recent = RecentOutcomes(index)
    apply_entries([_entry(number, number) for number in range(1, count + 1)], index, recent)
    return index, recent


def test_a_repeated_command_happens_once_and_is_answered_as_before() -> None:
    """Also from the rows, after a restart."""
    log = AppliedLog()
    log.make_bucket()
    command = PutObject(log.new_id(), 1, "key", metadata(), Content(b"x"))
    first = log.apply(command)

    assert log.apply(command) == first
    log.recent = RecentOutcomes(log.index)
    assert log.apply(command) == first
    found = find_object(log.index, 1, "key")
    assert found is not None
    assert isinstance(first, Committed)
    assert found.hlc == first.hlc


def test_the_newest_outcomes_are_kept_and_old_ones_go_many_at_a_time() -> None:
    """In the rows as in memory, which agree on what is kept."""
    index, recent = _filled(_FULL - 1)
    assert len(keys_of(index, Table.OUTCOMES)) == _FULL - 1
    assert recent.first_kept == 1

    apply_entries([_entry(_FULL, _FULL)], index, recent)

    assert len(keys_of(index, Table.OUTCOMES)) == OUTCOME_COUNT_MIN
    for known in (recent, RecentOutcomes(index)):
        assert known.first_kept == 1025
        assert known.get(an_id(1024)) is None
        assert known.get(an_id(1025)) == Committed(hlc_at(1025))
        assert known.get(an_id(_FULL)) is not None


@given(st.integers(0, 10 * _FULL))
def test_enough_are_kept_and_not_many_more(sequence_number: int) -> None:
    """After any command; and none that has been forgotten comes back."""
    kept = sequence_number - first_kept(sequence_number) + 1

    assert min(sequence_number, OUTCOME_COUNT_MIN) <= kept < _FULL
    assert first_kept(sequence_number) <= first_kept(sequence_number + 1)


def test_rows_are_the_same_with_and_without_restarts() -> None:
    """Whichever commands are repeated, where old ones are forgotten or not."""
    numbers = [1, 2, 3, 2, 4, 1, *range(5, _FULL - 4)]
    numbers += [6, 7, 1026, 8, 9, 1023, 10, 11, _FULL + 20, 1024, 1025, 1026, 1027, 1]
    entries = [_entry(place, number) for place, number in enumerate(numbers, start=1)]
    assert entries[-1].sequence_number > _FULL
    never, often = FakeIndex(), FakeIndex()
    apply_entries(entries, never, RecentOutcomes(never))

    apply_entries(entries[:-14], often, RecentOutcomes(often))
    for entry in entries[-14:]:
        apply_entries([entry], often, RecentOutcomes(often))

    assert dump(often) == dump(never)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (bytes(8), b"\x03" + bytes(16) + b"\x91\x03", UnknownFormatError),
        (bytes(8), b"", CorruptionError),
        (bytes(4), b"\x02" + bytes(16) + b"\x91\x03", CorruptionError),
        (bytes(8), b"\x02" + bytes(9), CorruptionError),
        (bytes(8), b"\x02" + bytes(16) + b"\xc1", CorruptionError),
    ],
    ids=["newer", "empty", "key of the first format", "cut off", "no outcome"],
)
def test_what_is_no_row_of_outcomes_is_refused(
    key: bytes, value: bytes, error: type[Exception]
) -> None:
    """With an error that a reader can expect."""
    with pytest.raises(error):
        decode_outcome_row(key, value)


def test_a_row_says_where_in_the_log_its_command_was() -> None:
    """Rows are in log order."""
    rows = [OutcomeRow(number, an_id(number), Committed(number)) for number in (1, 255, 256, 2**40)]
    encoded = [encode_outcome_row(row) for row in rows]

    assert encoded == sorted(encoded)
    assert [decode_outcome_row(*row) for row in encoded] == rows
