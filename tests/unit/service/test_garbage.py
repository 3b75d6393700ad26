"""Garbage goes when nobody can read it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rucket.model.names import BlobId
from rucket.service.garbage import GarbageCollector
from rucket.service.objects import Deletion, delete_object
from rucket.service.read_floor import publish_floor
from rucket.state.rows import applied_position
from tests.unit.service.actions import put
from tests.unit.service.payloads import MIB, content
from tests.unit.service.world import World

if TYPE_CHECKING:
    from rucket.service.objects import OpenObject


@pytest.fixture
def world() -> World:
    return World()


class _Floor:
    """What other processes say."""

    def __init__(self) -> None:
        self.hlc: int | None = None

    def publish(self, floor_hlc: int) -> None:
        self.hlc = floor_hlc

    def lowest(self) -> int | None:
        return self.hlc


def _applied(world: World) -> int:
    with world.index.snapshot() as snapshot:
        return applied_position(snapshot)[1]


async def _put_and_delete(world: World, key: str) -> None:
    await put(world, key, content(5000))
    await delete_object(world.gateway, world.bucket, Deletion(key))


def test_what_died_above_a_floor_stays(world: World) -> None:
    """What died at or below it goes; so does the rest when the floor rises."""
    floor = _Floor()
    collector = GarbageCollector(world.gateway, floor.lowest)
    world.run(_put_and_delete(world, "first"))
    floor.hlc = _applied(world)
    world.run(_put_and_delete(world, "second"))

    assert world.run(collector.step()) == 1
    assert world.run(collector.step()) == 0
    assert len(world.blobs.finished) == 1
    floor.hlc = _applied(world)
    assert world.run(collector.step()) == 1
    assert not world.blobs.finished


def test_nothing_is_looked_at_again_while_the_floor_stands(world: World) -> None:
    """However much garbage waits, a slow reader costs no scans."""
    floor = _Floor()
    floor.hlc = _applied(world)
    collector = GarbageCollector(world.gateway, floor.lowest)
    for number in range(5):
        world.run(_put_and_delete(world, f"key-{number}"))
    world.run(collector.step())
    commands = len(world.commits.commands)

    for _ in range(3):
        assert world.run(collector.step()) == 0

    assert len(world.commits.commands) == commands
    assert len(world.blobs.finished) == 5


def test_more_than_a_batch_goes_in_one_pass(world: World) -> None:
    """Batch by batch, past what has to stay."""
    floor = _Floor()
    floor.hlc = 0
    collector = GarbageCollector(world.gateway, floor.lowest)

    async def fill() -> None:
        for number in range(1100):
            await _put_and_delete(world, f"key-{number}")

    world.run(fill())
    assert world.run(collector.step()) == 0
    floor.hlc = None
    removed = [world.run(collector.step()) for _ in range(4)]

    assert removed == [500, 500, 100, 0]


def test_a_long_read_of_many_blobs_is_never_cut_by_garbage(world: World) -> None:
    """An object of three parts, read slowly, deleted meanwhile, with the collector always at it;
    afterwards the garbage is gone.
    """
    floor = _Floor()
    collector = GarbageCollector(world.gateway, floor.lowest)
    data = content(9 * MIB)

    async def scenario() -> bytes:
        world.put_of_blobs("key", [data[: 3 * MIB], data[3 * MIB : 6 * MIB], data[6 * MIB :]])
        await publish_floor(world.gateway, floor)
        opened: OpenObject = await world.open("key")
        await delete_object(world.gateway, world.bucket, Deletion("key"))
        pieces: list[bytes] = []
        assert not isinstance(opened.body, bytes)
        async for piece in opened.body:
            pieces.append(piece)
            await publish_floor(world.gateway, floor)
            await put(world, "other", b"%d" % len(pieces))
            while await collector.step():
                pass
        await world.close(opened)
        return b"".join(pieces)

    assert world.run(scenario()) == data
    assert len(world.blobs.finished) == 3
    world.run(publish_floor(world.gateway, floor))
    assert world.run(collector.step()) == 3
    assert not world.blobs.finished


def test_without_the_floor_that_read_would_be_cut(world: World) -> None:
    """The test above can fail."""
    collector = GarbageCollector(world.gateway, lambda: None)

    async def scenario() -> None:
        world.put_of_blobs("key", [content(3 * MIB), content(3 * MIB)])
        opened = await world.open("key")
        await delete_object(world.gateway, world.bucket, Deletion("key"))
        await collector.step()
        await world.close(opened)

    world.run(scenario())

    assert [BlobId(blob_id) for blob_id in world.blobs.finished] == []
