"""How the delivery of events goes; measured by the maintenance process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class EventMetrics:
    """The `DeliveryObserver` of `rucket.service.event_delivery`.

    Args:
        registry: only for tests.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._delivered = Counter(
            "rucket_events_delivered_total", "Events that were taken.", registry=registry
        )
        self._failures = Counter(
            "rucket_events_delivery_failures_total",
            "Deliveries that failed and are tried again.",
            registry=registry,
        )
        self._lost = Counter(
            "rucket_events_lost_records_total",
            "Records of the log that were gone before their events were told.",
            registry=registry,
        )
        self._backlog = Gauge(
            "rucket_events_backlog_records",
            "Records of the log that are still to be looked at.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def delivered(self, event_count: int) -> None:
        """See `DeliveryObserver.delivered`."""
        self._delivered.inc(event_count)

    def failed(self) -> None:
        """See `DeliveryObserver.failed`."""
        self._failures.inc()

    def lost(self, record_count: int) -> None:
        """See `DeliveryObserver.lost`."""
        self._lost.inc(record_count)

    def is_behind_by(self, record_count: int) -> None:
        """See `DeliveryObserver.is_behind_by`."""
        self._backlog.set(record_count)
