"""The ``[storage]`` tables of the configuration."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, field_validator

from rucket.daemon.settings_section import Section


class WalSettings(Section):
    """``[storage.wal]``; obeyed by the node process.

    Attributes:
        segment_size_bytes: a segment of the log that has grown to this size gets a successor.
    """

    segment_size_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024, le=1024**3)


class ScrubSettings(Section):
    """``[storage.scrub]``; obeyed by the maintenance process.

    Attributes:
        enabled: whether everything stored is read again, in cycles, to find damage.
        cycle_days: a cycle begins so long after the one before.
        max_bytes_per_s: how much is read, at most; 16 MiB/s is 9 TiB in 7 days.
    """

    enabled: bool = True
    cycle_days: float = Field(default=7.0, gt=0, le=365)
    max_bytes_per_s: int = Field(default=16 * 1024 * 1024, ge=64 * 1024, le=1 << 40)


class StorageSettings(Section):
    """``[storage]``; data_dir is obeyed by every process. Made absolute when it is read."""

    data_dir: Path = Path("data")
    wal: WalSettings = Field(default_factory=WalSettings)
    scrub: ScrubSettings = Field(default_factory=ScrubSettings)

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, path: Path) -> Path:
        if "\0" in str(path):
            raise ValueError("a path has no null characters")
        return Path(os.path.abspath(path))  # noqa: PTH100 -- Path.resolve would follow links
