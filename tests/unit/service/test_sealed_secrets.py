"""Secrets at rest. Source: the byte layout in `rucket.service.sealed_secrets`."""

from __future__ import annotations

import msgspec
import pytest

from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.records import AccessKey
from rucket.service.sealed_secrets import SecretSealer
from tests.unit.fakes import FakeRandom

SEALING_KEY = bytes(range(32))
# Sealed once with the key above, for access key AKID of user carol: what lies on disks out there.
SEALED_V1 = bytes.fromhex(
    "01cd072cd8be6f9f62ac4c09c2c9e45adac3e466c177622247bb88d0316e10ff15758d6203"
)


def sealed(secret: str = "a secret") -> AccessKey:
    """An access key as it lies in the index."""
    sealer = SecretSealer(SEALING_KEY)
    return AccessKey("AKID", "carol", sealer.seal(secret, "AKID", "carol", FakeRandom()))


def test_a_sealed_secret_opens() -> None:
    """What was sealed comes back, also a second time, from memory."""
    sealer = SecretSealer(SEALING_KEY)
    access_key = sealed()

    assert [sealer.open(access_key), sealer.open(access_key)] == ["a secret", "a secret"]
    assert b"secret" not in access_key.sealed_secret


def test_the_first_format_still_opens() -> None:
    """The bytes of format_version 1 mean the same for ever."""
    assert SecretSealer(SEALING_KEY).open(AccessKey("AKID", "carol", SEALED_V1)) == "a secret"


@pytest.mark.parametrize("field", ["access_key_id", "user_name"])
def test_a_secret_moved_to_another_row_does_not_open(field: str) -> None:
    """It is bound to the access key and the user it was sealed for, even once remembered."""
    sealer = SecretSealer(SEALING_KEY)
    access_key = sealed()
    sealer.open(access_key)

    with pytest.raises(CorruptionError):
        sealer.open(msgspec.structs.replace(access_key, **{field: "mallory"}))


def test_another_sealing_key_opens_nothing() -> None:
    """Without the node's key, the index alone is worth nothing."""
    with pytest.raises(CorruptionError):
        SecretSealer(bytes(32)).open(sealed())


def test_a_newer_format_is_refused() -> None:
    """An unknown format_version is never guessed at."""
    access_key = sealed()
    newer = b"\x02" + access_key.sealed_secret[1:]

    with pytest.raises(UnknownFormatError):
        SecretSealer(SEALING_KEY).open(msgspec.structs.replace(access_key, sealed_secret=newer))
