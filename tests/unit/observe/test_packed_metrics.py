"""What is told of packed blobs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from rucket.observe.packed_metrics import PackedMetrics


def test_segments_and_compaction_are_told_by_device() -> None:
    """Gauges show the last pass, counters add up."""
    registry = CollectorRegistry()
    device = PackedMetrics(registry).of_device(3)

    device.surveyed(2, 100, 50)
    device.surveyed(4, 300, 70)
    device.compacted(10, 20)
    device.compacted(1, 2)

    text = generate_latest(registry).decode()
    assert 'rucket_storage_packed_segments{device="3"} 4.0' in text
    assert 'rucket_storage_packed_live_bytes{device="3"} 300.0' in text
    assert 'rucket_storage_packed_dead_bytes{device="3"} 70.0' in text
    assert 'rucket_storage_packed_compacted_bytes_total{device="3"} 11.0' in text
    assert 'rucket_storage_packed_freed_bytes_total{device="3"} 22.0' in text
