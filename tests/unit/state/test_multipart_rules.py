"""What becomes of multipart uploads."""

from __future__ import annotations

import pytest

from rucket.model.records import (
    BucketStatistics,
    Checksum,
    CompletedUpload,
    Content,
    MultipartUpload,
    Part,
)
from rucket.ports.index import Table
from rucket.state.commands import (
    AbortMultipartUpload,
    ChosenPart,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    DeleteObject,
    PutObject,
    PutPart,
    WriteCondition,
)
from rucket.state.multipart_rules import COMPLETED_UPLOAD_KEPT_MS
from rucket.state.outcomes import Committed, Conflicted, Outcome, Rejected
from rucket.state.rows import find_completed_upload, find_object_with_content, find_upload
from tests.unit.state.applied_log import (
    OWNER_ID,
    AppliedLog,
    an_id,
    hlc_at,
    in_blobs,
    keys_of,
    metadata,
    recount,
)

UPLOAD = an_id(77)
UNCONDITIONAL = WriteCondition()
NO_SUCH_UPLOAD = Rejected("NoSuchUpload", details={"UploadId": UPLOAD.hex()})


@pytest.fixture
def log() -> AppliedLog:
    """A log that has made bucket 1, and an upload in it."""
    log = AppliedLog()
    log.make_bucket()
    _create(log, UPLOAD)
    return log


def _create(log: AppliedLog, upload_id: bytes) -> Outcome:
    upload = MultipartUpload(b"", 0, OWNER_ID, metadata("", 0))
    return log.apply(CreateMultipartUpload(upload_id, 1, "key", upload))


def _put_part(log: AppliedLog, number: int, blob: int, upload_id: bytes = UPLOAD) -> ChosenPart:
    commit_id = log.new_id()
    part = Part(0, 1, f"etag-{blob}")
    log.committed(PutPart(commit_id, 1, "key", upload_id, number, part, in_blobs(blob)))
    return ChosenPart(number, commit_id)


def _complete(
    log: AppliedLog,
    parts: list[ChosenPart],
    content: Content,
    condition: WriteCondition = UNCONDITIONAL,
    digest: bytes = b"digest",
    upload_id: bytes = UPLOAD,
) -> Outcome:
    whole = metadata("whole", len(content.extents))
    return log.apply(
        CompleteMultipartUpload(
            log.new_id(), 1, "key", upload_id, tuple(parts), digest, whole, content, condition
        )
    )


def test_an_upload_is_counted_until_it_ends(log: AppliedLog) -> None:
    """It has id and stamp of its command."""
    assert log.statistics(1) == BucketStatistics(0, 0, 1)
    upload = find_upload(log.index, 1, "key", UPLOAD)
    assert upload is not None
    assert (upload.upload_id, upload.initiated_hlc) == (UPLOAD, hlc_at(2000))

    log.committed(AbortMultipartUpload(log.new_id(), 1, "key", UPLOAD))
    assert log.statistics(1) == BucketStatistics()


def test_a_part_over_another_gives_that_ones_blob_up(log: AppliedLog) -> None:
    """Even if they share one."""
    _put_part(log, 1, 10)
    _put_part(log, 1, 11)
    log.committed(
        PutPart(
            log.new_id(),
            1,
            "key",
            UPLOAD,
            1,
            Part(0, 2, "e"),
            in_blobs(11, 11),
            shares_blobs=True,
        )
    )

    assert log.references(10, 11) == [0, 2]
    assert log.garbage() == [an_id(10)]
    recount(log.index)


def test_parts_go_to_a_pending_upload_of_that_key_only(log: AppliedLog) -> None:
    """Bucket, key and id count together."""
    log.make_bucket("other")
    part = Part(0, 1, "etag")

    outcomes = [
        log.apply(PutPart(log.new_id(), bucket_id, key, upload_id, 1, part, in_blobs(1)))
        for bucket_id, key, upload_id in ((2, "key", UPLOAD), (1, "k", UPLOAD), (9, "key", UPLOAD))
    ]

    assert outcomes == [NO_SUCH_UPLOAD] * 3
    assert log.references(1) == [0]


def test_a_part_copied_from_what_is_gone_has_to_look_again(log: AppliedLog) -> None:
    """What is garbage never comes back to life, nor does what was never there."""
    _put_part(log, 1, 10)
    _put_part(log, 1, 11)
    part = Part(0, 1, "etag")

    outcomes = [
        log.apply(
            PutPart(log.new_id(), 1, "key", UPLOAD, 2, part, in_blobs(blob), shares_blobs=shares)
        )
        for blob, shares in ((10, True), (12, True), (10, False))
    ]

    assert outcomes == [Conflicted()] * 3
    recount(log.index)


def test_completing_makes_the_object_and_gives_up_what_was_not_chosen(log: AppliedLog) -> None:
    """The object's references come before the parts' are released: nothing chosen is garbage."""
    parts = [_put_part(log, 2, 10), _put_part(log, 1, 11), _put_part(log, 3, 12)]

    outcome = _complete(log, [parts[1], parts[0]], in_blobs(11, 10))

    assert isinstance(outcome, Committed)
    assert (outcome.etag, outcome.hlc) == ("whole", hlc_at(log.now_ms))
    found = find_object_with_content(log.index, 1, "key")
    assert found is not None
    assert found[0].version_id == outcome.version_id
    assert found[1] == in_blobs(11, 10)
    assert log.references(10, 11, 12) == [1, 1, 0]
    assert log.garbage() == [an_id(12)]
    assert log.statistics(1) == BucketStatistics(1, 2, 0)
    assert keys_of(log.index, Table.PARTS) == []
    recount(log.index)


def test_completing_over_an_object_gives_its_blobs_up(log: AppliedLog) -> None:
    """As any write does."""
    log.committed(PutObject(log.new_id(), 1, "key", metadata("old", 7), in_blobs(1)))
    part = _put_part(log, 1, 10)

    _complete(log, [part], in_blobs(10))

    assert log.garbage() == [an_id(1)]
    assert log.statistics(1) == BucketStatistics(1, 1, 0)
    recount(log.index)


def test_a_part_that_was_replaced_meanwhile_makes_the_gateway_look_again(log: AppliedLog) -> None:
    """It saw another one; one that is missing can't be meant."""
    part = _put_part(log, 1, 10)
    _put_part(log, 1, 11)

    assert _complete(log, [part], in_blobs(10)) == Conflicted()
    assert _complete(log, [ChosenPart(2, an_id(5))], in_blobs(10)) == Rejected(
        "InvalidPart", details={"PartNumber": "2"}
    )
    assert log.statistics(1) == BucketStatistics(0, 0, 1)
    recount(log.index)


def test_an_object_is_made_of_blobs_that_are_in_use(log: AppliedLog) -> None:
    """What isn't among the parts can't have been seen by the gateway."""
    part = _put_part(log, 1, 10)
    _put_part(log, 1, 10)
    _put_part(log, 2, 11)
    newest = _put_part(log, 2, 12)

    assert _complete(log, [newest], in_blobs(11)) == Conflicted()
    assert _complete(log, [newest], in_blobs(99)) == Conflicted()
    assert _complete(log, [part], in_blobs(10)) == Conflicted()
    recount(log.index)


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (WriteCondition(if_none_match=("*",)), "PreconditionFailed"),
        (WriteCondition(if_match=("other",)), "PreconditionFailed"),
        (WriteCondition(if_match=("old",)), ""),
    ],
    ids=["must be new", "must be another", "must be this"],
)
def test_a_completion_that_is_refused_leaves_the_upload(
    log: AppliedLog, condition: WriteCondition, code: str
) -> None:
    """It can be completed in another way."""
    log.committed(PutObject(log.new_id(), 1, "key", metadata("old"), Content(b"x")))
    part = _put_part(log, 1, 10)

    outcome = _complete(log, [part], in_blobs(10), condition)

    assert (outcome.code if isinstance(outcome, Rejected) else "") == code
    assert (find_upload(log.index, 1, "key", UPLOAD) is not None) == bool(code)
    recount(log.index)


def test_if_match_on_a_missing_object_is_no_such_key(log: AppliedLog) -> None:
    """There is nothing to match."""
    part = _put_part(log, 1, 10)

    outcome = _complete(log, [part], in_blobs(10), WriteCondition(if_match=("*",)))

    assert outcome == Rejected("NoSuchKey", details={"Key": "key"})


def test_the_same_completion_again_has_the_same_answer(log: AppliedLog) -> None:
    """Even after the object has gone; another list of parts has none."""
    part = _put_part(log, 1, 10)
    first = _complete(log, [part], in_blobs(10))
    log.committed(DeleteObject(log.new_id(), 1, "key"))

    assert _complete(log, [part], in_blobs(10)) == first
    assert _complete(log, [], Content(), digest=b"another") == NO_SUCH_UPLOAD
    assert find_object_with_content(log.index, 1, "key") is None


def test_the_answer_of_a_completion_has_its_checksum(log: AppliedLog) -> None:
    """The first time and every time."""
    part = _put_part(log, 1, 10)
    checksum = Checksum("CRC32", "AAAAAA==")
    whole = metadata("whole").__class__(b"", 0, 1, "whole", OWNER_ID, checksum=checksum)
    commands = [
        CompleteMultipartUpload(
            log.new_id(), 1, "key", UPLOAD, (part,), b"digest", whole, in_blobs(10)
        )
        for _ in range(2)
    ]

    outcomes = [log.committed(command) for command in commands]

    assert outcomes[0] == outcomes[1]
    assert outcomes[0].checksum == checksum


def test_an_upload_ends_once(log: AppliedLog) -> None:
    """What was aborted can be neither aborted, added to, nor completed."""
    part = _put_part(log, 1, 10)
    log.committed(AbortMultipartUpload(log.new_id(), 1, "key", UPLOAD))

    outcomes = [
        log.apply(AbortMultipartUpload(log.new_id(), 1, "key", UPLOAD)),
        log.apply(PutPart(log.new_id(), 1, "key", UPLOAD, 1, Part(0, 1, "e"), in_blobs(11))),
        _complete(log, [part], in_blobs(10)),
    ]

    assert outcomes == [NO_SUCH_UPLOAD] * 3
    assert log.garbage() == [an_id(10)]
    recount(log.index)


def test_an_upload_may_have_more_parts_than_one_scan_sees(log: AppliedLog) -> None:
    """They all go; those of the upload with the next id stay."""
    following = an_id(78)
    _create(log, following)
    _put_part(log, 1, 5, following)
    for number in range(1, 2102):
        _put_part(log, number, 1000 + number)

    log.committed(AbortMultipartUpload(log.new_id(), 1, "key", UPLOAD))

    assert len(keys_of(log.index, Table.PARTS)) == 1
    assert len(log.garbage()) == 2101
    recount(log.index)


def test_completed_uploads_are_remembered_for_a_day(log: AppliedLog) -> None:
    """Then, with the next completion, the old ones are forgotten, a few at a time."""
    numbers = range(1, 7)
    for number in numbers:
        _create(log, an_id(number))
        _complete(log, [], Content(), upload_id=an_id(number))
    assert len(keys_of(log.index, Table.COMPLETED_UPLOADS)) == 6

    log.now_ms += COMPLETED_UPLOAD_KEPT_MS
    for number in range(100, 102):
        _create(log, an_id(number))
        _complete(log, [], Content(), upload_id=an_id(number))

    kept = keys_of(log.index, Table.COMPLETED_UPLOADS)
    assert kept == [an_id(100), an_id(101)]
    completed = find_completed_upload(log.index, an_id(100))
    assert isinstance(completed, CompletedUpload)


def test_nothing_happens_in_a_bucket_that_is_not_there(log: AppliedLog) -> None:
    """Neither the start nor the end of an upload."""
    upload = MultipartUpload(b"", 0, OWNER_ID, metadata())

    outcomes = [
        log.apply(CreateMultipartUpload(log.new_id(), 9, "key", upload)),
        log.apply(
            CompleteMultipartUpload(log.new_id(), 9, "key", UPLOAD, (), b"", metadata(), Content())
        ),
    ]

    assert outcomes == [Rejected("NoSuchBucket")] * 2
