"""The log over real files and a real loop."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    CorruptionError,
    DeviceError,
    LogFailedError,
    OperatingError,
    OverloadedError,
    StorageFullError,
)
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.store.sync_strategy import ALWAYS, SyncMode, SyncStrategy
from rucket.store.wal.wal import PENDING_ENTRY_COUNT_MAX, PENDING_SIZE_BYTES_MAX, Wal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from rucket.disk.os_file import OsFile
    from rucket.ports.disk import Buffer
    from rucket.ports.log import LogEntry

_SEGMENT_SIZE_BYTES = 64 * 1024


class _Applied:
    """What reached `apply` and `refuse`, and a way to wait for it."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.refused: list[bytes] = []
        self._changed = asyncio.Event()

    def apply(self, entries: Sequence[LogEntry]) -> None:
        self.entries.extend(entries)
        self._changed.set()

    def refuse(self, payloads: Sequence[bytes], error: OperatingError) -> None:
        assert isinstance(error, StorageFullError)
        self.refused.extend(payloads)
        self._changed.set()

    async def settled(self, count: int) -> None:
        while len(self.entries) + len(self.refused) < count:
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def _running(
    directory: Path, disk: OsDisk | None = None, sync: SyncStrategy = ALWAYS
) -> AsyncIterator[tuple[Wal, _Applied]]:
    tasks = AsyncioTasks(2)
    wal = Wal(
        disk or OsDisk(),
        str(directory),
        tasks,
        SystemClock(),
        SystemRandom(),
        _SEGMENT_SIZE_BYTES,
        sync=sync,
    )
    wal.open()
    applied = _Applied()
    task = asyncio.ensure_future(wal.run(applied.apply, applied.refuse))
    try:
        yield wal, applied
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tasks.close()
        wal.close()


def _reopened(directory: Path) -> Wal:
    wal = Wal(OsDisk(), str(directory), None, SystemClock(), SystemRandom(), _SEGMENT_SIZE_BYTES)  # type: ignore[arg-type]
    wal.open()
    return wal


def _replayed(wal: Wal, after: int = 0) -> list[bytes]:
    return [entry.payload for entries in wal.replay(after) for entry in entries]


def test_what_was_applied_is_replayed_after_a_restart(tmp_path: Path) -> None:
    """In order, with the same sequence numbers, across segments."""
    payloads = [b"%d" % i * 700 for i in range(100)]

    async def fill() -> list[LogEntry]:
        async with _running(tmp_path) as (wal, applied):
            for payload in payloads:
                wal.submit(payload)
                await applied.settled(len(applied.entries))
            await applied.settled(len(payloads))
            return applied.entries

    entries = asyncio.run(fill())
    wal = _reopened(tmp_path)

    assert [entry for batch in wal.replay(0) for entry in batch] == entries
    assert [entry.payload for entry in entries] == payloads
    assert wal.last_sequence_number() == len(payloads)


def test_stamps_grow_even_when_the_clock_goes_back(tmp_path: Path) -> None:
    """The stamp of the newest entry bounds those that come after a restart."""

    async def fill(count: int) -> list[int]:
        async with _running(tmp_path) as (wal, applied):
            wal.observe(1 << 63)
            for number in range(count):
                wal.submit(b"%d" % number)
            await applied.settled(count)
            return [entry.hlc for entry in applied.entries]

    stamps = asyncio.run(fill(3)) + asyncio.run(fill(3))

    assert stamps == sorted(set(stamps))


def test_arrivals_during_a_sync_share_the_next_one(tmp_path: Path) -> None:
    """A hundred at once take few syncs."""

    class CountingDisk(OsDisk):
        syncs = 0

        def create(self, path: str) -> OsFile:
            file = super().create(path)
            sync = file.sync_data

            def counted() -> None:
                type(self).syncs += 1
                sync()

            file.sync_data = counted  # type: ignore[method-assign]
            return file

    async def fill() -> None:
        async with _running(tmp_path, CountingDisk()) as (wal, applied):
            before = CountingDisk.syncs
            for number in range(100):
                wal.submit(b"%d" % number)
            await applied.settled(100)
            assert CountingDisk.syncs - before <= 2

    asyncio.run(fill())


def test_a_discarded_segment_is_gone_and_the_rest_replays(tmp_path: Path) -> None:
    """The index has what the discarded ones held."""

    async def fill() -> None:
        async with _running(tmp_path) as (wal, applied):
            for number in range(40):
                wal.submit(b"%03d" % number + bytes(5000))
                await applied.settled(number + 1)
            wal.discard_before(20)

    asyncio.run(fill())
    wal = _reopened(tmp_path)

    assert [payload[:3] for payload in _replayed(wal, after=20)][:2] == [b"020", b"021"]
    with pytest.raises(CorruptionError, match="restore both"):
        _replayed(wal, after=0)


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    """Nothing is too large for the log that the protocol lets through."""
    payload = bytes(3 * _SEGMENT_SIZE_BYTES)

    async def fill() -> None:
        async with _running(tmp_path) as (wal, applied):
            wal.submit(payload)
            await applied.settled(1)

    asyncio.run(fill())

    assert _replayed(_reopened(tmp_path)) == [payload]


def test_a_failed_sync_stops_the_log(tmp_path: Path) -> None:
    """What is on the device is unknown then; nothing is applied."""

    class FailingDisk(OsDisk):
        fails = False

        def create(self, path: str) -> OsFile:
            file = super().create(path)
            sync = file.sync_data

            def failing() -> None:
                if type(self).fails:
                    raise DeviceError("I/O error")
                sync()

            file.sync_data = failing  # type: ignore[method-assign]
            return file

    async def fail() -> list[LogEntry]:
        tasks = AsyncioTasks(1)
        wal = Wal(FailingDisk(), str(tmp_path), tasks, SystemClock(), SystemRandom(), 1 << 16)
        wal.open()
        applied = _Applied()
        FailingDisk.fails = True
        wal.submit(b"x")
        with pytest.raises(LogFailedError):
            await wal.run(applied.apply, applied.refuse)
        tasks.close()
        wal.close()
        return applied.entries

    assert asyncio.run(fail()) == []


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """What can't get a new segment is refused; when there is room again the log goes on."""

    class FullDisk(OsDisk):
        is_full = False

        def create(self, path: str) -> OsFile:
            if type(self).is_full:
                raise StorageFullError("no room")
            return super().create(path)

    async def fill() -> tuple[list[bytes], list[bytes]]:
        async with _running(tmp_path, FullDisk()) as (wal, applied):
            FullDisk.is_full = True
            wal.submit(b"fits")
            await applied.settled(1)
            wal.submit(bytes(2 * _SEGMENT_SIZE_BYTES))
            await applied.settled(2)
            FullDisk.is_full = False
            wal.submit(bytes(2 * _SEGMENT_SIZE_BYTES))
            await applied.settled(3)
            return [entry.payload[:4] for entry in applied.entries], applied.refused

    entries, refused = asyncio.run(fill())

    assert entries == [b"fits", bytes(4)]
    assert len(refused) == 1
    assert len(_replayed(_reopened(tmp_path))) == 2


def test_starting_again_and_again_takes_no_more_room(tmp_path: Path) -> None:
    """A segment that nothing was written to is gone on with."""
    for _ in range(3):
        _reopened(tmp_path).close()

    async def fill() -> None:
        async with _running(tmp_path) as (wal, applied):
            wal.submit(b"x")
            await applied.settled(1)

    asyncio.run(fill())
    wal = _reopened(tmp_path)

    assert len(list(tmp_path.iterdir())) == 2
    assert _replayed(wal) == [b"x"]


def test_what_a_crash_left_of_an_unfinished_segment_is_removed(tmp_path: Path) -> None:
    """It holds nothing."""
    (tmp_path / "spare-1.new").write_bytes(b"x")

    _reopened(tmp_path).close()

    assert [path.name for path in tmp_path.iterdir()] == ["0000000001.wal"]


@pytest.mark.parametrize(
    "payloads",
    [[b"x"] * PENDING_ENTRY_COUNT_MAX, [bytes(PENDING_SIZE_BYTES_MAX)]],
    ids=["entries", "bytes"],
)
def test_a_log_that_comes_to_nothing_takes_no_more(tmp_path: Path, payloads: list[bytes]) -> None:
    """What waits is bounded: whoever comes too much is told, and may try again later."""

    async def scenario() -> int:
        async with _running(tmp_path) as (wal, applied):
            for payload in payloads:
                wal.submit(payload)
            with pytest.raises(OverloadedError, match="wait for the log"):
                wal.submit(b"x")
            await applied.settled(len(payloads))
            wal.submit(b"y")
            await applied.settled(len(payloads) + 1)
            return len(applied.entries)

    assert asyncio.run(scenario()) == len(payloads) + 1


class _SyncingDisk(OsDisk):
    """A disk whose syncs of files can be held, and made to fail."""

    def __init__(self) -> None:
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.fails = False
        self.sync_count = 0

    def create(self, path: str) -> OsFile:
        file = super().create(path)
        sync = file.sync_data

        def held() -> None:
            self.may_sync.wait(10)
            self.sync_count += 1
            if self.fails:
                raise DeviceError("I/O error")
            sync()

        file.sync_data = held  # type: ignore[method-assign]
        return file


_PERIODIC = SyncStrategy(SyncMode.PERIODIC, period_s=0.01)
_THRESHOLD = SyncStrategy(SyncMode.THRESHOLD, threshold_operations=2, idle_s=60)
_NEVER = SyncStrategy(SyncMode.NEVER)


@pytest.mark.parametrize("strategy", [_PERIODIC, _THRESHOLD, _NEVER], ids=lambda s: s.mode)
def test_answers_come_before_the_sync_where_the_strategy_says_so(
    tmp_path: Path, strategy: SyncStrategy
) -> None:
    """And `sync` waits for what was written before it."""

    async def scenario() -> None:
        disk = _SyncingDisk()
        async with _running(tmp_path, disk, strategy) as (wal, applied):
            disk.may_sync.clear()
            wal.submit(b"x")
            await applied.settled(1)
            assert (wal.last_sequence_number(), wal.synced_sequence_number) == (1, 0)
            disk.may_sync.set()
            await wal.sync()
            assert wal.synced_sequence_number == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("strategy", [_PERIODIC, _THRESHOLD], ids=lambda s: s.mode)
def test_writers_wait_for_a_device_that_is_too_slow(tmp_path: Path, strategy: SyncStrategy) -> None:
    """What isn't synced stays bounded: the next sync is due, and the one before isn't done."""

    async def scenario() -> None:
        disk = _SyncingDisk()
        async with _running(tmp_path, disk, strategy) as (wal, applied):
            disk.may_sync.clear()
            for number in range(100):
                wal.submit(b"%d" % number)
                await asyncio.sleep(0.001)
            written = len(applied.entries)
            assert 0 < written < 100
            if strategy is _THRESHOLD:
                assert written <= 2 * strategy.threshold_operations
            disk.may_sync.set()
            await applied.settled(100)

    asyncio.run(scenario())


@pytest.mark.parametrize("strategy", [_PERIODIC, _THRESHOLD], ids=lambda s: s.mode)
def test_a_failed_sync_in_the_background_stops_the_log(
    tmp_path: Path, strategy: SyncStrategy
) -> None:
    """The kernel forgets what it couldn't write: only recovery finds out what is there."""

    async def scenario() -> None:
        disk = _SyncingDisk()
        tasks = AsyncioTasks(2)
        wal = Wal(disk, str(tmp_path), tasks, SystemClock(), SystemRandom(), 1 << 16, sync=strategy)
        wal.open()
        applied = _Applied()
        disk.fails = True
        wal.submit(b"x")
        wal.submit(b"y")
        with pytest.raises(LogFailedError, match="I/O error"):
            await wal.run(applied.apply, applied.refuse)
        disk.fails = False
        synced = disk.sync_count
        with pytest.raises(LogFailedError):
            await wal.sync()
        assert wal.synced_sequence_number == 0
        assert disk.sync_count == synced, "a second sync would find nothing wrong"
        tasks.close()
        wal.close()

    asyncio.run(scenario())


def test_what_was_not_synced_is_written_again_after_a_kill(tmp_path: Path) -> None:
    """All of it: the kernel may take pages for clean that a failed sync has lost."""

    async def fill() -> None:
        async with _running(tmp_path, sync=_NEVER) as (wal, applied):
            for number in range(5):
                wal.submit(b"%d" % number)
                await applied.settled(number + 1)
                if number == 1:
                    await wal.sync()

    class WatchingDisk(OsDisk):
        written: ClassVar[list[tuple[int, int]]] = []

        def open(self, path: str, *, writable: bool = False) -> OsFile:
            file = super().open(path, writable=writable)
            write = file.write_at

            def noted(offset: int, buffers: Sequence[Buffer]) -> None:
                self.written.append((offset, sum(map(len, buffers))))
                write(offset, buffers)

            file.write_at = noted  # type: ignore[method-assign]
            return file

    asyncio.run(fill())
    wal = Wal(WatchingDisk(), str(tmp_path), None, SystemClock(), SystemRandom(), 1 << 16)  # type: ignore[arg-type]
    wal.open()

    assert WatchingDisk.written == [(4096 * 3, 4096 * 3)]
    assert _replayed(wal) == [b"0", b"1", b"2", b"3", b"4"]


def test_an_old_segment_gets_a_successor(tmp_path: Path) -> None:
    """Though it isn't full, once there is another write; an empty one is never too old."""

    class Clock(SystemClock):
        offset_s = 0.0

        def monotonic_s(self) -> float:
            return super().monotonic_s() + self.offset_s

    async def scenario() -> int:
        clock, tasks = Clock(), AsyncioTasks(2)
        wal = Wal(
            OsDisk(), str(tmp_path), tasks, clock, SystemRandom(), 1 << 20, segment_age_s=1000
        )
        wal.open()
        applied = _Applied()
        task = asyncio.ensure_future(wal.run(applied.apply, applied.refuse))
        clock.offset_s = 5000
        for number in range(3):
            wal.submit(b"young %d" % number)
            await applied.settled(number + 1)
        assert wal.size_bytes() == 1 << 20
        clock.offset_s = 6001
        while wal.size_bytes() == 1 << 20:
            wal.submit(b"old")
            await applied.settled(len(applied.entries) + 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tasks.close()
        wal.close()
        return len(applied.entries)

    count = asyncio.run(scenario())

    assert len(_replayed(_reopened(tmp_path))) == count
