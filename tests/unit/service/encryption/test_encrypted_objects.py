"""Objects of an encrypting gateway: nothing readable below it, and nothing wrong above."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from rucket.model.errors import CorruptionError, EncryptionKeyError, NoSuchKey
from rucket.model.names import BlobId
from rucket.model.records import Content, ObjectMetadata
from rucket.ports.index import Table
from rucket.service.copying import CopyPlan, PartPlan, copy_object, copy_part
from rucket.service.encryption.object_encryption import NO_ENCRYPTION, ObjectEncryption
from rucket.service.multipart import (
    PART_SIZE_BYTES_MIN,
    RequestedPart,
    UploadName,
    complete_upload,
    create_upload,
    put_part,
)
from rucket.service.objects import StoredObject, current_object_with_content, new_metadata
from rucket.service.reading import ByteSpan
from rucket.state.commands import WriteCondition, encode_command
from rucket.state.rows import CONTENT, OBJECT, object_row_key
from tests.unit.service.actions import DESCRIPTION, find, finder, put, read
from tests.unit.service.encryption.keys import ring
from tests.unit.service.payloads import MIB, TestPayload, content
from tests.unit.service.test_copying import _Crc32
from tests.unit.service.world import OWNER_ID, World

MARKER = b"this text is nowhere below the gateway "
SIZES = {"empty": 0, "inline": 500, "a blob": 1_500, "chunks": 200_000, "pieces": 3 * MIB + 17}
ON = ObjectEncryption(ring(), is_on=True)
WITH_KEY = ObjectEncryption(ring())


@pytest.fixture
def world() -> World:
    return World(encryption=ON)


def _begin(world: World, key: str) -> UploadName:
    template = new_metadata(DESCRIPTION, OWNER_ID)
    upload_id = world.run(create_upload(world.gateway, world.bucket, key, template, OWNER_ID, None))
    return UploadName(world.bucket, key, upload_id)


def _upload(world: World, name: UploadName, number: int, data: bytes) -> StoredObject:
    payload = TestPayload(world.tasks, data, piece_size_bytes=MIB)
    return world.run(put_part(world.gateway, name, number, payload))


def _complete(world: World, name: UploadName, parts: list[StoredObject]) -> StoredObject:
    requested = [RequestedPart(number, part.etag) for number, part in enumerate(parts, 1)]
    return world.run(
        complete_upload(world.gateway, name, requested, WriteCondition(), lambda *_: None)
    )


def _copy(world: World, source: str, target: str) -> StoredObject:
    plan = CopyPlan(new_metadata(DESCRIPTION, OWNER_ID))
    find_source = finder(world, source)
    return world.run(
        copy_object(
            world.gateway, find_source, world.bucket, target, lambda _: plan, WriteCondition()
        )
    )


def _row(world: World, key: str) -> tuple[ObjectMetadata, Content]:
    with world.index.snapshot() as snapshot:
        return current_object_with_content(snapshot, world.bucket, key)


def _replace_row(world: World, key: str, metadata: ObjectMetadata, stored: Content) -> None:
    with world.index.transaction() as transaction:
        transaction.put(
            Table.OBJECTS,
            object_row_key(world.bucket.bucket_id, key),
            OBJECT.encode(metadata),
            CONTENT.encode(stored),
        )


@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES)
def test_what_was_put_is_read_and_described_as_plaintext(world: World, size_bytes: int) -> None:
    """Size and entity tag are those of the body, as S3 has them under SSE-S3."""
    data = content(size_bytes)

    stored = world.run(put(world, "key", data))

    assert stored.is_encrypted
    assert stored.etag == hashlib.md5(data).hexdigest()
    assert find(world, "key").size_bytes == size_bytes
    assert world.run(read(world, "key")) == data
    assert world.is_at_rest()


@pytest.mark.parametrize("size_bytes", [500, 100_000])
def test_no_plaintext_reaches_log_or_blobs(world: World, size_bytes: int) -> None:
    """Neither inline in a command nor in a blob."""
    data = (MARKER * (size_bytes // len(MARKER) + 1))[:size_bytes]

    world.run(put(world, "key", data))

    below = [encode_command(command) for command in world.commits.commands]
    below += world.blobs.finished.values()
    assert not [kept for kept in below if MARKER in kept]


def test_the_same_bytes_twice_are_other_ciphertext(world: World) -> None:
    """Each object has a data key of its own."""
    for key in ("a", "b"):
        world.run(put(world, key, content(500)))

    assert _row(world, "a")[1] != _row(world, "b")[1]


def test_ranges_read_no_more_than_the_chunks_they_touch(world: World) -> None:
    """Random access."""
    data = content(3 * MIB)
    world.run(put(world, "key", data))
    before = world.blobs.bytes_read

    assert world.run(read(world, "key", ByteSpan(2 * MIB, 10))) == data[2 * MIB : 2 * MIB + 10]

    assert world.blobs.bytes_read - before == 64 * 1024


def test_blobs_of_two_objects_that_are_swapped_are_noticed(world: World) -> None:
    """Even of the same size, and with every check of the blobs made good."""
    for key in ("a", "b"):
        world.run(put(world, key, content(100_000)))
    first, second = world.blobs.finished
    finished = world.blobs.finished
    finished[first], finished[second] = finished[second], finished[first]

    for key in ("a", "b"):
        with pytest.raises(CorruptionError):
            world.run(read(world, key))


def test_a_row_that_says_another_size_is_noticed(world: World) -> None:
    """An object can't be cut short in its row, not even to nothing."""
    world.run(put(world, "key", content(100_000)))
    metadata, stored = _row(world, "key")

    for size_bytes in (0, 65_520, 99_999, 100_001):
        _replace_row(world, "key", msgspec.structs.replace(metadata, size_bytes=size_bytes), stored)
        with pytest.raises(CorruptionError):
            world.run(read(world, "key"))


def test_an_inline_body_that_is_cut_short_is_noticed(world: World) -> None:
    """As one in a blob."""
    world.run(put(world, "key", content(500)))
    metadata, stored = _row(world, "key")
    assert stored.inline is not None

    _replace_row(world, "key", metadata, Content(inline=stored.inline[:-1]))

    with pytest.raises(CorruptionError):
        world.run(read(world, "key"))


def test_parts_are_streams_of_their_own(world: World) -> None:
    """Uploaded again, a part has another key; the object reads across their borders."""
    name = _begin(world, "key")
    datas = [content(PART_SIZE_BYTES_MIN, 1), content(PART_SIZE_BYTES_MIN + 5, 2), content(99, 3)]
    replaced = _upload(world, name, 1, datas[0])
    (first_blob,) = world.blobs.finished.values()
    parts = [_upload(world, name, number, data) for number, data in enumerate(datas, 1)]

    completed = _complete(world, name, parts)

    whole = b"".join(datas)
    assert completed.is_encrypted
    assert replaced.etag == parts[0].etag
    assert first_blob != world.blobs.finished[BlobId(_row(world, "key")[1].extents[0].blob_id)]
    assert world.run(read(world, "key")) == whole
    span = ByteSpan(PART_SIZE_BYTES_MIN - 10, PART_SIZE_BYTES_MIN + 30)
    assert world.run(read(world, "key", span)) == whole[span.offset : span.end]


def test_parts_that_change_places_are_noticed(world: World) -> None:
    """Two parts of one object, of one size."""
    name = _begin(world, "key")
    parts = [_upload(world, name, number, content(PART_SIZE_BYTES_MIN)) for number in (1, 2)]
    _complete(world, name, parts)
    metadata, stored = _row(world, "key")

    _replace_row(world, "key", metadata, Content(extents=stored.extents[::-1]))

    with pytest.raises(CorruptionError):
        world.run(read(world, "key"))


def test_an_upload_of_one_empty_part_reads_as_nothing(world: World) -> None:
    """It has a chunk all the same, which is verified."""
    name = _begin(world, "key")
    _complete(world, name, [_upload(world, name, 1, b"")])

    assert world.run(read(world, "key")) == b""

    world.blobs.finished = dict.fromkeys(world.blobs.finished, bytes(16))
    with pytest.raises(CorruptionError):
        world.run(read(world, "key"))


@pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(
    ("before", "after"), [(WITH_KEY, ON), (ON, WITH_KEY)], ids=["to encrypted", "to plain"]
)
def test_a_copy_is_encrypted_as_it_was_asked_to_be(
    before: ObjectEncryption, after: ObjectEncryption, size_bytes: int
) -> None:
    """Bytes are written again where they have to be, and described as the source."""
    world = World(encryption=before)
    data = content(size_bytes)
    source = world.run(put(world, "source", data))

    world.use(after)
    copy = _copy(world, "source", "copy")

    assert copy.is_encrypted == after.is_on
    assert (find(world, "copy").encryption is not None) == after.is_on
    assert (copy.etag, copy.checksum) == (source.etag, source.checksum)
    assert world.run(read(world, "copy")) == world.run(read(world, "source")) == data
    assert world.is_at_rest()


def test_an_encrypted_copy_of_an_encrypted_object_shares_its_blobs(world: World) -> None:
    """And can be copied onto itself."""
    data = content(100_000)
    world.run(put(world, "source", data))

    _copy(world, "source", "copy")
    _copy(world, "copy", "copy")

    assert len(world.blobs.finished) == 1
    assert world.run(read(world, "copy")) == data


def test_a_copy_in_parts_keeps_them(world: World) -> None:
    """Decrypted, the object still answers for each part number."""
    name = _begin(world, "key")
    datas = [content(PART_SIZE_BYTES_MIN, 1), content(99, 2)]
    _complete(world, name, [_upload(world, name, n, data) for n, data in enumerate(datas, 1)])

    world.use(WITH_KEY)
    _copy(world, "key", "plain")
    world.use(ON)
    _copy(world, "plain", "again")
    _copy(world, "key", "shared")

    for key in ("plain", "again", "shared"):
        assert [part.size_bytes for part in find(world, key).parts] == [PART_SIZE_BYTES_MIN, 99]
        assert world.run(read(world, key)) == b"".join(datas)


@pytest.mark.parametrize("size_bytes", [500, 200_000])
@pytest.mark.parametrize("source_is", [WITH_KEY, ON], ids=["plain source", "encrypted source"])
@pytest.mark.parametrize("upload_is", [WITH_KEY, ON], ids=["plain upload", "encrypted upload"])
def test_a_copied_part_is_encrypted_as_its_upload(
    source_is: ObjectEncryption, upload_is: ObjectEncryption, size_bytes: int
) -> None:
    """From any source; a span of it."""
    world = World(encryption=source_is)
    data = content(size_bytes)
    world.run(put(world, "source", data))
    world.use(upload_is)
    name = _begin(world, "key")
    world.use(source_is)
    span = ByteSpan(100, size_bytes - 200)
    plan = PartPlan(name, 1, lambda _: span, _Crc32)

    part = world.run(copy_part(world.gateway, finder(world, "source"), plan))
    completed = _complete(world, name, [part])

    wanted = data[span.offset : span.end]
    assert part.etag == hashlib.md5(wanted).hexdigest()
    assert part.is_encrypted == completed.is_encrypted == upload_is.is_on
    assert world.run(read(world, "key")) == wanted
    assert world.is_at_rest()


def test_an_upload_is_what_it_was_when_it_began(world: World) -> None:
    """Whatever the server's settings have become since."""
    name = _begin(world, "key")
    world.use(WITH_KEY)
    completed = _complete(world, name, [_upload(world, name, 1, content(2_000))])

    assert completed.is_encrypted
    assert world.run(read(world, "key")) == content(2_000)


def test_without_its_key_an_object_is_refused(world: World) -> None:
    """By name of the key; a copy as well."""
    world.run(put(world, "key", content(500)))

    for encryption in (NO_ENCRYPTION, ObjectEncryption(ring(2))):
        world.use(encryption)
        with pytest.raises(EncryptionKeyError):
            world.run(read(world, "key"))
        with pytest.raises(EncryptionKeyError):
            _copy(world, "key", "copy")


def test_new_rows_are_under_the_active_key(world: World) -> None:
    """A copy and a completed upload, too: a rotation that has passed their place needn't return."""
    world.run(put(world, "key", content(500)))
    name = _begin(world, "upload")
    part = _upload(world, name, 1, content(500))
    world.use(ObjectEncryption(ring(2, 1), is_on=True))

    _copy(world, "key", "copy")
    _complete(world, name, [part])

    world.use(ObjectEncryption(ring(2), is_on=True))
    assert world.run(read(world, "copy")) == content(500)
    assert world.run(read(world, "upload")) == content(500)


def test_a_failed_commit_of_a_copy_leaves_no_blob(world: World) -> None:
    """One that was written for it."""
    world.use(WITH_KEY)
    world.run(put(world, "source", content(100_000)))
    world.use(ON)

    blobs = set(world.blobs.finished)
    with pytest.raises(NoSuchKey):
        world.run(
            copy_object(
                world.gateway,
                finder(world, "source"),
                world.bucket,
                "copy",
                lambda _: CopyPlan(new_metadata(DESCRIPTION, OWNER_ID)),
                WriteCondition(if_match=("other",)),
            )
        )

    assert set(world.blobs.finished) == blobs
