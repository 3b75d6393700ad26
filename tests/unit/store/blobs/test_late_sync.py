"""Blobs that are synced later: how much gathers, who waits, and what a failed sync does."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import DeviceError, OperatingError
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system_threads import SystemThreads
from rucket.store.blobs import late_sync
from rucket.store.blobs.late_sync import LateSync, sync_in_time
from rucket.store.sync_strategy import SyncMode, SyncStrategy
from tests.unit.fakes import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.ports.disk import Buffer

_NEVER = SyncStrategy(SyncMode.NEVER)
_THRESHOLD = SyncStrategy(SyncMode.THRESHOLD, threshold_operations=3, idle_s=60)


class Device:
    """A disk and its files, which sync when they may; both ports, as far as they are used."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Semaphore(0)
        self.synced: list[str] = []
        self.closed_count = 0
        self.error: OperatingError | None = None

    def sync_directory(self, path: str) -> None:
        """See `Disk.sync_directory`."""
        self.synced.append(path)

    def sync_data(self) -> None:
        """See `File.sync_data`."""
        self.began.release()
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        self.synced.append("file")

    def close(self) -> None:
        """See `File.close`."""
        self.closed_count += 1

    def write_at(self, offset: int, buffers: Sequence[Buffer]) -> None:
        """See `File.write_at`."""


class Place:
    """A place in a segment."""

    def __init__(self, segment_id: bytes) -> None:
        self.segment_id = segment_id
        self.sync_count = self.release_count = 0

    def sync(self) -> None:
        """See `UnsyncedPlace.sync`."""
        self.sync_count += 1

    def release(self) -> None:
        """See `UnsyncedPlace.release`."""
        self.release_count += 1


class Process:
    """A process that writes blobs to one device."""

    def __init__(self, strategy: SyncStrategy) -> None:
        self.device = Device()
        self.failures: list[OperatingError] = []
        self.clock = FakeClock()
        self.late = LateSync(
            self.device,  # type: ignore[arg-type]
            strategy,
            self.clock,
            SystemThreads(),
            self.failures.append,
        )

    def write(self, directory: str = "directory") -> None:
        self.late.take_file(self.device, directory, 10)  # type: ignore[arg-type]


def test_files_and_then_each_of_their_directories_are_synced_once() -> None:
    """A name is nothing without its file; directories are shared."""
    process = Process(_NEVER)
    for directory in ("a", "b", "a"):
        process.write(directory)
    assert process.late.unsynced_blob_count == 3
    assert process.device.synced == []

    process.late.sync()

    assert process.device.synced == ["file", "file", "file", "a", "b"]
    assert process.device.closed_count == 3
    assert process.late.unsynced_blob_count == 0


def test_a_segment_is_held_by_one_of_its_places_and_synced_once() -> None:
    """The others are released at once."""
    process = Process(_NEVER)
    places = [Place(b"a"), Place(b"a"), Place(b"b")]
    for place in places:
        process.late.take_place(place, 10)
    assert [place.release_count for place in places] == [0, 1, 0]

    process.late.sync()

    assert [place.sync_count for place in places] == [1, 0, 1]
    assert [place.release_count for place in places] == [1, 1, 1]


def test_a_threshold_is_synced_beside_and_who_meets_the_next_one_waits() -> None:
    """So that no more than two of them are unsynced and answered."""
    process = Process(_THRESHOLD)
    process.device.gate.clear()
    for _ in range(3):
        process.write()
    assert process.device.began.acquire(timeout=20)
    process.write()
    process.write()
    assert process.late.unsynced_blob_count == 5

    waiting = threading.Thread(target=process.write)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    process.device.gate.set()
    waiting.join(20)

    assert not waiting.is_alive()
    assert process.late.unsynced_blob_count == 0


def test_no_more_files_stay_open_than_may() -> None:
    """Under whatever strategy."""
    process = Process(_NEVER)
    for _ in range(late_sync.OPEN_MAX - 1):
        process.write()
    assert process.device.synced == []

    process.write()

    assert process.device.began.acquire(timeout=20)


def test_a_failed_sync_fails_the_device_and_all_that_comes() -> None:
    """There is no second one; what was open is closed."""
    process = Process(_NEVER)
    process.device.error = DeviceError("injected")
    process.write()

    with pytest.raises(DeviceError, match="injected"):
        process.late.sync()

    assert [str(error) for error in process.failures] == ["injected"]
    assert process.device.closed_count == 1
    process.device.error = None
    with pytest.raises(DeviceError, match="has failed"):
        process.write()
    with pytest.raises(DeviceError, match="has failed"):
        process.late.sync()
    assert len(process.failures) == 1
    assert process.device.synced == []


def test_a_failed_sync_in_the_background_is_told() -> None:
    """Though nobody waits for it."""
    process = Process(_THRESHOLD)
    told = threading.Event()
    process.late = LateSync(
        process.device,  # type: ignore[arg-type]
        _THRESHOLD,
        process.clock,
        SystemThreads(),
        lambda _: told.set(),
    )
    process.device.error = DeviceError("injected")
    for _ in range(3):
        process.write()

    assert told.wait(20)


@pytest.mark.parametrize(
    "strategy",
    [
        SyncStrategy(SyncMode.PERIODIC, period_s=0.01),
        SyncStrategy(SyncMode.THRESHOLD, idle_s=0.01),
    ],
    ids=["periodic", "threshold"],
)
def test_time_syncs_what_nobody_else_does(strategy: SyncStrategy) -> None:
    """After the period, or a pause."""
    process = Process(strategy)

    async def scenario() -> None:
        tasks = AsyncioTasks(2)
        syncing = tasks.spawn(sync_in_time(tasks, process.late), "late-sync")
        process.write()
        process.clock.now_ms += 20
        assert await tasks.run_blocking(lambda: process.device.began.acquire(timeout=20))
        syncing.cancel()
        process.late.sync()
        tasks.close()

    asyncio.run(scenario())

    assert process.late.unsynced_blob_count == 0


def test_never_has_no_timer() -> None:
    """It returns, and says that nothing is due."""
    process = Process(_NEVER)
    process.write()

    async def scenario() -> None:
        tasks = AsyncioTasks(1)
        await sync_in_time(tasks, process.late)
        tasks.close()

    asyncio.run(scenario())

    assert process.late.due_in_s() == float("inf")
