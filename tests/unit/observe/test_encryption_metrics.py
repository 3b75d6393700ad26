"""The figures of a rotation."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from rucket.observe.encryption_metrics import RotationMetrics


def test_figures_of_a_rotation_add_up() -> None:
    """Under the names that the manual has."""
    registry = CollectorRegistry()
    metrics = RotationMetrics(registry)

    metrics.looked_at(500, 3)
    metrics.looked_at(20, 0)

    rows = registry.get_sample_value("rucket_encryption_rotation_rows_total")
    rewrapped = registry.get_sample_value("rucket_encryption_data_keys_rewrapped_total")
    assert (rows, rewrapped) == (520, 3)
