"""What a start does with the devices of a node, before anything runs.

Every directory that the configuration names has to say whose it is, so that an empty mount point is
never taken for a device and a device of another node never for ours. What is found decides:

    device.json                 known here        what happens
    ours, known number          -                 it is taken, wherever it is mounted now
    ours, number not given yet  -                 taken: a start ended before it was noted
    another node's, or a        -                 refused
    number that another has
    absent                      at this path      lost: not mounted; the server starts without it
    absent                      no                a new device, if it is empty; else refused
    can't be read               at this path      lost
    can't be read               no                refused

Without any device that is there, a server doesn't start; with one, it starts, and the log says
what is lost: what is on the others is worth more than an outage. A device that is taken has to show
that it can be written: a probe is written and synced. One that can't is only read. Device 0 is the
directory that an earlier version had all blobs in.
"""

from __future__ import annotations

import contextlib
import logging
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.errors import (
    CorruptionError,
    DataDirectoryError,
    DeviceError,
    StorageFullError,
)
from rucket.store.blobs.blob_ids import DEVICE_NUMBER_MAX
from rucket.store.blobs.device_marks import DeviceMarks, Mark
from rucket.store.blobs.device_records import (
    IDENTITY_NAME,
    DeviceIdentity,
    KnownDevice,
    decode_identity,
    decode_registry,
    encode_identity,
    encode_registry,
)
from rucket.store.small_documents import read_small_file, replace_small_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rucket.ports.disk import Disk
    from rucket.ports.random import Random

DEFAULT_DEVICE: Final = "blobs"

_PROBE_NAME: Final = "probe"
_PROBE: Final = b"Rucket was here." * 256
_DEVICE_ID_SIZE_BYTES: Final = 8
FILE_SYSTEMS_OWN: Final = frozenset({"lost+found"})

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DevicePlaces:
    """Where the files about devices are.

    Attributes:
        root: the data directory; paths in the registry are relative to it.
        registry: the file that says which devices there are.
        marks: a directory, see `DeviceMarks`.
    """

    root: str
    registry: str
    marks: str

    @property
    def default_device(self) -> str:
        """The directory of device 0."""
        return posixpath.join(self.root, DEFAULT_DEVICE)


@dataclass(frozen=True, slots=True)
class NodeOfDevices:
    """Whose devices they are.

    Attributes:
        make_directories: makes what blobs need on a device. Blocks.
    """

    node_id: str
    make_directories: Callable[[KnownDevice], None]


def read_registry(disk: Disk, places: DevicePlaces) -> tuple[KnownDevice, ...]:
    """The devices of a node, by number, with whole paths. A data directory of an earlier version
    has device 0 alone.

    Raises:
        CorruptionError, UnknownFormatError: it isn't what was written.
    """
    try:
        text = read_small_file(disk, places.registry)
    except FileNotFoundError:
        return (KnownDevice(0, "", places.default_device),)
    return tuple(
        KnownDevice(device.number, device.device_id, posixpath.join(places.root, device.path))
        for device in decode_registry(text, places.registry)
    )


def read_identity(disk: Disk, path: str) -> DeviceIdentity:
    """What a device says of itself.

    Raises:
        FileNotFoundError: it says nothing, or isn't there.
        CorruptionError, UnknownFormatError: it isn't what was written.
        DeviceError: it can't be read.
    """
    return decode_identity(read_small_file(disk, path), path)


def prepare_devices(
    disk: Disk,
    places: DevicePlaces,
    node: NodeOfDevices,
    configured: Sequence[str],
    random: Random,
) -> tuple[KnownDevice, ...]:
    """Looks at all devices, makes the new ones, and puts up the marks of those that fail.

    Args:
        disk: on which all of them are.
        places: of the files about them.
        node: whose they have to be.
        configured: their directories; none means the one in the data directory.
        random: for new ones.

    Returns:
        All devices that the node has ever had, by number.

    Raises:
        DataDirectoryError: a directory can't be used; the message says what to do.
        CorruptionError: the registry, or what a device says of itself, is damaged.
    """
    marks = DeviceMarks(disk, places.marks)
    marks.take_down_all()
    return _Preparation(disk, places, node, random, marks).run(configured)


class _Preparation:
    def __init__(
        self,
        disk: Disk,
        places: DevicePlaces,
        node: NodeOfDevices,
        random: Random,
        marks: DeviceMarks,
    ) -> None:
        self._disk = disk
        self._places = places
        self._node_id = node.node_id
        self._make_directories = node.make_directories
        self._random = random
        self._marks = marks
        self._known: dict[int, KnownDevice] = {}
        self._present: set[int] = set()

    def run(self, configured: Sequence[str]) -> tuple[KnownDevice, ...]:
        before = self._read_known()
        # What says who it is comes first: a new device must not get the number of one that a start
        # made and had no time to note.
        new = [
            path for path in configured or (self._places.default_device,) if not self._look_at(path)
        ]
        for path in new:
            self._make(path)
        for device in list(self._known.values()):
            if device.number not in self._present and device.path not in configured:
                self._look_at_left_out(device)
        devices = tuple(self._known[number] for number in sorted(self._known))
        if devices != before:
            self._write_registry(devices)
        if not self._present:
            names = ", ".join(f"device {device.number} ({device.path})" for device in devices)
            raise DataDirectoryError(f"all devices are lost: {names}; mount them, and start again")
        for device in devices:
            if device.number in self._present:
                self._prepare(device)
        return devices

    def _read_known(self) -> tuple[KnownDevice, ...]:
        devices = read_registry(self._disk, self._places)
        if not devices[0].device_id:
            # No start has noted it yet; whether it is there at all is seen below.
            if not self._exists(devices[0].path):
                return ()
            devices = (KnownDevice(0, "", devices[0].path),)
        self._known = {device.number: device for device in devices}
        return devices

    def _look_at(self, path: str) -> bool:
        """Whether it is a device already; if not, it has to become one."""
        known = next((device for device in self._known.values() if device.path == path), None)
        try:
            identity = read_identity(self._disk, posixpath.join(path, IDENTITY_NAME))
        except FileNotFoundError:
            if known is None or not known.device_id:
                return False
            self._lose(known, "there is no device.json: is it mounted?")
            return True
        except DeviceError as error:
            if known is None:
                raise DataDirectoryError(
                    f"the device {path} can't be read ({error}); mount another one there, or take "
                    "it out of storage.devices"
                ) from error
            self._lose(known, str(error))
            return True
        self._take(path, identity)
        return True

    def _take(self, path: str, identity: DeviceIdentity) -> None:
        number = identity.number
        known = self._known.get(number)
        if identity.node_id != self._node_id:
            raise DataDirectoryError(
                f"the device {path} belongs to the node {identity.node_id}, this is "
                f"{self._node_id}; mount this node's device there, or take it out of "
                "storage.devices"
            )
        if number in self._present:
            raise DataDirectoryError(
                f"the device {path} is device {number}, which storage.devices names twice"
            )
        if known is not None and known.device_id not in ("", identity.device_id):
            raise DataDirectoryError(
                f"the device {path} says that it is device {number}, which is another one: "
                f"{known.device_id} at {known.path}; take it out of storage.devices"
            )
        if known is not None and known.path != path:
            _logger.warning("device %d is at %s now; it was at %s", number, path, known.path)
        self._known[number] = KnownDevice(number, identity.device_id, path)
        self._present.add(number)

    def _make(self, path: str) -> None:
        is_default = path == self._places.default_device
        number = 0 if is_default else max([0, *self._known]) + 1
        if number > DEVICE_NUMBER_MAX:
            raise DataDirectoryError(
                f"the device {path} would be the {number + 1}th of this node; ids have room for "
                f"{DEVICE_NUMBER_MAX + 1}"
            )
        try:
            self._disk.make_directory(path)
            found = set(self._disk.list_directory(path)) - FILE_SYSTEMS_OWN
            # Blobs without device.json are an earlier version's; its directory is device 0.
            if found and not is_default:
                raise DataDirectoryError(
                    f"the new device {path} isn't empty: give storage.devices an empty directory"
                )
            identity = DeviceIdentity(
                self._node_id, self._random.token_bytes(_DEVICE_ID_SIZE_BYTES).hex(), number
            )
            self._write_new(posixpath.join(path, IDENTITY_NAME), encode_identity(identity))
        except (DeviceError, StorageFullError) as error:
            raise DataDirectoryError(
                f"the device {path} can't be used: {error}; give storage.devices a directory that "
                "this user may write"
            ) from error
        _logger.info("device %d is new: %s", number, path)
        self._take(path, identity)

    def _look_at_left_out(self, device: KnownDevice) -> None:
        """One that the configuration doesn't name: it is read, as long as it is there."""
        if not device.device_id:  # of an earlier version
            self._make(device.path)
            return
        try:
            identity = read_identity(self._disk, posixpath.join(device.path, IDENTITY_NAME))
        except (FileNotFoundError, DeviceError, CorruptionError) as error:
            self._lose(device, f"storage.devices doesn't name it, and it isn't there ({error})")
            return
        self._take(device.path, identity)

    def _prepare(self, device: KnownDevice) -> None:
        """Makes its directories, and finds out whether blobs can be written to it."""
        try:
            self._make_directories(device)
            path = posixpath.join(device.path, _PROBE_NAME)
            with contextlib.suppress(FileNotFoundError):
                self._disk.remove(path)
            self._write_new(path, _PROBE)
            self._disk.remove(path)
        except StorageFullError as error:
            _logger.warning("device %d (%s) is full: %s", device.number, device.path, error)
        except (FileNotFoundError, DeviceError) as error:
            self._marks.put_up(device.number, Mark.FAILED, device.path, str(error))

    def _lose(self, device: KnownDevice, reason: str) -> None:
        self._marks.put_up(device.number, Mark.LOST, device.path, reason)

    def _exists(self, path: str) -> bool:
        try:
            self._disk.list_directory(path)
        except FileNotFoundError:
            return False
        return True

    def _write_registry(self, devices: Sequence[KnownDevice]) -> None:
        root = self._places.root + "/"
        text = encode_registry(
            tuple(
                KnownDevice(device.number, device.device_id, device.path.removeprefix(root))
                for device in devices
            )
        )
        replace_small_file(self._disk, self._places.registry, text)

    def _write_new(self, path: str, content: bytes) -> None:
        """Makes a file that is there whole, durably, or not at all."""
        directory = posixpath.dirname(path)
        file = self._disk.create_unnamed(directory)
        try:
            file.write_at(0, [content])
            file.sync_data()
            file.link(path)
        finally:
            file.close()
        self._disk.sync_directory(directory)
