"""How a rotation of master keys goes on; measured by the maintenance process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class RotationMetrics:
    """The `RotationObserver` of `rucket.service.key_rotation`.

    Args:
        registry: only for tests.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._rows = Counter(
            "rucket_encryption_rotation_rows_total",
            "Rows looked at for data keys under a previous master key.",
            registry=registry,
        )
        self._rewrapped = Counter(
            "rucket_encryption_data_keys_rewrapped_total",
            "Data keys brought under the active master key.",
            registry=registry,
        )

    def looked_at(self, row_count: int, rewrapped_count: int) -> None:
        """See `RotationObserver.looked_at`."""
        self._rows.inc(row_count)
        self._rewrapped.inc(rewrapped_count)
