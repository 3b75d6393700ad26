"""Power cuts while an index is brought up to date: afterwards it opens with every row there was."""

from __future__ import annotations

import posixpath
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.ports.index import Table
from rucket.state.outcome_conversion import convert_outcomes
from rucket.store.index.migration import copy_rows
from rucket.store.index.replacement import finish_replacement
from rucket.store.index.sqlite_index import SqliteIndex
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
    """Gives the new index the name of a complete one before it is filled."""

    def _migrate(self, format_version: int) -> None:
        new = SqliteIndex(posixpath.join(posixpath.dirname(self._path), "rebuilt.db"), self._disk)
        copy_rows(self._connection.execute, format_version, new)
        new.close()
        self._connection.close()
        finish_replacement(self._disk, self._path)


def _rows(index: SqliteIndex) -> list[Row]:
    with index.snapshot() as snapshot:
        return [
            (table, *row) for table in Table for row in snapshot.scan_whole(table, b"", 100_000)
        ]


def _converted(name: str, rows: list[Row]) -> list[Row]:
    """The rows of an earlier format as they are in the current one."""
    index = FakeIndex()
    for row in rows:
        index.put(*row)
    assert bool(convert_outcomes(index)) == (name == "format-1")
    return [(table, *row) for table in Table for row in index.scan_whole(table, b"", 100_000)]


def _record(
    kind: type[SqliteIndex], name: str, directory: Path
) -> tuple[list[Row], list[tuple[str, Image]]]:
    """The rows there shall be, and the files at every change that the migration makes."""
    rows = _converted(name, unpack(name, directory / "data"))
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
        path = str(directory / "index.db")
        finish_replacement(OsDisk(), path)
        index = SqliteIndex(path, OsDisk())
        found = _rows(index)
        index.close()
    except Exception as error:
        raise LostError(f"cut before {what}: {error!r}") from error
    finally:
        shutil.rmtree(directory)
    if found != rows:
        raise LostError(f"cut before {what}: {len(found)} rows of {len(rows)}")


def _cut_everywhere(kind: type[SqliteIndex], name: str, directory: Path) -> int:
    rows, moments = _record(kind, name, directory)
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


@pytest.mark.parametrize("name", ["format-1", "format-2"])
def test_a_migration_that_was_cut_off_is_done_again(tmp_path: Path, name: str) -> None:
    """Whatever the cut leaves of SQLite's files: every row is there, and the format is the new."""
    assert _cut_everywhere(SqliteIndex, name, tmp_path) > 50


def test_a_migration_that_names_before_it_fills_is_caught(tmp_path: Path) -> None:
    """A part of the rows would take the place of all of them."""
    with pytest.raises(LostError):
        _cut_everywhere(HastyIndex, "format-2", tmp_path)
