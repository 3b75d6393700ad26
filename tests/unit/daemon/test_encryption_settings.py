"""Master keys in the configuration: what is valid, where they come from, and that none shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from rucket.daemon.settings import Settings
from rucket.daemon.settings_sources import load_settings
from rucket.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

KEY = "aB" * 32
OTHER = "cd" * 32


def _settings(**encryption: Any) -> Settings:
    return Settings(storage={"encryption": encryption})  # type: ignore[arg-type]


def _key_ids(settings: Settings) -> list[bytes]:
    ring = settings.storage.encryption.key_ring()
    assert ring is not None
    return list(ring.key_ids)


def test_nothing_is_encrypted_unless_said() -> None:
    """There is no key then."""
    encryption = Settings().storage.encryption

    assert not encryption.enabled
    assert encryption.key_ring() is None


@pytest.mark.parametrize(
    ("encryption", "reason"),
    [
        ({"enabled": True}, "needs a master_key"),
        ({"master_key": "00" * 31}, "64 hexadecimal digits"),
        ({"master_key": KEY, "previous_keys": ["x"]}, "64 hexadecimal digits"),
        ({"previous_keys": [KEY]}, "need a master_key"),
        ({"master_key": KEY, "key_file": "/key"}, "set one"),
    ],
    ids=["no key", "short key", "wrong previous key", "no active key", "two places"],
)
def test_settings_that_make_no_sense_are_refused(encryption: dict[str, Any], reason: str) -> None:
    """And the message doesn't repeat a key."""
    with pytest.raises(ValidationError) as caught:
        _settings(**encryption)

    assert reason in str(caught.value)
    assert KEY not in str(caught.value)


def test_no_key_shows_but_to_child_processes() -> None:
    """They get the settings through a pipe."""
    settings = _settings(enabled=True, master_key=KEY, previous_keys=[OTHER])

    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert KEY not in shown
        assert OTHER not in shown
    assert Settings.from_json(settings.to_json()) == settings


def test_variables_set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is written as JSON."""
    monkeypatch.setenv("RUCKET__STORAGE__ENCRYPTION__ENABLED", "true")
    monkeypatch.setenv("RUCKET__STORAGE__ENCRYPTION__MASTER_KEY", KEY)
    monkeypatch.setenv("RUCKET__STORAGE__ENCRYPTION__PREVIOUS_KEYS", f'["{OTHER}"]')

    settings = load_settings(None, {})

    assert _key_ids(settings) == _key_ids(_settings(master_key=KEY, previous_keys=[OTHER]))


def test_a_key_file_has_the_active_key_first(tmp_path: Path) -> None:
    """One a line; comments are passed over."""
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(f"# since May\n{KEY}  # active\n\n{OTHER}\n")

    settings = _settings(enabled=True, key_file=path).with_encryption_keys()

    assert settings.storage.encryption.enabled
    assert _key_ids(settings) == _key_ids(_settings(master_key=KEY, previous_keys=[OTHER]))


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        (KEY, 0o640, "chmod 600"),
        (KEY, 0o604, "chmod 600"),
        ("", 0o600, "one key a line"),
        (f"{KEY}\n{OTHER[1:]}", 0o600, "one key a line"),
        (None, 0o600, "can't be read"),
    ],
    ids=["group may read", "others may read", "empty", "half a key", "missing"],
)
def test_a_key_file_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str | None, mode: int, reason: str
) -> None:
    """And the message doesn't repeat a key."""
    path = tmp_path / "keys"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)

    with pytest.raises(ConfigurationError, match=reason) as caught:
        _settings(key_file=path).with_encryption_keys()

    assert KEY not in str(caught.value)


def test_settings_without_a_key_file_stay_as_they_are() -> None:
    """Reading it is the first thing a server does, whether there is one or not."""
    settings = _settings(master_key=KEY)

    assert settings.with_encryption_keys() == settings
