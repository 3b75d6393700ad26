"""Copies: they share the blobs of their source, whatever happens to it."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from rucket.model.errors import (
    ConditionalRequestConflict,
    CorruptionError,
    InvalidRequest,
    NoSuchUpload,
    PreconditionFailed,
)
from rucket.model.records import Checksum, Content, Extent, ObjectMetadata, Record
from rucket.service.copying import COPY_ATTEMPTS_MAX, CopyPlan, PartPlan, copy_object, copy_part
from rucket.service.garbage import collect_garbage
from rucket.service.multipart import RequestedPart, UploadName, complete_upload, create_upload
from rucket.service.objects import (
    Deletion,
    ObjectDescription,
    StoredObject,
    delete_object,
    new_metadata,
)
from rucket.service.reading import ByteSpan
from rucket.state.commands import (
    AbortMultipartUpload,
    DeleteObject,
    PutObject,
    PutPart,
    WriteCondition,
)
from tests.unit.service.actions import DESCRIPTION, find, finder, put, read
from tests.unit.service.payloads import MIB, content
from tests.unit.service.world import OWNER_ID, World

SIZES = {"inline": 500, "one blob": 2 * MIB + 7, "empty": 0}


@pytest.fixture
def world() -> World:
    return World()


class _Crc32:
    algorithm = "CRC32"

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def checksum(self) -> Checksum:
        return Checksum("CRC32", f"{self._value:08x}")


class _Adler32(_Crc32):
    algorithm = "ADLER32"

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        self._value = zlib.adler32(data, self._value or 1)

    def checksum(self) -> Checksum:
        return Checksum("ADLER32", f"{self._value:08x}")


def _plan(_: ObjectMetadata) -> CopyPlan:
    return CopyPlan(new_metadata(DESCRIPTION, OWNER_ID))


async def _copy(world: World, source: str, target: str) -> StoredObject:
    find_source = finder(world, source)
    return await copy_object(
        world.gateway, find_source, world.bucket, target, _plan, WriteCondition()
    )


@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES.keys())
def test_a_copy_outlives_its_source(world: World, size_bytes: int) -> None:
    """The same bytes, entity tag and checksum; no blob is written."""
    data = content(size_bytes)
    source = world.run(put(world, "source", data))
    blob_count = len(world.blobs.finished)

    copy = world.run(_copy(world, "source", "copy"))
    world.run(delete_object(world.gateway, world.bucket, Deletion("source")))

    assert (copy.etag, copy.checksum) == (source.etag, source.checksum)
    assert world.run(read(world, "copy")) == data
    assert len(world.blobs.finished) == blob_count
    assert world.is_at_rest()


def test_an_object_can_be_copied_onto_itself(world: World) -> None:
    """Its blobs are acquired before they are released."""
    data = content(5000)
    world.run(put(world, "key", data))

    world.run(_copy(world, "key", "key"))

    assert world.run(read(world, "key")) == data
    assert world.is_at_rest()


def test_another_checksum_is_computed_of_the_bytes(world: World) -> None:
    """They are read for it, and the copy shares them all the same."""
    data = content(3 * MIB + 1)
    world.run(put(world, "source", data))

    copy = world.run(
        copy_object(
            world.gateway,
            finder(world, "source"),
            world.bucket,
            "copy",
            lambda _: CopyPlan(new_metadata(DESCRIPTION, OWNER_ID), _Adler32),
            WriteCondition(),
        )
    )

    assert copy.checksum == Checksum("ADLER32", f"{zlib.adler32(data):08x}")
    assert find(world, "copy").checksum == copy.checksum
    assert len(world.blobs.finished) == 1


def test_a_source_that_is_replaced_meanwhile_is_copied_anew(world: World) -> None:
    """The copy is of one of the two, never of blobs that are gone."""
    world.run(put(world, "source", content(5000)))
    newer = content(7000, salt=1)
    attempts: list[Record] = []

    def replace_meanwhile(command: Record) -> None:
        if isinstance(command, PutObject) and command.key == "copy":
            attempts.append(command)
            if len(attempts) == 1:
                world.commits.apply(_inline_put(world, "source", newer))

    world.commits.before = replace_meanwhile

    world.run(_copy(world, "source", "copy"))

    assert world.run(read(world, "copy")) == newer
    assert len(attempts) == 2


def test_a_source_that_keeps_changing_is_given_up(world: World) -> None:
    """The client may try again; nobody waits for ever."""
    world.run(put(world, "source", content(5000)))
    attempts: list[Record] = []

    def replace_always(command: Record) -> None:
        if isinstance(command, PutObject) and command.key == "copy":
            attempts.append(command)
            world.commits.apply(
                DeleteObject(world.random.token_bytes(16), world.bucket.bucket_id, "source")
            )
            world.commits.apply(_put_of_new_blob(world, "source"))

    world.commits.before = replace_always

    with pytest.raises(ConditionalRequestConflict):
        world.run(_copy(world, "source", "copy"))

    assert len(attempts) == COPY_ATTEMPTS_MAX


def test_a_condition_on_the_target_is_decided_by_apply(world: World) -> None:
    """Nothing is copied over an object that is there."""
    world.run(put(world, "source", b"new"))
    world.run(put(world, "target", b"old"))

    with pytest.raises(PreconditionFailed):
        world.run(
            copy_object(
                world.gateway,
                finder(world, "source"),
                world.bucket,
                "target",
                _plan,
                WriteCondition(if_none_match=("*",)),
            )
        )

    assert world.run(read(world, "target")) == b"old"


def test_a_plan_can_refuse(world: World) -> None:
    """As it does for a copy of an object onto itself that changes nothing."""

    def refuse(_: ObjectMetadata) -> CopyPlan:
        raise InvalidRequest

    world.run(put(world, "source", b"data"))

    with pytest.raises(InvalidRequest):
        world.run(
            copy_object(
                world.gateway,
                finder(world, "source"),
                world.bucket,
                "copy",
                refuse,
                WriteCondition(),
            )
        )


def _upload(world: World) -> UploadName:
    template = new_metadata(DESCRIPTION, OWNER_ID)
    upload_id = world.run(
        create_upload(world.gateway, world.bucket, "assembled", template, OWNER_ID, None)
    )
    return UploadName(world.bucket, "assembled", upload_id)


def _copy_part(world: World, name: UploadName, number: int, span: ByteSpan | None) -> StoredObject:
    def select(source: ObjectMetadata) -> ByteSpan:
        return span or ByteSpan(0, source.size_bytes)

    plan = PartPlan(name, number, select, _Crc32)
    return world.run(copy_part(world.gateway, finder(world, "source"), plan))


SPANS = {
    "inline": (500, ByteSpan(100, 300)),
    "inline whole": (500, None),
    "blob": (3 * MIB, ByteSpan(1000, 2 * MIB + 1)),
    "blob whole": (3 * MIB, None),
    "empty": (0, None),
}


@pytest.mark.parametrize(("size_bytes", "span"), SPANS.values(), ids=SPANS.keys())
def test_a_copied_part_is_those_bytes(world: World, size_bytes: int, span: ByteSpan | None) -> None:
    """Its entity tag is their MD5; blobs are shared where there are any."""
    data = content(size_bytes)
    world.run(put(world, "source", data))
    blob_count = len(world.blobs.finished)
    name = _upload(world)
    expected = data if span is None else data[span.offset : span.end]

    part = _copy_part(world, name, 1, span)
    world.run(delete_object(world.gateway, world.bucket, Deletion("source")))
    world.run(
        complete_upload(
            world.gateway,
            name,
            [RequestedPart(1, part.etag)],
            WriteCondition(),
            lambda _upload, _parts: None,
        )
    )

    assert part.etag == hashlib.md5(expected).hexdigest()
    assert part.checksum == Checksum("CRC32", f"{zlib.crc32(expected):08x}")
    assert world.run(read(world, "assembled")) == expected
    assert len(world.blobs.finished) == (1 if 0 < size_bytes < 1000 else blob_count)
    assert world.is_at_rest()


def test_a_whole_object_is_copied_without_reading_it(world: World) -> None:
    """Its entity tag and checksum are known."""
    world.run(put(world, "source", content(3 * MIB)))

    _copy_part(world, _upload(world), 1, None)

    assert world.blobs.bytes_read == 0


def test_a_part_is_not_copied_to_an_upload_that_has_ended(world: World) -> None:
    """That is found out before anything is read."""
    world.run(put(world, "source", content(5000)))

    with pytest.raises(NoSuchUpload):
        _copy_part(world, UploadName(world.bucket, "assembled", bytes(16)), 1, ByteSpan(0, 10))

    assert world.blobs.bytes_read == 0


def test_an_inline_part_for_an_upload_that_ends_meanwhile_leaves_no_blob(world: World) -> None:
    """The bytes were written already."""
    world.run(put(world, "source", b"inline"))
    name = _upload(world)

    def abort_meanwhile(command: Record) -> None:
        if isinstance(command, PutPart):
            world.commits.apply(
                AbortMultipartUpload(
                    world.random.token_bytes(16), world.bucket.bucket_id, name.key, name.upload_id
                )
            )

    world.commits.before = abort_meanwhile

    with pytest.raises(NoSuchUpload):
        _copy_part(world, name, 1, None)

    assert not world.blobs.finished


def test_lost_bytes_are_not_copied(world: World) -> None:
    """A part whose bytes can't be read isn't made."""
    world.run(put(world, "source", content(3 * MIB)))
    name = _upload(world)
    world.blobs.finished.clear()

    with pytest.raises(CorruptionError):
        _copy_part(world, name, 1, ByteSpan(0, MIB))


def _inline_put(world: World, key: str, data: bytes) -> PutObject:
    metadata = ObjectMetadata(b"", 0, len(data), hashlib.md5(data).hexdigest(), OWNER_ID)
    return PutObject(
        world.random.token_bytes(16), world.bucket.bucket_id, key, metadata, Content(inline=data)
    )


def _put_of_new_blob(world: World, key: str) -> PutObject:
    metadata = ObjectMetadata(b"", 0, 1, "etag", OWNER_ID)
    stored = Content(extents=(Extent(world.random.token_bytes(16), 1),))
    return PutObject(world.random.token_bytes(16), world.bucket.bucket_id, key, metadata, stored)


def _to_class(storage_class: str) -> CopyPlan:
    description = ObjectDescription({"content-type": "text/plain"}, {}, storage_class)
    return CopyPlan(new_metadata(description, OWNER_ID))


@pytest.mark.parametrize("target", ["key", "copy"])
def test_a_copy_into_a_class_kept_elsewhere_moves_the_bytes(world: World, target: str) -> None:
    """Onto itself or not, they are written again, in the blobs of the new class."""
    data = content(3 * MIB + 5)
    stored = world.run(put(world, "key", data))
    (old_blob,) = world.blobs.finished

    copied = world.run(
        copy_object(
            world.gateway,
            finder(world, "key"),
            world.bucket,
            target,
            lambda _: _to_class("STANDARD_IA"),
            WriteCondition(),
        )
    )

    (new_blob,) = world.blobs.finished.keys() - {old_blob}
    assert world.blobs.storage_classes[new_blob] == "STANDARD_IA"
    assert find(world, target).storage_class == "STANDARD_IA"
    assert (copied.etag, copied.checksum) == (stored.etag, stored.checksum)
    assert world.run(read(world, target)) == data
    world.run(collect_garbage(world.gateway))
    assert (old_blob in world.blobs.finished) == (target == "copy")
    assert not world.blobs.open_readers


def test_a_copy_into_a_class_kept_at_the_same_place_shares_the_bytes(world: World) -> None:
    """The class is a word then."""
    world.run(put(world, "key", content(5000)))

    world.run(
        copy_object(
            world.gateway,
            finder(world, "key"),
            world.bucket,
            "key",
            lambda _: _to_class("NEARLY_STANDARD"),
            WriteCondition(),
        )
    )

    assert len(world.blobs.finished) == 1
    assert find(world, "key").storage_class == "NEARLY_STANDARD"


def test_a_move_that_is_refused_leaves_nothing(world: World) -> None:
    """The bytes that were written for it are removed again."""
    world.run(put(world, "key", content(3 * MIB)))

    with pytest.raises(PreconditionFailed):
        world.run(
            copy_object(
                world.gateway,
                finder(world, "key"),
                world.bucket,
                "key",
                lambda _: _to_class("STANDARD_IA"),
                WriteCondition(if_none_match=("*",)),
            )
        )

    assert len(world.blobs.finished) == 1
    assert world.is_at_rest()


def test_a_part_copied_into_an_upload_of_another_class_moves_the_bytes(world: World) -> None:
    """An object isn't half on one device and half on another."""
    data = content(3 * MIB)
    world.run(put(world, "source", data))
    template = new_metadata(ObjectDescription(storage_class="GLACIER_IR"), OWNER_ID)
    upload_id = world.run(
        create_upload(world.gateway, world.bucket, "target", template, OWNER_ID, None)
    )
    plan = PartPlan(
        UploadName(world.bucket, "target", upload_id),
        1,
        lambda _: ByteSpan(1000, 2 * MIB),
        _Crc32,
    )

    part = world.run(copy_part(world.gateway, finder(world, "source"), plan))

    assert part.etag == hashlib.md5(data[1000 : 1000 + 2 * MIB]).hexdigest()
    assert part.checksum == Checksum("CRC32", f"{zlib.crc32(data[1000 : 1000 + 2 * MIB]):08x}")
    assert sorted(world.blobs.storage_classes.values()) == ["GLACIER_IR", "STANDARD"]
    assert sorted(map(len, world.blobs.finished.values())) == [2 * MIB, 3 * MIB]
