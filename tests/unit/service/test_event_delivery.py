"""Delivery of events: what the sink is given, whatever fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import CorruptionError, DeliveryFailedError, LogPositionLostError
from rucket.model.records import Content
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.service.event_delivery import CURSOR_NAME, DeliveryPorts, EventDelivery
from rucket.state.commands import DeleteObject, PutObject
from tests.unit.fakes import FakeClock, FakeRandom
from tests.unit.state.applied_log import AppliedLog, metadata

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rucket.ports.log import LogEntry
    from rucket.state.events import Event


class _World:
    """A log, a sink and a cursor; everything but the node's side of it.

    Attributes:
        told: the events that the sink has taken, in order.
        failures: so many of the next deliveries fail.
        first: the oldest record that the log still holds.
    """

    def __init__(self) -> None:
        self.log = AppliedLog()
        self.clock = FakeClock()
        self.told: list[Event] = []
        self.batches: list[int] = []
        self.failures = 0
        self.failed_count = 0
        self.first = 1
        self.cursor: int | None = None
        self.is_cursor_damaged = False
        self.lost_count = 0
        self.behind = 0
        self.log.make_bucket()

    def put(self, *keys: str) -> None:
        for key in keys:
            command = PutObject(self.log.new_id(), 1, key, metadata(), Content(b"x"))
            self.log.committed(command)

    # CommittedLog
    def read(self, after: int, last: int, size_bytes_max: int) -> Sequence[LogEntry]:
        del size_bytes_max
        if after + 1 < self.first:
            raise LogPositionLostError(after, self.first)
        return self.log.entries[after : min(last, after + 4)]

    # CursorFile
    def load(self, name: str) -> int | None:
        assert name == CURSOR_NAME
        if self.is_cursor_damaged:
            raise CorruptionError("the cursor", "damaged")
        return self.cursor

    def save(self, name: str, position: int) -> None:
        assert name == CURSOR_NAME
        self.cursor = position

    # EventSink
    def deliver(self, events: Sequence[Event]) -> None:
        if self.failures:
            self.failures -= 1
            raise DeliveryFailedError("away")
        self.told += events
        self.batches.append(len(events))

    # DeliveryObserver
    def delivered(self, event_count: int) -> None:
        assert event_count == self.batches[-1]

    def failed(self) -> None:
        self.failed_count += 1

    def lost(self, record_count: int) -> None:
        self.lost_count += record_count

    def is_behind_by(self, record_count: int) -> None:
        self.behind = record_count

    def deliver_all(self, events_per_delivery_max: int = 100) -> None:
        """A process that delivers until there is nothing more."""

        async def scenario(delivery: EventDelivery) -> None:
            while await delivery.step():
                pass

        self.with_delivery(scenario, events_per_delivery_max)

    def with_delivery(
        self,
        scenario: Callable[[EventDelivery], Awaitable[None]],
        events_per_delivery_max: int = 100,
    ) -> None:
        async def run() -> None:
            tasks = AsyncioTasks(1)
            ports = DeliveryPorts(
                index=self.log.index,
                log=self,
                cursors=self,
                sink=self,
                observer=self,
                tasks=tasks,
                clock=self.clock,
                random=FakeRandom(),
            )
            await scenario(EventDelivery(ports, events_per_delivery_max, 0.01))
            tasks.close()

        asyncio.run(run())

    def keys(self) -> list[str]:
        return [event.key for event in self.told]


@pytest.fixture
def world() -> _World:
    return _World()


def test_a_new_consumer_is_told_what_happens_from_now_on(world: _World) -> None:
    """And goes on where it was after a restart."""
    world.put("before")
    world.deliver_all()
    world.put("a", "b")
    world.deliver_all()
    world.deliver_all()
    world.put("c")
    world.deliver_all()

    assert world.keys() == ["a", "b", "c"]
    assert world.cursor == len(world.log.entries)


def test_what_changed_nothing_is_not_told(world: _World) -> None:
    """A deletion of what isn't there."""
    world.deliver_all()
    world.log.apply(DeleteObject(world.log.new_id(), 1, "nothing"))
    world.put("a")

    world.deliver_all()

    assert world.keys() == ["a"]


def test_a_sink_gets_as_many_events_at_once_as_it_may(world: _World) -> None:
    """In order."""
    world.deliver_all()
    keys = [f"key-{number}" for number in range(11)]
    world.put(*keys)

    world.deliver_all(events_per_delivery_max=3)

    assert world.keys() == keys
    assert max(world.batches) == 3


def test_a_sink_that_is_away_is_tried_again(world: _World) -> None:
    """Nothing is left out, and nothing overtakes."""
    world.deliver_all()
    world.put("a", "b", "c", "d", "e", "f")
    world.failures = 2

    world.deliver_all(events_per_delivery_max=1)

    assert world.keys() == ["a", "b", "c", "d", "e", "f"]
    assert world.failed_count == 2


def test_a_process_that_ends_before_its_cursor_has_moved_tells_again(world: _World) -> None:
    """At least once."""
    world.deliver_all()

    async def interrupted(delivery: EventDelivery) -> None:
        assert await delivery.step()

    world.put("a", "b")
    world.with_delivery(interrupted)
    world.deliver_all()

    assert world.keys() == ["a", "b", "a", "b"]


def test_a_consumer_that_lost_its_place_goes_on_where_it_can(world: _World) -> None:
    """Loudly: the records that are gone are counted."""
    world.deliver_all()
    world.put(*(f"key-{number}" for number in range(10)))
    assert world.cursor is not None
    world.first = world.cursor + 5

    world.deliver_all()

    assert world.keys() == [f"key-{number}" for number in range(4, 10)]
    assert world.lost_count == 4


def test_a_cursor_ahead_of_the_log_has_lost_its_place(world: _World) -> None:
    """A log that was synced later lost its end; what comes now is told."""
    world.cursor = len(world.log.entries) + 7
    world.deliver_all()
    world.put("a")

    world.deliver_all()

    assert world.keys() == ["a"]
    assert world.lost_count == 7


def test_a_damaged_cursor_has_everything_told_again(world: _World) -> None:
    """That the log still holds."""
    world.put("a", "b")
    world.is_cursor_damaged = True

    world.deliver_all()

    assert world.keys() == ["", "a", "b"]
