"""Who a device is, and which devices a node has: two small files. Pure: no files.

::

    DEVICE/device.json      {"format_version": 1, "check": …, "content": {"node_id", "device_id",
                            "number"}}
    DATA_DIR/devices.json   {"format_version": 1, "check": …, "content": {"devices": [{"number",
                            "device_id", "path"}, …]}}

`check` is the CRC32C of the JSON of `content`, keys sorted. Numbers are in the ids of blobs: one
that was given out is never given to another device.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

from rucket.store.small_documents import DocumentFormat

DEVICE_FORMAT_VERSION: Final = 1
_FORMAT: Final = DocumentFormat(DEVICE_FORMAT_VERSION, "content")
IDENTITY_NAME: Final = "device.json"


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """What a device says of itself.

    Attributes:
        node_id: of the node it belongs to.
        device_id: 16 random hexadecimal digits.
        number: what blob ids call it.
    """

    node_id: str
    device_id: str
    number: int


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that a node has.

    Attributes:
        path: where it was at the last start; below the data directory if it is relative.
    """

    number: int
    device_id: str
    path: str


def encode_identity(identity: DeviceIdentity) -> bytes:
    """The content of the file on the device."""
    return _FORMAT.encode(asdict(identity))


def decode_identity(text: bytes, name: str) -> DeviceIdentity:
    """What `encode_identity` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    return _FORMAT.decode(
        text,
        name,
        lambda fields: DeviceIdentity(
            str(fields["node_id"]), str(fields["device_id"]), int(fields["number"])
        ),
    )


def encode_registry(devices: tuple[KnownDevice, ...]) -> bytes:
    """The content of the file in the data directory."""
    return _FORMAT.encode({"devices": [asdict(device) for device in devices]})


def decode_registry(text: bytes, name: str) -> tuple[KnownDevice, ...]:
    """What `encode_registry` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    return _FORMAT.decode(
        text,
        name,
        lambda fields: tuple(
            KnownDevice(int(device["number"]), str(device["device_id"]), str(device["path"]))
            for device in fields["devices"]
        ),
    )
