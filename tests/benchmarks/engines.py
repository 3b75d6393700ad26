"""SQLite, as the index uses it, beside LMDB: `python -m tests.benchmarks.engines`.

Both stand behind the same port and carry the same rows with the same checks: what `apply` writes
for small objects (`tests.benchmarks.small_objects`), 16 commands a transaction as a group commit
under 16 clients has. What the engine takes is told apart from what `apply` takes.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import lmdb

from rucket.disk.os_disk import OsDisk
from rucket.model.hlc import HlcTimestamp
from rucket.ports.index import (
    IndexReader,
    ReadSnapshot,
    Row,
    Table,
    Transaction,
    WholeRow,
)
from rucket.ports.log import LogEntry
from rucket.state.apply import apply_entries
from rucket.state.outcomes import RecentOutcomes
from rucket.state.rows import bucket_prefix, object_row_key
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from tests.benchmarks.lmdb_index import LmdbIndex
from tests.benchmarks.small_objects import SmallObjects

COMMANDS_PER_TRANSACTION = 16
COMMANDS_PER_SYNC = 20_000
ROWS_PER_PAGE = 1000
LONG_KEY_SIZE_BYTES = 1024
MS_START = 1_800_000_000_000
T = TypeVar("T")


class WritableIndex(Protocol):
    """The part of the `Index` port that is measured."""

    def snapshot(self) -> AbstractContextManager[ReadSnapshot]:
        """See `IndexReader.snapshot`."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """See `Index.transaction`."""

    def sync(self) -> None:
        """See `Index.sync`."""

    def close(self) -> None:
        """See `Index.close`."""


Engine = Callable[[Path], WritableIndex]
"""Opens the index in a directory, for writing."""


def sqlite(directory: Path) -> WritableIndex:
    """The index as the node has it."""
    directory.mkdir(exist_ok=True)
    return SqliteIndex(str(directory / "index.db"), OsDisk())


def lmdb_unsynced(directory: Path) -> WritableIndex:
    """LMDB as fast as it is, to be thrown away after a power cut."""
    return LmdbIndex(directory, is_synced=False)


def lmdb_synced(directory: Path) -> WritableIndex:
    """LMDB as it is consistent after a power cut."""
    return LmdbIndex(directory, is_synced=True)


ENGINES: dict[str, Engine] = {
    "sqlite": sqlite,
    "lmdb": lmdb_unsynced,
    "lmdb-synced": lmdb_synced,
}


class TimedRows:
    """A transaction that counts the seconds spent in it."""

    def __init__(self, rows: Transaction) -> None:
        self._rows = rows
        self.seconds = 0.0

    def get(self, table: Table, key: bytes) -> bytes | None:
        """See `Snapshot.get`."""
        return self._timed(lambda: self._rows.get(table, key))

    def get_with_attachment(self, table: Table, key: bytes) -> tuple[bytes, bytes] | None:
        """See `Snapshot.get_with_attachment`."""
        return self._timed(lambda: self._rows.get_with_attachment(table, key))

    def scan(self, table: Table, start: bytes, stop: bytes | None, limit: int) -> list[Row]:
        """See `Snapshot.scan`."""
        return self._timed(lambda: self._rows.scan(table, start, stop, limit))

    def scan_whole(self, table: Table, start: bytes, limit: int) -> list[WholeRow]:
        """See `Snapshot.scan_whole`."""
        return self._timed(lambda: self._rows.scan_whole(table, start, limit))

    def put(self, table: Table, key: bytes, value: bytes, attachment: bytes = b"") -> None:
        """See `Transaction.put`."""
        self._timed(lambda: self._rows.put(table, key, value, attachment))

    def delete(self, table: Table, key: bytes) -> None:
        """See `Transaction.delete`."""
        self._timed(lambda: self._rows.delete(table, key))

    def delete_range(self, table: Table, start: bytes, stop: bytes) -> None:
        """See `Transaction.delete_range`."""
        self._timed(lambda: self._rows.delete_range(table, start, stop))

    def _timed(self, call: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Figures:
    """What one engine did; rates are per second, sizes in bytes."""

    engine: str
    commands: float
    commands_of_engine_alone: float
    reads: float
    scanned_rows: float
    size_per_object: float
    reads_elsewhere: float
    commands_beside_reads: float
    long_keys: str


def write(
    index: WritableIndex,
    objects: SmallObjects,
    first: int,
    stop: int,
    *,
    until: float | None = None,
) -> tuple[int, float, float]:
    """Put the objects `first` to `stop`, or those there is time for.

    Returns:
        How many, the seconds it took, and the seconds within the engine.
    """
    with index.snapshot() as snapshot:
        recent = RecentOutcomes(snapshot)
    elapsed = engine_s = 0.0
    number = first
    while number < stop and (until is None or time.perf_counter() < until):
        batch = range(number, min(stop, number + COMMANDS_PER_TRANSACTION))
        entries = [entry(one + 2, objects.put(one)) for one in batch]
        started = time.perf_counter()
        with index.transaction() as transaction:
            rows = TimedRows(transaction)
            entered = time.perf_counter()
            apply_entries(entries, rows, recent)
            left = time.perf_counter()
        number = batch.stop
        if number // COMMANDS_PER_SYNC != first // COMMANDS_PER_SYNC and (
            number % COMMANDS_PER_SYNC < COMMANDS_PER_TRANSACTION
        ):
            index.sync()
        ended = time.perf_counter()
        elapsed += ended - started
        engine_s += (entered - started) + rows.seconds + (ended - left)
    started = time.perf_counter()
    index.sync()
    sync_s = time.perf_counter() - started
    return number - first, elapsed + sync_s, engine_s + sync_s


def entry(number: int, payload: bytes) -> LogEntry:
    """A command at its place in the log."""
    return LogEntry(number, HlcTimestamp.of(MS_START + number).value, payload)


def make_bucket(index: WritableIndex, objects: SmallObjects) -> None:
    """Write the rows of the bucket."""
    with index.snapshot() as snapshot:
        recent = RecentOutcomes(snapshot)
    with index.transaction() as transaction:
        apply_entries([entry(1, objects.bucket())], transaction, recent)


def read(index: IndexReader, objects: SmallObjects, seconds: float) -> float:
    """Point reads of objects with their content, a snapshot each, as for a GET; per second."""
    choose = random.Random(1)
    done = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(100):
            key = object_row_key(1, objects.key(choose.randrange(objects.count)))
            with index.snapshot() as snapshot:
                if snapshot.get_with_attachment(Table.OBJECTS, key) is None:
                    raise LookupError(f"{key!r} is not there")
        done += 100
    return done / (time.perf_counter() - started)


def scan(index: IndexReader, objects: SmallObjects, seconds: float) -> float:
    """Rows per second in pages as of a listing, from anywhere."""
    choose = random.Random(2)
    end = bucket_prefix(2)
    rows = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        key = object_row_key(1, objects.key(choose.randrange(objects.count)))
        with index.snapshot() as snapshot:
            rows += len(snapshot.scan(Table.OBJECTS, key, end, ROWS_PER_PAGE))
    return rows / (time.perf_counter() - started)


def write_long_keys(engine: Engine, directory: Path, count: int) -> str:
    """What becomes of keys as long as S3 allows."""
    objects = SmallObjects(count, key_size_bytes=LONG_KEY_SIZE_BYTES)
    index = engine(directory)
    try:
        make_bucket(index, objects)
        done, elapsed, _ = write(index, objects, 0, count)
        return f"{done / elapsed:,.0f} commands/s"
    except lmdb.BadValsizeError as error:
        return f"refused ({error})"
    finally:
        index.close()


def measure(name: str, directory: Path, objects: SmallObjects, seconds: float) -> Figures:
    """All of one engine."""
    engine = ENGINES[name]
    index = engine(directory / "index")
    make_bucket(index, objects)
    done, elapsed, engine_s = write(index, objects, 0, objects.count)
    size = sum(path.stat().st_blocks * 512 for path in (directory / "index").iterdir())
    reads = read(index, objects, seconds)
    rows = scan(index, objects, seconds)
    over_them = SmallObjects(objects.count, generation=1)
    reader = start_reader(name, directory / "index", objects.count, seconds)
    until = time.perf_counter() + seconds
    beside, beside_s, _ = write(index, over_them, 0, objects.count, until=until)
    elsewhere = float(reader.communicate(timeout=60 + seconds)[0])
    index.close()
    return Figures(
        engine=name,
        commands=done / elapsed,
        commands_of_engine_alone=done / engine_s,
        reads=reads,
        scanned_rows=rows,
        size_per_object=size / objects.count,
        reads_elsewhere=elsewhere,
        commands_beside_reads=beside / beside_s,
        long_keys=write_long_keys(engine, directory / "long", min(objects.count, 20_000)),
    )


def start_reader(name: str, directory: Path, count: int, seconds: float) -> "subprocess.Popen[str]":
    """Another process that reads, as a gateway does, while this one writes."""
    command = [sys.executable, "-m", "tests.benchmarks.engines", "--read", str(directory)]
    arguments = ["--engines", name, "--objects", str(count), "--seconds", str(seconds)]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


def to_table(found: Sequence[Figures]) -> str:
    """The figures as Markdown."""
    head = (
        "| engine | commands/s | by the engine's time alone | reads/s | rows/s in pages "
        "| bytes an object | reads/s in another process | commands/s meanwhile | 1,024-byte keys |"
    )
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    lines += [
        f"| {one.engine} | {one.commands:,.0f} | {one.commands_of_engine_alone:,.0f} "
        f"| {one.reads:,.0f} | {one.scanned_rows:,.0f} | {one.size_per_object:,.0f} "
        f"| {one.reads_elsewhere:,.0f} | {one.commands_beside_reads:,.0f} | {one.long_keys} |"
        for one in found
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure each engine and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.engines", description=__doc__)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--objects", type=int, default=500_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each reading run")
    parser.add_argument("--directory", type=Path, help="where the engines write")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    objects = SmallObjects(options.objects)
    if options.read is not None:
        print(read(open_reader(options.engines[0], options.read), objects, options.seconds))
        return
    found = []
    for name in options.engines:
        with tempfile.TemporaryDirectory(prefix="engines-", dir=options.directory) as directory:
            found.append(measure(name, Path(directory), objects, options.seconds))
    print(to_table(found))


def open_reader(name: str, directory: Path) -> IndexReader:
    """What another process reads with."""
    if name == "sqlite":
        return SqliteIndexReader(str(directory / "index.db"))
    return ENGINES[name](directory)


if __name__ == "__main__":
    main(sys.argv[1:])
