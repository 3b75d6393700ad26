"""The small files of a data directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rucket.daemon.data_directory import DataDirectory
from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, DataDirectoryError, UnknownFormatError
from rucket.runtime.system import SystemClock, SystemRandom

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    """An empty one."""
    return DataDirectory(str(tmp_path), OsDisk())


def test_an_identity_is_made_once(directory: DataDirectory) -> None:
    """And read back at every start."""
    made = directory.prepare(SystemClock(), SystemRandom())

    assert directory.prepare(SystemClock(), SystemRandom()) == made
    assert directory.read_identity() == made


def test_an_identity_without_a_check_is_of_the_first_servers(
    tmp_path: Path, directory: DataDirectory
) -> None:
    """They wrote none."""
    text = {"format_version": 1, "node_id": "0123456789abcdef", "created_ms": 5}
    (tmp_path / "rucket.json").write_text(json.dumps(text))

    assert directory.read_identity().node_id == "0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", CorruptionError),
        ("[]", CorruptionError),
        ('{"format_version": 1, "node_id": "00"}', CorruptionError),
        ('{"format_version": 1, "node_id": "00", "created_ms": 5, "check": 5}', CorruptionError),
        ('{"format_version": 2}', UnknownFormatError),
    ],
)
def test_what_is_no_identity_is_refused(
    tmp_path: Path, directory: DataDirectory, text: str, error: type[Exception]
) -> None:
    """Never guessed."""
    (tmp_path / "rucket.json").write_text(text)

    with pytest.raises(error):
        directory.read_identity()


def test_data_without_an_identity_is_not_taken_over(
    tmp_path: Path, directory: DataDirectory
) -> None:
    """It may be somebody else's."""
    (tmp_path / "blobs").mkdir()

    with pytest.raises(DataDirectoryError, match=r"no rucket\.json"):
        directory.prepare(SystemClock(), SystemRandom())


def test_a_sealing_key_of_another_size_is_refused(tmp_path: Path, directory: DataDirectory) -> None:
    """A new one would make every secret unreadable."""
    directory.prepare(SystemClock(), SystemRandom())
    (tmp_path / "keys/sealing.key").write_bytes(b"short")

    with pytest.raises(CorruptionError):
        directory.make_sealing_key(SystemRandom())
