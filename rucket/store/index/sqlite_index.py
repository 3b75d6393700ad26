"""The `Index` port on SQLite, in WAL mode with ``synchronous = NORMAL``.

Why this is safe: SQLite syncs its own WAL before it checkpoints, so after a power cut the database
is consistent and shows some earlier commit; the position it shows is a row like any other, and our
log, which is synced before anything is applied, replays the rest. See docs/decisions/.

How rows lie in SQLite's tables is described in `rucket.store.index.sqlite_rows`. Values and
attachments end in a CRC32C (`rucket.store.index.row_check`): SQLite doesn't check its pages.

Every process has a connection of its own; the node process alone writes.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import apsw

from rucket.model.errors import (
    CorruptionError,
    DataDirectoryError,
    DeviceError,
    OutdatedFormatError,
    StorageFullError,
    UnknownFormatError,
)
from rucket.ports.index import Table
from rucket.state.row_contents import WITH_ATTACHMENT
from rucket.store.index.migration import copy_rows
from rucket.store.index.replacement import discard_unfinished, replace_index, unfinished_path
from rucket.store.index.sqlite_rows import SqliteRows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rucket.ports.disk import Disk

INDEX_FORMAT_VERSION = 3
_FIRST_FORMAT_WITH_ATTACHMENTS = 3
_APPLICATION_ID = 0x524B5449  # "RKTI"
_PAGE_SIZE_BYTES = 4096
# Not more: whenever a B-tree was balanced, SQLite looks through its whole cache at the commit. What
# isn't in it is read from the mapped file.
_WRITER_CACHE_KIB = 16 * 1024
_READER_CACHE_KIB = 8 * 1024
_MMAP_SIZE_BYTES = 1 << 30
_BUSY_TIMEOUT_MS = 5000
_WAL_KEPT_BYTES = 64 * 1024 * 1024
_MOVING_PASSES_MAX = 8
_SMALL_REST_FRAMES = 1000
_RESTART_TIMEOUT_MS = 50
_PROBLEM_COUNT_MAX = 100
_FIRST_ROOT_PAGE = 2

_COUNT_APART = "SELECT count(*) FROM attachments"
_COUNT_NAMED = " + ".join(
    f"(SELECT count(*) FROM t{table} WHERE typeof(attachment) = 'integer')"  # noqa: S608
    for table in sorted(WITH_ATTACHMENT)
)
# Values of every other type come before those of bytes.
_BEFORE_BYTES = {table: f"SELECT 1 FROM t{table} WHERE key < x'' LIMIT 1" for table in Table}  # noqa: S608


class _SqliteErrors:
    """A context that raises what the `Index` port promises in place of SQLite's own errors."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self.translate(error)

    def translate(self, error: BaseException) -> None:
        """Raises another error for one of SQLite's; returns for any other."""
        path = self._path
        if isinstance(error, apsw.FullError):
            raise StorageFullError(f"no room left for {path}: free or add space") from error
        if isinstance(
            error, apsw.CorruptError | apsw.NotADBError | apsw.SQLError | apsw.TooBigError
        ):
            # Our statements are right: an SQLError says that a table isn't there any more.
            raise CorruptionError(path, str(error)) from error
        if isinstance(error, UnicodeDecodeError):
            raise CorruptionError(path, "a row has text where there are only bytes") from error
        if isinstance(error, apsw.IOError | apsw.ReadOnlyError | apsw.CantOpenError):
            raise DeviceError(f"{path}: {error}") from error


class _Snapshots:
    """The context of a snapshot. Every request enters it, so there is one for a connection, and
    no generator is made to run in it.
    """

    __slots__ = ("_errors", "_execute", "_rows")

    def __init__(self, connection: apsw.Connection, rows: SqliteRows, path: str) -> None:
        self._execute = connection.execute
        self._rows = rows
        self._errors = _SqliteErrors(path)

    def __enter__(self) -> SqliteRows:
        with self._errors:
            self._execute("BEGIN")
        return self._rows

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        with self._errors:
            self._execute("COMMIT")
        if error is not None:
            self._errors.translate(error)


class SqliteIndexReader:
    """The `IndexReader` port: one connection, for one thread at a time.

    Args:
        path: of the index.
        is_inspection: changes no byte of it, not even when it is the last to close it.

    Raises:
        DataDirectoryError: there is no index yet.
        OutdatedFormatError: it is of an earlier format, which only `SqliteIndex` brings up to date.
        CorruptionError, UnknownFormatError: as `SqliteIndex`.
    """

    def __init__(self, path: str, *, is_inspection: bool = False) -> None:
        self._path = path
        flags = apsw.SQLITE_OPEN_READONLY if is_inspection else apsw.SQLITE_OPEN_READWRITE
        try:
            self._connection = apsw.Connection(path, flags=flags)
        except apsw.CantOpenError as error:
            raise DataDirectoryError(f"there is no index at {path}") from error
        with _SqliteErrors(path):
            self._connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            _configure(self._connection, _READER_CACHE_KIB)
            self._connection.execute("PRAGMA query_only = ON")
            _check_format(self._connection, path)
        self._rows = SqliteRows(self._connection)
        self._snapshots = _Snapshots(self._connection, self._rows, path)

    def structure_problems(self, size_bytes_max: int | None = None) -> list[str]:
        """What SQLite finds wrong with its pages: the order of rows, lists of free pages. Blocks
        for as long as it takes to read all of the index; one larger than `size_bytes_max` isn't
        looked at.
        """
        try:
            problems = [
                f"t{table} has a key that isn't bytes, where no search finds it"
                for table in Table
                if self._connection.execute(_BEFORE_BYTES[table]).get is not None
            ]
            if size_bytes_max is not None:
                page_count = self._connection.pragma("page_count")
                if page_count * _PAGE_SIZE_BYTES > size_bytes_max:
                    return problems
            problems += self._lost_attachments()
            found = self._connection.execute(f"PRAGMA integrity_check({_PROBLEM_COUNT_MAX})")
            return problems + [text for (text,) in found if text != "ok"]
        except (apsw.Error, UnicodeDecodeError) as error:
            return [str(error)]

    def _lost_attachments(self) -> list[str]:
        """A row whose attachment is missing is found when it is read; this is the other way round.
        Where both are there, their numbers may agree.
        """
        query = f"SELECT ({_COUNT_APART}), {_COUNT_NAMED}"
        ((count, named_count),) = self._connection.execute(query)
        if count == named_count:
            return []
        return [f"there are {count} attachments apart, but rows name {named_count}"]

    def snapshot(self) -> _Snapshots:
        """See `IndexReader.snapshot`."""
        return self._snapshots

    def close(self) -> None:
        """Gives the files back."""
        self._connection.close()


class SqliteIndex:
    """The `Index` port, for the node process. One of an earlier format is brought up to date, which
    takes room for a second one meanwhile.

    Args:
        path: of the index.
        disk: through which its files are synced.
        wal_kept_bytes: how large SQLite's WAL may be before `sync` holds writers up for a moment,
            so that it is written from its beginning again.

    Raises:
        UnknownFormatError: a newer Rucket wrote the index.
        CorruptionError: it isn't an index.
    """

    def __init__(self, path: str, disk: Disk, *, wal_kept_bytes: int = _WAL_KEPT_BYTES) -> None:
        self._path = path
        self._disk = disk
        self._wal_kept_bytes = wal_kept_bytes
        self._shall_restart_wal = False
        with _SqliteErrors(path):
            self._connect()
            try:
                self._make_or_check()
            except OutdatedFormatError as error:
                self._migrate(error.found)
                self._connect()
                self._make_or_check()
            except BaseException:
                self._connection.close()
                raise
        self._rows = SqliteRows(self._connection)
        self._snapshots = _Snapshots(self._connection, self._rows, path)

    def _connect(self) -> None:
        self._connection = apsw.Connection(self._path)
        self._connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        self._connection.execute(f"PRAGMA page_size = {_PAGE_SIZE_BYTES}")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        _configure(self._connection, _WRITER_CACHE_KIB)

    def _make_or_check(self) -> None:
        if self._connection.pragma("user_version") or self._has_tables():
            _check_format(self._connection, self._path)
            return
        with self._connection:
            for table in Table:
                self._connection.execute(
                    f"CREATE TABLE t{table} (key BLOB PRIMARY KEY NOT NULL, "
                    "value BLOB NOT NULL, attachment BLOB) WITHOUT ROWID"
                )
            self._connection.execute(
                "CREATE TABLE attachments (id INTEGER PRIMARY KEY, content BLOB NOT NULL)"
            )
            self._connection.pragma("application_id", _APPLICATION_ID)
            self._connection.pragma("user_version", INDEX_FORMAT_VERSION)

    def _migrate(self, format_version: int) -> None:
        """Puts an index of the current format in the place of this one, and closes this one."""
        discard_unfinished(self._disk, self._path)
        new = SqliteIndex(unfinished_path(self._path), self._disk)
        try:
            copy_rows(self._connection.execute, format_version, new)
        except BaseException:
            new.close()
            discard_unfinished(self._disk, self._path)
            raise
        finally:
            self._connection.close()
        new.close()
        replace_index(self._disk, self._path)

    def _has_tables(self) -> bool:
        return bool(self._connection.execute("SELECT count(*) FROM sqlite_schema").get)

    def snapshot(self) -> _Snapshots:
        """See `IndexReader.snapshot`. Not within a transaction."""
        return self._snapshots

    @contextmanager
    def transaction(self) -> Iterator[SqliteRows]:
        """See `Index.transaction`."""
        with _SqliteErrors(self._path):
            if self._shall_restart_wal:
                self._restart_wal()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._rows
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def sync(self) -> None:
        """See `Index.sync`. Also moves what SQLite's WAL holds into the database, as far as
        readers let it. Runs in any thread, beside transactions.
        """
        # A sync through any descriptor of the file makes all that was committed to it durable.
        try:
            wal = self._disk.open(self._path + "-wal")
        except FileNotFoundError:
            return
        try:
            wal.sync_data()
        finally:
            wal.close()
        with _SqliteErrors(self._path):
            connection = apsw.Connection(self._path)
            connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
            try:
                # One that has read nothing doesn't know of the WAL, and moves nothing.
                connection.pragma("schema_version")
                with suppress(apsw.BusyError):  # the writer is moving it at this moment
                    self._move_wal(connection)
            finally:
                connection.close()

    def _move_wal(self, connection: apsw.Connection) -> None:
        """Moves what the WAL holds into the database.

        While transactions follow one another without a gap there is always something in the WAL
        that hasn't been moved, so SQLite never begins it anew: it would grow for as long as the
        load lasts. A large one is therefore moved until little is left, and the writer is asked to
        move that before its next transaction.
        """
        moved_before = 0
        for _ in range(_MOVING_PASSES_MAX):
            frames, moved = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if frames * _PAGE_SIZE_BYTES <= self._wal_kept_bytes:
                return
            if moved - moved_before <= _SMALL_REST_FRAMES:
                break
            moved_before = moved
        self._shall_restart_wal = True

    def _restart_wal(self) -> None:
        """Moves the rest of the WAL, so that the next transaction begins it anew. Readers that hold
        an old snapshot longer than a moment put that off, until it is asked for again.
        """
        self._shall_restart_wal = False
        self._connection.set_busy_timeout(_RESTART_TIMEOUT_MS)
        with suppress(apsw.BusyError):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        self._connection.set_busy_timeout(_BUSY_TIMEOUT_MS)

    def close(self) -> None:
        """See `Index.close`."""
        self._connection.close()


def _check_format(connection: apsw.Connection, path: str) -> None:
    format_version = connection.pragma("user_version")
    if connection.pragma("application_id") != _APPLICATION_ID or not format_version:
        raise CorruptionError(path, "it is a database, but not an index of Rucket")
    if format_version > INDEX_FORMAT_VERSION:
        raise UnknownFormatError(path, format_version, INDEX_FORMAT_VERSION)
    # Tables are made in order, each on the next page, and never move: one that begins where another
    # one does would show none of its rows.
    roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_schema"))
    names = [f"t{table}" for table in Table]
    if format_version >= _FIRST_FORMAT_WITH_ATTACHMENTS:
        names.append("attachments")
    expected = {name: place for place, name in enumerate(names, start=_FIRST_ROOT_PAGE)}
    if roots != expected:
        raise CorruptionError(path, "its tables aren't where they were made")
    if format_version < INDEX_FORMAT_VERSION:
        raise OutdatedFormatError(path, format_version, INDEX_FORMAT_VERSION)


def _configure(connection: apsw.Connection, cache_kib: int) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute(f"PRAGMA mmap_size = {_MMAP_SIZE_BYTES}")
    connection.execute("PRAGMA trusted_schema = OFF")
