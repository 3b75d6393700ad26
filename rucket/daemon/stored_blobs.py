"""The blobs of a data directory, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rucket.daemon.storage_settings import PackedSettings
from rucket.disk.os_disk import OsDisk
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.device_blobs import DeviceBlobs
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts

if TYPE_CHECKING:
    from rucket.daemon.data_directory import DataDirectory

DEVICE_NUMBER: Final = 0


def open_blobs(directory: DataDirectory, settings: PackedSettings | None = None) -> DeviceBlobs:
    """The blobs of the one device; nothing is read or made yet."""
    disk, random = OsDisk(), SystemRandom()
    settings = settings or PackedSettings()
    packed = PackedBlobs(
        WriterPorts(disk, random, SystemThreads()),
        SystemClock(),
        directory.packed_blobs,
        DEVICE_NUMBER,
        settings.segment_size_bytes,
    )
    files = FileBlobs(disk, directory.blobs, DEVICE_NUMBER, random)
    return DeviceBlobs(files, packed, settings.blob_size_bytes_max)
