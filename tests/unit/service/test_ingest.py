"""Taking in bodies: what becomes a blob, what stays in memory, and what is left of a failure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from rucket.model.errors import (
    BadDigest,
    CommitUnknownError,
    EntityTooLarge,
    IncompleteBody,
    StorageFullError,
)
from rucket.model.names import BlobId
from rucket.service.ingest import (
    BUFFER_SIZE_BYTES,
    Hasher,
    Ingested,
    commit_ingested,
    ingest,
)
from rucket.service.objects import ObjectDescription, new_metadata
from rucket.state.commands import PutObject
from tests.simulator.errors import Cancelled
from tests.unit.service.payloads import MIB, TestPayload, content
from tests.unit.service.world import INLINE_SIZE_BYTES_MAX, OWNER_ID, World

if TYPE_CHECKING:
    from rucket.model.records import Record

SIZES = {
    "empty": 0,
    "one byte": 1,
    "just inline": INLINE_SIZE_BYTES_MAX,
    "just not inline": INLINE_SIZE_BYTES_MAX + 1,
    "one buffer": BUFFER_SIZE_BYTES,
    "a bit more than a buffer": BUFFER_SIZE_BYTES + 1,
    "several buffers": 3 * BUFFER_SIZE_BYTES + 12_345,
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("is_size_known", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize("may_be_inline", [True, False], ids=["object", "part"])
@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES.keys())
def test_every_byte_is_kept_and_hashed(
    world: World, size_bytes: int, *, may_be_inline: bool, is_size_known: bool
) -> None:
    """Whatever its size, a body is found again where the content says, with its MD5."""
    data = content(size_bytes)
    payload = TestPayload(world.tasks, data, piece_size_bytes=70_001, is_size_known=is_size_known)

    ingested = world.run(ingest(world.gateway, payload, "STANDARD", may_be_inline=may_be_inline))

    is_inline = may_be_inline and size_bytes <= INLINE_SIZE_BYTES_MAX
    assert (ingested.content.inline is not None) == is_inline
    kept = ingested.content.inline or b"".join(
        world.blobs.finished[BlobId(extent.blob_id)] for extent in ingested.content.extents
    )
    assert kept == data
    assert ingested.md5 == hashlib.md5(data).digest()
    assert ingested.size_bytes == size_bytes
    assert len(world.blobs.finished) == (0 if is_inline or not size_bytes else 1)
    assert not world.blobs.open_writers


@pytest.mark.parametrize("size_bytes", [2000, MIB, MIB + 1], ids=["small", "buffer", "a bit more"])
def test_a_body_of_about_a_buffer_costs_one_hop(world: World, size_bytes: int) -> None:
    """Creating, hashing, writing and syncing such a blob happen in one blocking call."""
    calls: list[str] = []
    world.blobs.before = calls.append

    world.run(ingest(world.gateway, TestPayload(world.tasks, content(size_bytes)), "STANDARD"))

    assert calls == ["create", "write", "finish"]


def test_memory_is_bounded_by_two_buffers(world: World) -> None:
    """While one buffer is being written, no more than another is read from the client."""
    payload = TestPayload(world.tasks, content(6 * MIB), piece_size_bytes=MIB // 4)
    written: list[int] = []
    world.blobs.before = lambda call: (
        written.append(payload.read_count) if call == "write" else None
    )

    world.run(ingest(world.gateway, payload, "STANDARD"))

    assert all(read_count <= 4 * (number + 2) + 1 for number, read_count in enumerate(written)), (
        written
    )


@pytest.mark.parametrize("size_bytes", [100, 100_000, 3 * MIB], ids=["inline", "small", "large"])
def test_a_body_that_breaks_off_leaves_nothing(world: World, size_bytes: int) -> None:
    """The client is gone in the middle: no blob, no open file."""
    payload = TestPayload(
        world.tasks, content(size_bytes), piece_size_bytes=50, breaks_off_at=size_bytes // 2
    )

    with pytest.raises(IncompleteBody):
        world.run(ingest(world.gateway, payload, "STANDARD"))

    assert not world.blobs.finished
    assert world.is_at_rest()


@pytest.mark.parametrize("size_bytes", [100, 100_000, 3 * MIB], ids=["inline", "small", "large"])
def test_a_body_that_is_not_what_was_meant_leaves_nothing(world: World, size_bytes: int) -> None:
    """A wrong digest is found before anything can be read."""
    payload = TestPayload(world.tasks, content(size_bytes), is_verified=False)

    with pytest.raises(BadDigest):
        world.run(ingest(world.gateway, payload, "STANDARD"))

    assert not world.blobs.finished
    assert world.is_at_rest()


@pytest.mark.parametrize("failing_call", ["create", "write", "finish"])
def test_a_full_device_leaves_nothing(world: World, failing_call: str) -> None:
    """Whichever call finds no room, what was written is given up."""

    def fail(call: str) -> None:
        if call == failing_call:
            raise StorageFullError(call)

    world.blobs.before = fail

    with pytest.raises(StorageFullError):
        world.run(ingest(world.gateway, TestPayload(world.tasks, content(3 * MIB)), "STANDARD"))

    assert not world.blobs.finished
    assert world.is_at_rest()


@pytest.mark.parametrize("seed", range(30))
def test_a_cancelled_request_leaves_nothing(seed: int) -> None:
    """Cancelled at any moment, even while a thread is writing or syncing: no blob, no open file."""
    world = World(seed)

    async def cancel_somewhere() -> bool:
        payload = TestPayload(world.tasks, content(3 * MIB + seed))
        task = world.tasks.spawn(ingest(world.gateway, payload, "STANDARD"), "request")
        await world.tasks.sleep(0.0005 * seed)
        task.cancel()
        try:
            await task
        except Cancelled:
            return True
        return False

    was_cancelled = world.run(cancel_somewhere())

    assert not world.blobs.open_writers
    assert bool(world.blobs.finished) != was_cancelled


def test_a_declared_size_beyond_the_limit_is_refused_unread(world: World) -> None:
    """Nothing of the body is asked for, so that the client isn't told to go on."""
    payload = TestPayload(world.tasks, b"")
    payload.size_bytes = world.gateway.settings.body_size_bytes_max + 1

    with pytest.raises(EntityTooLarge):
        world.run(ingest(world.gateway, payload, "STANDARD"))

    assert payload.read_count == 0


def _ingested(world: World) -> Ingested:
    return world.run(ingest(world.gateway, TestPayload(world.tasks, content(5000)), "STANDARD"))


def _command(world: World, ingested: Ingested, bucket_id: int) -> PutObject:
    return PutObject(
        commit_id=world.random.token_bytes(16),
        bucket_id=bucket_id,
        key="key",
        metadata=new_metadata(ObjectDescription(), OWNER_ID),
        content=ingested.content,
    )


def test_blobs_of_a_rejected_command_are_removed(world: World) -> None:
    """The bucket was deleted meanwhile: nobody will ever name the blob."""
    ingested = _ingested(world)
    world.run(commit_ingested(world.gateway, _command(world, ingested, 999), ingested))

    assert not world.blobs.finished


def test_blobs_of_a_command_that_was_not_taken_are_removed(world: World) -> None:
    """The log had no room, so nothing was committed."""

    def refuse(_: Record) -> None:
        raise StorageFullError("log")

    ingested = _ingested(world)
    world.commits.before = refuse

    with pytest.raises(StorageFullError):
        world.run(
            commit_ingested(
                world.gateway, _command(world, ingested, world.bucket.bucket_id), ingested
            )
        )

    assert not world.blobs.finished


def test_blobs_stay_while_nobody_knows(world: World) -> None:
    """The node went away after it had committed: removing the blob would lose the object."""

    def lose_the_answer(_: Record) -> None:
        raise CommitUnknownError("gone")

    ingested = _ingested(world)
    world.commits.after = lose_the_answer

    with pytest.raises(CommitUnknownError):
        world.run(
            commit_ingested(
                world.gateway, _command(world, ingested, world.bucket.bucket_id), ingested
            )
        )

    assert world.blobs.finished
    assert world.is_at_rest()


class _PayloadWithMd5(TestPayload):
    """The client has sent Content-MD5 as well."""

    __test__ = False

    def __init__(self, world: World, data: bytes) -> None:
        super().__init__(world.tasks, data)
        self.md5 = hashlib.md5(usedforsecurity=False)

    def hashers(self) -> list[Hasher]:
        return [hashlib.sha256(), self.md5, *super().hashers()]


@pytest.mark.parametrize("size_bytes", [100, 3 * MIB], ids=["inline", "blob"])
def test_content_md5_and_entity_tag_are_computed_once(world: World, size_bytes: int) -> None:
    """Every byte is hashed once, whoever wants to know."""
    data = content(size_bytes)
    payload = _PayloadWithMd5(world, data)

    ingested = world.run(ingest(world.gateway, payload, "STANDARD"))

    assert ingested.md5 == payload.md5.digest() == hashlib.md5(data).digest()
