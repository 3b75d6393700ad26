"""What tests of the service layer do with objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.service import objects
from rucket.service.objects import (
    ObjectDescription,
    OpenObject,
    StoredObject,
    current_object_with_content,
    new_metadata,
    open_object,
)
from rucket.service.reading import ByteSpan, ContentStream
from rucket.state.commands import WriteCondition
from tests.unit.service.payloads import TestPayload
from tests.unit.service.world import OWNER_ID, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.model.records import BucketInfo, Content, ObjectMetadata
    from rucket.ports.index import Snapshot

DESCRIPTION = ObjectDescription({"content-type": "text/plain"}, {"kind": "test"})


async def put(
    world: World,
    key: str,
    data: bytes,
    condition: WriteCondition | None = None,
) -> StoredObject:
    """Puts an object into the world's bucket."""
    return await objects.put_object(
        world.gateway,
        world.bucket,
        key,
        new_metadata(DESCRIPTION, OWNER_ID),
        TestPayload(world.tasks, data),
        condition or WriteCondition(),
    )


def finder(
    world: World, key: str, bucket: BucketInfo | None = None
) -> Callable[[Snapshot], tuple[ObjectMetadata, Content]]:
    """Finds an object, for operations that look by themselves."""
    return lambda snapshot: current_object_with_content(snapshot, bucket or world.bucket, key)


async def read(world: World, key: str, span: ByteSpan | None = None) -> bytes:
    """The bytes of an object, or some of them."""

    def select(metadata: ObjectMetadata) -> ByteSpan:
        return span or ByteSpan(0, metadata.size_bytes)

    return await body_of(await open_object(world.gateway, finder(world, key), select))


async def body_of(opened: OpenObject) -> bytes:
    """The bytes of an object that has been opened."""
    if not isinstance(opened.body, ContentStream):
        return bytes(opened.body)
    data = b"".join([bytes(piece) async for piece in opened.body])
    await opened.body.aclose()
    return data


def find(world: World, key: str) -> ObjectMetadata:
    """The metadata of an object."""
    with world.index.snapshot() as snapshot:
        return current_object_with_content(snapshot, world.bucket, key)[0]
