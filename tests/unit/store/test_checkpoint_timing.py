"""When the index is made durable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import StorageFullError
from rucket.store.checkpoint_timing import (
    INTERVAL_S,
    LOOK_INTERVAL_S,
    RECORD_COUNT,
    checkpoint_often,
)
from tests.simulator.process import Process, SimulatedTasks
from tests.simulator.scheduler import Scheduler
from tests.simulator.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

RUN_S = 10 * INTERVAL_S


class FakeStore:
    """Applies records at a rate, and notes how many each checkpoint had to make durable."""

    def __init__(self, scheduler: Scheduler, records_per_s: float) -> None:
        self._scheduler = scheduler
        self.records_per_s = records_per_s
        self.durable = 0
        self.portions: list[int] = []
        self.is_full = False

    @property
    def applied_sequence_number(self) -> int:
        """See `Store.applied_sequence_number`."""
        return int(self._scheduler.now_s * self.records_per_s)

    async def checkpoint(self) -> None:
        """See `Store.checkpoint`."""
        self.portions.append(self.applied_sequence_number - self.durable)
        if self.is_full:
            raise StorageFullError("no room")
        self.durable = self.applied_sequence_number


def _run(
    records_per_s: float, meanwhile: Callable[[FakeStore], None] = lambda _: None
) -> FakeStore:
    scheduler = Scheduler(1, Trace())
    process = Process(scheduler, "node")
    tasks = SimulatedTasks(process)
    store = FakeStore(scheduler, records_per_s)
    meanwhile(store)

    async def main() -> None:
        running = tasks.spawn(checkpoint_often(store, tasks), "checkpoints")
        await tasks.sleep(RUN_S)
        running.cancel()

    try:
        scheduler.run(process, main())
    finally:
        scheduler.close()
    return store


def test_an_idle_node_makes_no_checkpoints() -> None:
    """There is nothing to make durable."""
    assert _run(0).portions == []


def test_a_light_load_is_made_durable_once_an_interval() -> None:
    """However few records there are."""
    portions = _run(2).portions

    assert len(portions) == pytest.approx(RUN_S / INTERVAL_S, abs=1)


@pytest.mark.parametrize("records_per_s", [5_000, 15_000, 60_000])
def test_a_heavy_load_leaves_no_more_to_replay_than_a_light_one(records_per_s: int) -> None:
    """Not the interval counts then, but the number of records."""
    portions = _run(records_per_s).portions

    assert max(portions) <= RECORD_COUNT + records_per_s * LOOK_INTERVAL_S
    assert (
        len(portions)
        >= RUN_S * records_per_s / (RECORD_COUNT + records_per_s * LOOK_INTERVAL_S) - 1
    )


def test_without_room_it_is_tried_again_after_the_interval_only() -> None:
    """Each attempt costs syncs; that many records wait makes no room."""

    def fill(store: FakeStore) -> None:
        store.is_full = True

    portions = _run(60_000, fill).portions

    assert len(portions) == pytest.approx(RUN_S / INTERVAL_S, abs=1)
