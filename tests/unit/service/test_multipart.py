"""Multipart uploads: what becomes of parts, and which lists of parts make an object."""

from __future__ import annotations

import hashlib

import pytest

from rucket.model.errors import (
    BadDigest,
    ConditionalRequestConflict,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
)
from rucket.model.records import Checksum, MultipartUpload, PartSummary, Record
from rucket.ports.index import Table
from rucket.service.multipart import (
    COMPLETE_ATTEMPTS_MAX,
    PART_SIZE_BYTES_MIN,
    CompletedParts,
    RequestedPart,
    UploadName,
    abort_upload,
    complete_upload,
    create_upload,
    parse_upload_id,
    put_part,
)
from rucket.service.objects import Deletion, StoredObject, delete_object, new_metadata
from rucket.state.commands import CompleteMultipartUpload, PutPart, WriteCondition
from rucket.state.rows import CONTENT, PART, part_row_key
from tests.unit.service.actions import DESCRIPTION, find, put, read
from tests.unit.service.payloads import MIB, TestPayload, content
from tests.unit.service.world import OWNER_ID, World

KEY = "assembled"
FIRST = content(PART_SIZE_BYTES_MIN, 1)
LAST = content(1000, 2)
UNCONDITIONAL = WriteCondition()
CHECKSUM = Checksum("CRC32", "whole", "COMPOSITE")


@pytest.fixture
def world() -> World:
    return World()


def begin(world: World) -> UploadName:
    template = new_metadata(DESCRIPTION, OWNER_ID)
    upload_id = world.run(
        create_upload(world.gateway, world.bucket, KEY, template, OWNER_ID, ("CRC32", "COMPOSITE"))
    )
    return UploadName(world.bucket, KEY, upload_id)


def upload(world: World, name: UploadName, number: int, data: bytes) -> StoredObject:
    payload = TestPayload(world.tasks, data, piece_size_bytes=MIB)
    return world.run(put_part(world.gateway, name, number, payload))


def accept(_upload: MultipartUpload, _parts: CompletedParts) -> Checksum | None:
    return CHECKSUM


def complete(
    world: World,
    name: UploadName,
    parts: list[RequestedPart],
    condition: WriteCondition = UNCONDITIONAL,
) -> StoredObject:
    return world.run(complete_upload(world.gateway, name, parts, condition, accept))


def etag_of_parts(*parts: bytes) -> str:
    md5s = b"".join(hashlib.md5(part).digest() for part in parts)
    return f"{hashlib.md5(md5s).hexdigest()}-{len(parts)}"


def two_parts(world: World, name: UploadName) -> list[RequestedPart]:
    return [
        RequestedPart(number, upload(world, name, number, data).etag)
        for number, data in ((1, FIRST), (7, LAST))
    ]


def test_parts_become_an_object(world: World) -> None:
    """In their order, with what was said when the upload was created; nothing is copied."""
    name = begin(world)
    parts = two_parts(world, name)
    blob_ids = set(world.blobs.finished)

    stored = complete(world, name, parts)

    metadata = find(world, KEY)
    assert world.run(read(world, KEY)) == FIRST + LAST
    assert stored.etag == metadata.etag == etag_of_parts(FIRST, LAST)
    assert stored.checksum == metadata.checksum == CHECKSUM
    assert metadata.user_metadata == DESCRIPTION.user_metadata
    assert [(part.part_number, part.size_bytes) for part in metadata.parts] == [
        (1, len(FIRST)),
        (7, len(LAST)),
    ]
    assert set(world.blobs.finished) == blob_ids
    assert world.is_at_rest()


def test_the_same_request_gets_the_same_answer(world: World) -> None:
    """Its answer was lost, the client repeats it; meanwhile the object has been replaced."""
    name = begin(world)
    parts = two_parts(world, name)
    first = complete(world, name, parts)
    world.run(put(world, KEY, b"newer"))

    assert complete(world, name, parts) == first
    assert world.run(read(world, KEY)) == b"newer"


def test_another_request_for_a_completed_upload_is_refused(world: World) -> None:
    """Its parts are gone."""
    name = begin(world)
    parts = two_parts(world, name)
    complete(world, name, parts)

    with pytest.raises(NoSuchUpload):
        complete(world, name, parts[:1])
    with pytest.raises(NoSuchUpload):
        upload(world, name, 3, LAST)
    with pytest.raises(NoSuchUpload):
        world.run(abort_upload(world.gateway, name))


def test_parts_that_are_left_out_are_given_up(world: World) -> None:
    """Their blobs are garbage for the maintenance process."""
    name = begin(world)
    parts = two_parts(world, name)

    complete(world, name, parts[1:])

    assert world.run(read(world, KEY)) == LAST
    with world.index.snapshot() as snapshot:
        garbage = snapshot.scan(Table.GARBAGE, b"", None, 10)
    assert len(garbage) == 1


def test_a_part_that_comes_again_replaces_the_first(world: World) -> None:
    """The older one's entity tag isn't accepted any more."""
    name = begin(world)
    old = RequestedPart(1, upload(world, name, 1, FIRST).etag)
    new = RequestedPart(1, upload(world, name, 1, LAST).etag)

    with pytest.raises(InvalidPart):
        complete(world, name, [old])
    complete(world, name, [new])

    assert world.run(read(world, KEY)) == LAST


def test_of_a_part_that_is_listed_twice_the_last_mention_counts(world: World) -> None:
    """A client that sent it twice lists both entity tags."""
    name = begin(world)
    old = RequestedPart(1, upload(world, name, 1, FIRST).etag)
    new = RequestedPart(1, upload(world, name, 1, LAST).etag)

    with pytest.raises(InvalidPart):
        complete(world, name, [new, old])
    complete(world, name, [old, new])

    assert world.run(read(world, KEY)) == LAST


def test_a_part_of_nothing_is_a_part(world: World) -> None:
    """It has no blob."""
    name = begin(world)
    part = RequestedPart(1, upload(world, name, 1, b"").etag)

    stored = complete(world, name, [part])

    assert world.run(read(world, KEY)) == b""
    assert stored.etag == etag_of_parts(b"")
    assert not world.blobs.finished


REFUSALS = {
    "wrong order": (InvalidPartOrder, lambda parts: [parts[1], parts[0]]),
    "never uploaded": (InvalidPart, lambda parts: [parts[0], RequestedPart(9, parts[0].etag)]),
    "another entity tag": (InvalidPart, lambda parts: [RequestedPart(1, parts[1].etag)]),
    "another checksum": (
        InvalidPart,
        lambda parts: [RequestedPart(1, parts[0].etag, (("CRC32", "other"),))],
    ),
}


@pytest.mark.parametrize(("error", "change"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_wrong_list_of_parts_is_refused(world: World, error: type, change: object) -> None:
    """The upload stays, so that the client can send the right one."""
    assert callable(change)
    name = begin(world)
    parts = two_parts(world, name)

    with pytest.raises(error):
        complete(world, name, change(parts))

    complete(world, name, parts)
    assert world.run(read(world, KEY)) == FIRST + LAST


def test_a_checksum_of_another_algorithm_says_nothing(world: World) -> None:
    """Clients send one though the upload was created with another."""
    name = begin(world)
    part = RequestedPart(1, upload(world, name, 1, LAST).etag, (("SHA1", "whatever"),))

    assert complete(world, name, [part]).etag == etag_of_parts(LAST)


def test_only_the_last_part_may_be_small(world: World) -> None:
    """The error says which one, and how small."""
    name = begin(world)
    parts = [RequestedPart(number, upload(world, name, number, LAST).etag) for number in (1, 2)]

    with pytest.raises(EntityTooSmall) as error:
        complete(world, name, parts)

    assert error.value.details["PartNumber"] == "1"
    assert error.value.details["ProposedSize"] == str(len(LAST))


def test_a_judgement_can_refuse(world: World) -> None:
    """The checksum of the whole isn't the one that the client has."""

    def refuse(upload: MultipartUpload, parts: CompletedParts) -> Checksum | None:
        assert upload.checksum_algorithm == "CRC32"
        assert parts.size_bytes == len(FIRST) + len(LAST)
        assert isinstance(parts.summaries[0], PartSummary)
        raise BadDigest

    name = begin(world)
    parts = two_parts(world, name)

    with pytest.raises(BadDigest):
        world.run(complete_upload(world.gateway, name, parts, UNCONDITIONAL, refuse))


def test_a_condition_is_decided_by_apply(world: World) -> None:
    """The upload stays."""
    name = begin(world)
    parts = two_parts(world, name)

    with pytest.raises(NoSuchKey):
        complete(world, name, parts, WriteCondition(if_match=("other",)))
    world.run(put(world, KEY, b"there"))
    with pytest.raises(PreconditionFailed):
        complete(world, name, parts, WriteCondition(if_none_match=("*",)))
    world.run(delete_object(world.gateway, world.bucket, Deletion(KEY)))
    complete(world, name, parts, WriteCondition(if_none_match=("*",)))

    assert world.run(read(world, KEY)) == FIRST + LAST


def _replace_part(world: World, name: UploadName, count: int) -> list[Record]:
    """Uploads the same bytes as part 7 again, just before each of the first `count` commits."""
    attempts: list[Record] = []
    with world.index.snapshot() as snapshot:
        row = snapshot.get_with_attachment(Table.PARTS, part_row_key(name.upload_id, 7))
    assert row is not None
    part, stored = PART.decode(row[0]), CONTENT.decode(row[1])

    def replace_meanwhile(command: Record) -> None:
        if isinstance(command, CompleteMultipartUpload):
            attempts.append(command)
            if len(attempts) <= count:
                world.commits.apply(
                    PutPart(
                        world.random.token_bytes(16),
                        world.bucket.bucket_id,
                        name.key,
                        name.upload_id,
                        7,
                        part,
                        stored,
                    )
                )

    world.commits.before = replace_meanwhile
    return attempts


def test_a_part_that_is_replaced_meanwhile_is_looked_at_again(world: World) -> None:
    """The same bytes came twice: the entity tag still fits, the blob is another."""
    name = begin(world)
    parts = two_parts(world, name)
    attempts = _replace_part(world, name, 1)

    complete(world, name, parts)

    assert len(attempts) == 2
    assert world.run(read(world, KEY)) == FIRST + LAST


def test_parts_that_keep_changing_are_given_up(world: World) -> None:
    """The client may try again; nobody waits for ever."""
    name = begin(world)
    parts = two_parts(world, name)
    attempts = _replace_part(world, name, 100)

    with pytest.raises(ConditionalRequestConflict):
        complete(world, name, parts)

    assert len(attempts) == COMPLETE_ATTEMPTS_MAX


def test_an_aborted_upload_is_gone(world: World) -> None:
    """A second time there is nothing to abort."""
    name = begin(world)
    parts = two_parts(world, name)
    world.run(abort_upload(world.gateway, name))

    with pytest.raises(NoSuchUpload):
        world.run(abort_upload(world.gateway, name))
    with pytest.raises(NoSuchUpload):
        complete(world, name, parts)


def test_a_part_for_an_upload_that_ends_meanwhile_leaves_no_blob(world: World) -> None:
    """Its bytes were written already."""
    name = begin(world)
    world.run(abort_upload(world.gateway, name))

    with pytest.raises(NoSuchUpload):
        upload(world, name, 1, LAST)

    assert not world.blobs.finished


@pytest.mark.parametrize(
    "text", ["", "no hex", "abcd", "ab" * 17], ids=["empty", "text", "short", "long"]
)
def test_what_is_no_upload_id_names_no_upload(text: str) -> None:
    """Clients get to see NoSuchUpload, as for one that has ended."""
    with pytest.raises(NoSuchUpload):
        parse_upload_id(text)


def test_upload_ids_are_in_the_order_of_their_creation(world: World) -> None:
    """They begin with the time."""

    async def later() -> None:
        await world.tasks.sleep(1)

    first = begin(world)
    world.run(later())
    second = begin(world)

    assert first.upload_id < second.upload_id


def test_ten_thousand_parts_become_an_object(world: World) -> None:
    """The largest list of parts that there is."""
    name = begin(world)
    one = upload(world, name, 1, FIRST)
    with world.index.snapshot() as snapshot:
        row = snapshot.get_with_attachment(Table.PARTS, part_row_key(name.upload_id, 1))
    assert row is not None
    with world.index.transaction() as transaction:
        for number in range(2, 10_001):
            transaction.put(Table.PARTS, part_row_key(name.upload_id, number), *row)
    parts = [RequestedPart(number, one.etag) for number in range(1, 10_001)]

    stored = complete(world, name, parts)

    assert stored.etag.endswith("-10000")
    assert find(world, KEY).size_bytes == 10_000 * PART_SIZE_BYTES_MIN
