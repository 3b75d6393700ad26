"""The hybrid logical clock: what holds whatever the wall clock does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.model.hlc import (
    LOGICAL_MASK,
    REMOTE_SKEW_MS_MAX,
    HlcClock,
    HlcTimestamp,
    RemoteClockSkewError,
)

MOMENTS = st.integers(0, 2**41)
STAMPS = st.builds(HlcTimestamp.of, MOMENTS, st.integers(0, LOGICAL_MASK))
NOW_MS = 1_700_000_000_000


class _WallClock:
    """A clock that a test sets."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


@given(st.integers(0, 2**48 - 1), st.integers(0, LOGICAL_MASK))
def test_a_stamp_has_its_parts(physical_ms: int, logical: int) -> None:
    """48 bits of milliseconds, 16 bits of order; stamps are ordered by both."""
    stamp = HlcTimestamp.of(physical_ms, logical)

    assert (stamp.physical_ms, stamp.logical) == (physical_ms, logical)
    assert stamp.value < 2**64


@given(STAMPS, STAMPS)
def test_stamps_are_ordered_by_time_then_by_counter(
    stamp: HlcTimestamp, other: HlcTimestamp
) -> None:
    """As their numbers are."""
    parts = (stamp.physical_ms, stamp.logical)

    assert (stamp < other) == (parts < (other.physical_ms, other.logical))


@given(st.lists(MOMENTS, min_size=1))
def test_stamps_only_grow_whatever_the_clock_does(moments_ms: list[int]) -> None:
    """It may stand still, step back or leap; no stamp is behind the clock."""
    wall = _WallClock()
    clock = HlcClock(wall)
    last = HlcTimestamp(0)

    for wall.now_ms in moments_ms:
        stamp = clock.now()
        assert stamp > last
        assert stamp.physical_ms >= wall.now_ms
        last = stamp


@given(st.lists(MOMENTS, min_size=1))
def test_a_stamp_is_ahead_of_the_clock_only_while_the_clock_is_behind(
    moments_ms: list[int],
) -> None:
    """The milliseconds are those of the latest time that was ever seen."""
    wall = _WallClock()
    clock = HlcClock(wall)
    latest_ms = 0

    for wall.now_ms in moments_ms:
        latest_ms = max(latest_ms, wall.now_ms)
        assert clock.now().physical_ms == latest_ms


@given(STAMPS, MOMENTS, st.booleans())
def test_a_restart_goes_on_behind_the_last_stamp(
    last: HlcTimestamp,
    now_ms: int,
    is_observed: bool,  # noqa: FBT001
) -> None:
    """Whether that is known at once or read from the log later, and whatever time it is by then."""
    clock = HlcClock(_WallClock(now_ms), HlcTimestamp(0) if is_observed else last)
    if is_observed:
        clock.observe(last)

    stamp = clock.now()

    assert stamp > last
    assert stamp.physical_ms >= now_ms


@given(st.lists(STAMPS, min_size=1))
def test_observing_never_goes_back(stamps: list[HlcTimestamp]) -> None:
    """The greatest stamp counts, in whatever order they are read."""
    clock = HlcClock(_WallClock(0))
    for stamp in stamps:
        clock.observe(stamp)

    assert clock.now().value == max(stamps).value + 1


@given(STAMPS, MOMENTS, st.lists(MOMENTS, max_size=3))
def test_an_update_is_greater_than_the_remote_stamp_or_refused(
    remote: HlcTimestamp, now_ms: int, before_ms: list[int]
) -> None:
    """Refused exactly when the remote is more than half a second ahead of our wall clock; then
    nothing has changed but the count.
    """
    wall = _WallClock()
    clock, untouched = HlcClock(wall), HlcClock(wall)
    for wall.now_ms in before_ms:
        clock.now()
        untouched.now()
    last = clock.now()
    assert untouched.now() == last
    wall.now_ms = now_ms

    if remote.physical_ms - now_ms > REMOTE_SKEW_MS_MAX:
        with pytest.raises(RemoteClockSkewError):
            clock.update(remote)
        assert clock.rejected_count == 1
        assert clock.now() == untouched.now()
    else:
        stamp = clock.update(remote)
        assert stamp > remote
        assert stamp > last
        assert clock.rejected_count == 0


@pytest.mark.parametrize(("ahead_ms", "is_taken"), [(0, True), (500, True), (501, False)])
def test_half_a_second_is_the_limit(ahead_ms: int, is_taken: bool) -> None:  # noqa: FBT001
    """Of what another node's clock may be ahead; its counter doesn't matter."""
    clock = HlcClock(_WallClock())
    remote = HlcTimestamp.of(NOW_MS + ahead_ms, LOGICAL_MASK)

    if is_taken:
        assert clock.update(remote).value == remote.value + 1
    else:
        with pytest.raises(RemoteClockSkewError):
            clock.update(remote)


def test_the_limit_is_measured_from_the_wall_clock_and_not_from_the_last_stamp() -> None:
    """Otherwise two nodes could drive one another ahead, half a second at a time."""
    wall = _WallClock()
    clock = HlcClock(wall)
    clock.update(HlcTimestamp.of(NOW_MS + 400))

    with pytest.raises(RemoteClockSkewError):
        clock.update(HlcTimestamp.of(NOW_MS + 800))


def test_a_counter_that_overflows_runs_on_into_the_milliseconds() -> None:
    """More stamps in a millisecond than the counter has numbers for: none is repeated."""
    clock = HlcClock(_WallClock(), HlcTimestamp.of(NOW_MS, LOGICAL_MASK - 1))

    stamps = [clock.now() for _ in range(3)]

    assert stamps == [
        HlcTimestamp.of(NOW_MS, LOGICAL_MASK),
        HlcTimestamp.of(NOW_MS + 1, 0),
        HlcTimestamp.of(NOW_MS + 1, 1),
    ]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-300, 300)), max_size=40))
def test_a_message_is_stamped_before_whatever_follows_it(steps: list[tuple[int, int]]) -> None:
    """Two nodes with clocks that differ tell each other their stamps: what happened because of
    something else has the greater one.
    """
    walls = (_WallClock(), _WallClock(NOW_MS + 100))
    clocks = tuple(map(HlcClock, walls))

    for receiver, step_ms in steps:
        walls[receiver].now_ms = max(NOW_MS, walls[receiver].now_ms + step_ms)
        walls[1 - receiver].now_ms = walls[receiver].now_ms + 100
        sent = clocks[1 - receiver].now()
        if sent.physical_ms - walls[receiver].now_ms > REMOTE_SKEW_MS_MAX:
            continue
        received = clocks[receiver].update(sent)
        assert received > sent
        assert clocks[receiver].now() > received
