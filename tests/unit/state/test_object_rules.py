"""What becomes of objects: the whole table of conditions, counters, blobs."""

from __future__ import annotations

import itertools

import pytest

from rucket.model.records import BucketStatistics, Content
from rucket.state.commands import (
    DeleteCondition,
    DeleteObject,
    ForgetGarbage,
    PutObject,
    WriteCondition,
)
from rucket.state.outcomes import Committed, Conflicted, Rejected
from rucket.state.rows import find_object, find_object_with_content
from tests.unit.state.applied_log import (
    FIRST_MS,
    AppliedLog,
    an_id,
    hlc_at,
    in_blobs,
    metadata,
    recount,
)

MATCHES = {
    "none": (),
    "any": ("*",),
    "mine": ("mine",),
    "other": ("other",),
    "mine and other": ("other", "mine"),
    "any and other": ("other", "*"),
}
"""Lists of entity tags, named by what is in them; the object's is ``mine``."""


@pytest.fixture
def log() -> AppliedLog:
    """A log that has made one bucket, whose id is 1."""
    log = AppliedLog()
    assert log.make_bucket() == 1
    return log


def _put(log: AppliedLog, key: str, content: Content, *, shares: bool = False) -> PutObject:
    size_bytes = 1 if content.inline is None else len(content.inline)
    return PutObject(
        log.new_id(), 1, key, metadata("mine", size_bytes), content, WriteCondition(), shares
    )


def _expected(if_match: str, if_none_match: str, *, exists: bool) -> str:
    """RFC 9110 §13.2.2, and S3 for a missing object; empty for a write that happens."""
    if if_match != "none":
        if not exists:
            return "NoSuchKey"
        if if_match == "other":
            return "PreconditionFailed If-Match"
    if exists and if_none_match not in {"none", "other"}:
        return "PreconditionFailed If-None-Match"
    return ""


@pytest.mark.parametrize("exists", [True, False], ids=["there", "missing"])
@pytest.mark.parametrize(("if_match", "if_none_match"), list(itertools.product(MATCHES, MATCHES)))
def test_conditions_of_a_write_are_those_of_rfc_9110(
    log: AppliedLog,
    if_match: str,
    if_none_match: str,
    exists: bool,  # noqa: FBT001
) -> None:
    """If-Match first, then If-None-Match; a write that is refused changes nothing."""
    if exists:
        log.committed(_put(log, "key", Content(b"old")))
    before = find_object(log.index, 1, "key")
    condition = WriteCondition(MATCHES[if_match], MATCHES[if_none_match])
    command = PutObject(log.new_id(), 1, "key", metadata("new"), Content(b"n"), condition)

    outcome = log.apply(command)

    expected = _expected(if_match, if_none_match, exists=exists)
    after = find_object(log.index, 1, "key")
    if expected:
        code, _, header = expected.partition(" ")
        assert outcome == Rejected(
            code, details={"Condition": header} if header else {"Key": "key"}
        )
        assert after == before
    else:
        assert outcome == Committed(hlc_at(log.now_ms), command.commit_id, "new")
        assert after is not None
        assert after.etag == "new"


_DELETE_CHECKS = {
    "if_match": (None, "mine", "*", "other"),
    "if_match_size_bytes": (None, 3, 4),
    "if_match_last_modified_s": (None, FIRST_MS // 1000 + 2, FIRST_MS // 1000 + 3),
}


@pytest.mark.parametrize(
    ("etag", "size_bytes", "modified_s"), list(itertools.product(*_DELETE_CHECKS.values()))
)
def test_every_condition_of_a_delete_has_to_hold(
    log: AppliedLog, etag: str | None, size_bytes: int | None, modified_s: int | None
) -> None:
    """Of the three that S3 knows; the first that doesn't is named."""
    log.committed(_put(log, "key", Content(b"old")))
    condition = DeleteCondition(etag, size_bytes, modified_s)

    outcome = log.apply(DeleteObject(log.new_id(), 1, "key", condition))

    refusals = [
        name
        for name, holds in (
            ("If-Match", etag in (None, "mine", "*")),
            ("x-amz-if-match-size", size_bytes in (None, 3)),
            ("x-amz-if-match-last-modified-time", modified_s in (None, FIRST_MS // 1000 + 2)),
        )
        if not holds
    ]
    if refusals:
        assert outcome == Rejected("PreconditionFailed", details={"Condition": refusals[0]})
        assert log.statistics(1) == BucketStatistics(1, 3)
    else:
        assert outcome == Committed(hlc_at(log.now_ms), existed=True)
        assert log.statistics(1) == BucketStatistics()


def test_deleting_what_is_not_there_succeeds_on_any_condition(log: AppliedLog) -> None:
    """There is nothing that the condition could protect."""
    condition = DeleteCondition("etag", 7, 7)

    outcome = log.apply(DeleteObject(log.new_id(), 1, "key", condition))

    assert outcome == Committed(hlc_at(log.now_ms))
    assert log.statistics(1) == BucketStatistics()


def test_nothing_happens_in_a_bucket_that_is_not_there(log: AppliedLog) -> None:
    """Whoever may have had this id."""
    content = in_blobs(1)

    outcomes = [
        log.apply(PutObject(log.new_id(), 2, "key", metadata(), content)),
        log.apply(DeleteObject(log.new_id(), 2, "key")),
    ]

    assert outcomes == [Rejected("NoSuchBucket")] * 2
    assert log.references(1) == [0]


def test_a_version_has_id_and_stamp_of_its_command(log: AppliedLog) -> None:
    """Whatever the gateway wrote there."""
    command = _put(log, "key", Content(b"x"))

    outcome = log.committed(command)

    found = find_object_with_content(log.index, 1, "key")
    assert found is not None
    assert (found[0].version_id, found[0].hlc) == (command.commit_id, outcome.hlc)
    assert found[1] == Content(b"x")


def test_an_object_replaced_gives_its_blobs_up(log: AppliedLog) -> None:
    """They are garbage from then on, with the stamp of what replaced it."""
    log.committed(_put(log, "key", in_blobs(1, 2)))
    log.committed(_put(log, "key", in_blobs(3)))

    assert log.references(1, 2, 3) == [0, 0, 1]
    assert log.garbage() == [an_id(1), an_id(2)]
    assert log.statistics(1) == BucketStatistics(1, 1)
    recount(log.index)


def test_an_object_replaced_by_one_that_shares_its_blobs_keeps_them(log: AppliedLog) -> None:
    """A copy of an object to itself."""
    log.committed(_put(log, "key", in_blobs(1, 1, 2)))
    log.committed(_put(log, "key", in_blobs(1), shares=True))

    assert log.references(1, 2) == [1, 0]
    assert log.garbage() == [an_id(2)]
    recount(log.index)


def test_a_shared_blob_lives_as_long_as_one_object_has_it(log: AppliedLog) -> None:
    """And is garbage after the last one."""
    log.committed(_put(log, "key", in_blobs(1)))
    log.committed(_put(log, "copy", in_blobs(1), shares=True))

    log.committed(DeleteObject(log.new_id(), 1, "key"))
    assert (log.references(1), log.garbage()) == ([1], [])

    log.committed(DeleteObject(log.new_id(), 1, "copy"))
    assert (log.references(1), log.garbage()) == ([0], [an_id(1)])


@pytest.mark.parametrize("blob", [1, 2], ids=["garbage", "never heard of"])
def test_a_copy_of_blobs_that_nobody_has_any_more_has_to_look_again(
    log: AppliedLog, blob: int
) -> None:
    """What is garbage never comes back to life."""
    log.committed(_put(log, "key", in_blobs(1)))
    log.committed(_put(log, "key", Content(b"x")))

    assert log.apply(_put(log, "copy", in_blobs(blob), shares=True)) == Conflicted()
    assert find_object(log.index, 1, "copy") is None
    recount(log.index)


def test_a_new_object_does_not_bring_garbage_back_to_life(log: AppliedLog) -> None:
    """A command that is repeated so late that nobody knows it any more: its blob is being removed,
    so the object would have no bytes.
    """
    log.committed(_put(log, "key", in_blobs(1)))
    log.committed(_put(log, "key", Content(b"x")))

    assert log.apply(_put(log, "key", in_blobs(1))) == Conflicted()
    assert log.garbage() == [an_id(1)]
    recount(log.index)


def test_garbage_that_was_removed_is_forgotten(log: AppliedLog) -> None:
    """And what isn't garbage stays as it is."""
    log.committed(_put(log, "key", in_blobs(1)))
    log.committed(_put(log, "key", in_blobs(2)))

    log.committed(ForgetGarbage(log.new_id(), (an_id(1), an_id(2), an_id(3))))

    assert log.garbage() == []
    assert log.references(2) == [1]


def test_keys_are_any_text(log: AppliedLog) -> None:
    """Each is an object of its own."""
    keys = ["", "\0", "a", "a\0", "a\0\0b", "a/b", "\x7f", "é", "\uffff", "\U0001f600"]
    for key in keys:
        log.committed(_put(log, key, Content(key.encode())))

    for key in keys:
        found = find_object_with_content(log.index, 1, key)
        assert found is not None
        assert found[1] == Content(key.encode())
    assert log.statistics(1) == BucketStatistics(len(keys), sum(len(k.encode()) for k in keys))
