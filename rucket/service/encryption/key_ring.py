"""Master keys, and what is derived of them.

The id of a key is derived of the key: operators need no list of names, and another key can't be
taken for one that was lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rucket.model.encryption import (
    CHUNK_SIZE_BYTES,
    ENCRYPTION_FORMAT_VERSION,
    EncryptionRecord,
    decode_encryption_record,
    encode_encryption_record,
)
from rucket.model.errors import CorruptionError, EncryptionKeyError

if TYPE_CHECKING:
    from rucket.ports.random import Random

KEY_SIZE_BYTES: Final = 32
KEY_ID_SIZE_BYTES: Final = 8
OBJECT_ID_SIZE_BYTES: Final = 16
NONCE_SIZE_BYTES: Final = 12
_KEY_ID_INFO: Final = b"rucket master key id v1"
_KEY_ENCRYPTION_INFO: Final = b"rucket key encryption key v1"
_NEW_KEY_SIZE_BYTES: Final = OBJECT_ID_SIZE_BYTES + KEY_SIZE_BYTES


def derive(key: bytes, info: bytes, size_bytes: int = KEY_SIZE_BYTES) -> bytes:
    """HKDF-SHA256 without salt: the key is uniformly random already."""
    return HKDF(algorithm=SHA256(), length=size_bytes, salt=None, info=info).derive(key)


@dataclass(frozen=True, slots=True)
class DataKey:
    """What an object's bytes are encrypted under.

    Attributes:
        object_id: 16 bytes, see `EncryptionRecord`.
        key: 32 bytes.
    """

    object_id: bytes
    chunk_size_bytes: int
    key: bytes = field(repr=False)


class MasterKey:
    """A key that data keys are wrapped under.

    Args:
        key: 32 bytes.

    Attributes:
        key_id: 8 bytes that follow from it and tell nothing of it.
    """

    __slots__ = ("_key", "key_id")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_SIZE_BYTES:
            raise ValueError(f"a master key has {KEY_SIZE_BYTES} bytes")
        self._key = key
        self.key_id = derive(key, _KEY_ID_INFO, KEY_ID_SIZE_BYTES)

    def wrap(self, data_key: DataKey, random: Random) -> bytes:
        """The record that an object keeps of its data key."""
        nonce = random.token_bytes(NONCE_SIZE_BYTES)
        context = _context(self.key_id, data_key.object_id, data_key.chunk_size_bytes)
        wrapped = self._cipher(data_key.object_id).encrypt(nonce, data_key.key, context)
        return encode_encryption_record(
            EncryptionRecord(
                self.key_id, data_key.object_id, nonce + wrapped, data_key.chunk_size_bytes
            )
        )

    def unwrap(self, record: EncryptionRecord) -> DataKey:
        """The data key that a record of this master key's holds.

        Raises:
            CorruptionError: the record was changed.
        """
        nonce = record.wrapped_key[:NONCE_SIZE_BYTES]
        wrapped = record.wrapped_key[NONCE_SIZE_BYTES:]
        context = _context(record.key_id, record.object_id, record.chunk_size_bytes)
        try:
            key = self._cipher(record.object_id).decrypt(nonce, wrapped, context)
        except InvalidTag as error:
            detail = f"its data key doesn't open with master key {self.key_id.hex()}"
            raise CorruptionError("an encryption record", detail) from error
        return DataKey(record.object_id, record.chunk_size_bytes, key)

    def _cipher(self, object_id: bytes) -> AESGCM:
        return AESGCM(derive(self._key, _KEY_ENCRYPTION_INFO + object_id))


class KeyRing:
    """The master keys of a node.

    Args:
        active: new data keys are wrapped under this one.
        previous: these can still be read.
    """

    def __init__(self, active: MasterKey, previous: tuple[MasterKey, ...] = ()) -> None:
        self.active = active
        self._by_id = {key.key_id: key for key in (*previous, active)}

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """Of all keys, the active one first."""
        others = sorted(key_id for key_id in self._by_id if key_id != self.active.key_id)
        return (self.active.key_id, *others)

    def new_data_key(self, random: Random) -> DataKey:
        """A data key, and an object id, that nobody has had."""
        drawn = random.token_bytes(_NEW_KEY_SIZE_BYTES)
        return DataKey(drawn[:OBJECT_ID_SIZE_BYTES], CHUNK_SIZE_BYTES, drawn[OBJECT_ID_SIZE_BYTES:])

    def unwrap(self, encoded: bytes) -> DataKey:
        """The data key in a record, whichever key of the ring it is wrapped under.

        Raises:
            EncryptionKeyError: it is none of the ring.
            CorruptionError: the record isn't what was written.
            UnknownFormatError: a newer Rucket wrote it.
        """
        record = decode_encryption_record(encoded)
        master_key = self._by_id.get(record.key_id)
        if master_key is None:
            raise EncryptionKeyError(record.key_id.hex())
        return master_key.unwrap(record)

    def rewrap(self, encoded: bytes, random: Random) -> bytes:
        """The same data key under the active key; the same record if it is that already.

        Raises:
            EncryptionKeyError, CorruptionError, UnknownFormatError: as `unwrap`.
        """
        if decode_encryption_record(encoded).key_id == self.active.key_id:
            return encoded
        return self.active.wrap(self.unwrap(encoded), random)


def _context(key_id: bytes, object_id: bytes, chunk_size_bytes: int) -> bytes:
    """What is authenticated with a wrapped key: all of the record."""
    version = bytes([ENCRYPTION_FORMAT_VERSION])
    return version + key_id + object_id + chunk_size_bytes.to_bytes(4, "big")
