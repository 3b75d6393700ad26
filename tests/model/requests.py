"""What clients ask of a node, through the service layer, in the words of the model."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, TypeVar

from rucket.model.errors import S3Error
from rucket.model.records import Checksum
from rucket.service import buckets, copying, multipart, objects, user_administration
from rucket.service.authorization.requester import Requester
from rucket.service.copying import CopyPlan, PartPlan
from rucket.service.listing import ListingQuery, list_objects
from rucket.service.multipart import RequestedPart, UploadName
from rucket.service.objects import (
    Deletion,
    ObjectDescription,
    current_object_with_content,
    new_metadata,
    open_object,
)
from rucket.service.reading import ByteSpan, ContentStream
from rucket.service.user_administration import NewAccessKey, UserRequest
from rucket.state.commands import WriteCondition
from rucket.state.rows import find_bucket
from tests.model.reference import ListedPage, ModelObject, Refused
from tests.unit.service.payloads import TestPayload

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from rucket.model.records import BucketInfo, Content, ObjectMetadata
    from rucket.ports.index import Snapshot
    from rucket.service.objects import StoredObject
    from tests.model.node import Node

T = TypeVar("T")

PIECE_SIZE_BYTES = 1024 * 1024
_DESCRIPTION = ObjectDescription({"content-type": "text/plain"}, {"of": "model"})


class _Crc32:
    """A checksum that copied parts get."""

    algorithm = "CRC32"

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Takes the next bytes."""
        self._value = zlib.crc32(data, self._value)

    def checksum(self) -> Checksum:
        """Of all bytes so far."""
        return Checksum(self.algorithm, f"{self._value:08x}")


def requester(name: str) -> Requester:
    """Somebody whose canonical id is their name."""
    return Requester(canonical_id=name, name=name, display_name=name)


def condition(if_match: str = "", if_none_match: str = "") -> WriteCondition:
    """A condition on a write; empty for none."""
    return WriteCondition(
        (if_match,) if if_match else (), (if_none_match,) if if_none_match else ()
    )


class Client:
    """Asks one node.

    Attributes:
        last_modified_ms: the newest time that an answer has shown.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.last_modified_ms = 0

    def ask(self, request: Coroutine[Any, Any, T]) -> T | Refused:
        """The answer, or why there is none."""
        return self._node.run(_refused_or(request))

    def ask_together(self, requests: Sequence[Coroutine[Any, Any, T]]) -> list[T | Refused]:
        """The answers to requests that are there at the same time."""

        async def all_of_them() -> list[T | Refused]:
            return list(await asyncio.gather(*map(_refused_or, requests)))

        return self._node.run(all_of_them())

    def bucket(self, name: str) -> BucketInfo:
        """A bucket that is there."""
        with self._node.gateway.index.snapshot() as snapshot:
            found = find_bucket(snapshot, name)
        assert found is not None, f"bucket {name} is missing"
        return found

    async def create_bucket(self, name: str, owner: str) -> None:
        """CreateBucket."""
        await buckets.create_bucket(self._node.gateway, requester(owner), name, "")

    async def delete_bucket(self, name: str, owner: str) -> None:
        """DeleteBucket."""
        await buckets.delete_bucket(self._node.gateway, requester(owner), name)

    async def put(self, name: str, key: str, data: bytes, when: WriteCondition) -> str:
        """PutObject; returns the entity tag."""
        gateway = self._node.gateway
        stored = await objects.put_object(
            gateway,
            self.bucket(name),
            key,
            new_metadata(_DESCRIPTION, "owner"),
            TestPayload(gateway.tasks, data, piece_size_bytes=PIECE_SIZE_BYTES),
            when,
        )
        return self._seen(stored)

    async def delete(self, name: str, key: str) -> None:
        """DeleteObject."""
        await objects.delete_object(self._node.gateway, self.bucket(name), Deletion(key))

    async def read(self, name: str, key: str, span: ByteSpan | None = None) -> ModelObject:
        """GetObject: all of its bytes, or those of a range."""
        opened = await open_object(
            self._node.gateway,
            self._finder(name, key),
            lambda metadata: span or ByteSpan(0, metadata.size_bytes),
        )
        if isinstance(opened.body, ContentStream):
            data = b"".join([bytes(piece) async for piece in opened.body])
            await opened.body.aclose()
        else:
            data = bytes(opened.body)
        return ModelObject(data, opened.metadata.etag)

    def _finder(self, name: str, key: str) -> copying.FindSource:
        bucket = self.bucket(name)

        def find(snapshot: Snapshot) -> tuple[ObjectMetadata, Content]:
            return current_object_with_content(snapshot, bucket, key)

        return find

    async def copy(self, source: tuple[str, str], target: tuple[str, str]) -> str:
        """CopyObject; returns the entity tag."""
        plan = CopyPlan(new_metadata(_DESCRIPTION, "owner"))
        stored = await copying.copy_object(
            self._node.gateway,
            self._finder(*source),
            self.bucket(target[0]),
            target[1],
            lambda _: plan,
            WriteCondition(),
        )
        return self._seen(stored)

    async def create_upload(self, name: str, key: str) -> bytes:
        """CreateMultipartUpload; returns the upload id."""
        template = new_metadata(_DESCRIPTION, "owner")
        return await multipart.create_upload(
            self._node.gateway, self.bucket(name), key, template, "owner", None
        )

    def upload_name(self, name: str, key: str, upload_id: bytes) -> UploadName:
        """How an upload is named."""
        return UploadName(self.bucket(name), key, upload_id)

    async def put_part(self, upload: UploadName, number: int, data: bytes) -> str:
        """UploadPart; returns the entity tag."""
        gateway = self._node.gateway
        payload = TestPayload(gateway.tasks, data, piece_size_bytes=PIECE_SIZE_BYTES)
        stored = await multipart.put_part(gateway, upload, number, payload)
        return self._seen(stored)

    async def copy_part(
        self, source: tuple[str, str], span: ByteSpan, upload: UploadName, number: int
    ) -> str:
        """UploadPartCopy; returns the entity tag."""
        plan = PartPlan(upload, number, lambda _: span, _Crc32)
        stored = await copying.copy_part(self._node.gateway, self._finder(*source), plan)
        return self._seen(stored)

    async def complete(self, upload: UploadName, parts: list[tuple[int, str]]) -> str:
        """CompleteMultipartUpload; returns the entity tag."""
        stored = await multipart.complete_upload(
            self._node.gateway,
            upload,
            [RequestedPart(number, etag) for number, etag in parts],
            WriteCondition(),
            lambda _upload, _parts: None,
        )
        return stored.etag

    async def abort(self, upload: UploadName) -> None:
        """AbortMultipartUpload."""
        await multipart.abort_upload(self._node.gateway, upload)

    async def list_page(
        self, name: str, prefix: str, delimiter: str, after: str, limit: int
    ) -> ListedPage:
        """ListObjectsV2."""
        query = ListingQuery(self.bucket(name).bucket_id, prefix, delimiter, after, limit)
        page = await list_objects(self._node.gateway, query)
        return ListedPage([key for key, _ in page.objects], page.common_prefixes, page.next_after)

    async def create_user(self, name: str, email: str, access_key_id: str) -> None:
        """Makes a user with an access key, by the admin API."""
        await user_administration.create_user(
            self._node.gateway,
            UserRequest(name, canonical_id=name, email=email),
            NewAccessKey(access_key_id, "secret-of-" + access_key_id),
        )

    async def delete_user(self, name: str) -> None:
        """Removes a user, by the admin API."""
        await user_administration.delete_user(self._node.gateway, name)

    async def users(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """E-mail address and access keys of all users."""
        views = await user_administration.list_users(self._node.gateway)
        return {view.name: (view.email, view.access_key_ids) for view in views}

    def _seen(self, stored: StoredObject) -> str:
        """Times of versions never go back, whatever the clock does."""
        assert stored.modified_ms >= self.last_modified_ms
        self.last_modified_ms = stored.modified_ms
        return stored.etag


async def _refused_or(request: Coroutine[Any, Any, T]) -> T | Refused:
    try:
        return await request
    except S3Error as error:
        return Refused(error.code)
