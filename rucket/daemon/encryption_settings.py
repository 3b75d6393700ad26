"""``[storage.encryption]``: whether new objects are encrypted, and under which master key.

Keys come from the configuration (better from the environment), or from a file of their own that
only the server's user can read. They are revealed to the server's own child processes and nobody
else.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final, Self

from pydantic import (
    SecretStr,
    SerializationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from rucket.daemon.settings_section import Section, revealed_or_stars
from rucket.model.errors import ConfigurationError
from rucket.service.encryption.key_ring import KeyRing, MasterKey

KEY_FILE_SIZE_BYTES_MAX: Final = 64 * 1024
_MASTER_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class EncryptionSettings(Section):
    """``[storage.encryption]``; obeyed by every gateway process, and by maintenance, which brings
    data keys from previous master keys under the active one. The supervisor reads the file.

    Attributes:
        enabled: whether every new object is encrypted. Otherwise those are for which the request
            asks (``x-amz-server-side-encryption: AES256``), if there is a key.
        master_key: 64 hexadecimal digits; new data keys are wrapped under it.
        previous_keys: such that data keys may still be wrapped under.
        key_file: has both instead, one a line, the active one first; for its owner only.
    """

    enabled: bool = False
    master_key: SecretStr | None = None
    previous_keys: tuple[SecretStr, ...] = ()
    key_file: Path | None = None

    @field_serializer("master_key", when_used="json")
    def _reveal(self, secret: SecretStr | None, info: SerializationInfo) -> str | None:
        return None if secret is None else revealed_or_stars(secret, info)

    @field_serializer("previous_keys", when_used="json")
    def _reveal_all(self, secrets: tuple[SecretStr, ...], info: SerializationInfo) -> list[str]:
        return [revealed_or_stars(secret, info) for secret in secrets]

    @field_validator("master_key")
    @classmethod
    def _check_master_key(cls, key: SecretStr | None) -> SecretStr | None:
        return None if key is None else _checked(key)

    @field_validator("previous_keys")
    @classmethod
    def _check_previous_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(_checked(key) for key in keys)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.key_file is not None and (self.master_key is not None or self.previous_keys):
            raise ValueError("key_file takes the place of master_key and previous_keys: set one")
        if self.master_key is None and self.key_file is None:
            if self.previous_keys:
                raise ValueError("previous_keys need a master_key that takes their place")
            if self.enabled:
                raise ValueError(
                    "enabled needs a master_key (openssl rand -hex 32) or a key_file; "
                    "keep a copy: without it nothing can be read"
                )
        return self

    def with_key_file(self) -> EncryptionSettings:
        """The same with the keys that the file holds in its place.

        Raises:
            ConfigurationError: it can't be read, others can read it too, or it holds no keys.
        """
        if self.key_file is None:
            return self
        keys = _read_key_file(self.key_file)
        return EncryptionSettings(
            enabled=self.enabled,
            master_key=SecretStr(keys[0]),
            previous_keys=tuple(SecretStr(key) for key in keys[1:]),
        )

    def key_ring(self) -> KeyRing | None:
        """The keys; None if there are none. The file has been read."""
        assert self.key_file is None, "the supervisor reads it before it starts anybody"
        if self.master_key is None:
            return None
        return KeyRing(
            _master_key(self.master_key), tuple(_master_key(key) for key in self.previous_keys)
        )


def _checked(key: SecretStr) -> SecretStr:
    if _MASTER_KEY.fullmatch(key.get_secret_value()) is None:
        raise ValueError("a master key is 64 hexadecimal digits (openssl rand -hex 32)")
    return key


def _master_key(key: SecretStr) -> MasterKey:
    return MasterKey(bytes.fromhex(key.get_secret_value()))


def _read_key_file(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            text = file.read(KEY_FILE_SIZE_BYTES_MAX + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"storage.encryption.key_file: {path} can't be read: {error}"
        ) from error
    if mode & _OTHERS:
        raise ConfigurationError(
            f"storage.encryption.key_file: others than its owner may use {path}; chmod 600 it"
        )
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    keys = [line for line in lines if line]
    if not keys or not all(map(_MASTER_KEY.fullmatch, keys)):
        raise ConfigurationError(
            f"storage.encryption.key_file: {path} holds one key a line, the active one first; "
            "a key is 64 hexadecimal digits (openssl rand -hex 32), # begins a comment"
        )
    return keys
