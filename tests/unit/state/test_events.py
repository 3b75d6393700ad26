"""Events that follow from the log, against what happens to the rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from rucket.model.records import Content
from rucket.ports.index import Table
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import (
    Command,
    CreateBucket,
    DeleteBucket,
    DeleteObject,
    PutObject,
    WriteCondition,
    encode_command,
)
from rucket.state.events import Event, EventKind, event_of
from rucket.state.outcomes import (
    IDLE_COUNT_MIN,
    RecentOutcomes,
    decode_idle_row,
    idle_between,
    idle_row,
)
from rucket.state.rows import put_applied_position
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import OWNER_ID, AppliedLog, an_id, dump, metadata
from tests.unit.state.command_logs import command_logs

_SEEN = (Table.OBJECTS, Table.BUCKETS)


def _events(log: AppliedLog) -> list[Event]:
    idle = idle_between(log.index, 1, len(log.entries))
    told = [event_of(entry) for entry in log.entries if entry.sequence_number not in idle]
    return [event for event in told if event is not None]


def _seen(index: FakeIndex) -> object:
    return [row for row in dump(index) if row[0] in _SEEN]


@settings(max_examples=200, deadline=None)
@given(command_logs())
def test_there_is_an_event_wherever_a_bucket_or_an_object_changed(commands: list[Command]) -> None:
    """And nowhere else: not for what was refused, repeated, or had nothing to do."""
    index = FakeIndex()
    recent = RecentOutcomes(index)
    changed: list[int] = []
    entries = [
        LogEntry(number, number << 16, encode_command(command))
        for number, command in enumerate(commands, start=1)
    ]
    for entry in entries:
        before = _seen(index)
        apply_entries([entry], index, recent)
        if _seen(index) != before:
            changed.append(entry.sequence_number)

    idle = idle_between(index, 1, len(entries))

    told = [entry for entry in entries if entry.sequence_number not in idle]
    assert [entry.sequence_number for entry in told if event_of(entry) is not None] == changed


def test_an_event_says_what_happened() -> None:
    """With what S3 tells of it."""
    log = AppliedLog()
    log.committed(CreateBucket(an_id(1), "bucket", OWNER_ID))
    put = PutObject(an_id(2), 1, "key", metadata("e", 3), Content(b"xyz"), bucket_name="bucket")
    log.committed(put)
    log.apply(
        PutObject(
            an_id(3), 1, "key", metadata("f"), Content(b"x"), WriteCondition(if_none_match=("*",))
        )
    )
    log.committed(
        PutObject(
            an_id(4),
            1,
            "copy",
            metadata("e", 3),
            Content(b"xyz"),
            bucket_name="bucket",
            is_copy=True,
        )
    )
    for key in ("key", "key", "copy"):
        log.committed(DeleteObject(log.new_id(), 1, key, bucket_name="bucket"))
    log.committed(DeleteBucket(an_id(9), 1, "bucket"))

    events = _events(log)

    assert [(event.kind, event.key) for event in events] == [
        (EventKind.BUCKET_CREATED, ""),
        (EventKind.OBJECT_PUT, "key"),
        (EventKind.OBJECT_COPIED, "copy"),
        (EventKind.OBJECT_DELETED, "key"),
        (EventKind.OBJECT_DELETED, "copy"),
        (EventKind.BUCKET_DELETED, ""),
    ]
    assert {event.bucket for event in events} == {"bucket"}
    assert events[1] == Event(
        EventKind.OBJECT_PUT, 2, log.entries[1].hlc, an_id(2), "bucket", "key", 3, "e", OWNER_ID
    )


def test_what_changed_nothing_is_known_for_long_but_not_for_ever() -> None:
    """And whoever asks for more is told, rather than told wrong."""
    index = FakeIndex()
    recent = RecentOutcomes(index)
    far = IDLE_COUNT_MIN + 5000
    for number in (5, far - 10):
        index.put(Table.OUTCOMES, *idle_row(number))
    entry = LogEntry(far, 1, encode_command(DeleteObject(an_id(1), 1, "key")))

    apply_entries([entry], index, recent)

    keys = [key for key, _ in index.scan(Table.OUTCOMES, b"\xff", None, 10)]
    assert [decode_idle_row(key, b"\x02") for key in keys] == [far - 10, far]
    assert idle_between(index, far - 20, far) == {far - 10, far}
    for first, last in ((5, far), (far, far + 1)):
        with pytest.raises(ValueError, match="isn't known"):
            idle_between(index, first, last)


def test_restarts_know_of_idle_commands_too() -> None:
    """The rows of both kinds don't get in each other's way."""
    index = FakeIndex()
    index.put(Table.OUTCOMES, *idle_row(3))
    put_applied_position(index, 3, 3)

    assert RecentOutcomes(index).first_kept == 1
