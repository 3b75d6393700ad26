"""What becomes of users and their access keys."""

from __future__ import annotations

import msgspec
import pytest

from rucket.model.records import AccessKey, User
from rucket.ports.index import Table
from rucket.state.commands import (
    CreateBucket,
    DeleteAccessKey,
    DeleteUser,
    PutAccessKey,
    PutUser,
)
from rucket.state.outcomes import Committed, Outcome, Rejected
from rucket.state.rows import find_access_key, find_user, find_user_name
from tests.unit.state.applied_log import AppliedLog, hlc_at, keys_of

ALICE = User("alice", "id-of-alice", "Alice", "Alice@example.com")
BOB = User("bob", "id-of-bob", "Bob")


@pytest.fixture
def log() -> AppliedLog:
    """A log that has made alice."""
    log = AppliedLog()
    log.committed(PutUser(log.new_id(), ALICE, must_be_new=True))
    return log


def _key(log: AppliedLog, access_key_id: str, user_name: str = "alice") -> Outcome:
    return log.apply(PutAccessKey(log.new_id(), AccessKey(access_key_id, user_name, b"sealed")))


def test_a_user_is_found_by_name_id_and_e_mail(log: AppliedLog) -> None:
    """The e-mail address in any case."""
    user = find_user(log.index, "alice")

    assert user == msgspec.structs.replace(ALICE, created_hlc=hlc_at(1000))
    assert find_user_name(log.index, "canonical_id", "id-of-alice") == "alice"
    assert find_user_name(log.index, "email", "alice@example.com") == "alice"


@pytest.mark.parametrize(
    "user",
    [
        User("alice", "another-id", "Alice"),
        User("carol", "id-of-alice", "Carol"),
        User("carol", "another-id", "Carol", "alice@EXAMPLE.com"),
    ],
    ids=["name", "canonical id", "e-mail"],
)
def test_what_is_somebody_elses_is_refused(log: AppliedLog, user: User) -> None:
    """Nothing of the new user is left."""
    outcome = log.apply(PutUser(log.new_id(), user, must_be_new=True))

    assert isinstance(outcome, Rejected)
    assert outcome.code == "UserAlreadyExists"
    assert keys_of(log.index, Table.USERS) == [b"alice"]
    assert len(keys_of(log.index, Table.USER_ATTRIBUTES)) == 2


def test_a_user_who_is_not_there_cannot_be_changed(log: AppliedLog) -> None:
    """Changing makes nobody."""
    outcome = log.apply(PutUser(log.new_id(), BOB))

    assert outcome == Rejected("NoSuchUser", details={"UserName": "bob"})


def test_a_user_who_is_changed_gives_old_attributes_up(log: AppliedLog) -> None:
    """And keeps the time of creation."""
    changed = User("alice", "id-of-alice", "Alice B.", "new@example.com")
    outcome = log.apply(PutUser(log.new_id(), changed))

    assert outcome == Committed(hlc_at(2000), existed=True)
    assert find_user(log.index, "alice") == msgspec.structs.replace(
        changed, created_hlc=hlc_at(1000)
    )
    assert find_user_name(log.index, "email", "alice@example.com") is None
    log.committed(PutUser(log.new_id(), User("dan", "id-of-dan", "Dan", "alice@example.com"), True))  # noqa: FBT003


def test_an_access_key_is_never_taken_over(log: AppliedLog) -> None:
    """Not even by its own user."""
    log.committed(PutUser(log.new_id(), BOB, must_be_new=True))
    assert isinstance(_key(log, "KEY"), Committed)

    for user_name in ("alice", "bob"):
        outcome = _key(log, "KEY", user_name)
        assert outcome == Rejected("UserAlreadyExists", details={"AccessKeyId": "KEY"})
    found = find_access_key(log.index, "KEY")
    assert found is not None
    assert found.user_name == "alice"


def test_nobody_has_no_access_key(log: AppliedLog) -> None:
    """A key needs a user."""
    assert _key(log, "KEY", "bob") == Rejected("NoSuchUser", details={"UserName": "bob"})


def test_an_access_key_is_taken_from_its_own_user_only(log: AppliedLog) -> None:
    """And only once."""
    log.committed(PutUser(log.new_id(), BOB, must_be_new=True))
    _key(log, "KEY")
    missing = Rejected("NoSuchAccessKey", details={"AccessKeyId": "KEY"})

    outcomes = [
        log.apply(DeleteAccessKey(log.new_id(), user_name, "KEY"))
        for user_name in ("bob", "alice", "alice")
    ]

    assert outcomes == [missing, Committed(hlc_at(log.now_ms - 1000), existed=True), missing]


def test_a_user_goes_with_all_access_keys(log: AppliedLog) -> None:
    """More of them than one scan sees; those of one whose name begins the same stay."""
    log.committed(PutUser(log.new_id(), User("alice2", "id-of-alice2", "Alice"), True))  # noqa: FBT003
    _key(log, "OTHER", "alice2")
    for number in range(230):
        _key(log, f"KEY-{number}")

    log.committed(DeleteUser(log.new_id(), "alice"))

    assert keys_of(log.index, Table.USERS) == [b"alice2"]
    assert keys_of(log.index, Table.ACCESS_KEYS) == [b"OTHER"]
    assert len(keys_of(log.index, Table.USER_ATTRIBUTES)) == 2


def test_a_user_with_a_bucket_stays(log: AppliedLog) -> None:
    """Whose would it be?"""
    log.committed(CreateBucket(log.new_id(), "bucket", "id-of-alice"))

    outcomes = [log.apply(DeleteUser(log.new_id(), name)) for name in ("alice", "bob")]

    assert outcomes == [
        Rejected("UserOwnsBuckets", details={"UserName": "alice"}),
        Rejected("NoSuchUser", details={"UserName": "bob"}),
    ]
