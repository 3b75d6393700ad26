"""What the scrubber has seen; measured by the maintenance process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import CollectorRegistry

_MS_PER_S = 1000


class ScrubMetrics:
    """The `ScrubObserver` of `rucket.service.scrubbing`.

    Args:
        kinds: of what may be found; all are there from the start, so that an alert sees zero.
        registry: only for tests.
    """

    def __init__(self, kinds: Iterable[str], registry: CollectorRegistry | None = None) -> None:
        self._blobs = Counter(
            "rucket_scrub_blobs_verified_total", "Blobs verified to their end.", registry=registry
        )
        self._bytes = Counter(
            "rucket_scrub_bytes_verified_total", "Bytes of blobs verified.", registry=registry
        )
        self._rows = Counter(
            "rucket_scrub_rows_verified_total", "Rows of the index verified.", registry=registry
        )
        self._errors = Counter(
            "rucket_scrub_errors_total",
            "Damages found, by kind; again in every cycle.",
            ["kind"],
            registry=registry,
        )
        for kind in kinds:
            self._errors.labels(kind)
        self._completed = Gauge(
            "rucket_scrub_last_cycle_completed_timestamp_seconds",
            "When the last complete cycle ended, seconds since the Unix epoch; 0 before.",
            registry=registry,
            multiprocess_mode="max",
        )
        self._progress = Gauge(
            "rucket_scrub_cycle_progress_ratio",
            "How much of the cycle is done, 0 to 1; 1 while the next one isn't due.",
            registry=registry,
            multiprocess_mode="max",
        )

    def verified(self, row_count: int, blob_count: int, size_bytes: int) -> None:
        """Rows, whole blobs, and bytes of blobs have been verified."""
        self._rows.inc(row_count)
        self._blobs.inc(blob_count)
        self._bytes.inc(size_bytes)

    def found(self, kind: str) -> None:
        """Something is damaged."""
        self._errors.labels(kind).inc()

    def progressed(self, ratio: float, last_completed_ms: int) -> None:
        """So much of the cycle is done."""
        self._progress.set(ratio)
        self._completed.set(last_completed_ms / _MS_PER_S)
