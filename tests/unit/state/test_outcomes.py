"""The ring of outcomes: what is remembered, and for how long."""

from __future__ import annotations

from rucket.model.records import Content
from rucket.ports.index import Table
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import ForgetGarbage, PutObject, encode_command
from rucket.state.outcomes import OUTCOME_COUNT_MAX, Committed, RecentOutcomes
from rucket.state.rows import find_object
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import AppliedLog, an_id, dump, hlc_at, keys_of, metadata


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


def test_the_newest_outcomes_are_kept_and_no_more() -> None:
    """A new one takes the place of that so many before it, in the rows as in memory."""
    index, recent = _filled(OUTCOME_COUNT_MAX + 3)

    assert len(keys_of(index, Table.OUTCOMES)) == OUTCOME_COUNT_MAX
    for known in (recent, RecentOutcomes(index)):
        assert [known.get(an_id(number)) for number in (1, 2, 3)] == [None] * 3
        assert known.get(an_id(4)) == Committed(hlc_at(4))
        assert known.get(an_id(OUTCOME_COUNT_MAX + 3)) is not None


def test_what_is_remembered_does_not_depend_on_restarts() -> None:
    """A repeated command takes no place in the ring, so a node that goes on and one that starts
    again have to forget the same ones, or they would come apart.
    """
    index, recent = _filled(OUTCOME_COUNT_MAX)
    newest = OUTCOME_COUNT_MAX
    apply_entries([_entry(newest + 1, newest), _entry(newest + 2, newest + 2)], index, recent)
    restarted = RecentOutcomes(index)

    for number in (1, 2, 3, newest, newest + 2):
        assert recent.get(an_id(number)) == restarted.get(an_id(number)), number
    assert recent.get(an_id(2)) is None


def test_rows_are_the_same_with_and_without_restarts() -> None:
    """Whichever commands are repeated, near the end of the ring or not."""
    numbers = [1, 2, 3, 2, 4, 1, *range(5, OUTCOME_COUNT_MAX + 5)]
    numbers += [6, 7, OUTCOME_COUNT_MAX + 1, 8, 9, OUTCOME_COUNT_MAX + 10, 10, 11]
    entries = [_entry(place, number) for place, number in enumerate(numbers, start=1)]
    never, often = FakeIndex(), FakeIndex()
    apply_entries(entries, never, RecentOutcomes(never))

    apply_entries(entries[:-14], often, RecentOutcomes(often))
    for entry in entries[-14:]:
        apply_entries([entry], often, RecentOutcomes(often))

    assert dump(often) == dump(never)
