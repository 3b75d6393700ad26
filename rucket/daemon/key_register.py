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

import posixpath
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rucket.model.errors import ConfigurationError, CorruptionError
from rucket.store.small_documents import DocumentFormat, read_small_file, replace_small_file

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rucket.ports.disk import Disk
    from rucket.service.encryption.key_ring import KeyRing

KEY_REGISTER_FORMAT_VERSION: Final = 1
_FORMAT: Final = DocumentFormat(KEY_REGISTER_FORMAT_VERSION, "keys")
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
    return _FORMAT.encode([asdict(key) for key in keys])


def decode_register(text: bytes, name: str) -> tuple[RegisteredKey, ...]:
    """What `encode_register` made `text` of.

    Raises:
        CorruptionError: it isn't what was written.
        UnknownFormatError: a newer Rucket wrote it.
    """
    keys = _FORMAT.decode(text, name, _interpret)
    if any(len(bytes.fromhex(key.id)) * 2 != _ID_LENGTH for key in keys):
        raise CorruptionError(name, "an id isn't one")
    return keys


def _interpret(fields: list[dict[str, Any]]) -> tuple[RegisteredKey, ...]:
    return tuple(
        RegisteredKey(bytes.fromhex(key["id"]).hex(), int(key["since_ms"])) for key in fields
    )


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
            return decode_register(read_small_file(self._disk, self._path), self._path)
        except FileNotFoundError:
            return ()

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
        self._disk.make_directory(posixpath.dirname(self._path))
        replace_small_file(self._disk, self._path, encode_register(keys))
