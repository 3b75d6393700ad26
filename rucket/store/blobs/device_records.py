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

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import CorruptionError, UnknownFormatError

DEVICE_FORMAT_VERSION: Final = 1
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
    return _encode(asdict(identity))


def decode_identity(text: bytes, name: str) -> DeviceIdentity:
    """What `encode_identity` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    fields = _decode(text, name)
    try:
        return DeviceIdentity(
            str(fields["node_id"]), str(fields["device_id"]), int(fields["number"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(name, "it isn't what was written") from error


def encode_registry(devices: tuple[KnownDevice, ...]) -> bytes:
    """The content of the file in the data directory."""
    return _encode({"devices": [asdict(device) for device in devices]})


def decode_registry(text: bytes, name: str) -> tuple[KnownDevice, ...]:
    """What `encode_registry` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    fields = _decode(text, name)
    try:
        return tuple(
            KnownDevice(int(device["number"]), str(device["device_id"]), str(device["path"]))
            for device in fields["devices"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptionError(name, "it isn't what was written") from error


def _encode(content: dict[str, Any]) -> bytes:
    document = {
        "format_version": DEVICE_FORMAT_VERSION,
        "check": _check(content),
        "content": content,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _decode(text: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
        format_version = int(document["format_version"])
        if format_version != DEVICE_FORMAT_VERSION:
            raise UnknownFormatError(name, format_version, DEVICE_FORMAT_VERSION)
        content = document["content"]
        if document["check"] != _check(content):
            raise CorruptionError(name, "its check doesn't fit")
        if not isinstance(content, dict):
            raise CorruptionError(name, "it isn't what was written")
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptionError(name, "it isn't what was written") from error
    return content


def _check(content: object) -> int:
    return crc32c(json.dumps(content, sort_keys=True).encode())
