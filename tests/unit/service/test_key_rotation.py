"""Rotation: afterwards nothing needs the previous key, whatever happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from rucket.model.encryption import decode_encryption_record
from rucket.model.errors import CommitUnknownError
from rucket.model.records import ObjectMetadata
from rucket.ports.index import Table
from rucket.service import key_rotation
from rucket.service.encryption.object_encryption import ObjectEncryption
from rucket.service.key_rotation import KeyRotation
from rucket.service.multipart import UploadName, create_upload, pending_upload
from rucket.service.objects import new_metadata
from rucket.state.commands import RewrapDataKey
from rucket.state.rows import OBJECT, UPLOAD
from tests.unit.service.actions import DESCRIPTION, find, put, read
from tests.unit.service.encryption.keys import ring
from tests.unit.service.payloads import content
from tests.unit.service.world import OWNER_ID, World

if TYPE_CHECKING:
    from rucket.model.records import Record

KEYS = [f"key-{number:03}" for number in range(100)]


class _Observer:
    """Adds up what it hears."""

    def __init__(self) -> None:
        self.row_count = 0
        self.rewrapped_count = 0

    def looked_at(self, row_count: int, rewrapped_count: int) -> None:
        """See `RotationObserver.looked_at`."""
        self.row_count += row_count
        self.rewrapped_count += rewrapped_count


@pytest.fixture
def world() -> World:
    """Objects under key 1 and an upload; key 2 is the active one."""
    world = World(encryption=ObjectEncryption(ring(1), is_on=True))
    for number, key in enumerate(KEYS):
        world.run(put(world, key, content(500 + 10 * number)))
    _begin(world)
    world.use(ObjectEncryption(ring(1)))
    world.run(put(world, "plain", content(10)))
    world.use(ObjectEncryption(ring(2, 1), is_on=True))
    return world


def _begin(world: World) -> UploadName:
    template = new_metadata(DESCRIPTION, OWNER_ID)
    upload_id = world.run(
        create_upload(world.gateway, world.bucket, "upload", template, OWNER_ID, None)
    )
    return UploadName(world.bucket, "upload", upload_id)


def _rotation(world: World, observer: _Observer | None = None) -> KeyRotation:
    return KeyRotation(world.gateway, ring(2, 1), observer or _Observer())


async def _finish(rotation: KeyRotation) -> None:
    while not rotation.is_complete:
        await rotation.step()


def _key_ids(world: World) -> set[bytes]:
    with world.index.snapshot() as snapshot:
        described = [
            OBJECT.decode(value) for _, value in snapshot.scan(Table.OBJECTS, b"", None, 1000)
        ]
        described += [
            UPLOAD.decode(value).template
            for _, value in snapshot.scan(Table.UPLOADS, b"", None, 1000)
        ]
    return {
        decode_encryption_record(one.encryption).key_id
        for one in described
        if one.encryption is not None
    }


def test_a_rotation_leaves_nothing_under_the_previous_key(world: World) -> None:
    """Objects, uploads; neither stamps nor bytes change."""
    before = find(world, KEYS[50])
    observer = _Observer()
    rotation = _rotation(world, observer)

    world.run(_finish(rotation))

    assert _key_ids(world) == {ring(2).active.key_id}
    after = find(world, KEYS[50])
    assert msgspec.structs.replace(after, encryption=before.encryption) == before
    assert (rotation.rewrapped_count, rotation.row_count) == (101, 102)
    assert (observer.rewrapped_count, observer.row_count) == (101, 102)
    assert not rotation.unreadable_count
    world.use(ObjectEncryption(ring(2)))
    for number, key in enumerate(KEYS):
        assert world.run(read(world, key)) == content(500 + 10 * number)


def test_a_rotation_goes_on_where_it_was_interrupted(world: World) -> None:
    """The node went away; and a new process begins anew, with little to do."""
    rotation = _rotation(world)
    seen: list[Record] = []

    def fail_once(command: Record) -> None:
        seen.append(command)
        if len(seen) == 40:
            raise CommitUnknownError("away")

    world.commits.before = fail_once
    with pytest.raises(CommitUnknownError):
        world.run(_finish(rotation))
    world.run(_finish(rotation))
    again = _rotation(world)
    world.run(_finish(again))

    assert _key_ids(world) == {ring(2).active.key_id}
    assert again.rewrapped_count == 0


def test_a_rotation_that_is_complete_survives_a_power_cut(world: World) -> None:
    """Whatever the log's strategy: somebody takes the previous key away next."""
    rotation = _rotation(world)
    states: list[bool] = []

    def fail_once() -> None:
        states.append(rotation.is_complete)
        if len(states) == 1:
            raise CommitUnknownError("away")

    world.commits.before_sync = fail_once
    with pytest.raises(CommitUnknownError):
        world.run(_finish(rotation))
    world.run(_finish(rotation))

    assert states == [False, False]
    assert rotation.row_count == 102


def test_an_object_that_changes_meanwhile_keeps_its_new_bytes(world: World) -> None:
    """The command that saw the old ones has no effect; the row is looked at again."""
    rotation = _rotation(world)

    def overwrite(command: Record) -> None:
        if isinstance(command, RewrapDataKey) and command.key == KEYS[3]:
            world.commits.before = lambda _: None
            world.use(ObjectEncryption(ring(1), is_on=True))  # the worst there could be
            world.commits.apply(_overwriting(world, KEYS[3]))

    world.commits.before = overwrite
    world.run(_finish(rotation))

    assert _key_ids(world) == {ring(2).active.key_id}
    assert find(world, KEYS[3]).etag == "overwritten"


def _overwriting(world: World, key: str) -> Record:
    put_command = next(
        command for command in world.commits.commands if getattr(command, "key", "") == key
    )
    metadata = put_command.metadata  # type: ignore[attr-defined]
    assert isinstance(metadata, ObjectMetadata)
    return msgspec.structs.replace(
        put_command,
        commit_id=world.random.token_bytes(16),
        metadata=msgspec.structs.replace(metadata, etag="overwritten"),
    )


def test_parts_of_an_upload_that_was_rewrapped_still_belong_to_it(world: World) -> None:
    """Its data key is the same."""
    name = _begin(world)
    with world.index.snapshot() as snapshot:
        before = pending_upload(snapshot, name)

    world.run(_finish(_rotation(world)))

    with world.index.snapshot() as snapshot:
        after = pending_upload(snapshot, name)
    assert before.template.encryption is not None
    assert after.template.encryption is not None
    keys = ring(2, 1)
    assert keys.unwrap(after.template.encryption) == keys.unwrap(before.template.encryption)
    assert after.initiated_hlc == before.initiated_hlc


def test_a_row_under_an_unknown_key_is_counted_and_passed_over(world: World) -> None:
    """So that no key is given up while something may need it."""
    world.use(ObjectEncryption(ring(9), is_on=True))
    world.run(put(world, "lost", content(10)))
    rotation = _rotation(world)

    world.run(_finish(rotation))

    assert rotation.unreadable_count == 1
    assert _key_ids(world) == {ring(2).active.key_id, ring(9).active.key_id}


def test_steps_are_bounded() -> None:
    """One snapshot is short, and few commands are in flight."""
    assert key_rotation.ROWS_PER_STEP <= 1000
    assert key_rotation.REWRAPS_IN_FLIGHT_MAX <= 64
