"""Objects: put, read, delete, and what happens when others do the same at the same time."""

from __future__ import annotations

import hashlib

import pytest

from rucket.model.errors import (
    CorruptionError,
    NoSuchKey,
    PreconditionFailed,
    StorageFullError,
)
from rucket.model.names import BlobId
from rucket.model.records import Content, Extent, ObjectMetadata, Record
from rucket.service import objects
from rucket.service.objects import DELETES_IN_FLIGHT_MAX, Deletion, open_object
from rucket.service.reading import ByteSpan
from rucket.state.commands import DeleteCondition, DeleteObject, PutObject, WriteCondition
from tests.unit.service.actions import body_of, finder, put, read
from tests.unit.service.payloads import MIB, content
from tests.unit.service.world import OWNER_ID, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("size_bytes", [0, 10, 5000, 3 * MIB + 1], ids=str)
def test_what_was_put_is_read(world: World, size_bytes: int) -> None:
    """Bytes, entity tag and description come back."""
    data = content(size_bytes)

    stored = world.run(put(world, "key", data))

    opened = world.run(
        open_object(
            world.gateway, finder(world, "key"), lambda found: ByteSpan(0, found.size_bytes)
        )
    )
    assert world.run(body_of(opened)) == data
    assert stored.etag == opened.metadata.etag == hashlib.md5(data).hexdigest()
    assert opened.metadata.content_headers == {"content-type": "text/plain"}
    assert opened.metadata.user_metadata == {"kind": "test"}
    assert opened.metadata.checksum == stored.checksum
    assert objects.modified_ms(opened.metadata) == stored.modified_ms
    assert world.is_at_rest()


def test_no_such_key(world: World) -> None:
    """The error names the key."""
    with pytest.raises(NoSuchKey) as error:
        world.run(read(world, "key"))

    assert error.value.details == {"Key": "key"}


def test_a_refused_write_leaves_no_blob(world: World) -> None:
    """If-None-Match: * on an object that is there."""
    world.run(put(world, "key", b"old"))

    with pytest.raises(PreconditionFailed):
        world.run(put(world, "key", content(5000), WriteCondition(if_none_match=("*",))))

    assert world.run(read(world, "key")) == b"old"
    assert not world.blobs.finished


def test_a_replaced_object_is_read_anew_when_its_blob_is_gone(world: World) -> None:
    """Replaced, and its blob collected, between the snapshot and the opening."""
    world.run(put(world, "key", content(5000)))
    (old_blob,) = world.blobs.finished
    newer = content(6000, salt=1)
    opened_count = 0

    def replace_meanwhile(call: str) -> None:
        nonlocal opened_count
        if call != "open":
            return
        opened_count += 1
        if opened_count == 1:
            new_blob = BlobId(bytes(16))
            world.blobs.finished[new_blob] = newer
            world.commits.apply(_put_command(world, "key", new_blob, newer))
            del world.blobs.finished[old_blob]

    world.blobs.before = replace_meanwhile

    assert world.run(read(world, "key")) == newer
    assert opened_count == 2


def _put_command(world: World, key: str, blob_id: BlobId, data: bytes) -> Record:
    return PutObject(
        commit_id=world.random.token_bytes(16),
        bucket_id=world.bucket.bucket_id,
        key=key,
        metadata=ObjectMetadata(b"", 0, len(data), hashlib.md5(data).hexdigest(), OWNER_ID),
        content=Content(extents=(Extent(blob_id, len(data)),)),
    )


def test_an_object_deleted_meanwhile_is_not_there(world: World) -> None:
    """Its blob is gone because nobody has it any more: that is no damage."""
    world.run(put(world, "key", content(5000)))

    def delete_meanwhile(call: str) -> None:
        if call == "open":
            world.commits.apply(
                DeleteObject(world.random.token_bytes(16), world.bucket.bucket_id, "key")
            )
            world.blobs.finished.clear()

    world.blobs.before = delete_meanwhile

    with pytest.raises(NoSuchKey):
        world.run(read(world, "key"))


def test_a_blob_that_is_lost_is_corruption(world: World) -> None:
    """The newest snapshot names it still."""
    world.run(put(world, "key", content(5000)))
    world.blobs.finished.clear()

    with pytest.raises(CorruptionError):
        world.run(read(world, "key"))


def test_metadata_alone_opens_no_blob(world: World) -> None:
    """A condition can mean that the body isn't wanted."""
    world.run(put(world, "key", content(5000)))
    calls: list[str] = []
    world.blobs.before = calls.append

    opened = world.run(open_object(world.gateway, finder(world, "key"), lambda _: None))

    assert (opened.span, opened.body, calls) == (None, b"", [])


def test_deleting_is_the_same_whether_it_is_there(world: World) -> None:
    """A second time succeeds as well."""
    world.run(put(world, "key", b"data"))
    for _ in range(2):
        world.run(objects.delete_object(world.gateway, world.bucket, Deletion("key")))

    with pytest.raises(NoSuchKey):
        world.run(read(world, "key"))


def test_many_deletions_are_refused_one_by_one(world: World) -> None:
    """More than are in flight at once; each has its own outcome, in order."""
    count = DELETES_IN_FLIGHT_MAX * 2 + 3
    for number in range(0, count, 3):
        world.run(put(world, f"key{number}", b"data"))
    deletions = [
        Deletion(f"key{number}", DeleteCondition(if_match="other" if number % 3 == 0 else None))
        for number in range(count)
    ]

    errors = world.run(objects.delete_objects(world.gateway, world.bucket, deletions))

    refused = [number for number, error in enumerate(errors) if error is not None]
    assert refused == list(range(0, count, 3))
    assert all(isinstance(errors[number], PreconditionFailed) for number in refused)


def test_deletions_that_cannot_be_committed_fail_the_request(world: World) -> None:
    """The client has to try again; nothing is reported as deleted."""

    def refuse(_: Record) -> None:
        raise StorageFullError("log")

    world.commits.before = refuse

    with pytest.raises(StorageFullError):
        world.run(
            objects.delete_objects(world.gateway, world.bucket, [Deletion("a"), Deletion("b")])
        )
