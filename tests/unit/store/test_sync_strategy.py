"""When a sync is due. Source: docs/consistency.md."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rucket.store.sync_strategy import ALWAYS, SyncMode, SyncSchedule, SyncStrategy

_STRATEGIES = st.builds(
    SyncStrategy,
    st.sampled_from([SyncMode.PERIODIC, SyncMode.THRESHOLD]),
    period_s=st.floats(0.001, 10),
    threshold_bytes=st.integers(1, 5000),
    threshold_operations=st.integers(1, 20),
    idle_s=st.floats(0.001, 10),
)


def test_nothing_is_due_where_nothing_is_unsynced() -> None:
    """Under any strategy."""
    for mode in SyncMode:
        schedule = SyncSchedule(SyncStrategy(mode))

        assert schedule.due_in_s(1000.0) == math.inf


def test_a_period_counts_from_the_oldest_write() -> None:
    """However many follow."""
    schedule = SyncSchedule(SyncStrategy(SyncMode.PERIODIC, period_s=2.0))

    schedule.wrote(1, 10, 100.0)
    schedule.wrote(1, 10, 101.5)

    assert schedule.due_in_s(101.5) == 0.5
    assert schedule.due_in_s(103.0) == 0.0


def test_a_threshold_is_due_when_it_is_reached_or_nothing_comes() -> None:
    """Operations, bytes, or a pause after the newest write."""
    strategy = SyncStrategy(
        SyncMode.THRESHOLD, threshold_bytes=100, threshold_operations=3, idle_s=5.0
    )
    by_count, by_size, by_pause = (SyncSchedule(strategy) for _ in range(3))
    by_count.wrote(3, 3, 0.0)
    by_size.wrote(1, 100, 0.0)
    by_pause.wrote(1, 1, 0.0)
    by_pause.wrote(1, 1, 4.0)

    assert [by_count.due_in_s(0.0), by_size.due_in_s(0.0)] == [0.0, 0.0]
    assert [by_pause.due_in_s(4.0), by_pause.due_in_s(9.0)] == [5.0, 0.0]


def test_never_means_never() -> None:
    """However much is written, and however long ago."""
    schedule = SyncSchedule(SyncStrategy(SyncMode.NEVER))

    schedule.wrote(10**6, 10**9, 0.0)

    assert schedule.due_in_s(10.0**6) == math.inf
    assert schedule.unsynced_operation_count == 10**6


@given(
    strategy=_STRATEGIES,
    steps=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 500), st.floats(0, 3)), min_size=1),
)
def test_whoever_syncs_when_it_is_due_stays_within_the_window(
    strategy: SyncStrategy, steps: list[tuple[int, int, float]]
) -> None:
    """Writers that wait for a sync that is due, and take no more than is left, keep the figures."""
    schedule = SyncSchedule(strategy)
    now_s, oldest_s = 0.0, math.inf
    for operation_count, size_bytes, pause_s in steps:
        now_s += pause_s
        if schedule.due_in_s(now_s) <= 0:
            schedule.began()
            schedule.ended()
            oldest_s = math.inf
        count = int(min(operation_count, schedule.operations_left()))
        schedule.wrote(count, size_bytes, now_s)
        oldest_s = min(oldest_s, now_s)

        if strategy.mode is SyncMode.THRESHOLD:
            assert schedule.unsynced_operation_count <= strategy.threshold_operations
            assert schedule.unsynced_size_bytes < strategy.threshold_bytes + 500
        else:
            assert now_s - oldest_s < strategy.period_s


def test_what_is_being_synced_is_not_synced_yet() -> None:
    """It counts until the sync has ended."""
    schedule = SyncSchedule(SyncStrategy(SyncMode.PERIODIC))
    schedule.wrote(2, 20, 0.0)
    schedule.began()
    schedule.wrote(1, 10, 1.0)

    assert (schedule.unsynced_operation_count, schedule.unsynced_size_bytes) == (3, 30)
    schedule.ended()
    assert (schedule.unsynced_operation_count, schedule.unsynced_size_bytes) == (1, 10)


@pytest.mark.parametrize(
    ("strategy", "window"),
    [
        (ALWAYS, "nothing"),
        (SyncStrategy(SyncMode.PERIODIC, period_s=0.5), "the writes of the last 1 s"),
        (SyncStrategy(SyncMode.THRESHOLD, threshold_operations=7), "the last 14 writes"),
        (SyncStrategy(SyncMode.NEVER), "all writes since the last checkpoint"),
    ],
)
def test_the_window_is_said_in_words(strategy: SyncStrategy, window: str) -> None:
    """A start with such a strategy tells the operator what it costs."""
    assert strategy.loss_window().startswith(window)
