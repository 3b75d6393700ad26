"""Commits that are sent again long after: a gateway that stood still between send and answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import CommitUnknownError
from rucket.model.records import Content, ObjectMetadata
from rucket.net.commit_server import CommitServer
from rucket.net.remote_commits import RemoteCommits
from rucket.net.unix_sockets import UnixSockets
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.state.commands import CreateBucket, ForgetGarbage, PutObject
from rucket.state.outcomes import OUTCOME_COUNT_MIN, Committed
from rucket.state.rows import find_object
from rucket.store.index.sqlite_index import SqliteIndex
from rucket.store.store import Store
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from rucket.ports.transport import Connection

_COMMITS_AT_ONCE = 4000


def _id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _put(number: int) -> PutObject:
    metadata = ObjectMetadata(b"", 0, 1, f"etag-{number}", "owner")
    return PutObject(_id(number), 1, "key", metadata, Content(b"x"))


class _ForgetfulServer(CommitServer):
    """Carries commands out, but the answers get lost, until it is told to let them through.

    Attributes:
        is_answering: whether it has been told.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store, UnixSockets())
        self.is_answering = False
        self.connections: list[Connection] = []

    async def _serve(self, connection: Connection) -> None:
        self.connections.append(connection)
        if not self.is_answering:
            connection = _Mute(connection)
        await super()._serve(connection)


class _Mute:
    """A connection on which nothing but the hello gets through."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._said_hello = False
        self.receive = connection.receive
        self.close = connection.close

    def send(self, message: bytes) -> None:
        """See `Connection.send`."""
        if not self._said_hello:
            self._connection.send(message)
        self._said_hello = True


@asynccontextmanager
async def _node(directory: Path) -> AsyncIterator[tuple[Store, SqliteIndex, AsyncioTasks]]:
    tasks, disk = AsyncioTasks(2), OsDisk()
    wal = Wal(disk, str(directory / "wal"), tasks, SystemClock(), SystemRandom(), 1 << 20)
    wal.open()
    index = SqliteIndex(str(directory / "index.db"), disk)
    store = Store(wal, index, tasks)
    store.recover()
    running = asyncio.ensure_future(store.run())
    try:
        yield store, index, tasks
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        tasks.close()
        index.close()
        wal.close()


@pytest.mark.parametrize(
    ("others", "expected"),
    [(100, Committed), (OUTCOME_COUNT_MIN + 2048, CommitUnknownError)],
    ids=["soon", "late"],
)
def test_a_write_whose_answer_got_lost_happens_once_however_late_it_is_repeated(
    tmp_path: Path, others: int, expected: type[object]
) -> None:
    """Another client has written the key meanwhile, and that must stay. Repeated soon, the write
    gets its answer; repeated when the answer is no longer kept, it is told so.
    """

    async def scenario() -> None:
        async with _node(tmp_path) as (store, index, tasks):
            server = _ForgetfulServer(store)
            endpoint = str(tmp_path / "node.sock")
            listener = await server.listen(endpoint)
            gateway = RemoteCommits(UnixSockets(), endpoint, tasks, 60.0)
            gateway.start()
            await store.commit(CreateBucket(_id(1), "bucket", "owner"))
            stalled = asyncio.ensure_future(gateway.commit(_put(2)))
            while store.applied_sequence_number < 2:
                await asyncio.sleep(0.01)
            await store.commit(_put(3))
            for first in range(4, others + 4, _COMMITS_AT_ONCE):
                numbers = range(first, min(first + _COMMITS_AT_ONCE, others + 4))
                await asyncio.gather(*(store.commit(ForgetGarbage(_id(n), ())) for n in numbers))
            assert not stalled.done()

            server.is_answering = True
            server.connections[0].close()
            (answer,) = await asyncio.gather(stalled, return_exceptions=True)

            with index.snapshot() as snapshot:
                found = find_object(snapshot, 1, "key")
            assert found is not None
            assert found.etag == "etag-3"
            assert isinstance(answer, expected)
            assert isinstance(await gateway.commit(_put(10**9)), Committed)
            gateway.close()
            listener.close()

    asyncio.run(scenario())
