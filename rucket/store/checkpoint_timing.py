"""When the index is made durable: often enough that a power cut leaves little to replay.

A start replays the records that were applied after the last `Store.checkpoint` had begun. How long
that takes depends on their number, and their number on the load; so a busy node doesn't wait for
the interval to pass.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from rucket.model.errors import StorageFullError

if TYPE_CHECKING:
    from rucket.ports.tasks import Tasks

INTERVAL_S: Final = 5.0
RECORD_COUNT: Final = 20_000
"""So many take 1.5 s of CPU time to replay: docs/performance.md."""

LOOK_INTERVAL_S: Final = 0.25

_logger = logging.getLogger(__name__)


class Checkpointed(Protocol):
    """The store, as far as it matters here."""

    @property
    def applied_sequence_number(self) -> int:
        """The newest record that the index shows."""
        ...

    async def checkpoint(self) -> None:
        """See `Store.checkpoint`."""
        ...


async def checkpoint_often(store: Checkpointed, tasks: Tasks) -> NoReturn:
    """Makes the index durable whenever it is time, for ever; where there is no room for that, again
    after the interval.
    """
    durable = store.applied_sequence_number
    waited_s, has_failed = 0.0, False
    while True:
        await tasks.sleep(LOOK_INTERVAL_S)
        waited_s += LOOK_INTERVAL_S
        shown = store.applied_sequence_number
        is_many = shown - durable >= RECORD_COUNT and not has_failed
        if is_many or (waited_s >= INTERVAL_S and (shown != durable or has_failed)):
            has_failed = not await checkpoint_if_there_is_room(store)
            durable, waited_s = shown, 0.0


async def checkpoint_if_there_is_room(store: Checkpointed) -> bool:
    """Makes the index durable; returns whether it could. Without that the log keeps what the index
    could lose.
    """
    try:
        await store.checkpoint()
    except StorageFullError as error:
        _logger.warning("no checkpoint could be made: %s", error)
        return False
    return True
