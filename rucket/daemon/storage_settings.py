"""The ``[storage]`` tables of the configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rucket.daemon.encryption_settings import EncryptionSettings
from rucket.daemon.settings_section import Section
from rucket.model.storage_classes import STORAGE_CLASSES
from rucket.store.sync_strategy import SyncMode, SyncStrategy

_MS_PER_S = 1000
DEVICES_MAX: Final = 255


def _absolute(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path has no null characters")
    return Path(os.path.abspath(path))  # noqa: PTH100 -- Path.resolve would follow links


def _storage_class(text: str) -> str:
    if text not in STORAGE_CLASSES:
        known = ", ".join(sorted(STORAGE_CLASSES))
        raise ValueError(f"{text!r} is not a storage class; there are {known}")
    return text


class WalSettings(Section):
    """``[storage.wal]``; obeyed by the node process, checkpoints by the maintenance process.

    Attributes:
        segment_size_bytes: a segment of the log that has grown to this size gets a successor.
        segment_age_s: one that was first written to so long ago gets one as well, at the next
            write; so what the index has can be let go though little is written.
        recovery: light: a start reads the newest segment, and what the index lacks. full: it reads
            all of the log and of the index first, and compares them.
        checkpoint_log_bytes: a checkpoint of the index is made when the log has grown by so much,
            and by as much as the index is large.
        checkpoint_max_bytes_per_s: how fast one is written, and read again.
    """

    segment_size_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024, le=1024**3)
    segment_age_s: float = Field(default=3600.0, ge=1, le=365 * 24 * 3600)
    recovery: Literal["light", "full"] = "light"
    checkpoint_log_bytes: int = Field(default=256 * 1024 * 1024, ge=1024 * 1024, le=1 << 40)
    checkpoint_max_bytes_per_s: int = Field(default=64 * 1024 * 1024, ge=64 * 1024, le=1 << 40)


class SyncSettings(Section):
    """``[storage.sync]``; data is obeyed by the gateways, metadata by the node process, the figures
    by both. What each strategy may lose stands in docs/consistency.md.

    Attributes:
        data: when blobs are synced: always (before an answer), periodic, threshold or never.
        metadata: when the log is, likewise.
        period_ms: periodic: how long something stays unsynced.
        threshold_bytes, threshold_operations: threshold: how much may stay unsynced.
        idle_ms: threshold: when less is synced, if nothing more comes.
    """

    data: SyncMode = SyncMode.ALWAYS
    metadata: SyncMode = SyncMode.ALWAYS
    period_ms: int = Field(default=1000, ge=1, le=3_600_000)
    threshold_bytes: int = Field(default=10 * 1024 * 1024, ge=1, le=1024**3)
    threshold_operations: int = Field(default=100, ge=1, le=1_000_000)
    idle_ms: int = Field(default=5000, ge=1, le=3_600_000)

    def strategy(self, mode: SyncMode) -> SyncStrategy:
        """A strategy with these figures."""
        return SyncStrategy(
            mode,
            period_s=self.period_ms / _MS_PER_S,
            threshold_bytes=self.threshold_bytes,
            threshold_operations=self.threshold_operations,
            idle_s=self.idle_ms / _MS_PER_S,
        )


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


class PackedSettings(Section):
    """``[storage.packed]``; obeyed by the gateways and the maintenance process.

    Attributes:
        blob_size_bytes_max: blobs of up to this size (a MiB, and what encryption adds to it) are
            packed into segments, larger ones are files of their own; 0: all are files.
        segment_size_bytes: how much room a segment takes, where there is as much.
        compaction_dead_ratio_min: a segment is compacted when so much of it is dead, 0 to 1.
        compaction_max_bytes_per_s: how much compaction reads and writes, at most.
    """

    blob_size_bytes_max: int = Field(default=1024 * 1024 + 4096, ge=0, le=8 * 1024 * 1024)
    segment_size_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024, le=1024**3)
    compaction_dead_ratio_min: float = Field(default=0.4, gt=0, le=1)
    compaction_max_bytes_per_s: int = Field(default=32 * 1024 * 1024, ge=64 * 1024, le=1 << 40)


class GarbageSettings(Section):
    """``[storage.garbage]``; obeyed by every gateway process and the maintenance process.

    Attributes:
        reader_lease_s: how long a read keeps what it may still need from being removed; one that
            takes longer may be broken off. A process that is silent for so long counts as gone.
    """

    reader_lease_s: float = Field(default=6 * 60 * 60.0, ge=10, le=7 * 24 * 60 * 60)


class DeviceSettings(Section):
    """``[[storage.devices]]``; path is obeyed by the supervisor, which prepares it, the others by
    every process that writes blobs.

    Attributes:
        path: a directory on the device, for Rucket alone. Made absolute when it is read.
        weight: its share of new blobs, relative to that of others; it gets none with 0.
        storage_classes: those that go here and to others that name them; none means all that no
            device names.
    """

    path: Annotated[Path, AfterValidator(_absolute)]
    weight: float = Field(default=1.0, ge=0, le=1_000_000)
    storage_classes: tuple[Annotated[str, AfterValidator(_storage_class)], ...] = ()


class StorageSettings(Section):
    """``[storage]``; data_dir is obeyed by every process. Made absolute when it is read.

    Attributes:
        devices: what blobs lie on; none means the directory ``blobs`` of data_dir.
    """

    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default=Path("data"), validate_default=True
    )
    devices: tuple[DeviceSettings, ...] = Field(default=(), max_length=DEVICES_MAX)
    sync: SyncSettings = Field(default_factory=SyncSettings)
    wal: WalSettings = Field(default_factory=WalSettings)
    packed: PackedSettings = Field(default_factory=PackedSettings)
    scrub: ScrubSettings = Field(default_factory=ScrubSettings)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings)
    garbage: GarbageSettings = Field(default_factory=GarbageSettings)

    @model_validator(mode="after")
    def _check_devices(self) -> Self:
        paths = [device.path for device in self.devices]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"two devices have the path {path}")
            inner = [other for other in paths if other != path and other.is_relative_to(path)]
            if inner:
                raise ValueError(f"the device {inner[0]} lies in the device {path}")
        if paths and not any(device.weight > 0 for device in self.devices):
            raise ValueError("all devices have the weight 0, so none takes anything")
        return self
