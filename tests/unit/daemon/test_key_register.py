"""The list of the master keys in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.daemon.key_register import KeyRegister, RegisteredKey
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import ConfigurationError, CorruptionError, UnknownFormatError
from tests.unit.service.encryption.keys import ring

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def register(tmp_path: Path) -> KeyRegister:
    return KeyRegister(OsDisk(), str(tmp_path / "keys" / "encryption.json"))


def _id(fill: int) -> bytes:
    return ring(fill).active.key_id


def test_a_directory_without_a_list_needs_no_key(register: KeyRegister) -> None:
    """Nothing is encrypted there."""
    register.check(None)
    register.check(ring(1))

    assert register.read() == ()


def test_a_key_that_is_listed_is_needed(register: KeyRegister) -> None:
    """As the active key or as a previous one; the message names it and the setting."""
    register.add(_id(1), 5)
    register.add(_id(1), 6)

    register.check(ring(1))
    register.check(ring(2, 1))
    for wrong in (None, ring(2)):
        with pytest.raises(ConfigurationError) as caught:
            register.check(wrong)
        assert _id(1).hex() in str(caught.value)
        assert "storage.encryption.previous_keys" in str(caught.value)
    assert register.read() == (RegisteredKey(_id(1).hex(), 5),)


def test_a_key_that_is_taken_off_is_needed_no_more(register: KeyRegister) -> None:
    """The others are."""
    register.add(_id(1), 5)
    register.add(_id(2), 6)

    register.remove([_id(1)])

    register.check(ring(2))
    assert [key.id for key in register.read()] == [_id(2).hex()]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", CorruptionError),
        ("[]", CorruptionError),
        ('{"format_version": 1, "keys": [], "check": 5}', CorruptionError),
        ('{"format_version": 2}', UnknownFormatError),
    ],
)
def test_what_is_no_list_is_refused(
    tmp_path: Path, register: KeyRegister, text: str, error: type[Exception]
) -> None:
    """Never taken for an empty one."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "encryption.json").write_text(text)

    with pytest.raises(error):
        register.check(ring(1))


def test_an_interrupted_change_leaves_the_list_as_it_was(
    tmp_path: Path, register: KeyRegister
) -> None:
    """And is no obstacle to the next."""
    register.add(_id(1), 5)
    (tmp_path / "keys" / "encryption.json.new").write_text("{")

    register.check(ring(1))
    register.add(_id(2), 6)

    assert len(register.read()) == 2
