"""Copies inside the store: CopyObject and UploadPartCopy.

A copy shares the blobs of its source: no byte moves, and the source may go away afterwards. Until
the copy is committed, though, the source's blobs are the source's alone; where it is replaced
meanwhile, `apply` says so (`Conflicted`) and we look again. What a row holds inline is copied.

Where the source is encrypted and the copy is not to be, or the other way round, the bytes are read,
verified and written again; an encrypted part always is, since it is a stream of its own. So they
are where the storage class of the copy is kept on other devices.

A copied object keeps entity tag, parts and checksum of its source: its bytes are the same. A copied
part needs the MD5 of its own bytes, so these are read and verified, unless they are a whole object
that was put at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from rucket.model.errors import ConditionalRequestConflict, CorruptionError
from rucket.model.hlc import HlcTimestamp
from rucket.model.names import ID_SIZE_BYTES, BlobId
from rucket.model.records import Checksum, Content, Extent, ObjectMetadata, Part
from rucket.service.ingest import commit_ingested, ingest
from rucket.service.multipart import pending_upload, put_part_command
from rucket.service.objects import StoredObject
from rucket.service.outcome_errors import committed_or_conflicted
from rucket.service.reading import (
    ByteSpan,
    ContentStream,
    Piece,
    blob_spans,
    open_content,
    scan_content,
)
from rucket.state.commands import PutObject, WriteCondition
from rucket.state.outcomes import Committed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.model.records import BucketInfo, Record
    from rucket.ports.blobs import Blobs
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway
    from rucket.service.ingest import Hasher, Ingested
    from rucket.service.multipart import UploadName

COPY_ATTEMPTS_MAX = 5

FindSource = Callable[["Snapshot"], tuple[ObjectMetadata, Content]]
"""Finds the source, and raises S3Error if it isn't there or not for the requester."""


class ChecksumComputation(Protocol):
    """Computes a checksum that is kept."""

    @property
    def algorithm(self) -> str:
        """Which, by its S3 name."""
        ...

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Takes the next bytes."""
        ...

    def checksum(self) -> Checksum:
        """That of all bytes so far."""
        ...


NewChecksum = Callable[[], ChecksumComputation]


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What an object is copied to, once its source is known.

    Attributes:
        metadata: of the copy; what depends on the bytes is filled in here.
        new_checksum: None keeps the source's; otherwise the bytes are read for another.
    """

    metadata: ObjectMetadata
    new_checksum: NewChecksum | None = None


@dataclass(frozen=True, slots=True)
class PartPlan:
    """What part of an object is copied to which part of an upload.

    Attributes:
        select: the span, once the source is known; raises S3Error to refuse.
        new_checksum: for the part's checksum.
    """

    name: UploadName
    part_number: int
    select: Callable[[ObjectMetadata], ByteSpan]
    new_checksum: NewChecksum


async def copy_object(
    gateway: Gateway,
    find_source: FindSource,
    bucket: BucketInfo,
    key: str,
    plan_copy: Callable[[ObjectMetadata], CopyPlan],
    condition: WriteCondition,
) -> StoredObject:
    """Makes an object of the bytes of another. Durable when this returns.

    `plan_copy` is called with what is known of the source, maybe more than once; it raises S3Error
    to refuse.

    Raises:
        S3Error: by `find_source`, `plan_copy`, or because of `condition`.
        ConditionalRequestConflict: the source keeps changing.
        CorruptionError: the bytes of the source had to be read and aren't what was written.
    """
    with gateway.readers.begin():
        return await _copy_object(gateway, find_source, bucket, key, plan_copy, condition)


async def _copy_object(
    gateway: Gateway,
    find_source: FindSource,
    bucket: BucketInfo,
    key: str,
    plan_copy: Callable[[ObjectMetadata], CopyPlan],
    condition: WriteCondition,
) -> StoredObject:
    look = _Look(gateway)
    for _ in range(COPY_ATTEMPTS_MAX):
        with gateway.index.snapshot() as snapshot:
            source, content = find_source(snapshot)
        plan = plan_copy(source)
        copied = await _copy_content(look, source, content, plan)
        if copied is None:
            continue
        command = PutObject(
            commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
            bucket_id=bucket.bucket_id,
            key=key,
            metadata=msgspec.structs.replace(
                copied.metadata,
                placement_group=gateway.placement.compute_placement(bucket.bucket_id, key),
                home_region=gateway.settings.region,
            ),
            content=copied.content,
            condition=condition,
            shares_blobs=copied.ingested is None and bool(copied.content.extents),
            bucket_name=bucket.name,
            is_copy=True,
        )
        outcome = committed_or_conflicted(await _commit(gateway, command, copied.ingested))
        if isinstance(outcome, Committed):
            return StoredObject(
                source.etag,
                HlcTimestamp(outcome.hlc).physical_ms,
                copied.metadata.checksum,
                is_encrypted=copied.metadata.encryption is not None,
            )
    raise ConditionalRequestConflict


@dataclass(frozen=True, slots=True)
class _Copied:
    """What a copy will be.

    Attributes:
        ingested: the bytes, if they have been written again and aren't shared.
    """

    metadata: ObjectMetadata
    content: Content
    ingested: Ingested | None = None


async def _copy_content(
    look: _Look, source: ObjectMetadata, content: Content, plan: CopyPlan
) -> _Copied | None:
    """Shares the bytes of the source, or writes them again where the copy is to be encrypted and
    the source isn't, or the other way round, or where its storage class is kept elsewhere. None if
    the source has changed.
    """
    gateway = look.gateway
    metadata = msgspec.structs.replace(
        plan.metadata,
        size_bytes=source.size_bytes,
        etag=source.etag,
        checksum=source.checksum,
        parts=source.parts,
    )
    computation = None if plan.new_checksum is None else plan.new_checksum()
    whole = ByteSpan(0, source.size_bytes)
    hashers = [] if computation is None else [computation]
    ingested: Ingested | None = None
    is_shared = is_placed_for(gateway.blobs, content, metadata.storage_class)
    if is_shared and (source.encryption is not None) == gateway.encryption.is_on:
        encryption = gateway.encryption.under_active_key(source.encryption, gateway.random)
        if hashers and not await look.scan(source, content, whole, hashers):
            return None
    else:
        encryption, sealer = gateway.encryption.new_object(gateway.random)
        payload = await look.payload(source, content, whole, hashers)
        if payload is None:
            return None
        async with payload:
            ingested = await ingest(gateway, payload, metadata.storage_class, sealer=sealer)
        content = ingested.content
        parts = tuple(msgspec.structs.replace(part, stream_id=b"") for part in metadata.parts)
        metadata = msgspec.structs.replace(metadata, parts=parts)
    if computation is not None:
        parts = tuple(msgspec.structs.replace(part, checksum=None) for part in metadata.parts)
        metadata = msgspec.structs.replace(metadata, checksum=computation.checksum(), parts=parts)
    metadata = msgspec.structs.replace(metadata, encryption=encryption)
    return _Copied(metadata, content, ingested)


def is_placed_for(blobs: Blobs, content: Content, storage_class: str) -> bool:
    """Whether an object of a storage class may share all blobs of a content."""
    return all(
        blobs.is_placed_for(BlobId(extent.blob_id), storage_class) for extent in content.extents
    )


async def _commit(gateway: Gateway, command: Record, ingested: Ingested | None) -> Record:
    if ingested is None:
        return await gateway.commits.commit(command)
    return await commit_ingested(gateway, command, ingested)


async def copy_part(gateway: Gateway, find_source: FindSource, plan: PartPlan) -> StoredObject:
    """Adds bytes of an object as a part, over the one that had its number.

    Raises:
        NoSuchUpload: the upload has ended, or never was.
        S3Error: by `find_source` or the plan.
        ConditionalRequestConflict: the source keeps changing.
        CorruptionError: the bytes of the source aren't what was written.
    """
    with gateway.readers.begin():
        return await _copy_part(gateway, find_source, plan)


async def _copy_part(gateway: Gateway, find_source: FindSource, plan: PartPlan) -> StoredObject:
    look = _Look(gateway)
    for _ in range(COPY_ATTEMPTS_MAX):
        with gateway.index.snapshot() as snapshot:
            source, content = find_source(snapshot)
            template = pending_upload(snapshot, plan.name).template
        span = plan.select(source)
        copied = await _copy_part_content(look, (source, content), span, plan, template)
        if copied is None:
            continue
        part, content, ingested = copied
        command = msgspec.structs.replace(
            put_part_command(gateway, plan.name, plan.part_number, part, content),
            shares_blobs=ingested is None and bool(content.extents),
        )
        outcome = committed_or_conflicted(await _commit(gateway, command, ingested))
        if isinstance(outcome, Committed):
            return StoredObject(
                part.etag,
                HlcTimestamp(outcome.hlc).physical_ms,
                part.checksum,
                is_encrypted=template.encryption is not None,
            )
    raise ConditionalRequestConflict


async def _copy_part_content(
    look: _Look,
    found: tuple[ObjectMetadata, Content],
    span: ByteSpan,
    plan: PartPlan,
    template: ObjectMetadata,
) -> tuple[Part, Content, Ingested | None] | None:
    """Shares the bytes in blobs, or writes them again: parts have streams of their own where they
    are encrypted, are never in a row, and are where their storage class is kept. None if the source
    has changed.
    """
    gateway, (source, content) = look.gateway, found
    computation = plan.new_checksum()
    is_shared = content.inline is None and is_placed_for(
        gateway.blobs, content, template.storage_class
    )
    if is_shared and source.encryption is None and template.encryption is None:
        described = _described_already(source, span, computation.algorithm)
        if described is None:
            md5 = hashlib.md5(usedforsecurity=False)
            if not await look.scan(source, content, span, [md5, computation]):
                return None
            described = Part(0, span.size_bytes, md5.hexdigest(), computation.checksum())
        extents = tuple(
            Extent(part.blob_id, part.size_bytes, part.offset) for part in blob_spans(content, span)
        )
        return described, Content(extents=extents), None
    payload = await look.payload(source, content, span, [computation])
    if payload is None:
        return None
    stream_id, sealer = gateway.encryption.new_part(template.encryption, gateway.random)
    async with payload:
        ingested = await ingest(
            gateway, payload, template.storage_class, may_be_inline=False, sealer=sealer
        )
    part = Part(0, span.size_bytes, ingested.md5.hex(), computation.checksum(), stream_id=stream_id)
    return part, ingested.content, ingested


def _described_already(source: ObjectMetadata, span: ByteSpan, algorithm: str) -> Part | None:
    """The part that a whole object becomes whose entity tag is the MD5 of its bytes."""
    is_whole = span == ByteSpan(0, source.size_bytes) and not source.parts
    checksum = source.checksum
    if is_whole and checksum is not None and checksum.algorithm == algorithm:
        return Part(0, source.size_bytes, source.etag, checksum)
    return None


class _Look:
    """Reads sources, and notices when the same blob is missing twice, which no change of the source
    explains.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._names_missed: set[bytes] = set()

    async def scan(
        self,
        source: ObjectMetadata,
        content: Content,
        span: ByteSpan,
        hashers: Sequence[Hasher],
    ) -> bool:
        """Feeds `hashers`; False if a blob was gone, so that the snapshot was old."""

        def take(piece: Piece) -> None:
            for hasher in hashers:
                hasher.update(piece)

        gateway = self.gateway
        opener = gateway.encryption.opener(source)
        try:
            await scan_content(gateway.blobs, gateway.tasks, content, span, take, opener)
        except FileNotFoundError as error:
            self._note_missing(content, error)
            return False
        return True

    async def payload(
        self,
        source: ObjectMetadata,
        content: Content,
        span: ByteSpan,
        hashers: Sequence[Hasher],
    ) -> _SourcePayload | None:
        """The bytes in `span`, to be written again; None if a blob was gone."""
        gateway = self.gateway
        opener = gateway.encryption.opener(source)
        try:
            body = await open_content(gateway.blobs, gateway.tasks, content, span, opener)
        except FileNotFoundError as error:
            self._note_missing(content, error)
            return None
        return _SourcePayload(body, span.size_bytes, hashers)

    def _note_missing(self, content: Content, error: FileNotFoundError) -> None:
        names = {extent.blob_id for extent in content.extents}
        if names & self._names_missed:
            raise CorruptionError("an object", f"a blob of it is missing: {error}") from error
        self._names_missed |= names


class _SourcePayload:
    """Bytes of an object, as a body. Closes what it reads from when its context ends."""

    def __init__(
        self, body: Piece | ContentStream, size_bytes: int, hashers: Sequence[Hasher]
    ) -> None:
        self._body = body
        self._hashers = hashers
        self.size_bytes: int | None = size_bytes

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        if isinstance(self._body, ContentStream):
            await self._body.aclose()

    async def read(self) -> Piece:
        """See `Payload.read`."""
        if isinstance(self._body, ContentStream):
            return await anext(self._body, b"")
        piece, self._body = self._body, b""
        return piece

    def hashers(self) -> Sequence[Hasher]:
        """See `Payload.hashers`."""
        return self._hashers

    def verify(self) -> None:
        """They are ours, and were verified when they were read."""
