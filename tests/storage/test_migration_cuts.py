"""Power cuts while an index is brought up to date: afterwards it opens with every row there was."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.ports.index import Table
from rucket.state.outcome_conversion import convert_outcomes
from rucket.store.index.migration import migrate_from_1
from rucket.store.index.sqlite_index import INDEX_FORMAT_VERSION, SqliteIndex
from tests.golden.directories import Row, unpack
from tests.storage.power_cuts import LostError, is_exhaustive
from tests.storage.sqlite_files import RecordedDisk, RecordedFiles, lay_out, recorded
from tests.storage.survivors import Thoroughness, after_power_cut, fingerprint
from tests.unit.fakes import FakeIndex

if TYPE_CHECKING:
    from tests.storage.images import Image

_MOMENTS = 60
_THOROUGHNESS = Thoroughness(single_sectors=False, mixture_count=3)


class HastyIndex(SqliteIndex):
    """Says that it is of the new format before it is."""

    def _migrate(self) -> None:
        self._connection.execute(f"PRAGMA user_version = {INDEX_FORMAT_VERSION}")
        with self._connection:
            migrate_from_1(self._connection.execute)
            convert_outcomes(self._rows)


def _rows(index: SqliteIndex) -> list[Row]:
    with index.snapshot() as snapshot:
        return [
            (table, *row) for table in Table for row in snapshot.scan_whole(table, b"", 100_000)
        ]


def _converted(rows: list[Row]) -> list[Row]:
    """The rows of format 1 as they are in the current format."""
    index = FakeIndex()
    for row in rows:
        index.put(*row)
    assert convert_outcomes(index)
    return [(table, *row) for table in Table for row in index.scan_whole(table, b"", 100_000)]


def _record(kind: type[SqliteIndex], directory: Path) -> tuple[list[Row], list[tuple[str, Image]]]:
    """The rows there shall be, and the files at every change that the migration makes."""
    rows = _converted(unpack("format-1", directory / "data"))
    index_directory = directory / "data/index"
    moments: list[tuple[str, Image]] = []
    files = RecordedFiles(
        index_directory, lambda what: moments.append((what, files.image())), lambda _: False
    )
    for path in sorted(index_directory.iterdir()):
        files.adopt(str(path))
    with recorded(files):
        index = kind(str(index_directory / "index.db"), RecordedDisk(files))
        index.sync()
        index.close()
    return rows, moments


def _come_back(rows: list[Row], what: str, image: Image) -> None:
    directory = Path(tempfile.mkdtemp(prefix="rucket-migration-"))
    try:
        lay_out(image, directory)
        index = SqliteIndex(str(directory / "index.db"), OsDisk())
        found = _rows(index)
        index.close()
    except Exception as error:
        raise LostError(f"cut before {what}: {error!r}") from error
    finally:
        shutil.rmtree(directory)
    if found != rows:
        raise LostError(f"cut before {what}: {len(found)} rows of {len(rows)}")


def _cut_everywhere(kind: type[SqliteIndex], directory: Path) -> int:
    rows, moments = _record(kind, directory)
    step = 1 if is_exhaustive() else max(1, len(moments) // _MOMENTS)
    seen = set()
    for number, (what, image) in enumerate(moments):
        # The first and the last moments are where formats and names change.
        if number % step and 10 < number < len(moments) - 10:
            continue
        for survivor in after_power_cut(image, _THOROUGHNESS, str(number)):
            key = fingerprint(survivor.image)
            if key not in seen:
                seen.add(key)
                _come_back(rows, f"{what}, {survivor.label}", survivor.image)
    return len(seen)


def test_a_migration_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    """Whatever the cut leaves of SQLite's files: every row is there, and the format is the new."""
    assert _cut_everywhere(SqliteIndex, tmp_path) > 50


def test_a_migration_in_two_steps_is_caught(tmp_path: Path) -> None:
    """One that changes the version before the rows leaves an index that can't be read."""
    with pytest.raises(LostError):
        _cut_everywhere(HastyIndex, tmp_path)
