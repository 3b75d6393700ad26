"""Delivering events: what the log says has happened is told to a sink, in order, at least once.

::

    cursor ──> log tail, up to what the index shows ──> commands that changed something
           ──> events ──> sink ──acknowledged──> cursor

The cursor moves after the sink has taken the events, so a crash in between tells them again. The
log is followed in its order, and a batch is told before the next one is read, so the events of a
key come in the order in which they happened. A sink that is away is tried again for ever, while the
log keeps what wasn't told; how much it keeps is bounded, and who falls behind that loses its place,
which is logged and counted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rucket.model.errors import CorruptionError, DeliveryFailedError, LogPositionLostError
from rucket.state.events import Event, event_of
from rucket.state.outcomes import IDLE_COUNT_MIN, first_kept, idle_between
from rucket.state.rows import applied_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.clock import Clock
    from rucket.ports.index import IndexReader
    from rucket.ports.log import LogEntry
    from rucket.ports.random import Random
    from rucket.ports.tasks import Tasks

CURSOR_NAME = "events"
_READ_SIZE_BYTES_MAX = 1024 * 1024
_SAVE_INTERVAL_S = 1.0
_RETRY_DELAY_S_MIN = 0.1
_RETRY_DELAY_S_MAX = 30.0

_logger = logging.getLogger(__name__)


class EventSink(Protocol):
    """Where events go."""

    def deliver(self, events: Sequence[Event]) -> None:
        """Returns once the sink has taken the events, in order. Blocks.

        Raises:
            DeliveryFailedError: it has not, or maybe not.
        """
        ...


class CommittedLog(Protocol):
    """The log, as a consumer reads it. All calls block."""

    def read(self, after: int, last: int, size_bytes_max: int) -> Sequence[LogEntry]:
        """The records behind `after`, up to `last`: one or more, of about `size_bytes_max`.

        Raises:
            LogPositionLostError: they are gone.
            CorruptionError: one can't be read.
        """
        ...


class CursorFile(Protocol):
    """Keeps how far consumers have come (`rucket.store.log_cursors`). All calls block."""

    def load(self, name: str) -> int | None:
        """The last record that the consumer is done with; None if it is new."""
        ...

    def save(self, name: str, position: int) -> None:
        """Moves the cursor; durable on return."""
        ...


class DeliveryObserver(Protocol):
    """Is told how delivery goes."""

    def delivered(self, event_count: int) -> None:
        """The sink has taken so many events."""
        ...

    def failed(self) -> None:
        """The sink hasn't taken what it was given; it will be given it again."""
        ...

    def lost(self, record_count: int) -> None:
        """So many records of the log were gone before they were read."""
        ...

    def is_behind_by(self, record_count: int) -> None:
        """So many records of the log are still to be read."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryPorts:
    """What delivery stands on. `index` is for this use alone: it is read in threads."""

    index: IndexReader
    log: CommittedLog
    cursors: CursorFile
    sink: EventSink
    observer: DeliveryObserver
    tasks: Tasks
    clock: Clock
    random: Random


class EventDelivery:
    """Tells a sink what happens.

    Args:
        ports: see there.
        events_per_delivery_max: how many events the sink is given at once.
        poll_interval_s: how long after a commit it may go unnoticed.
    """

    def __init__(
        self, ports: DeliveryPorts, events_per_delivery_max: int, poll_interval_s: float
    ) -> None:
        self._ports = ports
        self._events_per_delivery_max = events_per_delivery_max
        self._poll_interval_s = poll_interval_s
        self._position: int | None = None
        self._saved_position = -1
        self._saved_at_s = 0.0

    async def run(self) -> None:
        """Delivers for ever.

        Raises:
            CorruptionError: the log or the index isn't what was written. What comes after can't be
                told before that is repaired.
            StorageFullError, DeviceError: the cursor can't be moved, or the log not be read.
        """
        while True:
            if not await self.step():
                await self._ports.tasks.sleep(self._poll_interval_s)

    async def step(self) -> bool:
        """Delivers the next few events, if there are any; says whether there was anything."""
        run_blocking = self._ports.tasks.run_blocking
        position = self._position
        if position is None:
            position = self._position = await run_blocking(self._first_position)
            await self._save_cursor(position)  # the log is kept for us from now on
        applied = await run_blocking(self._applied_position)
        self._ports.observer.is_behind_by(max(0, applied - position))
        if applied == position:
            await self._save_cursor(position)
            return False
        try:
            events, done = await run_blocking(self._next_events, position, applied)
        except LogPositionLostError as error:
            first = error.first_sequence_number
            self._ports.observer.lost(abs(first - 1 - position))
            _logger.error(  # noqa: TRY400 - the message says it all
                "events of records %d to %d are LOST: delivery was behind by more than the log "
                "keeps (events.backlog_bytes_max); it goes on with record %d",
                position + 1,
                first - 1,
                first,
            )
            self._position = first - 1
            return True
        for start in range(0, len(events), self._events_per_delivery_max):
            await self._deliver(events[start : start + self._events_per_delivery_max])
        self._position = done
        if self._ports.clock.monotonic_s() - self._saved_at_s > _SAVE_INTERVAL_S:
            await self._save_cursor(done)
        return True

    def _first_position(self) -> int:
        """Where to go on; now, for a consumer that is new."""
        try:
            position = self._ports.cursors.load(CURSOR_NAME)
        except CorruptionError as error:
            _logger.error("%s: events are told again from the oldest record on", error)  # noqa: TRY400
            return 0
        if position is None:
            position = self._applied_position()
        return position

    def _applied_position(self) -> int:
        with self._ports.index.snapshot() as snapshot:
            return applied_position(snapshot)[0]

    def _next_events(self, position: int, applied: int) -> tuple[list[Event], int]:
        """Events behind `position`, and the position behind them."""
        if applied < position:
            raise LogPositionLostError(
                position, applied + 1
            )  # the log has lost its end, and goes on from there
        first_known = first_kept(applied, IDLE_COUNT_MIN)
        if position + 1 < first_known:
            raise LogPositionLostError(position, first_known)
        entries = self._ports.log.read(position, applied, _READ_SIZE_BYTES_MAX)
        last = entries[-1].sequence_number
        with self._ports.index.snapshot() as snapshot:
            idle = idle_between(snapshot, entries[0].sequence_number, last)
        events = [
            event
            for entry in entries
            if entry.sequence_number not in idle and (event := event_of(entry)) is not None
        ]
        return events, last

    async def _deliver(self, events: Sequence[Event]) -> None:
        delay_s = _RETRY_DELAY_S_MIN
        while True:
            try:
                await self._ports.tasks.run_blocking(self._ports.sink.deliver, events)
            except DeliveryFailedError as error:
                self._ports.observer.failed()
                _logger.warning("%d events weren't delivered: %s", len(events), error)
                await self._ports.tasks.sleep(delay_s * self._ports.random.uniform(0.5, 1.0))
                delay_s = min(2 * delay_s, _RETRY_DELAY_S_MAX)
            else:
                self._ports.observer.delivered(len(events))
                return

    async def _save_cursor(self, position: int) -> None:
        if position == self._saved_position:
            return
        await self._ports.tasks.run_blocking(self._ports.cursors.save, CURSOR_NAME, position)
        self._saved_position = position
        self._saved_at_s = self._ports.clock.monotonic_s()
