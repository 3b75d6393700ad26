"""The note of how far the scrubber has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.model.scrub_cursor import ScrubCursor, ScrubStage
from rucket.store.scrub_cursor_file import ScrubCursorFile

if TYPE_CHECKING:
    from pathlib import Path

CURSOR = ScrubCursor(17, ScrubStage.BLOBS, 0, b"\xffkey", 5, 2, 11)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be; its directory isn't there yet."""
    return tmp_path / "state" / "scrub.json"


def test_what_was_saved_last_is_loaded(path: Path) -> None:
    """Before the first time, there is nothing."""
    file = ScrubCursorFile(OsDisk(), str(path))
    assert file.load() is None

    file.save(ScrubCursor(1))
    file.save(CURSOR)

    assert file.load() == CURSOR
    assert [entry.name for entry in path.parent.iterdir()] == ["scrub.json"]


def test_what_a_crash_left_of_a_file_is_in_nobodys_way(path: Path) -> None:
    """The next save removes it."""
    path.parent.mkdir()
    path.with_name("scrub.json.new").write_bytes(b"half")
    file = ScrubCursorFile(OsDisk(), str(path))

    assert file.load() is None
    file.save(CURSOR)

    assert file.load() == CURSOR


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", CorruptionError),
        (b"[]", CorruptionError),
        (b'{"format_version": 1}', CorruptionError),
        (b'{"format_version": 1, "check": 1, "cursor": {}}', CorruptionError),
        (b'{"format_version": 2, "anything": "else"}', UnknownFormatError),
        (b"\xff", CorruptionError),
    ],
)
def test_what_is_no_cursor_is_refused(path: Path, text: bytes, error: type[Exception]) -> None:
    """Never guessed."""
    path.parent.mkdir()
    path.write_bytes(text)

    with pytest.raises(error):
        ScrubCursorFile(OsDisk(), str(path)).load()
