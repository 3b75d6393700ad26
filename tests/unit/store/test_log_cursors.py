"""Cursors of consumers of the log, and what the log keeps for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CorruptionError, UnknownFormatError
from rucket.store.log_cursors import (
    LogCursors,
    LogNeededByCursors,
    decode_log_cursor,
    encode_log_cursor,
)

if TYPE_CHECKING:
    from pathlib import Path


class _SizedLog:
    """Of which so many records may be kept."""

    def __init__(self, first: int) -> None:
        self.first = first

    def first_within(self, size_bytes: int) -> int:
        assert size_bytes == 1000
        return self.first


def test_a_cursor_is_where_it_was_left(tmp_path: Path) -> None:
    """Each consumer has its own; one that is new has none."""
    cursors = LogCursors(OsDisk(), str(tmp_path / "cursors"))
    assert cursors.load("events") is None
    assert cursors.names() == []

    for position in (0, 17, 2**63):
        cursors.save("events", position)
    cursors.save("other", 5)

    assert LogCursors(OsDisk(), str(tmp_path / "cursors")).load("events") == 2**63
    assert cursors.names() == ["events", "other"]
    cursors.remove("events")
    cursors.remove("events")
    assert cursors.names() == ["other"]


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[1]", b'{"format_version": 1}', encode_log_cursor(17).replace(b"17", b"18")],
    ids=["empty", "no fields", "a list", "no cursor", "another position"],
)
def test_what_was_not_written_is_refused(text: bytes) -> None:
    """Rather than guessed: events would be left out."""
    with pytest.raises(CorruptionError):
        decode_log_cursor(text, "cursor")


def test_a_newer_cursor_is_refused() -> None:
    """By its version."""
    with pytest.raises(UnknownFormatError):
        decode_log_cursor(encode_log_cursor(1).replace(b": 1,", b": 2,", 1), "cursor")


def test_the_log_is_kept_for_the_last_consumer_but_not_for_ever(tmp_path: Path) -> None:
    """One that is too far behind loses its place, and one whose cursor is damaged needs all there
    may be; without consumers nothing is kept.
    """
    cursors = LogCursors(OsDisk(), str(tmp_path))
    log = _SizedLog(1)
    needed = LogNeededByCursors(cursors, log, 1000)
    assert needed.first_needed() is None

    cursors.save("a", 10)
    cursors.save("b", 7)
    assert needed.first_needed() == 8
    log.first = 9
    assert needed.first_needed() == 9
    log.first = 2
    (tmp_path / "a.json").write_bytes(b"damaged")
    assert needed.first_needed() == 2
