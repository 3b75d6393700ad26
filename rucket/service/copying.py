"""Copies inside the store: CopyObject and UploadPartCopy.

A copy shares the blobs of its source: no byte moves, and the source may go away afterwards. Until
the copy is committed, though, the source's blobs are the source's alone; where it is replaced
meanwhile, `apply` says so (`Conflicted`) and we look again. What a row holds inline is copied.

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
from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import Checksum, Content, Extent, ObjectMetadata, Part
from rucket.service.ingest import commit_ingested, ingest
from rucket.service.multipart import pending_upload, put_part_command
from rucket.service.objects import StoredObject
from rucket.service.outcome_errors import committed_or_conflicted
from rucket.service.reading import ByteSpan, Piece, blob_spans, scan_content
from rucket.state.commands import PutObject, WriteCondition
from rucket.state.outcomes import Committed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.model.records import BucketInfo
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway
    from rucket.service.ingest import Hasher
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

    def update(self, data: bytes | memoryview, /) -> None:
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
    look = _Look()
    for _ in range(COPY_ATTEMPTS_MAX):
        with gateway.index.snapshot() as snapshot:
            source, content = find_source(snapshot)
        plan = plan_copy(source)
        checksum, parts = source.checksum, source.parts
        if plan.new_checksum is not None:
            computation = plan.new_checksum()
            whole = ByteSpan(0, source.size_bytes)
            if not await look.scan(gateway, content, whole, [computation]):
                continue
            checksum = computation.checksum()
            parts = tuple(msgspec.structs.replace(part, checksum=None) for part in parts)
        command = PutObject(
            commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
            bucket_id=bucket.bucket_id,
            key=key,
            metadata=msgspec.structs.replace(
                plan.metadata,
                size_bytes=source.size_bytes,
                etag=source.etag,
                checksum=checksum,
                parts=parts,
                placement_group=gateway.placement.compute_placement(bucket.bucket_id, key),
                home_region=gateway.settings.region,
            ),
            content=content,
            condition=condition,
            shares_blobs=bool(content.extents),
            bucket_name=bucket.name,
            is_copy=True,
        )
        outcome = committed_or_conflicted(await gateway.commits.commit(command))
        if isinstance(outcome, Committed):
            return StoredObject(source.etag, HlcTimestamp(outcome.hlc).physical_ms, checksum)
    raise ConditionalRequestConflict


async def copy_part(gateway: Gateway, find_source: FindSource, plan: PartPlan) -> StoredObject:
    """Adds bytes of an object as a part, over the one that had its number.

    Raises:
        NoSuchUpload: the upload has ended, or never was.
        S3Error: by `find_source` or the plan.
        ConditionalRequestConflict: the source keeps changing.
        CorruptionError: the bytes of the source aren't what was written.
    """
    look = _Look()
    for _ in range(COPY_ATTEMPTS_MAX):
        with gateway.index.snapshot() as snapshot:
            source, content = find_source(snapshot)
            storage_class = pending_upload(snapshot, plan.name).template.storage_class
        span = plan.select(source)
        computation = plan.new_checksum()
        if content.inline is not None:
            data = content.inline[span.offset : span.end]
            payload = _BytesPayload(data, computation)
            return await _put_inline_part(gateway, plan, payload, storage_class, computation)
        described = _described_already(source, span, computation.algorithm)
        if described is None:
            md5 = hashlib.md5(usedforsecurity=False)
            if not await look.scan(gateway, content, span, [md5, computation]):
                continue
            described = Part(0, span.size_bytes, md5.hexdigest(), computation.checksum())
        shared = Content(
            extents=tuple(
                Extent(part.blob_id, part.size_bytes, part.offset)
                for part in blob_spans(content, span)
            )
        )
        command = msgspec.structs.replace(
            put_part_command(gateway, plan.name, plan.part_number, described, shared),
            shares_blobs=bool(shared.extents),
        )
        outcome = committed_or_conflicted(await gateway.commits.commit(command))
        if isinstance(outcome, Committed):
            modified_ms = HlcTimestamp(outcome.hlc).physical_ms
            return StoredObject(described.etag, modified_ms, described.checksum)
    raise ConditionalRequestConflict


def _described_already(source: ObjectMetadata, span: ByteSpan, algorithm: str) -> Part | None:
    """The part that a whole object becomes whose entity tag is the MD5 of its bytes."""
    is_whole = span == ByteSpan(0, source.size_bytes) and not source.parts
    checksum = source.checksum
    if is_whole and checksum is not None and checksum.algorithm == algorithm:
        return Part(0, source.size_bytes, source.etag, checksum)
    return None


async def _put_inline_part(
    gateway: Gateway,
    plan: PartPlan,
    payload: _BytesPayload,
    storage_class: str,
    computation: ChecksumComputation,
) -> StoredObject:
    """Parts are always blobs, so the bytes of the row are written to one."""
    ingested = await ingest(gateway, payload, storage_class, may_be_inline=False)
    checksum = computation.checksum()
    part = Part(0, ingested.size_bytes, ingested.md5.hex(), checksum)
    command = put_part_command(gateway, plan.name, plan.part_number, part, ingested.content)
    outcome = committed_or_conflicted(await commit_ingested(gateway, command, ingested))
    assert isinstance(outcome, Committed), "nothing is shared that could have changed"
    return StoredObject(part.etag, HlcTimestamp(outcome.hlc).physical_ms, checksum)


class _Look:
    """Notices when the same blob is missing twice, which no change of the source explains."""

    def __init__(self) -> None:
        self._names_missed: set[bytes] = set()

    async def scan(
        self, gateway: Gateway, content: Content, span: ByteSpan, hashers: Sequence[Hasher]
    ) -> bool:
        """Feeds `hashers`; False if a blob was gone, so that the snapshot was old."""

        def take(piece: Piece) -> None:
            for hasher in hashers:
                hasher.update(piece)

        try:
            await scan_content(gateway.blobs, gateway.tasks, content, span, take)
        except FileNotFoundError as error:
            names = {extent.blob_id for extent in content.extents}
            if names & self._names_missed:
                raise CorruptionError("an object", f"a blob of it is missing: {error}") from error
            self._names_missed |= names
            return False
        return True


class _BytesPayload:
    """Bytes at hand, as a body."""

    def __init__(self, data: bytes, hasher: Hasher) -> None:
        self._left = data
        self._hasher = hasher
        self.size_bytes: int | None = len(data)

    async def read(self) -> bytes:
        data, self._left = self._left, b""
        return data

    def hashers(self) -> Sequence[Hasher]:
        return [self._hasher]

    def verify(self) -> None:
        """They are ours."""
