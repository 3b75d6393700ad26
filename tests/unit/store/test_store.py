"""The store over a real log and a real index."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from rucket.disk.os_disk import OsDisk
from rucket.model.errors import (
    CommitUnknownError,
    CorruptionError,
    OperatingError,
    StorageFullError,
)
from rucket.model.records import Content, ObjectMetadata
from rucket.ports.index import Table
from rucket.runtime.asyncio_tasks import AsyncioTasks
from rucket.runtime.system import SystemClock, SystemRandom
from rucket.state.commands import CreateBucket, PutObject, WriteCondition
from rucket.state.outcomes import Committed, Outcome, Rejected
from rucket.state.rows import find_object
from rucket.store.index.sqlite_index import SqliteIndex, SqliteIndexReader
from rucket.store.store import NeedsLog, Store
from rucket.store.wal.wal import Wal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path


@asynccontextmanager
async def _running(
    directory: Path, log_users: Sequence[NeedsLog] = ()
) -> AsyncIterator[tuple[Store, SqliteIndex, int]]:
    tasks = AsyncioTasks(2)
    disk = OsDisk()
    wal = Wal(disk, str(directory / "wal"), tasks, SystemClock(), SystemRandom(), 1 << 20)
    wal.open()
    index = SqliteIndex(str(directory / "index.db"), disk)
    store = Store(wal, index, tasks, log_users)
    replayed = store.recover()
    task = asyncio.ensure_future(store.run())
    try:
        yield store, index, replayed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tasks.close()
        index.close()
        wal.close()


def _id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _put(number: int, key: str, condition: WriteCondition = WriteCondition()) -> PutObject:  # noqa: B008
    metadata = ObjectMetadata(b"", 0, 1, f"etag-{number}", "owner")
    return PutObject(_id(number), 1, key, metadata, Content(b"x"), condition)


def test_an_acknowledged_command_can_be_read_at_once(tmp_path: Path) -> None:
    """The index is committed before the answer."""

    async def scenario() -> None:
        async with _running(tmp_path) as (store, index, _):
            await store.commit(CreateBucket(_id(1), "bucket", "owner"))
            outcome = await store.commit(_put(2, "key"))

            assert isinstance(outcome, Committed)
            with index.snapshot() as snapshot:
                found = find_object(snapshot, 1, "key")
            assert found is not None
            assert (found.etag, found.version_id, found.hlc) == ("etag-2", _id(2), outcome.hlc)

    asyncio.run(scenario())


def test_a_command_with_the_same_commit_id_happens_once(tmp_path: Path) -> None:
    """And is answered as the first time: at the same time, later, and after a restart."""
    only_if_new = WriteCondition(if_none_match=("*",))

    async def first() -> list[object]:
        async with _running(tmp_path) as (store, _, _):
            await store.commit(CreateBucket(_id(1), "bucket", "owner"))
            command = _put(2, "key", only_if_new)
            at_once = await asyncio.gather(store.commit(command), store.commit(command))
            return [*at_once, await store.commit(command)]

    async def again() -> object:
        async with _running(tmp_path) as (store, _, _):
            return await store.commit(_put(2, "key", only_if_new))

    outcomes = [*asyncio.run(first()), asyncio.run(again())]

    assert isinstance(outcomes[0], Committed)
    assert outcomes == [outcomes[0]] * 4


def test_one_of_many_conditional_creations_wins(tmp_path: Path) -> None:
    """If-None-Match: * is decided in the order of the log."""

    async def scenario() -> list[object]:
        async with _running(tmp_path) as (store, _, _):
            await store.commit(CreateBucket(_id(1), "bucket", "owner"))
            condition = WriteCondition(if_none_match=("*",))
            commands = [_put(number, "key", condition) for number in range(2, 22)]
            return list(await asyncio.gather(*map(store.commit, commands)))

    outcomes = asyncio.run(scenario())

    assert sum(isinstance(outcome, Committed) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Rejected)} == {
        "PreconditionFailed"
    }


def test_an_index_thrown_away_is_built_again_from_the_log(tmp_path: Path) -> None:
    """Row by row the same."""

    def rows(index: SqliteIndex) -> list[object]:
        with index.snapshot() as snapshot:
            return [
                (table, key, snapshot.get_with_attachment(table, key))
                for table in Table
                for key, _ in snapshot.scan(table, b"", None, 10_000)
            ]

    async def fill() -> list[object]:
        async with _running(tmp_path) as (store, index, _):
            await store.commit(CreateBucket(_id(1), "bucket", "owner"))
            await asyncio.gather(*(store.commit(_put(n, f"key-{n % 7}")) for n in range(2, 60)))
            return rows(index)

    async def rebuilt() -> tuple[list[object], int]:
        async with _running(tmp_path) as (_, index, replayed):
            return rows(index), replayed

    before = asyncio.run(fill())
    for path in tmp_path.glob("index.db*"):
        path.unlink()

    assert asyncio.run(rebuilt()) == (before, 59)


@pytest.mark.parametrize("lost", ["all segments", "what the newest segment holds"])
def test_an_index_that_is_ahead_of_the_log_is_refused(tmp_path: Path, lost: str) -> None:
    """Nothing is applied before it is durable: the log has lost what it acknowledged. Not a row
    goes, and what repairs it is said.
    """

    async def fill(first: int, count: int) -> None:
        async with _running(tmp_path) as (store, _, _):
            for number in range(first, first + count):
                await store.commit(CreateBucket(_id(number), f"bucket-{number}", "owner"))
            await store.checkpoint()

    asyncio.run(fill(0, 3))
    asyncio.run(fill(3, 3))
    newest = max((tmp_path / "wal").glob("*.wal"))
    if lost == "all segments":
        for path in (tmp_path / "wal").iterdir():
            path.unlink()
    else:
        newest.write_bytes(newest.read_bytes()[:4096] + bytes(1 << 20))

    with pytest.raises(CorruptionError, match="rucket repair accept-index"):
        asyncio.run(fill(6, 1))
    with SqliteIndexReader(str(tmp_path / "index.db")).snapshot() as snapshot:
        assert len(snapshot.scan(Table.BUCKETS, b"", None, 10)) == 6


def test_a_log_that_lost_what_was_acknowledged_elsewhere_is_refused(tmp_path: Path) -> None:
    """Even if the index is lost as well: a checkpoint, or a blob, tells of it."""

    async def scenario() -> None:
        async with _running(tmp_path) as (store, _, _):
            store.recover(acknowledged=1)

    with pytest.raises(CorruptionError, match="record 1 was acknowledged"):
        asyncio.run(scenario())


def test_the_log_is_kept_for_who_needs_it(tmp_path: Path) -> None:
    """The least of all that is still needed counts."""

    class Needs:
        def __init__(self, first: int) -> None:
            self.first = first

        def first_needed(self) -> int:
            return self.first

    needs = [Needs(1), Needs(4)]

    async def fill(number: int) -> int:
        async with _running(tmp_path, needs) as (store, _, _):
            await store.commit(CreateBucket(_id(number), f"bucket-{number}", "owner"))
            await store.checkpoint()
        return len(list((tmp_path / "wal").glob("*.wal")))

    kept = [asyncio.run(fill(number)) for number in range(5)]
    needs[0].first = 3
    kept.append(asyncio.run(fill(5)))
    needs[0].first = 100
    kept.append(asyncio.run(fill(6)))

    assert kept == [1, 2, 3, 4, 5, 4, 4]


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x01\xc1", b"\x02abc", b"\x01\x93\x01\x02\x03"]
)
def test_bytes_that_are_no_command_are_refused(tmp_path: Path, payload: bytes) -> None:
    """And never reach the log, where they would stop every restart."""
    answers: list[Outcome | OperatingError] = []

    async def scenario() -> None:
        async with _running(tmp_path) as (store, _, _):
            store.submit(payload, answers.append)

    asyncio.run(scenario())

    assert len(answers) == 1
    assert isinstance(answers[0], OperatingError)


class _FullIndex(SqliteIndex):
    """An index without room for a transaction, while `is_full`."""

    is_full = False

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """See `Index.transaction`."""
        with super().transaction() as transaction:
            yield transaction
            if self.is_full:
                raise StorageFullError("no room left")


def test_an_index_without_room_takes_what_is_in_the_log_later(tmp_path: Path) -> None:
    """Whoever waits is told that it isn't known yet; others are refused; nothing happens twice, and
    all of it is there when there is room again.
    """

    async def scenario() -> None:
        tasks = AsyncioTasks(2)
        disk = OsDisk()
        wal = Wal(disk, str(tmp_path / "wal"), tasks, SystemClock(), SystemRandom(), 1 << 20)
        wal.open()
        index = _FullIndex(str(tmp_path / "index.db"), disk)
        store = Store(wal, index, tasks)
        store.recover()
        task = asyncio.ensure_future(store.run())
        await store.commit(CreateBucket(_id(1), "bucket", "owner"))
        index.is_full = True
        only_if_new = WriteCondition(if_none_match=("*",))

        with pytest.raises(CommitUnknownError, match="no room"):
            await store.commit(_put(2, "key", only_if_new))
        with pytest.raises(StorageFullError):
            await store.commit(_put(3, "other"))
        assert not store.is_ready()
        assert store.applied_sequence_number == 1
        await store.checkpoint()
        index.is_full = False
        while not store.is_ready():
            await asyncio.sleep(0.01)

        assert isinstance(await store.commit(_put(2, "key", only_if_new)), Committed)
        assert isinstance(await store.commit(_put(3, "other")), Committed)
        assert store.applied_sequence_number == 3
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        tasks.close()
        index.close()
        wal.close()

    asyncio.run(scenario())
