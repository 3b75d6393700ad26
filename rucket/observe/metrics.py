"""What is measured: requests by the gateways, the log by the node, what is stored by maintenance.

Metrics are constructed by whoever measures, after `metric_files.join_metric_files`. A registry is
only for tests: the processes of a server leave their values in files, which `metrics_server` reads.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry

FOLD_INTERVAL_S: Final = 1.0
"""How often `RequestMetrics.fold` wants to be called."""

REQUEST_DURATIONS_S: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
SYNC_DURATIONS_S: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
BATCH_ENTRIES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


class RequestMetrics:
    """Requests of a gateway process.

    `observe` is called for every request and only adds to plain dictionaries; `fold` moves the sums
    into the metrics. Both belong on the same thread.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._requests_total = Counter(
            "rucket_requests_total",
            "Requests answered, by S3 operation and HTTP status.",
            ["operation", "status"],
            registry=registry,
        )
        self._duration_seconds = Histogram(
            "rucket_request_duration_seconds",
            "Time from a request's head to the end of its answer, by S3 operation.",
            ["operation"],
            buckets=REQUEST_DURATIONS_S,
            registry=registry,
        )
        self._request_bytes_total = Counter(
            "rucket_request_bytes_total", "Bytes of request bodies.", registry=registry
        )
        self._response_bytes_total = Counter(
            "rucket_response_bytes_total", "Bytes of response bodies.", registry=registry
        )
        self._errors_total = Counter(
            "rucket_errors_total",
            "Requests answered with an error, by S3 error code.",
            ["code"],
            registry=registry,
        )
        self._requests: dict[tuple[str, int], int] = {}
        self._durations: dict[str, _Durations] = {}
        self._errors: dict[str, int] = {}
        self._request_bytes = 0
        self._response_bytes = 0

    def observe(
        self,
        operation: str,
        status: int,
        duration_s: float,
        request_bytes: int,
        response_bytes: int,
        error_code: str,
    ) -> None:
        """Counts a request; `error_code` is empty where there was no error."""
        requests = self._requests
        kind = (operation, status)
        requests[kind] = requests.get(kind, 0) + 1
        durations = self._durations.get(operation)
        if durations is None:
            durations = self._durations[operation] = _Durations()
        durations.counts[bisect_left(REQUEST_DURATIONS_S, duration_s)] += 1
        durations.sum_s += duration_s
        self._request_bytes += request_bytes
        self._response_bytes += response_bytes
        if error_code:
            self._errors[error_code] = self._errors.get(error_code, 0) + 1

    def fold(self) -> None:
        """Moves what was observed since the last call into the metrics."""
        for (operation, status), count in self._requests.items():
            self._requests_total.labels(operation, str(status)).inc(count)
        for operation, durations in self._durations.items():
            durations.add_to(self._duration_seconds.labels(operation))
        for code, count in self._errors.items():
            self._errors_total.labels(code).inc(count)
        self._request_bytes_total.inc(self._request_bytes)
        self._response_bytes_total.inc(self._response_bytes)
        self._requests, self._durations, self._errors = {}, {}, {}
        self._request_bytes = self._response_bytes = 0


class _Durations:
    """Durations of an operation, sorted into the buckets of the histogram and one beyond."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(REQUEST_DURATIONS_S) + 1)
        self.sum_s = 0.0

    def add_to(self, histogram: Histogram) -> None:
        # The library has no way to add many observations at once; a test watches its inside.
        for bucket, count in zip(histogram._buckets, self.counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        histogram._sum.inc(self.sum_s)  # noqa: SLF001


class WalMetrics:
    """The log of a node process; a `WalObserver`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._appends_total = Counter(
            "rucket_wal_appends_total", "Entries written to the log.", registry=registry
        )
        self._bytes_total = Counter(
            "rucket_wal_bytes_total", "Bytes written to the log.", registry=registry
        )
        self._fsync_duration_seconds = Histogram(
            "rucket_wal_fsync_duration_seconds",
            "Time that a sync of the log took.",
            buckets=SYNC_DURATIONS_S,
            registry=registry,
        )
        self._batch_entries = Histogram(
            "rucket_wal_batch_entries",
            "Entries that were written to the log together.",
            buckets=BATCH_ENTRIES,
            registry=registry,
        )
        gauges = {
            "pending_entries": "Commands that wait for the next batch of the log.",
            "unsynced_entries": "Entries of the log that a power cut could take.",
            "unsynced_bytes": "Bytes of these, in the log.",
            "segments": "Segments of the log.",
            "size_bytes": "Room that the segments of the log take, about.",
        }
        self._gauges = {
            name: Gauge(
                f"rucket_wal_{name}", text, registry=registry, multiprocess_mode="livemostrecent"
            )
            for name, text in gauges.items()
        }

    def batch_written(self, entry_count: int, size_bytes: int, pending_count: int) -> None:
        """A batch is in the log; so many commands wait for the next one."""
        self._appends_total.inc(entry_count)
        self._bytes_total.inc(size_bytes)
        self._batch_entries.observe(entry_count)
        self._gauges["pending_entries"].set(pending_count)

    def synced(self, duration_s: float) -> None:
        """The log has been synced."""
        self._fsync_duration_seconds.observe(duration_s)

    def unsynced(self, entry_count: int, size_bytes: int) -> None:
        """So much is written, and not yet synced."""
        self._gauges["unsynced_entries"].set(entry_count)
        self._gauges["unsynced_bytes"].set(size_bytes)

    def segments(self, count: int, size_bytes: int) -> None:
        """The log has so many segments, which take so much room, about."""
        self._gauges["segments"].set(count)
        self._gauges["size_bytes"].set(size_bytes)


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """What a store holds.

    Attributes:
        object_count: versions that can be read.
        object_size_bytes: of those.
        upload_count: multipart uploads begun and neither completed nor aborted.
    """

    bucket_count: int
    object_count: int
    object_size_bytes: int
    upload_count: int


class StoredMetrics(Collector):
    """What is stored, asked when the metrics are read.

    Args:
        count: gives the counts; called on the metrics server's thread, and cheap.
    """

    def __init__(self, count: Callable[[], StoredCounts]) -> None:
        self._count = count

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges."""
        counts = self._count()
        yield GaugeMetricFamily("rucket_buckets_total", "Buckets.", counts.bucket_count)
        yield GaugeMetricFamily("rucket_objects_total", "Objects.", counts.object_count)
        yield GaugeMetricFamily(
            "rucket_storage_bytes_total", "Bytes of objects.", counts.object_size_bytes
        )
        yield GaugeMetricFamily(
            "rucket_multipart_uploads_active", "Multipart uploads begun.", counts.upload_count
        )
