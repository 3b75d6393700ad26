"""Apply as a whole: total, pure, and never at odds with itself."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rucket.model.records import Content
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.commands import (
    Command,
    CreateBucket,
    DeleteBucket,
    DeleteObject,
    ForgetGarbage,
    MalformedCommandError,
    PutObject,
    decode_command,
    encode_command,
)
from rucket.state.outcomes import Committed, Conflicted, Outcome, RecentOutcomes, Rejected
from rucket.state.rows import applied_position
from tests.golden.values import COMMANDS
from tests.unit.fakes import FakeIndex
from tests.unit.state.applied_log import (
    OWNER_ID,
    Dump,
    an_id,
    dump,
    hlc_at,
    in_blobs,
    metadata,
    recount,
    replay,
)
from tests.unit.state.command_logs import command_logs

EXAMPLES = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])


def _entries(commands: list[Command]) -> list[LogEntry]:
    return [
        LogEntry(place, hlc_at(place * 1000), encode_command(command))
        for place, command in enumerate(commands, start=1)
    ]


def _digest(rows: Dump) -> str:
    return hashlib.sha256(repr(rows).encode()).hexdigest()


@EXAMPLES
@given(command_logs())
def test_every_command_has_an_outcome_and_leaves_the_rows_in_order(
    commands: list[Command],
) -> None:
    """Counters, references and garbage are what a recount finds, after each command."""
    index = FakeIndex()
    recent = RecentOutcomes(index)

    for entry in _entries(commands):
        ((commit_id, outcome),) = apply_entries([entry], index, recent)
        assert commit_id == decode_command(entry.payload).commit_id
        assert isinstance(outcome, Outcome)
        recount(index)
        assert applied_position(index) == (entry.sequence_number, entry.hlc)


@EXAMPLES
@given(command_logs(), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_batches_make_no_difference(commands: list[Command], batch_sizes: list[int]) -> None:
    """One transaction a command, or one for all: the rows are the same to the byte."""
    entries = _entries(commands)

    assert replay(entries, batch_sizes) == replay(entries, [1]) == replay(entries, [len(entries)])


@EXAMPLES
@given(command_logs(), st.data())
def test_a_replay_answers_what_was_answered(commands: list[Command], data: st.DataObject) -> None:
    """A node that starts again in between, with nothing but its rows, goes on as if it hadn't."""
    entries = _entries(commands)
    crash = data.draw(st.integers(0, len(entries)))
    through, again = FakeIndex(), FakeIndex()
    outcomes = apply_entries(entries, through, RecentOutcomes(through))

    before = apply_entries(entries[:crash], again, RecentOutcomes(again))
    after = apply_entries(entries[crash:], again, RecentOutcomes(again))

    assert before + after == outcomes
    assert dump(again) == dump(through)


@EXAMPLES
@given(command_logs())
def test_a_refused_command_changes_nothing(commands: list[Command]) -> None:
    """But the place it takes in the log."""
    index = FakeIndex()
    recent = RecentOutcomes(index)
    for entry in _entries(commands):
        before = _without_bookkeeping(index)
        ((_, outcome),) = apply_entries([entry], index, recent)
        if isinstance(outcome, Rejected | Conflicted):
            assert _without_bookkeeping(index) == before


def _without_bookkeeping(index: FakeIndex) -> Dump:
    return [row for row in dump(index) if row[0].name not in {"META", "OUTCOMES"}]


def _scripted_log() -> list[LogEntry]:
    """Always the same long log, in which much happens."""
    generator = random.Random(7)
    commands: list[Command] = [CreateBucket(an_id(1), "bucket", OWNER_ID)]
    for number in range(2, 1500):
        key = f"key-{generator.randrange(40)}"
        content = generator.choice((Content(b"x"), in_blobs(number), in_blobs(number, number)))
        commands.append(
            generator.choice(
                (
                    PutObject(an_id(number), 1, key, metadata(f"e-{number}", number), content),
                    PutObject(an_id(number), 1, key, metadata(f"e-{number}", number), content),
                    DeleteObject(an_id(number), 1, key),
                    ForgetGarbage(an_id(number), (an_id(max(number - 9, 0)), an_id(number))),
                    DeleteBucket(an_id(number), 1, "bucket"),
                )
            )
        )
    return _entries(commands)


def scripted_digest() -> str:
    """What the rows of the scripted log come to; another process prints it."""
    return _digest(replay(_scripted_log(), [64]))


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_hash_seed_changes_nothing(hash_seed: str) -> None:
    """No order of a set or dictionary of strings gets into the rows."""
    program = "from tests.unit.state.test_apply import scripted_digest; print(scripted_digest())"
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )

    assert process.stdout.strip() == scripted_digest()


_TWO_UP = msgspec.msgpack.encode([2, an_id(1), 1, "bucket"])


@pytest.mark.parametrize(
    "payload",
    [
        _TWO_UP.replace(b"bucket", b"b\xffcket"),
        _TWO_UP[:-7] + b"\x91" * 100_000 + b"\x01",
        msgspec.msgpack.encode([2, an_id(1), -1, "bucket"]),
        msgspec.msgpack.encode([2, b"short", 1, "bucket"]),
        msgspec.msgpack.encode([6, an_id(1), 1, "k", an_id(2), 65_536, [0, 1, "e"], [None, []]]),
        msgspec.msgpack.encode([6, an_id(1), 1, "k", an_id(2), -1, [0, 1, "e"], [None, []]]),
        msgspec.msgpack.encode([6, an_id(1), 1, "k", an_id(2), 1, [0, -1, "e"], [None, []]]),
        msgspec.msgpack.encode([3, an_id(1), 1, "k", [b"", 0, 2**60, "e", "o"], [b"x", []]]),
    ],
    ids=[
        "text that is no UTF-8",
        "nested without end",
        "negative bucket id",
        "short id",
        "part number beyond u16",
        "negative part number",
        "negative size",
        "size that no counter holds",
    ],
)
def test_what_no_row_could_hold_is_no_command(payload: bytes) -> None:
    """It is refused before it is in the log, where it would stop the node again and again."""
    with pytest.raises(MalformedCommandError):
        decode_command(b"\x01" + payload)


def test_every_kind_of_command_is_applied_to_an_empty_index() -> None:
    """Where most of what they name isn't there."""
    index = FakeIndex()

    outcomes = [
        outcome
        for command in COMMANDS
        for _, outcome in apply_entries(_entries([command]), index, RecentOutcomes(FakeIndex()))
    ]

    assert len(outcomes) == len(COMMANDS)
    assert any(isinstance(outcome, Committed) for outcome in outcomes)
    recount(index)
