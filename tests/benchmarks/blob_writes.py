"""What a durable blob costs, by how it is written: `python -m tests.benchmarks.blob_writes`.

Several processes with several threads each write blobs of one size, one after the other, as
gateways do; every one is durable before the next. `file` and `packed` are the product's. The others
are its packed blobs with segments that are made in another way: `append` reserves no room, so every
sync has a new size to keep; `zeros` fills a segment with zeros beforehand, so that a sync has
nothing to keep but data, at the price of writing everything twice. The ways take turns.
"""

import argparse
import multiprocessing
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rucket.disk.os_disk import OsDisk
from rucket.disk.os_file import OsFile
from rucket.ports.blobs import BlobWriter
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.blobs.packed.packed_blobs import PackedBlobs
from rucket.store.blobs.packed.segment_writer import WriterPorts

MIB = 1024 * 1024
SIZES_BYTES = (16 * 1024, 64 * 1024, MIB)
WAYS = ("file", "packed", "append", "zeros")

Create = Callable[[int], BlobWriter]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one way and size, all processes together."""

    blobs_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


class _AppendingDisk(OsDisk):
    """Reserves no room."""

    def create_unnamed(self, directory: str) -> OsFile:
        file = super().create_unnamed(directory)

        def reserve_nothing(size_bytes: int) -> None:
            pass

        file.allocate = reserve_nothing  # type: ignore[method-assign]
        return file


class _ZeroingDisk(OsDisk):
    """Fills what it reserves with zeros, durably."""

    def create_unnamed(self, directory: str) -> OsFile:
        file = super().create_unnamed(directory)

        def fill(size_bytes: int) -> None:
            for start in range(0, size_bytes, MIB):
                file.write_at(start, [bytes(min(MIB, size_bytes - start))])
            file.sync_data()

        file.allocate = fill  # type: ignore[method-assign]
        return file


def _create(way: str, directory: str) -> Create:
    random = SystemRandom()
    if way == "file":
        files = FileBlobs(OsDisk(), directory, 0, random)
        files.prepare()
        return lambda _: files.create("STANDARD", None)
    disks = {"packed": OsDisk, "append": _AppendingDisk, "zeros": _ZeroingDisk}
    ports = WriterPorts(disks[way](), random, SystemThreads())
    packed = PackedBlobs(ports, SystemClock(), directory, 0)
    packed.prepare()
    return packed.create


def write_for(
    create: Create, size_bytes: int, thread_count: int, seconds: float
) -> tuple[list[float], float]:
    """How long each blob took, in seconds, and the CPU time of all."""
    data = SystemRandom().token_bytes(size_bytes)
    taken_s: list[float] = []
    end = time.perf_counter() + seconds

    def write() -> None:
        while (started := time.perf_counter()) < end:
            writer = create(size_bytes)
            writer.write(data)
            writer.finish()
            taken_s.append(time.perf_counter() - started)

    cpu_s = time.process_time()
    threads = [threading.Thread(target=write) for _ in range(thread_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken_s, time.process_time() - cpu_s


def measure(
    way: str, size_bytes: int, process_count: int, thread_count: int, seconds: float
) -> Figures:
    """Writes in a new directory, which is removed afterwards."""
    directory = tempfile.mkdtemp(prefix="blob-writes-", dir=Path.cwd())
    context = multiprocessing.get_context("fork")
    results: multiprocessing.Queue[tuple[list[float], float]] = context.Queue()
    barrier = context.Barrier(process_count)

    def run() -> None:
        create = _create(way, directory)
        create(10).abort()
        barrier.wait()
        results.put(write_for(create, size_bytes, thread_count, seconds))

    try:
        processes = [context.Process(target=run) for _ in range(process_count)]
        for process in processes:
            process.start()
        found = [results.get(timeout=60 + 10 * seconds) for _ in processes]
        for process in processes:
            process.join()
    finally:
        shutil.rmtree(directory)
    taken_s = sorted(one for times, _ in found for one in times)
    return Figures(
        len(taken_s) / seconds,
        sum(cpu_s for _, cpu_s in found) / len(taken_s) * 1e6,
        taken_s[len(taken_s) // 2] * 1e3,
        taken_s[len(taken_s) * 99 // 100] * 1e3,
    )


def main() -> None:
    """Prints the medians of some rounds."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.blob_writes")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    print(f"{'bytes':>9} {'way':<7} {'blobs/s':>8} {'CPU us':>7} {'p50 ms':>7} {'p99 ms':>7}")
    for size_bytes in SIZES_BYTES:
        rounds = [
            [
                measure(way, size_bytes, options.processes, options.threads, options.seconds)
                for way in WAYS
            ]
            for _ in range(options.rounds)
        ]
        for way, found in zip(WAYS, zip(*rounds, strict=True), strict=True):
            rate, cpu, p50, p99 = (
                statistics.median(getattr(figures, name) for figures in found)
                for name in ("blobs_per_s", "cpu_us", "p50_ms", "p99_ms")
            )
            print(f"{size_bytes:>9} {way:<7} {rate:>8.0f} {cpu:>7.0f} {p50:>7.1f} {p99:>7.1f}")


if __name__ == "__main__":
    main()
