"""A client that notes what it does and learns (`tests.storage.claims`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import Content, Extent, ObjectMetadata
from rucket.ports.index import Table
from rucket.service.copying import CopyPlan, copy_object
from rucket.service.garbage import collect_garbage
from rucket.service.multipart import UploadName, create_upload, put_part
from rucket.service.objects import (
    Deletion,
    ObjectDescription,
    current_object_with_content,
    delete_object,
    new_metadata,
    put_object,
)
from rucket.service.outcome_errors import committed
from rucket.state.commands import (
    ChosenPart,
    CompleteMultipartUpload,
    CreateBucket,
    WriteCondition,
)
from rucket.state.rows import CONTENT, PART, find_bucket, find_upload, part_row_key
from tests.simulation.bodies import make_body
from tests.storage.node import BUCKET, BUCKET_KEY, part_key
from tests.unit.service.payloads import TestPayload

if TYPE_CHECKING:
    from collections.abc import Callable

    from rucket.model.records import BucketInfo
    from rucket.service.gateway import Gateway
    from tests.storage.claims import Body, Effect, History
    from tests.storage.node import Node

OWNER_ID = "a" * 64
_METADATA = new_metadata(ObjectDescription({}, {}), OWNER_ID)


class Client:
    """Works through one gateway.

    Args:
        node: where it is.
        history: where it notes things.
        now: the number of the moment that comes next.
        gateway: the number of its gateway.
    """

    def __init__(
        self, node: Node, history: History, now: Callable[[], int], gateway: int = 0
    ) -> None:
        self._node = node
        self._gateway: Gateway = node.gateways[gateway]
        self._history = history
        self._now = now

    def _start(self, key: str, body: Body) -> Effect:
        return self._history.start(key, body, self._now())

    def _end(self, *effects: Effect) -> None:
        for effect in effects:
            effect.ended = min(effect.ended, self._now())

    def _bucket(self) -> BucketInfo:
        with self._gateway.index.snapshot() as snapshot:
            bucket = find_bucket(snapshot, BUCKET)
        assert bucket is not None
        return bucket

    async def make_bucket(self) -> None:
        """Makes the bucket."""
        effect = self._start(BUCKET_KEY, b"there")
        commit_id = self._gateway.random.token_bytes(ID_SIZE_BYTES)
        committed(await self._gateway.commits.commit(CreateBucket(commit_id, BUCKET, OWNER_ID)))
        self._end(effect)

    async def put(self, key: str, write_id: str, size_bytes: int) -> None:
        """Puts an object with a body that tells `write_id`."""
        body = make_body(write_id, size_bytes)
        effect = self._start(key, body)
        payload = TestPayload(self._gateway.tasks, body)
        await put_object(self._gateway, self._bucket(), key, _METADATA, payload, WriteCondition())
        self._end(effect)

    async def copy(self, source: str, target: str) -> None:
        """Copies an object."""
        found = await self._gateway.tasks.run_blocking(self._node.read, [source])
        effect = self._start(target, found[source])
        bucket = self._bucket()
        await copy_object(
            self._gateway,
            lambda snapshot: current_object_with_content(snapshot, bucket, source),
            bucket,
            target,
            lambda _: CopyPlan(_METADATA),
            WriteCondition(),
        )
        self._end(effect)

    async def delete(self, key: str) -> None:
        """Deletes an object."""
        effect = self._start(key, None)
        await delete_object(self._gateway, self._bucket(), Deletion(key))
        self._end(effect)

    async def read(self, key: str) -> None:
        """Reads an object: what it says must stay true."""
        found = await self._gateway.tasks.run_blocking(self._node.read, [key])
        self._history.saw(key, found[key], self._now())

    async def create_upload(self, key: str) -> UploadName:
        """Starts an upload."""
        bucket = self._bucket()
        upload_id = await create_upload(self._gateway, bucket, key, _METADATA, OWNER_ID, None)
        return UploadName(bucket, key, upload_id)

    async def put_part(self, name: UploadName, number: int, write_id: str, size_bytes: int) -> None:
        """Uploads a part."""
        body = make_body(write_id, size_bytes)
        effect = self._start(part_key(name.upload_id, number), body)
        payload = TestPayload(self._gateway.tasks, body)
        await put_part(self._gateway, name, number, payload)
        self._end(effect)

    async def complete_upload(
        self, name: UploadName, numbers: list[int], unused: list[int]
    ) -> None:
        """Makes an object of parts, however small, and gives up the others."""
        keys = [part_key(name.upload_id, number) for number in numbers]
        bodies = await self._gateway.tasks.run_blocking(self._node.read, keys)
        effects = [self._start(name.key, b"".join(bodies[key] or b"" for key in keys))]
        effects += [
            self._start(part_key(name.upload_id, number), None) for number in numbers + unused
        ]
        chosen, content, metadata = self._parts(name, numbers)
        command = CompleteMultipartUpload(
            commit_id=self._gateway.random.token_bytes(ID_SIZE_BYTES),
            bucket_id=name.bucket.bucket_id,
            key=name.key,
            upload_id=name.upload_id,
            parts=chosen,
            parts_digest=b"digest",
            metadata=metadata,
            content=content,
        )
        committed(await self._gateway.commits.commit(command))
        self._end(*effects)

    def _parts(
        self, name: UploadName, numbers: list[int]
    ) -> tuple[tuple[ChosenPart, ...], Content, ObjectMetadata]:
        with self._gateway.index.snapshot() as snapshot:
            assert find_upload(snapshot, name.bucket.bucket_id, name.key, name.upload_id)
            chosen: list[ChosenPart] = []
            extents: list[Extent] = []
            size_bytes = 0
            for number in numbers:
                row = snapshot.get_with_attachment(
                    Table.PARTS, part_row_key(name.upload_id, number)
                )
                assert row is not None
                part = PART.decode(row[0])
                chosen.append(ChosenPart(number, part.version_id))
                extents.extend(CONTENT.decode(row[1]).extents)
                size_bytes += part.size_bytes
        metadata = ObjectMetadata(b"", 0, size_bytes, "etag", OWNER_ID)
        return tuple(chosen), Content(extents=tuple(extents)), metadata

    async def collect_garbage(self) -> None:
        """Does one round of the maintenance process's work."""
        await collect_garbage(self._gateway)

    async def compact(self) -> None:
        """Lets the compactor go over all segments."""
        while await self._gateway.tasks.run_blocking(self._node.compactor.step):
            pass

    async def checkpoint(self) -> None:
        """Does what the node does every now and then."""
        await self._node.store.checkpoint()

    async def take_checkpoint(self) -> None:
        """Writes a checkpoint of the index, as the maintenance process does."""
        await self._node.store.sync()
        await self._gateway.tasks.run_blocking(self._node.keeper.take)
