"""A real node in this process: log, index and blobs in a directory, and a gateway over them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from rucket.disk.os_disk import OsDisk
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.service.gateway import Gateway, ServiceSettings
from rucket.state.placement import SingleNodePlacement
from rucket.store.blobs.file_blobs import FileBlobs
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.store import Store
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from rucket.model.records import Record

T = TypeVar("T")

INLINE_SIZE_BYTES_MAX = 64
_SEGMENT_SIZE_BYTES = 256 * 1024
_DIRECTORY_COUNT = 256
_ORPHANS_ARE_OLD_AFTER_MS = 2 * 60 * 60 * 1000
_SETTINGS = ServiceSettings(
    region="us-east-1",
    domains=(),
    users=(),
    sealing_key=bytes(32),
    version="0",
    node_id="node",
    started_at_ms=0,
    inline_size_bytes_max=INLINE_SIZE_BYTES_MAX,
)


class SteppingClock:
    """The system's clock, which somebody sets now and then."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.step_ms = 0

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return self._clock.wall_ms() + self.step_ms

    def monotonic_s(self) -> float:
        """See `Clock.monotonic_s`."""
        return self._clock.monotonic_s()


class _StoreCommits:
    """The `Commits` port, without a socket in between."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def commit(self, command: Record) -> Record:
        """See `Commits.commit`."""
        return await self._store.commit(command)

    async def sync(self) -> None:
        """See `Commits.sync`."""
        await self._store.sync()

    async def ready(self) -> bool:
        """See `Commits.ready`."""
        return self._store.is_ready()


class Node:
    """A node that is opened, closed and crashed over one directory.

    Attributes:
        loop: what it runs on; each start makes another one.
        clock: what it takes for the time.
        gateway: what a request is carried out with, while it is open.
        replayed: how many entries of the log the last start has replayed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = SteppingClock()
        self.replayed = 0
        self._encryption = NO_ENCRYPTION
        self._disk = OsDisk()
        self._begun: asyncio.Future[object] | None = None
        self._crashed: list[tuple[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]]] = []
        self._left_open: list[SqliteIndex | SqliteIndexReader | Wal] = []
        for number in range(_DIRECTORY_COUNT):  # without a sync for each, as prepare would do
            (directory / "blobs" / "files" / f"{number:02x}").mkdir(parents=True)
        self.start()

    @property
    def index_path(self) -> Path:
        """The file of the index."""
        return self.directory / "index.db"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns."""
        return self.loop.run_until_complete(work)

    def start(self) -> None:
        """Opens log and index, and recovers."""
        self.loop = asyncio.new_event_loop()
        self.run(self._start())

    async def _start(self) -> None:
        self._tasks = AsyncioTasks(2)
        self._wal = Wal(
            self._disk,
            str(self.directory / "wal"),
            self._tasks,
            self.clock,
            SystemRandom(),
            _SEGMENT_SIZE_BYTES,
        )
        self._wal.open()
        self._index = SqliteIndex(str(self.index_path), self._disk)
        self.store = Store(self._wal, self._index, self._tasks)
        self.replayed = self.store.recover()
        self._running = asyncio.ensure_future(self.store.run())
        self._reader = SqliteIndexReader(str(self.index_path))
        self.gateway = Gateway(
            index=self._reader,
            commits=_StoreCommits(self.store),
            blobs=FileBlobs(self._disk, str(self.directory / "blobs"), 0, SystemRandom()),
            tasks=self._tasks,
            clock=self.clock,
            random=SystemRandom(),
            settings=_SETTINGS,
            placement=SingleNodePlacement(_SETTINGS.node_id),
            encryption=self._encryption,
        )

    def use(self, encryption: ObjectEncryption) -> None:
        """From now on, gateways have this encryption."""
        self._encryption = encryption
        self.gateway = replace(self.gateway, encryption=encryption)

    def gateway_much_later(self) -> Gateway:
        """The same gateway at a time when every orphan is old enough. Files have the system's
        time, whatever the node's clock says.
        """
        clock = SteppingClock()
        clock.step_ms = _ORPHANS_ARE_OLD_AFTER_MS
        return replace(self.gateway, clock=clock)

    def begin(self, request: Coroutine[Any, Any, object], turns: int) -> None:
        """Starts a request, and lets it run for so many turns of the loop."""

        async def some_turns() -> None:
            self._begun = asyncio.ensure_future(request)
            for _ in range(turns):
                await asyncio.sleep(0.0005)

        self.run(some_turns())

    def stop(self) -> None:
        """Closes everything in good order."""
        _end(self.loop)
        self._tasks.close()
        for part in (self._reader, self._index, self._wal):
            part.close()

    def crash(self) -> None:
        """Forgets everything that is in memory; nothing goes on, and no file is closed or synced.

        Work that has begun in a thread ends first: what it does is what a process might have done
        before it was killed.
        """
        self._tasks.close()
        self._crashed.append((self.loop, asyncio.all_tasks(self.loop)))
        self._left_open += [self._reader, self._index, self._wal]

    def discard_index(self) -> None:
        """Removes the index; the node isn't open."""
        self.close_what_was_left_open()
        for path in self.directory.glob("index.db*"):
            path.unlink()

    def close_what_was_left_open(self) -> None:
        """Gives files back that crashes have left open."""
        for part in self._left_open:
            part.close()
        self._left_open.clear()

    def has_whole_log(self) -> bool:
        """Whether no segment of the log has been let go yet."""
        return (self.directory / "wal" / "0000000001.wal").exists()

    def close(self) -> None:
        """Stops, and gives everything back."""
        self.stop()
        self.close_what_was_left_open()
        for loop, _ in self._crashed:
            _end(loop)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Ends all tasks of a loop, and the loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()
