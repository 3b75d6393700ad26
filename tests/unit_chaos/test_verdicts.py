"""What notes prove: each promise is broken in turn by planted notes, and told."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from chaos.faults import Unreachable
from chaos.scenario import Hypothesis, Load, Planned, Scenario
from chaos.verdicts import judge
from chaos.workload import Notes, body_of, write_id_of
from rucket_platform.histories.availability import Attempt
from rucket_platform.histories.history import Answer, Kind
from rucket_platform.histories.listing import Listing
from rucket_platform.histories.versions import VersionWrite

KEY = "k/00"
HEALED_S = 10.0
SCENARIO = Scenario(
    "planted",
    "",
    (Planned(Unreachable(), 5, 5),),
    hypothesis=Hypothesis(operation_count_min=20, overlap_min=0.1, recovery_s_max=2),
)


def write(notes: Notes, value: str, start_s: float, end_s: float = math.inf) -> None:
    operation = notes.history.start("w", KEY, Kind.WRITE, value, start_s)
    if end_s < math.inf:
        operation.ended_s, operation.answer = end_s, Answer.DONE


def read(notes: Notes, value: str | None, start_s: float, modified_s: float = 0) -> None:
    notes.history.read("r", KEY, (value,), start_s, start_s + 0.2)
    notes.modified_s.setdefault(KEY, []).append((start_s, start_s + 0.2, modified_s))


def good_notes() -> Notes:
    """A run in which all is well: writes and reads that meet, a fault from 5 to 10 s."""
    notes = Notes()
    for second in range(20):
        write(notes, f"w/{second}", second, second + 0.5)
        read(notes, f"w/{second}", second + 0.4, second)
        error = "EndpointConnectionError" if 5 <= second < 10 else ""
        notes.attempts += [Attempt("PutObject", second, second + 0.5, error)] * 2
    notes.listings.append(Listing("l", frozenset({KEY}), 15, 15.5))
    read(notes, "w/19", 21, 20)
    return notes


def broken(notes: Notes) -> list[str]:
    return [v.promise for v in judge(SCENARIO, notes, HEALED_S) if not v.kept]


def test_a_run_in_which_all_is_well_breaks_nothing() -> None:
    """And each verdict says what was seen."""
    verdicts = judge(SCENARIO, good_notes(), HEALED_S)
    assert [verdict.problems for verdict in verdicts if not verdict.kept] == []
    assert all(verdict.seen for verdict in verdicts)


def lost_write(notes: Notes) -> None:
    write(notes, "w/last", 22, 23)
    read(notes, "w/19", 24, 24)


def never_read_again(notes: Notes) -> None:
    write(notes, "w/last", 22, 23)


def torn_body(notes: Notes) -> None:
    notes.torn.append("half of it")


def stale_read(notes: Notes) -> None:
    read(notes, "w/3", 12.7, 30)
    read(notes, "w/19", 25, 30)


def lost_update(notes: Notes) -> None:
    for client in ("one", "two"):
        operation = notes.history.start(client, "k/01", Kind.CREATE, client, 1)
        operation.ended_s, operation.answer = 2, Answer.DONE


def missing_entry(notes: Notes) -> None:
    notes.listings.append(Listing("l", frozenset(), 16, 16.5))


def back_in_time(notes: Notes) -> None:
    read(notes, "w/19", 26, 3)


def refusals_in_calm(notes: Notes) -> None:
    notes.attempts += [Attempt("GetObject", 2, 2.1, "InternalError")] * 5


def late_failure(notes: Notes) -> None:
    notes.attempts.append(Attempt("GetObject", 18, 18.5, "InternalError"))


def idle(notes: Notes) -> None:
    del notes.attempts[3:]
    notes.attempts.append(Attempt("GetObject", 19, 19.5))


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (lost_write, "durability"),
        (never_read_again, "durability"),
        (torn_body, "atomicity"),
        (stale_read, "linearizability"),
        (lost_update, "linearizability"),
        (missing_entry, "listings"),
        (back_in_time, "monotone versions"),
        (refusals_in_calm, "availability"),
        (late_failure, "recovery"),
        (idle, "enough work"),
    ],
)
def test_what_breaks_a_promise_is_told_under_its_name(
    plant: Callable[[Notes], None], promise: str
) -> None:
    """A checker that finds nothing would be worth nothing."""
    notes = good_notes()
    plant(notes)
    assert promise in broken(notes)


def test_without_contention_nothing_is_proved_and_that_is_told() -> None:
    """An operation at a time can't be out of order."""
    notes = good_notes()
    for operation in notes.history.operations:
        operation.ended_s = min(operation.ended_s, operation.started_s + 0.01)
    assert "enough work" in broken(notes)


def test_versions_are_judged_where_they_are_kept() -> None:
    """One that was acknowledged, and isn't listed at the end, is lost."""
    kept = replace(SCENARIO, load=Load(keeps_versions=True))
    notes = good_notes()
    notes.versions.writes.append(VersionWrite(KEY, "v1", "w/1", 1, 1.5))
    (verdict,) = (v for v in judge(kept, notes, HEALED_S) if v.promise == "kept versions")
    assert "acknowledged, but isn't listed" in verdict.problems[0]
    notes.versions.listed[KEY] = ["v1"]
    assert all(verdict.kept for verdict in judge(kept, notes, HEALED_S))


@pytest.mark.parametrize("size_bytes", [0, 20, 100, 9_000, 100_000])
def test_a_body_tells_its_write_and_any_other_byte_is_seen(size_bytes: int) -> None:
    """Cut, mixed or changed in a single bit it is of no write."""
    body = body_of("client-1/7", size_bytes)
    assert write_id_of(body) == "client-1/7"
    other = body_of("client-2/7", size_bytes)
    for wrong in (
        body[:-1],
        body + b"\0",
        body[: len(body) // 2] + other[len(body) // 2 :],
        body[:-1] + bytes([body[-1] ^ 1]),
        b"",
    ):
        assert write_id_of(wrong) != "client-1/7"
