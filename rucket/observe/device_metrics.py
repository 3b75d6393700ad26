"""How the devices are that blobs lie on; asked when the metrics are read."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@enum.unique
class DeviceState(enum.StrEnum):
    """What can be done with a device."""

    OK = "ok"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class SeenDevice:
    """A device.

    Attributes:
        free_bytes: room for more; 0 if nobody can say.
        used_bytes: by whatever is there.
    """

    number: int
    path: str
    state: DeviceState
    free_bytes: int = 0
    used_bytes: int = 0


class DeviceMetrics(Collector):
    """The gauges.

    Args:
        look: says how the devices are; called on the metrics server's thread, and cheap.
    """

    def __init__(self, look: Callable[[], Sequence[SeenDevice]]) -> None:
        self._look = look

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        state = GaugeMetricFamily(
            "rucket_storage_device_state",
            "1 for the state a device is in: ok, failed (only read), lost.",
            labels=["device", "path", "state"],
        )
        free = GaugeMetricFamily(
            "rucket_storage_device_free_bytes", "Room left on a device.", labels=["device", "path"]
        )
        used = GaugeMetricFamily(
            "rucket_storage_device_used_bytes",
            "Bytes used on a device, by whatever is there.",
            labels=["device", "path"],
        )
        for device in self._look():
            labels = [str(device.number), device.path]
            for possible in DeviceState:
                state.add_metric([*labels, possible.value], float(possible is device.state))
            free.add_metric(labels, device.free_bytes)
            used.add_metric(labels, device.used_bytes)
        yield from (state, free, used)
