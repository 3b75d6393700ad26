"""Where a restore puts blobs: on the devices that they were on, as far as the configuration still
names them, and in the data directory.

A blob's id says the number of the device that it was written to, so a device keeps its number. One
that isn't named any more isn't known to the restored node either: its blobs are in the data
directory, where every blob is looked for in the end.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from rucket.model.errors import ConfigurationError
from rucket.runtime.system import SystemRandom
from rucket.store.blobs.blob_ids import birth_of
from rucket.store.blobs.device_preparation import FILE_SYSTEMS_OWN
from rucket.store.blobs.device_records import (
    IDENTITY_NAME,
    DeviceIdentity,
    KnownDevice,
    decode_registry,
    encode_identity,
    encode_registry,
)
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.small_documents import replace_small_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.daemon.data_directory import DataDirectory
    from rucket.model.names import BlobId
    from rucket.ports.disk import Disk

_DEVICE_ID_SIZE_BYTES: Final = 8


class RestoredDevices:
    """The devices of a node that is being restored. All calls block.

    Args:
        disk: on which all of them are.
        directory: the data directory.
        node_id: of the node.
        registry: of the node that was backed up, if it had one.
        configured: the directories of devices that there shall be.

    Raises:
        CorruptionError, UnknownFormatError: the registry isn't what was written.
    """

    def __init__(
        self,
        disk: Disk,
        directory: DataDirectory,
        node_id: str,
        registry: bytes | None,
        configured: Sequence[str],
    ) -> None:
        self._disk = disk
        self._places = directory.devices
        self._node_id = node_id
        known = () if registry is None else decode_registry(registry, self._places.registry)
        self._paths = {0: self._places.default_device}
        for device in known:
            path = posixpath.join(self._places.root, device.path)
            if device.number and path in configured:
                self._paths[device.number] = path
        self._blobs: dict[int, FileBlobs] = {}

    def prepare(self) -> None:
        """Makes their directories.

        Raises:
            ConfigurationError: a device isn't empty.
            StorageFullError, DeviceError: it can't be written.
        """
        for path in self._paths.values():
            self._disk.make_directory(path)
            if set(self._disk.list_directory(path)) - FILE_SYSTEMS_OWN:
                raise ConfigurationError(
                    f"the device {path} isn't empty: a backup is restored onto empty devices; "
                    "empty it, or take it out of storage.devices"
                )
        for number, path in self._paths.items():
            self._blobs[number] = FileBlobs(self._disk, path, number, SystemRandom())
            self._blobs[number].prepare()

    def blobs_for(self, blob_id: BlobId) -> FileBlobs:
        """Those that a blob belongs to."""
        birth = birth_of(blob_id)
        number = 0 if birth is None else birth.device_number
        return self._blobs.get(number, self._blobs[0])

    def register(self) -> None:
        """Has each device say who it is, and notes them all. With the data directory's alone, the
        first start does. Durable on return.
        """
        if len(self._paths) == 1:
            return
        devices = []
        for number, path in sorted(self._paths.items()):
            device_id = SystemRandom().token_bytes(_DEVICE_ID_SIZE_BYTES).hex()
            identity = DeviceIdentity(self._node_id, device_id, number)
            replace_small_file(
                self._disk, posixpath.join(path, IDENTITY_NAME), encode_identity(identity)
            )
            relative = path.removeprefix(self._places.root + "/")
            devices.append(KnownDevice(number, device_id, relative))
        replace_small_file(self._disk, self._places.registry, encode_registry(tuple(devices)))
