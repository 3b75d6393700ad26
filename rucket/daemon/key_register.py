"""``keys/encryption.json``: which master keys the objects of a data directory may be encrypted
under, so that a server without them is refused at its start and not at some GET.

::

    {"format_version": 1, "check": CRC32C of the JSON of "keys",
     "keys": [{"id": 16 hexadecimal digits, "since_ms": …}, …]}

A key's id follows from the key and tells nothing of it. A key is listed, durably, before anything
is encrypted under it, and taken off the list when maintenance has seen that nothing is any more.
The file is replaced as a whole; a crash leaves the one or the other.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from rucket.model.crc32c import crc32c
from rucket.model.errors import ConfigurationError, CorruptionError, UnknownFormatError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rucket.ports.disk import Disk
    from rucket.service.encryption.key_ring import KeyRing

KEY_REGISTER_FORMAT_VERSION: Final = 1
_ID_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A master key that objects may be encrypted under.

    Attributes:
        id: of the key, hexadecimal digits.
        since_ms: when it was listed, milliseconds since the Unix epoch.
    """

    id: str
    since_ms: int


def encode_register(keys: Sequence[RegisteredKey]) -> bytes:
    """The content of the file."""
    fields = [asdict(key) for key in keys]
    document = {
        "format_version": KEY_REGISTER_FORMAT_VERSION,
        "check": _check(fields),
        "keys": fields,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def decode_register(text: bytes, name: str) -> tuple[RegisteredKey, ...]:
    """What `encode_register` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    try:
        document = json.loads(text)
        format_version = int(document["format_version"])
        if format_version != KEY_REGISTER_FORMAT_VERSION:
            raise UnknownFormatError(name, format_version, KEY_REGISTER_FORMAT_VERSION)
        fields = document["keys"]
        if document["check"] != _check(fields):
            raise CorruptionError(name, "its check doesn't fit")
        keys = tuple(RegisteredKey(str(key["id"]), int(key["since_ms"])) for key in fields)
        if any(len(bytes.fromhex(key.id)) * 2 != _ID_LENGTH for key in keys):
            raise CorruptionError(name, "an id isn't one")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptionError(name, "it isn't what was written") from error
    return keys


def _check(fields: object) -> int:
    return crc32c(json.dumps(fields, sort_keys=True).encode())


class KeyRegister:
    """The file. All calls block."""

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path

    def read(self) -> tuple[RegisteredKey, ...]:
        """The keys that are listed; none where there is no file.

        Raises:
            CorruptionError, UnknownFormatError: as `decode_register`.
            DeviceError: it can't be read.
        """
        try:
            file = self._disk.open(self._path)
        except FileNotFoundError:
            return ()
        try:
            return decode_register(file.read_at(0, file.size_bytes()), self._path)
        finally:
            file.close()

    def check(self, ring: KeyRing | None) -> None:
        """Returns if every key that is needed is there.

        Raises:
            ConfigurationError: one isn't.
            CorruptionError, UnknownFormatError, DeviceError: as `read`.
        """
        configured = [] if ring is None else [key_id.hex() for key_id in ring.key_ids]
        missing = [key.id for key in self.read() if key.id not in configured]
        if missing:
            raise ConfigurationError(
                f"storage.encryption: objects are encrypted under master key {', '.join(missing)}; "
                f"configured {'are ' + ', '.join(configured) if configured else 'is none'}. Set "
                "storage.encryption.master_key to the key that was used, or add it to "
                f"storage.encryption.previous_keys ({self._path} lists the keys in use)"
            )

    def add(self, key_id: bytes, now_ms: int) -> None:
        """Lists a key. Durable when this returns.

        Raises:
            StorageFullError, DeviceError: it can't be written; what was there still is.
            CorruptionError, UnknownFormatError: as `read`.
        """
        keys = self.read()
        if key_id.hex() not in [key.id for key in keys]:
            self._write([*keys, RegisteredKey(key_id.hex(), now_ms)])
        else:
            # Whoever listed it may have been killed before the name was durable.
            self._disk.sync_directory(posixpath.dirname(self._path))

    def remove(self, key_ids: Collection[bytes]) -> None:
        """Takes keys off the list. Durable when this returns; raises as `add`."""
        gone = {key_id.hex() for key_id in key_ids}
        self._write([key for key in self.read() if key.id not in gone])

    def _write(self, keys: Sequence[RegisteredKey]) -> None:
        directory = posixpath.dirname(self._path)
        self._disk.make_directory(directory)
        unfinished = self._path + ".new"
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(unfinished)
        file = self._disk.create(unfinished)
        try:
            file.write_at(0, [encode_register(keys)])
            file.sync_data()
        finally:
            file.close()
        self._disk.rename(unfinished, self._path)
        self._disk.sync_directory(directory)
