"""``[storage.sync]``: what is said, and what the log is told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rucket.daemon.settings import Settings
from rucket.store.sync_strategy import SyncMode, SyncStrategy


def test_the_default_loses_nothing() -> None:
    """Answers wait for the sync."""
    sync = Settings().storage.sync

    assert sync.strategy(sync.metadata).is_always
    assert sync.strategy(sync.data).is_always


def test_figures_reach_the_strategy() -> None:
    """In its units."""
    sync = Settings.model_validate(
        {
            "storage": {
                "sync": {
                    "metadata": "threshold",
                    "period_ms": 250,
                    "threshold_bytes": 4096,
                    "threshold_operations": 7,
                    "idle_ms": 1500,
                }
            }
        }
    ).storage.sync

    assert sync.strategy(sync.metadata) == SyncStrategy(SyncMode.THRESHOLD, 0.25, 4096, 7, 1.5)


@pytest.mark.parametrize(
    "values",
    [
        {"metadata": "sometimes"},
        {"data": "sometimes"},
        {"period_ms": 0},
        {"threshold_operations": 0},
        {"interval": 1},
    ],
)
def test_what_means_nothing_is_refused(values: dict[str, object]) -> None:
    """By name."""
    with pytest.raises(ValidationError, match=next(iter(values))):
        Settings.model_validate({"storage": {"sync": values}})
