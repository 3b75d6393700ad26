"""Bit rot in what a start reads back: the log and SQLite's WAL.

Source: docs/on_disk_format.md, "What finds damage".
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from rucket.daemon.offline_check import no_progress, verify_data_directory
from rucket.daemon.offline_rebuild import RebuildChoice, rebuild_index
from rucket.model.errors import CorruptionError, LogFailedError
from tests.storage.bitrot.image import Image, RowKey, Stored, opened, rows_of
from tests.storage.bitrot.places import flips, some_of

if TYPE_CHECKING:
    from pathlib import Path

REFUSED = (CorruptionError, LogFailedError)


def _recovered(root: Path) -> dict[RowKey, Stored] | None:
    """What a start shows; None if it is refused."""

    async def scenario() -> dict[RowKey, Stored]:
        async with opened(root) as (_, index):
            return rows_of(index)

    try:
        return asyncio.run(scenario())
    except REFUSED:
        return None


def test_an_untouched_image_is_clean_and_recovers(image: Image, tmp_path: Path) -> None:
    """So that what the others find is what they did."""
    image.write(tmp_path)

    assert verify_data_directory(tmp_path, None).problems == []
    assert _recovered(tmp_path) == image.rows


def test_a_changed_byte_of_sqlites_wal_changes_nothing(image: Image, tmp_path: Path) -> None:
    """SQLite drops what comes after it, and the log replays that."""
    name = "index/index.db-wal"
    data = image.files[name]
    offsets = [*some_of(0, 32, 12, 1), *some_of(32, 56, 12, 2), *some_of(56, len(data), 60, 3)]
    for offset, mask in flips(offsets, 4):
        image.write(tmp_path, name, offset, mask)
        assert _recovered(tmp_path) == image.rows, offset


def test_a_changed_byte_of_the_log_stops_the_start_or_is_not_needed(
    image: Image, tmp_path: Path
) -> None:
    """A start refuses what it needs and can't read; older segments are read by `rucket verify`. The
    newest frame looks like a batch that was cut off, but the index shows it.
    """
    seen: Counter[str] = Counter()
    names = [name for name in image.files if name.startswith("wal/")]
    for place, name in enumerate(names):
        used = len(image.files[name].rstrip(b"\0"))
        newest_frame = some_of(used - 200, used, 6, place)
        for offset, mask in flips([*some_of(0, used, 20, place), *newest_frame], place):
            image.write(tmp_path, name, offset, mask)
            problems = verify_data_directory(tmp_path, None).problems
            rows = _recovered(tmp_path)
            if rows == image.rows:
                seen["not needed, found by verify" if problems else "harmless"] += 1
                assert not problems or name != names[-1]
            else:
                assert rows is None
                seen["refused"] += 1
                assert problems

    assert seen["refused"] > 5
    assert seen["not needed, found by verify"] > 5


def test_an_index_that_is_damaged_is_built_again_from_a_complete_log(
    image: Image, tmp_path: Path
) -> None:
    """As `rucket verify` says."""
    image.write(tmp_path, "index/index.db", 2 * 4096 - 1, 0xFF)
    (tmp_path / "index/index.db-wal").unlink()
    before = verify_data_directory(tmp_path, None)
    rebuild_index(tmp_path, RebuildChoice(), no_progress)
    rows = _recovered(tmp_path)
    after = verify_data_directory(tmp_path, None)

    assert any("rucket rebuild-index" in repair for repair in before.repairs)
    assert rows == image.rows
    assert after.problems == []
