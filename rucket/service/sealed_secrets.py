"""Secret access keys as they lie in the index: encrypted, bound to the key and user they belong to.

::

    format_version u8 | nonce, 12 bytes | AES-256-GCM ciphertext and tag

The key is derived from the node's sealing key; access key id and user name are authenticated, so
that a sealed secret can't be moved to another row. Source: RFC 5869 (HKDF), NIST SP 800-38D (GCM).
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rucket.model.errors import CorruptionError, UnknownFormatError

if TYPE_CHECKING:
    from rucket.model.records import AccessKey
    from rucket.ports.random import Random

_FORMAT_VERSION = 1
_NONCE_SIZE_BYTES = 12
_KEY_SIZE_BYTES = 32
_KEY_INFO = b"rucket access key secrets v1"
_OPENED_SECRETS_MAX = 1024


class SecretSealer:
    """Seals and opens secrets.

    Args:
        sealing_key: 32 bytes, the node's.
    """

    def __init__(self, sealing_key: bytes) -> None:
        derivation = HKDF(algorithm=SHA256(), length=_KEY_SIZE_BYTES, salt=None, info=_KEY_INFO)
        self._cipher = AESGCM(derivation.derive(sealing_key))
        self._opened: OrderedDict[tuple[bytes, bytes], str] = OrderedDict()

    def seal(self, secret: str, access_key_id: str, user_name: str, random: Random) -> bytes:
        """The sealed form of a secret."""
        nonce = random.token_bytes(_NONCE_SIZE_BYTES)
        owner = _owner(access_key_id, user_name)
        return (
            bytes([_FORMAT_VERSION]) + nonce + self._cipher.encrypt(nonce, secret.encode(), owner)
        )

    def open(self, access_key: AccessKey) -> str:
        """The secret of an access key. The last ones that were opened are remembered.

        Raises:
            UnknownFormatError: a newer Rucket sealed it.
            CorruptionError: it was sealed with another key, for another access key, or changed.
        """
        sealed = access_key.sealed_secret
        owner = _owner(access_key.access_key_id, access_key.user_name)
        secret = self._opened.get((sealed, owner))
        if secret is None:
            secret = self._decrypt(sealed, owner, access_key.access_key_id)
            self._opened[sealed, owner] = secret
            if len(self._opened) > _OPENED_SECRETS_MAX:
                self._opened.popitem(last=False)
        return secret

    def _decrypt(self, sealed: bytes, owner: bytes, access_key_id: str) -> str:
        if sealed[:1] != bytes([_FORMAT_VERSION]):
            found = sealed[0] if sealed else 0
            raise UnknownFormatError("a sealed secret access key", found, _FORMAT_VERSION)
        nonce, ciphertext = sealed[1 : 1 + _NONCE_SIZE_BYTES], sealed[1 + _NONCE_SIZE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, ciphertext, owner).decode()
        except (InvalidTag, ValueError) as error:
            raise CorruptionError(
                f"the secret of access key {access_key_id}",
                "it doesn't open with this node's sealing key",
            ) from error


@lru_cache(maxsize=2)
def sealer_of(sealing_key: bytes) -> SecretSealer:
    """The sealer with a node's sealing key: deriving its key takes a while."""
    return SecretSealer(sealing_key)


def _owner(access_key_id: str, user_name: str) -> bytes:
    """Neither holds a NUL."""
    return f"{access_key_id}\0{user_name}".encode()
