"""Objects: put, find, read, delete. Conditions on writes travel in the command; `apply` decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import CorruptionError, NoSuchKey, OperatingError, S3Error
from rucket.model.hlc import HlcTimestamp
from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import Content, ObjectMetadata
from rucket.model.storage_classes import DEFAULT_STORAGE_CLASS
from rucket.service.ingest import commit_ingested, ingest
from rucket.service.outcome_errors import committed
from rucket.service.reading import ByteSpan, ContentStream, Piece, open_content
from rucket.state.commands import DeleteCondition, DeleteObject, PutObject, WriteCondition
from rucket.state.rows import find_object, find_object_with_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.model.records import BucketInfo, Checksum
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway
    from rucket.service.ingest import ChecksummedPayload

OPEN_ATTEMPTS_MAX = 5
DELETES_IN_FLIGHT_MAX = 64
UNCONDITIONAL_DELETE = DeleteCondition()


@dataclass(frozen=True, slots=True)
class ObjectDescription:
    """What a request says about an object it makes, besides the bytes."""

    content_headers: dict[str, str] = field(default_factory=dict)
    user_metadata: dict[str, str] = field(default_factory=dict)
    storage_class: str = DEFAULT_STORAGE_CLASS


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that was made."""

    etag: str
    modified_ms: int
    checksum: Checksum | None = None
    is_encrypted: bool = False


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that is being read.

    Attributes:
        span: which bytes; None if the body isn't wanted.
        body: them; empty without a span. Whoever has a stream closes it.
    """

    metadata: ObjectMetadata
    span: ByteSpan | None
    body: Piece | ContentStream


@dataclass(frozen=True, slots=True)
class Deletion:
    """An object to delete, and on which condition."""

    key: str
    condition: DeleteCondition = UNCONDITIONAL_DELETE


Selection = Callable[[ObjectMetadata], ByteSpan | None]
"""Chooses the bytes of an object that are wanted; None if only its metadata is. It raises S3Error
to refuse."""


def modified_ms(metadata: ObjectMetadata) -> int:
    """When the version was made, milliseconds since the Unix epoch."""
    return HlcTimestamp(metadata.hlc).physical_ms


def new_metadata(description: ObjectDescription, owner_id: str) -> ObjectMetadata:
    """The metadata of an object yet to be: `apply` fills in version and stamp, others the rest."""
    return ObjectMetadata(
        version_id=b"",
        hlc=0,
        size_bytes=0,
        etag="",
        owner_id=owner_id,
        content_headers=description.content_headers,
        user_metadata=description.user_metadata,
        storage_class=description.storage_class,
    )


async def put_object(
    gateway: Gateway,
    bucket: BucketInfo,
    key: str,
    metadata: ObjectMetadata,
    payload: ChecksummedPayload,
    condition: WriteCondition,
) -> StoredObject:
    """Makes a new current version of an object. Durable when this returns.

    Args:
        gateway: the ports.
        bucket: in which the requester may do this.
        key: of the object.
        metadata: as `new_metadata`; what depends on the bytes is filled in here.
        payload: the bytes; not read before this is called.
        condition: when this may happen.

    Raises:
        NoSuchBucket, NoSuchKey, PreconditionFailed: by `apply`; nothing happened.
        S3Error: the body is not what the client meant; nothing happened.
        OperatingError: it could not be written, or nobody knows (`CommitUnknownError`).
    """
    encryption, sealer = gateway.encryption.new_object(gateway.random)
    ingested = await ingest(gateway, payload, metadata.storage_class, sealer=sealer)
    checksum = payload.checksum()
    command = PutObject(
        commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
        bucket_id=bucket.bucket_id,
        key=key,
        metadata=msgspec.structs.replace(
            metadata,
            size_bytes=ingested.size_bytes,
            etag=ingested.md5.hex(),
            checksum=checksum,
            placement_group=gateway.placement.compute_placement(bucket.bucket_id, key),
            home_region=gateway.settings.region,
            encryption=encryption,
        ),
        content=ingested.content,
        condition=condition,
        bucket_name=bucket.name,
    )
    outcome = committed(await commit_ingested(gateway, command, ingested))
    modified_ms = HlcTimestamp(outcome.hlc).physical_ms
    return StoredObject(outcome.etag, modified_ms, checksum, is_encrypted=sealer is not None)


def current_object(snapshot: Snapshot, bucket: BucketInfo, key: str) -> ObjectMetadata:
    """The current version of an object.

    Raises:
        NoSuchKey: there is none.
    """
    metadata = find_object(snapshot, bucket.bucket_id, key)
    if metadata is None:
        raise NoSuchKey(Key=key)
    return metadata


def current_object_with_content(
    snapshot: Snapshot, bucket: BucketInfo, key: str
) -> tuple[ObjectMetadata, Content]:
    """The current version of an object, and where its bytes are.

    Raises:
        NoSuchKey: there is none.
    """
    found = find_object_with_content(snapshot, bucket.bucket_id, key)
    if found is None:
        raise NoSuchKey(Key=key)
    return found


async def open_object(
    gateway: Gateway, find: Callable[[Snapshot], tuple[ObjectMetadata, Content]], select: Selection
) -> OpenObject:
    """Finds an object and opens those of its bytes that `select` chooses.

    A blob that isn't there was removed after the snapshot had been taken: then another snapshot is
    taken, which shows another version, or none. Where it names the same blob, bytes are lost.

    Args:
        gateway: the ports.
        find: finds the object, and raises if it isn't there or not for the requester.
        select: called with the metadata of what was found, maybe more than once.

    Raises:
        S3Error: by `find` or `select`.
        CorruptionError: the bytes aren't what was written.
        DeviceError: they could not be read.
        EncryptionKeyError: they can't be decrypted.
    """
    reading = gateway.readers.begin()
    try:
        opened = await _open_object(gateway, find, select)
    except BaseException:
        reading.end()
        raise
    if isinstance(opened.body, ContentStream):
        opened.body.at_end(reading.end)
    else:
        reading.end()
    return opened


async def _open_object(
    gateway: Gateway, find: Callable[[Snapshot], tuple[ObjectMetadata, Content]], select: Selection
) -> OpenObject:
    names_seen: set[bytes] = set()
    while True:
        with gateway.index.snapshot() as snapshot:
            metadata, content = find(snapshot)
        span = select(metadata)
        if span is None:
            return OpenObject(metadata, None, b"")
        opener = gateway.encryption.opener(metadata)
        try:
            body = await open_content(gateway.blobs, gateway.tasks, content, span, opener)
        except FileNotFoundError as error:
            names = {extent.blob_id for extent in content.extents}
            if names & names_seen or len(names_seen) >= OPEN_ATTEMPTS_MAX:
                raise CorruptionError("an object", f"a blob of it is missing: {error}") from error
            names_seen |= names
            continue
        return OpenObject(metadata, span, body)


async def delete_object(gateway: Gateway, bucket: BucketInfo, deletion: Deletion) -> None:
    """Deletes the current version of an object; deleting what isn't there succeeds.

    Raises:
        NoSuchBucket, PreconditionFailed: by `apply`; nothing happened.
    """
    command = DeleteObject(
        commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
        bucket_id=bucket.bucket_id,
        key=deletion.key,
        condition=deletion.condition,
        bucket_name=bucket.name,
    )
    committed(await gateway.commits.commit(command))


async def delete_objects(
    gateway: Gateway, bucket: BucketInfo, deletions: Sequence[Deletion]
) -> list[S3Error | None]:
    """Deletes objects, several at a time, so that they share a sync of the log.

    Returns:
        For each deletion the error it was refused with; None where it succeeded.

    Raises:
        OperatingError: one of them could not be committed; others may have been.
    """
    results: list[S3Error | None] = []
    for start in range(0, len(deletions), DELETES_IN_FLIGHT_MAX):
        batch = [
            gateway.tasks.spawn(_deletion_error(gateway, bucket, deletion), "delete object")
            for deletion in deletions[start : start + DELETES_IN_FLIGHT_MAX]
        ]
        errors = [await task for task in batch]
        for error in errors:
            if isinstance(error, OperatingError):
                raise error
            results.append(error)
    return results


async def _deletion_error(
    gateway: Gateway, bucket: BucketInfo, deletion: Deletion
) -> S3Error | OperatingError | None:
    try:
        await delete_object(gateway, bucket, deletion)
    except (S3Error, OperatingError) as error:
        return error
    return None
