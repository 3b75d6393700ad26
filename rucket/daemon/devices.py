"""The devices of a node, from its settings: prepared once, then used by every process."""

from __future__ import annotations

import contextlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.daemon.data_directory import DataDirectory
from rucket.daemon.storage_settings import PackedSettings
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import DeviceError
from rucket.observe.device_metrics import DeviceState, SeenDevice
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.device_blobs import DeviceBlobs
from rucket.store.blobs.device_marks import DeviceMarks, Mark
from rucket.store.blobs.device_preparation import NodeOfDevices, prepare_devices, read_registry
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.late_sync import LateSync
from rucket.store.blobs.node_blobs import BlobDevice, NodeBlobs
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts
from rucket.store.blobs.quarantine import FileQuarantine, NodeQuarantine
from rucket.store.sync_strategy import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.daemon.storage_settings import StorageSettings
    from rucket.model.errors import OperatingError
    from rucket.service.compaction import Compaction
    from rucket.store.sync_strategy import SyncStrategy

_QUARANTINE: Final = "quarantine"
_PACKED: Final = "packed"


def prepare_node_devices(storage: StorageSettings) -> None:
    """Makes the data directory's own files and the devices, and looks at those that are there.

    For the supervisor: what it finds out about a device is true until the next start.

    Raises:
        DataDirectoryError: a device can't be used; the message says what to do.
        CorruptionError, UnknownFormatError: of the files that say who it is.
    """
    disk, random = OsDisk(), SystemRandom()
    directory = DataDirectory(str(storage.data_dir), disk)
    identity = directory.prepare(SystemClock(), random)
    paths = [str(device.path) for device in storage.devices]
    node = NodeOfDevices(
        identity.node_id,
        lambda known: open_device(known.number, known.path, storage.packed).prepare(),
    )
    prepare_devices(disk, directory.devices, node, paths, random)


def open_device(
    number: int, path: str, packed: PackedSettings | None = None, late: LateSync | None = None
) -> DeviceBlobs:
    """The blobs on a device; nothing is read or made yet."""
    disk, random = OsDisk(), SystemRandom()
    settings = packed or PackedSettings()
    segments = PackedBlobs(
        WriterPorts(disk, random, SystemThreads()),
        SystemClock(),
        posixpath.join(path, _PACKED),
        number,
        settings.segment_size_bytes,
        late,
    )
    files = FileBlobs(disk, path, number, random, late)
    return DeviceBlobs(files, segments, settings.blob_size_bytes_max, late)


def _late_sync(sync: SyncStrategy, marks: DeviceMarks, number: int, path: str) -> LateSync | None:
    """What syncs the blobs on a device later, if that is allowed."""
    if sync.is_always:
        return None

    def failed(error: OperatingError) -> None:
        marks.put_up(number, Mark.FAILED, path, str(error))

    return LateSync(OsDisk(), sync, SystemClock(), SystemThreads(), failed)


@dataclass(frozen=True, slots=True)
class NodeDevices:
    """What a process has of them.

    Attributes:
        blobs: on all of them.
        by_number: those on each.
        quarantine_directories: by number.
    """

    blobs: NodeBlobs
    by_number: dict[int, DeviceBlobs]
    quarantine: NodeQuarantine
    quarantine_directories: dict[int, str]
    marks: DeviceMarks

    def close_removed(self) -> None:
        """See `PackedBlobs.close_removed`."""
        for blobs in self.by_number.values():
            blobs.close_removed()

    def late_syncs(self) -> list[LateSync]:
        """Those of devices whose blobs are synced later."""
        return [blobs.late for blobs in self.by_number.values() if blobs.late is not None]

    def close(self) -> None:
        """Syncs what isn't synced yet, and gives up what is open. Blocks. A sync that fails is told
        as any other: there is nobody left to answer.
        """
        for blobs in self.by_number.values():
            with contextlib.suppress(DeviceError):
                blobs.close()


class CompactionOfDevice:
    """A `Compaction` that leaves a device alone that takes no writes."""

    def __init__(self, compaction: Compaction, marks: DeviceMarks, number: int) -> None:
        self._compaction = compaction
        self._marks = marks
        self._number = number

    def step(self) -> int:
        """See `Compaction.step`."""
        if any(self._marks.has(self._number, mark) for mark in Mark):
            return 0
        return self._compaction.step()


def open_node_devices(
    directory: DataDirectory, storage: StorageSettings | None = None, sync: SyncStrategy = ALWAYS
) -> NodeDevices:
    """The devices that the data directory knows.

    Args:
        directory: of the node.
        storage: says what goes where; None for who only reads.
        sync: when what is written is synced.

    Raises:
        CorruptionError, UnknownFormatError: the registry isn't what was written.
    """
    disk = OsDisk()
    packed = None if storage is None else storage.packed
    configured = {} if storage is None else {str(each.path): each for each in storage.devices}
    devices: list[BlobDevice] = []
    by_number: dict[int, DeviceBlobs] = {}
    directories: dict[int, str] = {}
    marks = DeviceMarks(disk, directory.devices.marks, is_reader=storage is None)
    for known in read_registry(disk, directory.devices):
        setting = configured.get(known.path)
        late = _late_sync(sync, marks, known.number, known.path)
        blobs = by_number[known.number] = open_device(known.number, known.path, packed, late)
        is_default = known.path == directory.devices.default_device
        root = directory.root if is_default else known.path
        directories[known.number] = posixpath.join(root, _QUARANTINE)
        if setting is not None:
            classes = frozenset(setting.storage_classes)
            weight = setting.weight
        else:  # a device that the configuration has left out takes nothing
            classes = frozenset()
            weight = 0.0 if configured else 1.0
        devices.append(
            BlobDevice(
                known.number,
                known.path,
                blobs,
                weight,
                classes,
                has_identity=bool(known.device_id),
            )
        )
    node_blobs = NodeBlobs(devices, disk, marks, SystemRandom(), SystemClock())
    quarantines = {
        number: FileQuarantine(disk, by_number[number], path)
        for number, path in directories.items()
    }
    quarantine = NodeQuarantine(node_blobs.device_of, quarantines)
    return NodeDevices(node_blobs, by_number, quarantine, directories, marks)


class DeviceWatch:
    """Says how the devices are, for metrics; called on another thread."""

    def __init__(self, data_dir: str) -> None:
        self._disk = OsDisk()
        self._places = DataDirectory(data_dir, self._disk).devices
        self._marks = DeviceMarks(self._disk, self._places.marks)

    def __call__(self) -> Sequence[SeenDevice]:
        """All devices, by number."""
        return [
            self._look(known.number, known.path)
            for known in read_registry(self._disk, self._places)
        ]

    def _look(self, number: int, path: str) -> SeenDevice:
        state = DeviceState.OK
        if self._marks.has(number, Mark.LOST):
            return SeenDevice(number, path, DeviceState.LOST)
        if self._marks.has(number, Mark.FAILED):
            state = DeviceState.FAILED
        try:
            free_bytes = self._disk.free_bytes(path)
            used_bytes = self._disk.capacity_bytes(path) - free_bytes
        except (DeviceError, FileNotFoundError):
            return SeenDevice(number, path, DeviceState.LOST)
        return SeenDevice(number, path, state, free_bytes, used_bytes)
