"""Millions of small objects in one node's store: `python -m tests.benchmarks.small_objects_store`.

The real store, log and index on the real disk in this process, without HTTP and without blobs'
bytes: what the log and the index take for `tests.benchmarks.small_objects`. Every command is
acknowledged after its sync, as always.
"""

import argparse
import asyncio
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import OperatingError
from rucket.ports.index import GroupEnd, IndexReader, ReadSnapshot, Table
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.state.outcomes import Committed, Outcome
from rucket.state.rows import bucket_prefix, object_row_key
from rucket.store.checkpoint_timing import checkpoint_often
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.store import Store
from rucket.store.wal.wal import Wal
from tests.benchmarks.small_objects import SmallObjects

IN_FLIGHT = 64
PAGE_ROWS = 1000
MIB = 1024 * 1024
PAGE_COUNT = 51
THREAD_COUNT = 4


@dataclass(frozen=True, slots=True)
class Filled:
    """What inserting took."""

    tenths_s: tuple[float, ...]
    cpu_s: float
    anonymous_bytes_max: int
    resident_bytes_max: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen."""

    object_count: int
    filled: Filled
    index_bytes: int
    log_bytes: int
    list_rows_per_s: float
    page_ms: dict[str, float]
    restart_s: float
    clean_restart_s: float
    replayed_count: int
    anonymous_bytes_after_restart: int

    def lines(self) -> list[str]:
        """The figures for people."""
        count, filled = self.object_count, self.filled
        rate = count / sum(filled.tenths_s)
        slowest, fastest = count / 10 / max(filled.tenths_s), count / 10 / min(filled.tenths_s)
        return [
            f"objects        {count:,}",
            f"inserts        {rate:,.0f} a second; by tenths {slowest:,.0f}..{fastest:,.0f}",
            f"CPU            {filled.cpu_s / count * 1e6:,.0f} us an object, all threads",
            f"memory         {filled.anonymous_bytes_max / MIB:,.0f} MiB at most",
            f"  and mapped   {filled.resident_bytes_max / MIB:,.0f} MiB resident with the index",
            f"index on disk  {self.index_bytes / count:,.0f} bytes an object",
            f"log on disk    {self.log_bytes / MIB:,.0f} MiB",
            f"listing        {self.list_rows_per_s:,.0f} rows a second, all of them",
            *(f"  {name:<12} {ms:,.2f} ms" for name, ms in self.page_ms.items()),
            f"restart        {self.restart_s:,.2f} s, {self.replayed_count:,} records replayed",
            f"  clean        {self.clean_restart_s:,.2f} s",
            f"memory then    {self.anonymous_bytes_after_restart / MIB:,.0f} MiB",
        ]


class Node:
    """A node's log, index and store in `directory`, as `rucket.daemon.build` puts them together."""

    def __init__(self, directory: Path) -> None:
        disk = OsDisk()
        self.index_path = directory / "index" / "index.db"
        self.log_directory = directory / "wal"
        self.index_path.parent.mkdir(parents=True, exist_ok=True)
        self.tasks = AsyncioTasks(THREAD_COUNT)
        self.log = Wal(disk, str(self.log_directory), self.tasks, SystemClock(), SystemRandom())
        self.index = SqliteIndex(str(self.index_path), disk)
        self.store = Store(self.log, self.index, self.tasks)

    def open(self) -> int:
        """Recover; return how many records were replayed."""
        self.log.open()
        return self.store.recover()

    def close(self) -> None:
        """Let go of everything."""
        self.tasks.close()
        self.log.close()
        self.index.close()


class Filling:
    """Keeps commands in flight until all objects are there."""

    def __init__(self, store: Store, objects: SmallObjects) -> None:
        self._store = store
        self._objects = objects
        self._next = 0
        self._done_count = 0
        self._tenth_started = 0.0
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tenths_s: list[float] = []
        self.anonymous_bytes_max = 0

    async def run(self) -> None:
        """Return when every object is acknowledged."""
        self._tenth_started = time.perf_counter()
        for _ in range(min(IN_FLIGHT, self._objects.count)):
            self._submit()
        await self._finished

    def _submit(self) -> None:
        self._store.submit(self._objects.put(self._next), self._done)
        self._next += 1

    def _done(self, outcome: Outcome | OperatingError) -> None:
        if not isinstance(outcome, Committed):
            self._finished.set_exception(RuntimeError(f"not committed: {outcome}"))
            return
        self._done_count += 1
        if self._done_count * 10 // self._objects.count > len(self.tenths_s):
            now = time.perf_counter()
            self.tenths_s.append(now - self._tenth_started)
            self._tenth_started = now
            self.anonymous_bytes_max = max(self.anonymous_bytes_max, anonymous_memory_bytes())
        if self._done_count == self._objects.count:
            self._finished.set_result(None)
        elif self._next < self._objects.count:
            self._submit()


async def fill(node: Node, objects: SmallObjects) -> Filled:
    """Put all objects, with the checkpoints that a node makes."""
    running = asyncio.ensure_future(node.store.run())
    made = asyncio.get_running_loop().create_future()
    node.store.submit(objects.bucket(), made.set_result)
    await made
    checkpoints = asyncio.ensure_future(checkpoint_often(node.store, node.tasks))
    filling = Filling(node.store, objects)
    cpu_before_s = time.process_time()
    filled = asyncio.ensure_future(filling.run())
    await asyncio.wait({filled, running, checkpoints}, return_when=asyncio.FIRST_COMPLETED)
    cpu_s = time.process_time() - cpu_before_s
    for task in (running, checkpoints):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await filled
    return Filled(
        tenths_s=tuple(filling.tenths_s),
        cpu_s=cpu_s,
        anonymous_bytes_max=filling.anonymous_bytes_max,
        resident_bytes_max=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def list_all(index: IndexReader) -> int:
    """Read all objects page by page, as a client that lists the bucket; return how many."""
    start, end, count = bucket_prefix(1), bucket_prefix(2), 0
    while True:
        with index.snapshot() as snapshot:
            rows = snapshot.scan(Table.OBJECTS, start, end, PAGE_ROWS)
        count += len(rows)
        if len(rows) < PAGE_ROWS:
            return count
        start = rows[-1][0] + b"\0"


def page_times_ms(index: IndexReader, objects: SmallObjects) -> dict[str, float]:
    """What one page takes, the median of some: of keys, from the first one and from others; of
    common prefixes under a delimiter, likewise.
    """
    first, end = bucket_prefix(1), bucket_prefix(2)
    folder_end = GroupEnd(b"/", len(first))
    choose = random.Random(3)
    places = [choose.randrange(objects.count) for _ in range(PAGE_COUNT)]
    others = [object_row_key(1, objects.key(place)) for place in places]

    def median_ms(starts: Sequence[bytes], read: Callable[[ReadSnapshot, bytes], object]) -> float:
        times_s = []
        for start in starts:
            started = time.perf_counter()
            with index.snapshot() as snapshot:
                read(snapshot, start)
            times_s.append(time.perf_counter() - started)
        return statistics.median(times_s) * 1000

    def keys(snapshot: ReadSnapshot, start: bytes) -> object:
        return snapshot.scan(Table.OBJECTS, start, end, PAGE_ROWS)

    def folders(snapshot: ReadSnapshot, start: bytes) -> object:
        return snapshot.scan_groups(Table.OBJECTS, start, end, folder_end, PAGE_ROWS)

    return {
        "first keys": median_ms([first] * PAGE_COUNT, keys),
        "other keys": median_ms(others, keys),
        "folders": median_ms([first] * PAGE_COUNT, folders),
        "more folders": median_ms(others, folders),
    }


async def fill_and_die(directory: Path, objects: SmallObjects) -> None:
    """Fill a store, say what it took, and end as a killed process does: nothing is closed."""
    node = Node(directory)
    node.open()
    filled = await fill(node, objects)
    print(msgspec.json.encode(filled).decode(), flush=True)
    os._exit(0)


def fill_elsewhere(directory: Path, objects: SmallObjects) -> Filled:
    """Fill a store in a process of its own, which has died when this returns.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", "tests.benchmarks.small_objects_store"]
    arguments = ["--objects", str(objects.count), "--fill", str(directory)]
    ordered = ["--ordered"] if objects.is_ordered else []
    done = subprocess.run([*command, *arguments, *ordered], stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Filled)


async def measure(directory: Path, objects: SmallObjects) -> Figures:
    """Fill a store, start it again after its process died, and list it.

    Raises:
        RuntimeError: A command wasn't committed, or not all objects are listed.
    """
    filled = fill_elsewhere(directory, objects)
    started = time.perf_counter()
    node = Node(directory)
    replayed_count = node.open()
    restart_s = time.perf_counter() - started
    anonymous_bytes = anonymous_memory_bytes()
    await node.store.checkpoint()
    reader = SqliteIndexReader(str(node.index_path))
    started = time.perf_counter()
    listed_count = list_all(reader)
    list_s = time.perf_counter() - started
    page_ms = page_times_ms(reader, objects)
    reader.close()
    node.close()
    started = time.perf_counter()
    node = Node(directory)
    node.open()
    clean_restart_s = time.perf_counter() - started
    node.close()
    if listed_count != objects.count:
        raise RuntimeError(f"{listed_count} objects are listed, not {objects.count}")
    return Figures(
        object_count=objects.count,
        filled=filled,
        index_bytes=_size(node.index_path.parent),
        log_bytes=_size(node.log_directory),
        list_rows_per_s=listed_count / list_s,
        page_ms=page_ms,
        restart_s=restart_s,
        clean_restart_s=clean_restart_s,
        replayed_count=replayed_count,
        anonymous_bytes_after_restart=anonymous_bytes,
    )


def anonymous_memory_bytes() -> int:
    """What this process has that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc/self/status has no RssAnon")


def _size(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.iterdir())


def main(arguments: Sequence[str]) -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.small_objects_store", description=__doc__
    )
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--ordered", action="store_true", help="keys come in their order")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help="where the store writes")
    options = parser.parse_args(arguments)
    objects = SmallObjects(options.objects, is_ordered=options.ordered)
    if options.fill is not None:
        asyncio.run(fill_and_die(options.fill, objects))
    with tempfile.TemporaryDirectory(prefix="objects-", dir=options.directory) as directory:
        figures = asyncio.run(measure(Path(directory), objects))
    print("\n".join(figures.lines()))


if __name__ == "__main__":
    main(sys.argv[1:])
