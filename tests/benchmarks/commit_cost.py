"""What a commit costs the node process: CPU time of store, log and index, in one process.

``python -m tests.benchmarks.commit_cost [DIRECTORY]``: several runs in a fresh directory each, over
real files; prints microseconds of CPU per commit and commits per second. Commands come encoded, as
they do from a socket; their encoding isn't counted.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rucket.disk.os_disk import OsDisk
from rucket.model.records import Content, Extent, ObjectMetadata
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.state.commands import CreateBucket, DeleteObject, PutObject, encode_command
from rucket.store.index.sqlite_index import SqliteIndex
from rucket.store.store import Store
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from collections.abc import Sequence

OWNER_ID = "a" * 64
INLINE_SIZE_BYTES = 1024


def puts(random: SystemRandom, count: int, *, is_inline: bool) -> list[bytes]:
    """Encoded commands that make `count` objects."""
    commands = []
    for number in range(count):
        commit_id = _new_id(random)
        metadata = ObjectMetadata(
            b"",
            0,
            INLINE_SIZE_BYTES if is_inline else 65_536,
            "d41d8cd98f00b204e9800998ecf8427e",
            OWNER_ID,
            {"content-type": "application/octet-stream"},
        )
        content = (
            Content(inline=random.token_bytes(INLINE_SIZE_BYTES))
            if is_inline
            else Content(extents=(Extent(random.token_bytes(16), 65_536),))
        )
        commands.append(PutObject(commit_id, 1, _key(number), metadata, content))
    return [encode_command(command) for command in commands]


def deletes(random: SystemRandom, count: int) -> list[bytes]:
    """Encoded commands that delete them again."""
    return [
        encode_command(DeleteObject(_new_id(random), 1, _key(number))) for number in range(count)
    ]


def _key(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08x}/object-{number:08}"


def _new_id(random: SystemRandom) -> bytes:
    return time.time_ns().to_bytes(8, "big")[:6] + random.token_bytes(10)


async def _commit_all(
    store: Store, payloads: Sequence[bytes], in_flight: int
) -> tuple[float, float]:
    """CPU seconds and wall seconds that the commits took."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    waiting = iter(payloads)
    left = len(payloads)

    def answered(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)
            return
        payload = next(waiting, None)
        if payload is not None:
            loop.call_soon(store.submit, payload, answered)

    cpu_s, wall_s = time.process_time(), time.perf_counter()
    for _ in range(in_flight):
        store.submit(next(waiting), answered)
    await done
    return time.process_time() - cpu_s, time.perf_counter() - wall_s


async def run(directory: Path, count: int, in_flight: int) -> dict[str, tuple[float, float]]:
    """Microseconds of CPU per commit, and commits per second, of each kind of command."""
    random, disk, tasks = SystemRandom(), OsDisk(), AsyncioTasks(2)
    wal = Wal(disk, str(directory / "wal"), tasks, SystemClock(), random)
    wal.open()
    index = SqliteIndex(str(directory / "index.db"), disk)
    store = Store(wal, index, tasks)
    store.recover()
    running = asyncio.ensure_future(store.run())
    await store.commit(CreateBucket(_new_id(random), "bucket", OWNER_ID))
    workloads = {
        "put inline": puts(random, count, is_inline=True),
        "overwrite in blob": puts(random, count, is_inline=False),
        "delete": deletes(random, count),
    }
    results = {}
    for name, payloads in workloads.items():
        cpu_s, wall_s = await _commit_all(store, payloads, in_flight)
        results[name] = cpu_s / count * 1e6, count / wall_s
        await store.checkpoint()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    tasks.close()
    index.close()
    wal.close()
    return results


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    collected: dict[str, list[tuple[float, float]]] = {}
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
            results = asyncio.run(run(Path(directory), arguments.count, arguments.in_flight))
        for name, result in results.items():
            collected.setdefault(name, []).append(result)
    for name, measured in collected.items():
        cpu_us = statistics.median(cpu for cpu, _ in measured)
        per_s = statistics.median(rate for _, rate in measured)
        print(f"{name:<20} {cpu_us:8.1f} us of CPU a commit {per_s:10.0f} commits/s")


if __name__ == "__main__":
    main()
