"""What is measured of checkpoints, in the maintenance process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_MS_PER_S = 1000


class CheckpointMetrics:
    """Checkpoints of the index. A registry is only for tests."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._taken = Counter(
            "rucket_checkpoint_taken_total", "Checkpoints made.", registry=registry
        )
        self._failed = Counter(
            "rucket_checkpoint_failed_total",
            "Checkpoints that could not be made; the log grows until one can.",
            registry=registry,
        )
        self._position = Gauge(
            "rucket_checkpoint_position",
            "The newest record of the log that the newest checkpoint shows.",
            registry=registry,
            multiprocess_mode="max",
        )
        self._completed = Gauge(
            "rucket_checkpoint_last_completed_timestamp_seconds",
            "When the newest checkpoint was made, seconds since the Unix epoch; 0 before.",
            registry=registry,
            multiprocess_mode="max",
        )
        self._size = Gauge(
            "rucket_checkpoint_size_bytes",
            "Size of the newest checkpoint.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._duration = Gauge(
            "rucket_checkpoint_duration_seconds",
            "How long the newest checkpoint took: so long the index's own WAL couldn't shrink.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def taken(self, position: int, size_bytes: int, duration_s: float, completed_ms: int) -> None:
        """A checkpoint was made."""
        self._taken.inc()
        self._position.set(position)
        self._size.set(size_bytes)
        self._duration.set(duration_s)
        self._completed.set(completed_ms / _MS_PER_S)

    def failed(self) -> None:
        """A checkpoint could not be made."""
        self._failed.inc()
