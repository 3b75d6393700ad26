"""Multipart uploads: create, add parts, complete, abort.

::

    CreateMultipartUpload ──> pending ── UploadPart* ──> pending
                                 │── Complete ──> object; remembered for a day, so that the same
                                 │                request gets the same answer
                                 └── Abort ──> nothing

The object's bytes are its parts' blobs, one after the other: completing copies nothing. An upload
id begins with the time, so that ids of one key are in the order of their creation. Source: S3 API
Reference, the pages of the operations; "Checking object integrity".
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import (
    ConditionalRequestConflict,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    NoSuchUpload,
)
from rucket.model.hlc import HlcTimestamp
from rucket.model.names import ID_SIZE_BYTES
from rucket.model.records import Content, Extent, MultipartUpload, Part, PartSummary
from rucket.ports.index import Table
from rucket.service.ingest import commit_ingested, ingest
from rucket.service.objects import StoredObject
from rucket.service.outcome_errors import committed, committed_or_conflicted
from rucket.state.commands import (
    AbortMultipartUpload,
    ChosenPart,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    PutPart,
    WriteCondition,
)
from rucket.state.outcomes import Committed
from rucket.state.rows import (
    CONTENT,
    PART,
    find_completed_upload,
    find_upload,
    part_row_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rucket.model.records import BucketInfo, Checksum, ObjectMetadata
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway
    from rucket.service.ingest import ChecksummedPayload

PART_NUMBER_MAX = 10_000
PART_SIZE_BYTES_MIN = 5 * 1024 * 1024
COMPLETE_ATTEMPTS_MAX = 5
_PARTS_PER_SNAPSHOT = 500
_TIME_SIZE_BYTES = 6
_TIME_MASK = (1 << 8 * _TIME_SIZE_BYTES) - 1


@dataclass(frozen=True, slots=True)
class UploadName:
    """Which upload: its id counts only together with its bucket and key."""

    bucket: BucketInfo
    key: str
    upload_id: bytes


@dataclass(frozen=True, slots=True)
class RequestedPart:
    """A part as a CompleteMultipartUpload request names it.

    Attributes:
        etag: without quotes.
        checksums: values by the names of their algorithms; those of other algorithms than the
            upload's say nothing.
    """

    part_number: int
    etag: str
    checksums: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CompletedParts:
    """The parts of an object, put together."""

    summaries: tuple[PartSummary, ...]
    size_bytes: int
    etag: str


Judgement = Callable[[MultipartUpload, CompletedParts], "Checksum | None"]
"""What a CompleteMultipartUpload request says about the whole: returns the checksum of the object,
and raises S3Error if that, or the size, isn't what the client meant."""


def parse_upload_id(text: str) -> bytes:
    """The upload id that a client was given as `text`.

    Raises:
        NoSuchUpload: we never gave that one out.
    """
    try:
        upload_id = bytes.fromhex(text)
    except ValueError:
        upload_id = b""
    if len(upload_id) != ID_SIZE_BYTES:
        raise NoSuchUpload(UploadId=text)
    return upload_id


async def create_upload(
    gateway: Gateway,
    bucket: BucketInfo,
    key: str,
    template: ObjectMetadata,
    initiator_id: str,
    checksum: tuple[str, str] | None,
) -> bytes:
    """Starts an upload.

    Args:
        gateway: the ports.
        bucket: in which the requester may do this.
        key: of the object.
        template: what the object will be, as `rucket.service.objects.new_metadata`.
        initiator_id: canonical id of the requester.
        checksum: algorithm and type that the client asks for.

    Returns:
        The upload id.
    """
    time = (gateway.clock.wall_ms() & _TIME_MASK).to_bytes(_TIME_SIZE_BYTES, "big")
    upload_id = time + gateway.random.token_bytes(ID_SIZE_BYTES - _TIME_SIZE_BYTES)
    algorithm, checksum_type = checksum or ("", "")
    upload = MultipartUpload(
        upload_id=upload_id,
        initiated_hlc=0,
        initiator_id=initiator_id,
        template=msgspec.structs.replace(
            template,
            placement_group=gateway.placement.compute_placement(bucket.bucket_id, key),
            home_region=gateway.settings.region,
            encryption=gateway.encryption.new_record(gateway.random),
        ),
        checksum_algorithm=algorithm,
        checksum_type=checksum_type,
    )
    command = CreateMultipartUpload(upload_id, bucket.bucket_id, key, upload)
    committed(await gateway.commits.commit(command))
    return upload_id


def pending_upload(snapshot: Snapshot, name: UploadName) -> MultipartUpload:
    """An upload that can still be added to.

    Raises:
        NoSuchUpload: it has ended, or never was.
    """
    upload = find_upload(snapshot, name.bucket.bucket_id, name.key, name.upload_id)
    if upload is None:
        raise NoSuchUpload(UploadId=name.upload_id.hex())
    return upload


async def put_part(
    gateway: Gateway,
    name: UploadName,
    part_number: int,
    payload: ChecksummedPayload,
) -> StoredObject:
    """Adds a part, over the one that had its number. Durable when this returns.

    Args:
        gateway: the ports.
        name: of the upload.
        part_number: of the part.
        payload: its bytes; not read before this is called.

    Raises:
        NoSuchUpload: it has ended, or never was.
        S3Error: the body is not what the client meant.
        OperatingError: it could not be written, or nobody knows (`CommitUnknownError`).
    """
    with gateway.index.snapshot() as snapshot:
        template = pending_upload(snapshot, name).template
    stream_id, sealer = gateway.encryption.new_part(template.encryption, gateway.random)
    ingested = await ingest(
        gateway, payload, template.storage_class, may_be_inline=False, sealer=sealer
    )
    checksum = payload.checksum()
    part = Part(0, ingested.size_bytes, ingested.md5.hex(), checksum=checksum, stream_id=stream_id)
    command = put_part_command(gateway, name, part_number, part, ingested.content)
    outcome = committed(await commit_ingested(gateway, command, ingested))
    modified_ms = HlcTimestamp(outcome.hlc).physical_ms
    return StoredObject(part.etag, modified_ms, checksum, is_encrypted=sealer is not None)


def put_part_command(
    gateway: Gateway, name: UploadName, part_number: int, part: Part, content: Content
) -> PutPart:
    """The command that adds a part."""
    return PutPart(
        commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
        bucket_id=name.bucket.bucket_id,
        key=name.key,
        upload_id=name.upload_id,
        part_number=part_number,
        part=part,
        content=content,
    )


async def abort_upload(gateway: Gateway, name: UploadName) -> None:
    """Ends an upload and gives up its parts.

    Raises:
        NoSuchUpload: it has ended, or never was.
    """
    command = AbortMultipartUpload(
        commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
        bucket_id=name.bucket.bucket_id,
        key=name.key,
        upload_id=name.upload_id,
    )
    committed(await gateway.commits.commit(command))


async def complete_upload(
    gateway: Gateway,
    name: UploadName,
    requested: Sequence[RequestedPart],
    condition: WriteCondition,
    judge: Judgement,
) -> StoredObject:
    """Makes an object of the parts of an upload. Durable when this returns.

    The same request, repeated, gets the same answer. Parts that change between our look and the
    commit make us look again.

    Raises:
        NoSuchUpload: it has ended in another way, or never was.
        InvalidPartOrder, InvalidPart, EntityTooSmall: of the list of parts.
        NoSuchKey, PreconditionFailed: of the condition.
        ConditionalRequestConflict: the parts keep changing.
        S3Error: by `judge`.
    """
    parts_digest = _digest(requested)
    requested = _last_of_each_number(requested)
    for _ in range(COMPLETE_ATTEMPTS_MAX):
        with gateway.index.snapshot() as snapshot:
            upload = find_upload(snapshot, name.bucket.bucket_id, name.key, name.upload_id)
            if upload is None:
                return _completed_before(snapshot, name, parts_digest)
        encryption = gateway.encryption.under_active_key(upload.template.encryption, gateway.random)
        found = await _find_parts(gateway, name, requested, upload)
        parts = _put_together(requested, [part for part, _ in found])
        command = CompleteMultipartUpload(
            commit_id=gateway.random.token_bytes(ID_SIZE_BYTES),
            bucket_id=name.bucket.bucket_id,
            key=name.key,
            upload_id=name.upload_id,
            parts=tuple(
                ChosenPart(asked.part_number, part.version_id)
                for asked, (part, _) in zip(requested, found, strict=True)
            ),
            parts_digest=parts_digest,
            metadata=msgspec.structs.replace(
                upload.template,
                size_bytes=parts.size_bytes,
                etag=parts.etag,
                checksum=judge(upload, parts),
                encryption=encryption,
                parts=parts.summaries,
            ),
            content=Content(extents=tuple(extent for _, extents in found for extent in extents)),
            condition=condition,
            bucket_name=name.bucket.name,
        )
        outcome = committed_or_conflicted(await gateway.commits.commit(command))
        if isinstance(outcome, Committed):
            modified_ms = HlcTimestamp(outcome.hlc).physical_ms
            return StoredObject(
                outcome.etag, modified_ms, outcome.checksum, is_encrypted=encryption is not None
            )
    raise ConditionalRequestConflict


def _digest(requested: Sequence[RequestedPart]) -> bytes:
    lines = "".join(f"{part.part_number} {part.etag}\n" for part in requested)
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).digest()


def _completed_before(snapshot: Snapshot, name: UploadName, parts_digest: bytes) -> StoredObject:
    completed = find_completed_upload(snapshot, name.upload_id)
    if (
        completed is None
        or completed.bucket_id != name.bucket.bucket_id
        or completed.key != name.key
        or completed.parts_digest != parts_digest
    ):
        raise NoSuchUpload(UploadId=name.upload_id.hex())
    modified_ms = HlcTimestamp(completed.hlc).physical_ms
    return StoredObject(
        completed.etag, modified_ms, completed.checksum, is_encrypted=completed.is_encrypted
    )


def _last_of_each_number(requested: Sequence[RequestedPart]) -> list[RequestedPart]:
    """The parts in order.

    A client that sent a part twice may list it twice: the last one counts, as it does among the
    parts themselves.
    """
    for part, following in itertools.pairwise(requested):
        if part.part_number > following.part_number:
            raise InvalidPartOrder
    return list({part.part_number: part for part in requested}.values())


async def _find_parts(
    gateway: Gateway,
    name: UploadName,
    requested: Sequence[RequestedPart],
    upload: MultipartUpload,
) -> list[tuple[Part, tuple[Extent, ...]]]:
    """The parts asked for and their extents, in slices: `apply` checks that they're still those."""
    found: list[tuple[Part, tuple[Extent, ...]]] = []
    for start in range(0, len(requested), _PARTS_PER_SNAPSHOT):
        if start:
            await gateway.tasks.sleep(0)
        with gateway.index.snapshot() as snapshot:
            found.extend(
                _find_part(snapshot, name, asked, upload)
                for asked in requested[start : start + _PARTS_PER_SNAPSHOT]
            )
    last = len(found) - 1
    for position, (part, _) in enumerate(found):
        if part.size_bytes < PART_SIZE_BYTES_MIN and position != last:
            raise EntityTooSmall(
                ProposedSize=str(part.size_bytes),
                MinSizeAllowed=str(PART_SIZE_BYTES_MIN),
                PartNumber=str(requested[position].part_number),
                ETag=part.etag,
            )
    return found


def _find_part(
    snapshot: Snapshot, name: UploadName, asked: RequestedPart, upload: MultipartUpload
) -> tuple[Part, tuple[Extent, ...]]:
    row_key = part_row_key(name.upload_id, asked.part_number)
    row = snapshot.get_with_attachment(Table.PARTS, row_key)
    if row is not None:
        part = PART.decode(row[0])
        if part.etag == asked.etag and _checksums_fit(part, asked, upload):
            return part, CONTENT.decode(row[1]).extents
    raise InvalidPart(
        UploadId=name.upload_id.hex(), PartNumber=str(asked.part_number), ETag=asked.etag
    )


def _checksums_fit(part: Part, asked: RequestedPart, upload: MultipartUpload) -> bool:
    """Whether the request names the part's own checksum, where it names one."""
    own = part.checksum
    if own is None or own.algorithm != upload.checksum_algorithm:
        return True
    return all(value == own.value for name, value in asked.checksums if name == own.algorithm)


def _put_together(requested: Sequence[RequestedPart], parts: Sequence[Part]) -> CompletedParts:
    """Size and entity tag of the whole: the latter is the MD5 of the parts' MD5s, and how many."""
    md5 = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
    return CompletedParts(
        summaries=tuple(
            PartSummary(asked.part_number, part.size_bytes, part.checksum, part.stream_id)
            for asked, part in zip(requested, parts, strict=True)
        ),
        size_bytes=sum(part.size_bytes for part in parts),
        etag=f"{md5.hexdigest()}-{len(parts)}",
    )
