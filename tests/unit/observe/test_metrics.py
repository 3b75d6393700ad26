"""What is measured, across processes that come and go."""

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from rucket.observe.metric_directory import empty_metric_directory, forget_process
from rucket.observe.metrics import (
    REQUEST_DURATIONS_S,
    RequestMetrics,
    StoredCounts,
    StoredMetrics,
    WalMetrics,
)
from rucket.observe.metrics_server import process_metrics


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_requests_are_counted_when_folded() -> None:
    """By operation and status, with their bytes and errors."""
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry)
    for _ in range(3):
        metrics.observe("PutObject", 200, 0.01, 100, 0, "")
    metrics.observe("GetObject", 404, 0.01, 0, 50, "NoSuchKey")
    assert value(registry, "rucket_request_bytes_total") == 0

    metrics.fold()
    metrics.fold()

    assert value(registry, "rucket_requests_total", operation="PutObject", status="200") == 3
    assert value(registry, "rucket_requests_total", operation="GetObject", status="404") == 1
    assert value(registry, "rucket_errors_total", code="NoSuchKey") == 1
    assert value(registry, "rucket_request_bytes_total") == 300
    assert value(registry, "rucket_response_bytes_total") == 50


@pytest.mark.parametrize("duration_s", [0.0, *REQUEST_DURATIONS_S, 0.0004, 0.0006, 7.0, 1e6])
def test_folded_durations_are_what_the_library_would_have_observed(duration_s: float) -> None:
    """The bounds of buckets belong to them: `fold` writes into the histogram's inside."""
    folded, observed = CollectorRegistry(), CollectorRegistry()
    metrics = RequestMetrics(folded)
    metrics.observe("GetObject", 200, duration_s, 0, 0, "")
    metrics.fold()
    reference = RequestMetrics(observed)
    reference._duration_seconds.labels("GetObject").observe(duration_s)

    def durations(registry: CollectorRegistry) -> list[bytes]:
        text = generate_latest(registry).splitlines()
        return [line for line in text if b"duration_seconds_" in line and b"_created" not in line]

    assert durations(folded) == durations(observed)
    assert len(durations(folded)) == len(REQUEST_DURATIONS_S) + 3


def test_the_log_is_measured() -> None:
    """Entries, bytes, batches, syncs."""
    registry = CollectorRegistry()
    metrics = WalMetrics(registry)

    metrics.batch_written(5, 1000, 0)
    metrics.batch_written(1, 200, 7)
    metrics.synced(0.002)
    metrics.unsynced(6, 1200)
    metrics.segments(2, 128)

    assert value(registry, "rucket_wal_appends_total") == 6
    assert value(registry, "rucket_wal_bytes_total") == 1200
    assert value(registry, "rucket_wal_fsync_duration_seconds_count") == 1
    assert value(registry, "rucket_wal_batch_entries_bucket", le="1.0") == 1
    assert value(registry, "rucket_wal_pending_entries") == 7
    assert value(registry, "rucket_wal_unsynced_entries") == 6
    assert value(registry, "rucket_wal_unsynced_bytes") == 1200
    assert value(registry, "rucket_wal_segments") == 2
    assert value(registry, "rucket_wal_size_bytes") == 128


def test_what_is_stored_is_asked_when_read() -> None:
    """Gauges, under the names that dashboards know."""
    registry = CollectorRegistry()
    registry.register(StoredMetrics(lambda: StoredCounts(1, 2, 3, 4)))

    names = ("buckets_total", "objects_total", "storage_bytes_total", "multipart_uploads_active")
    assert [value(registry, f"rucket_{name}") for name in names] == [1, 2, 3, 4]


def count_requests(directory: Path, place: str, count: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.unit.observe.count_requests", directory, place, str(count)],
        check=False,
    )
    assert ran.returncode == -9


def test_counters_survive_their_processes(tmp_path: Path) -> None:
    """Who takes over a place goes on counting; files don't pile up with every death."""
    directory = tmp_path / "metrics"
    empty_metric_directory(directory)
    registry = CollectorRegistry()
    registry.register(process_metrics(directory))

    def requests() -> float | None:
        return value(registry, "rucket_requests_total", operation="GetObject", status="200")

    count_requests(directory, "gateway-0", 5)
    count_requests(directory, "gateway-1", 7)
    files = sorted(directory.iterdir())
    assert requests() == 12
    assert value(registry, "rucket_process_up", role="gateway") == 2

    forget_process(directory, "gateway-0")
    assert requests() == 12
    assert value(registry, "rucket_process_up", role="gateway") == 1

    count_requests(directory, "gateway-0", 1)
    assert requests() == 13
    assert value(registry, "rucket_process_up", role="gateway") == 2
    assert value(registry, "rucket_wal_appends_total") == 9
    assert sorted(directory.iterdir()) == files


def test_a_new_server_starts_from_zero(tmp_path: Path) -> None:
    """What an earlier run left is dropped."""
    directory = tmp_path / "metrics"
    empty_metric_directory(directory)
    count_requests(directory, "gateway-0", 5)

    empty_metric_directory(directory)

    assert list(directory.iterdir()) == []


def test_the_blocks_of_metric_files_are_there_before_they_are_used(tmp_path: Path) -> None:
    """Writing, through memory, to one that a full device has no room for would kill the process."""
    directory = tmp_path / "metrics"
    empty_metric_directory(directory)

    count_requests(directory, "gateway-0", 1)

    for path in directory.iterdir():
        status = path.stat()
        assert status.st_blocks * 512 >= status.st_size > 0
