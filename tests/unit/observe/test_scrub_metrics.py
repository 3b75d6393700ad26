"""What the scrubber measures."""

from prometheus_client import CollectorRegistry

from rucket.observe.scrub_metrics import ScrubMetrics


def test_what_the_scrubber_sees_is_measured() -> None:
    """Every kind of finding is there from the start, at zero."""
    registry = CollectorRegistry()
    metrics = ScrubMetrics(["row", "blob_corrupt"], registry)
    metrics.verified(10, 2, 4096)
    metrics.verified(1, 0, 0)
    metrics.found("row")
    metrics.progressed(0.25, 1_790_000_000_500)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"rucket_scrub_{name}", labels)

    assert value("rows_verified_total") == 11
    assert value("blobs_verified_total") == 2
    assert value("bytes_verified_total") == 4096
    assert value("errors_total", kind="row") == 1
    assert value("errors_total", kind="blob_corrupt") == 0
    assert value("cycle_progress_ratio") == 0.25
    assert value("last_cycle_completed_timestamp_seconds") == 1_790_000_000.5
