"""Publishing down to where a process reads: see `rucket.service.open_readers`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from rucket.model.errors import DeviceError, StorageFullError
from rucket.state.rows import applied_position

if TYPE_CHECKING:
    from rucket.service.gateway import Gateway

PUBLISH_INTERVAL_S: Final = 1.0

_logger = logging.getLogger(__name__)


class FloorLease(Protocol):
    """Where a process publishes its floor. All calls block."""

    def publish(self, floor_hlc: int) -> None:
        """Says so, for as long as this process lives.

        Raises:
            StorageFullError, DeviceError: what was said before is still said.
        """
        ...


async def publish_floor(gateway: Gateway, lease: FloorLease) -> None:
    """Raises the floor of this process as far as it goes, and publishes it."""
    with gateway.index.snapshot() as snapshot:
        _, applied_hlc = applied_position(snapshot)
    floor_hlc = gateway.readers.raise_floor(applied_hlc, gateway.clock.monotonic_s())
    try:
        await gateway.tasks.run_blocking(lease.publish, floor_hlc)
    except (StorageFullError, DeviceError) as error:
        _logger.warning("the reads of this process can't be published: %s; trying again", error)


async def publish_floor_often(gateway: Gateway, lease: FloorLease) -> None:
    """The same, for ever."""
    while True:
        await gateway.tasks.sleep(PUBLISH_INTERVAL_S)
        await publish_floor(gateway, lease)
