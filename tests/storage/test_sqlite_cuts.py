"""Power cuts under the real index: SQLite's own files hold any mixture of what its syncs allow.

At every write, sync and removal of the database, its WAL and its journal the power goes. What may
be left is laid out as real files and opened by the product's code: the index has to be whole, show
exactly the rows of one commit, and none older than the last `Index.sync`.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.ports.index import Snapshot, Table
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.rebuilding import clear_rows
from tests.storage.power_cuts import LostError, is_exhaustive
from tests.storage.sqlite_files import (
    BY_INDEX,
    RecordedDisk,
    RecordedFiles,
    lay_out,
    recorded,
    what_sqlite_finds_wrong,
)
from tests.storage.survivors import Survivor, Thoroughness, after_power_cut, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.storage.images import Image

Rows = frozenset[tuple[Table, bytes, bytes, bytes]]

_TABLES = (Table.META, Table.OBJECTS, Table.GARBAGE)
_EXTREMES = Thoroughness(single_sectors=False, mixture_count=6)
_SECTORS = Thoroughness(sector_size_bytes=4096, mixture_count=10)
_SECTOR_MOMENTS = 30
_ROW_COUNT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class _Moment:
    what: str
    image: Image
    durable: int
    newest: int


@dataclass(slots=True)
class _Recording:
    """The moments of an index, and the rows after each commit.

    Attributes:
        durable: the number of the commit that the last sync has made durable.
    """

    versions: list[Rows] = field(default_factory=lambda: [frozenset()])
    moments: list[_Moment] = field(default_factory=list)
    durable: int = 0


class _Recorder:
    def __init__(self, directory: Path, is_lost: Callable[[str], bool]) -> None:
        self.recording = _Recording()
        self._path = str(directory / "index.db")
        self._files = RecordedFiles(directory, self._note, is_lost)
        self._random = random.Random(1)

    def record(self) -> _Recording:
        """Carries out the workload: commits, syncs with and without readers, a clear, a restart."""
        with recorded(self._files):
            index = SqliteIndex(self._path, RecordedDisk(self._files))
            self._commit(index, 3)
            self._sync(index)
            self._commit(index, 2)
            self._commit(index, 4)
            reader = SqliteIndexReader(self._path)
            with reader.snapshot() as snapshot:
                snapshot.get(Table.META, b"position")
                self._commit(index, 3)
                self._sync(index)
                self._sync(index)
                self._commit(index, 1)
                self._sync(index)
            self._sync(index)
            reader.close()
            self._commit(index, 5)
            self._commit(index, 1)
            with index.transaction() as transaction:
                clear_rows(transaction)
                self._add_version(_rows_in(transaction))
            self._commit(index, 2)
            self._sync(index)
            self._commit(index, 1)
            index.close()
            index = SqliteIndex(self._path, RecordedDisk(self._files))
            self._commit(index, 2)
            self._sync(index)
            self._note("the end")
            index.close()
        return self.recording

    def _note(self, what: str) -> None:
        recording = self.recording
        newest = len(recording.versions) - 1
        recording.moments.append(_Moment(what, self._files.image(), recording.durable, newest))

    def _commit(self, index: SqliteIndex, row_count: int) -> None:
        number = len(self.recording.versions)
        with index.transaction() as transaction:
            transaction.put(Table.META, b"position", b"%d" % number)
            for _ in range(row_count):
                key = b"key%d" % self._random.randrange(12)
                attachment = self._random.randbytes(self._random.choice((0, 300, 9000)))
                transaction.put(Table.OBJECTS, key, b"%d" % number * 40, attachment)
            transaction.put(Table.GARBAGE, b"g%d" % number, b"")
            transaction.delete(Table.GARBAGE, b"g%d" % (number - 2))
            rows = _rows_in(transaction)
            # From here on it may be seen; the rows were read before SQLite has written anything.
            self._add_version(rows)

    def _add_version(self, rows: Rows) -> None:
        self.recording.versions.append(rows)

    def _sync(self, index: SqliteIndex) -> None:
        newest = len(self.recording.versions) - 1
        index.sync()
        self.recording.durable = newest


def _rows_in(snapshot: Snapshot) -> Rows:
    """All rows, checked as they are read."""
    found = set()
    for table in _TABLES:
        for key, _ in snapshot.scan(table, b"", None, _ROW_COUNT_MAX):
            row = snapshot.get_with_attachment(table, key)
            assert row is not None
            found.add((table, key, *row))
    return frozenset(found)


def _rows(index: SqliteIndex) -> Rows:
    with index.snapshot() as snapshot:
        return _rows_in(snapshot)


@contextmanager
def _directory() -> Iterator[Path]:
    """A new directory, in memory where there is some: thousands of states are laid out."""
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix="rucket-sqlite-", dir=parent))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _record(is_lost: Callable[[str], bool] = lambda _: False) -> _Recording:
    with _directory() as directory:
        return _Recorder(directory, is_lost).record()


def _survivors(recording: _Recording) -> Iterator[tuple[_Moment, Survivor]]:
    """States of every moment; of some of them, those with single pages lost and kept too."""
    seen = set()
    step = 1 if is_exhaustive() else max(1, len(recording.moments) // _SECTOR_MOMENTS)
    for number, moment in enumerate(recording.moments):
        thoroughness = _EXTREMES if number % step else _SECTORS
        for survivor in after_power_cut(moment.image, thoroughness, number):
            key = (fingerprint(survivor.image), moment.durable, moment.newest)
            if key not in seen:
                seen.add(key)
                yield moment, survivor


def _come_back(recording: _Recording, moment: _Moment, survivor: Survivor) -> None:
    """Opens what is left.

    Raises:
        LostError: it isn't what was promised.
    """
    name = f"cut before {moment.what}, {survivor.label}"
    with _directory() as directory:
        lay_out(survivor.image, directory)
        path = str(directory / "index.db")
        try:
            index = SqliteIndex(path, OsDisk())
            rows = _rows(index)
            with index.transaction() as transaction:
                transaction.put(Table.META, b"new", b"row")
            index.sync()
            index.close()
            damage = what_sqlite_finds_wrong(path)
        except Exception as error:
            raise LostError(f"{name}: {error!r}") from error
    if damage:
        raise LostError(f"{name}: {damage}")
    if rows not in recording.versions[moment.durable : moment.newest + 1]:
        raise LostError(f"{name}: the rows aren't those of a commit since the last sync")


def test_index_shows_a_commit_since_the_last_sync() -> None:
    """After a cut at any write of SQLite's the index opens, whole, with the rows of one commit, not
    older than the last sync, and takes new ones.
    """
    recording = _record()

    state_count = 0
    for moment, survivor in _survivors(recording):
        _come_back(recording, moment, survivor)
        state_count += 1

    assert len(recording.versions) > 10
    assert state_count > len(recording.moments)


def _later_syncs_of(name: str) -> Callable[[str], bool]:
    """All but the first, which is that of the empty database."""
    count = 0

    def is_lost(what: str) -> bool:
        nonlocal count
        count += what == name
        return what == name and count > 1

    return is_lost


LOST_SYNCS: dict[str, Callable[[], Callable[[str], bool]]] = {
    "the index's own": lambda: lambda what: what.startswith(BY_INDEX),
    "SQLite's, of the journal": lambda: lambda what: what == "index.db-journal",
    "SQLite's, of the new database": lambda: lambda what: what == "index.db",
    "SQLite's, after moving the WAL": lambda: _later_syncs_of("index.db"),
    "all of the WAL": lambda: lambda what: what.endswith("index.db-wal"),
}


@pytest.mark.parametrize("lost", LOST_SYNCS.values(), ids=LOST_SYNCS.keys())
def test_lost_sync_is_caught(lost: Callable[[], Callable[[str], bool]]) -> None:
    """An index some of whose syncs do nothing breaks that promise, and that is seen."""
    recording = _record(lost())

    with pytest.raises(LostError):
        for moment, survivor in _survivors(recording):
            _come_back(recording, moment, survivor)


def test_sync_moves_the_wal_into_the_database(tmp_path: Path) -> None:
    """SQLite's WAL is used again from its beginning: it doesn't grow with every commit."""
    index = SqliteIndex(str(tmp_path / "index.db"), OsDisk())
    sizes = []
    for number in range(5):
        with index.transaction() as transaction:
            transaction.put(Table.META, b"key", b"%d" % number * 10_000)
        index.sync()
        sizes.append((tmp_path / "index.db-wal").stat().st_size)
    index.close()

    assert len(set(sizes[1:])) == 1
