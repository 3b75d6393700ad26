"""What the compactor sees of packed blobs; measured by the maintenance process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class PackedMetrics:
    """The `CompactionObserver` of `rucket.store.blobs.packed.compactor`, for one device each.

    Args:
        registry: only for tests.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._segments = Gauge(
            "rucket_storage_packed_segments",
            "Segments of packed blobs that nobody writes any more.",
            ["device"],
            registry=registry,
            multiprocess_mode="max",
        )
        self._live_bytes = Gauge(
            "rucket_storage_packed_live_bytes",
            "What is in use of them.",
            ["device"],
            registry=registry,
            multiprocess_mode="max",
        )
        self._dead_bytes = Gauge(
            "rucket_storage_packed_dead_bytes",
            "What compaction may give back of them.",
            ["device"],
            registry=registry,
            multiprocess_mode="max",
        )
        self._copied_bytes = Counter(
            "rucket_storage_packed_compacted_bytes_total",
            "Bytes of packed blobs that compaction has moved.",
            ["device"],
            registry=registry,
        )
        self._freed_bytes = Counter(
            "rucket_storage_packed_freed_bytes_total",
            "Bytes that compaction has given back.",
            ["device"],
            registry=registry,
        )

    def of_device(self, device_number: int) -> DevicePackedMetrics:
        """Those of a device; all are there from the start."""
        device = str(device_number)
        return DevicePackedMetrics(
            self._segments.labels(device),
            self._live_bytes.labels(device),
            self._dead_bytes.labels(device),
            self._copied_bytes.labels(device),
            self._freed_bytes.labels(device),
        )


class DevicePackedMetrics:
    """The `CompactionObserver` of one device."""

    def __init__(
        self,
        segments: Gauge,
        live_bytes: Gauge,
        dead_bytes: Gauge,
        copied_bytes: Counter,
        freed_bytes: Counter,
    ) -> None:
        self._segments = segments
        self._live_bytes = live_bytes
        self._dead_bytes = dead_bytes
        self._copied_bytes = copied_bytes
        self._freed_bytes = freed_bytes

    def surveyed(self, segment_count: int, live_bytes: int, dead_bytes: int) -> None:
        """See `CompactionObserver.surveyed`."""
        self._segments.set(segment_count)
        self._live_bytes.set(live_bytes)
        self._dead_bytes.set(dead_bytes)

    def compacted(self, copied_bytes: int, freed_bytes: int) -> None:
        """See `CompactionObserver.compacted`."""
        self._copied_bytes.inc(copied_bytes)
        self._freed_bytes.inc(freed_bytes)
