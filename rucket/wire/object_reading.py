"""GET and HEAD of an object: which of its bytes a request wants, and the headers of the answer.

::

    If-Match … ── failed ──> 412
        └── not modified ──> 304, with ETag and Last-Modified
        └── partNumber ──> 206, the part           out of range ──> 416
        └── Range (If-Range holds) ──> 206         out of range ──> 416
        └── otherwise ──> 200, all of it

Source: RFC 9110 §13, §14; S3 API Reference, GetObject and HeadObject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from rucket.model.errors import InvalidPartNumber, InvalidRequest, PreconditionFailed, S3Error
from rucket.service.objects import modified_ms
from rucket.service.reading import ByteSpan
from rucket.wire.byte_ranges import ByteRange, resolve_range
from rucket.wire.checksums import HEADER_PREFIX
from rucket.wire.headers import response_overrides
from rucket.wire.object_request import (
    find_object_bucket,
    requested_part_number,
)
from rucket.wire.operation import S3Response
from rucket.wire.preconditions import Verdict, parse_preconditions
from rucket.wire.server_side_encryption import encryption_headers
from rucket.wire.timestamps import format_http_date, parse_http_date
from rucket.wire.user_metadata import PREFIX, encode_metadata_value

if TYPE_CHECKING:
    from rucket.model.records import Checksum, ObjectMetadata
    from rucket.service.gateway import Gateway
    from rucket.service.objects import StoredObject
    from rucket.wire.operation import S3Request

Headers = list[tuple[str, str]]

_DEFAULT_STORAGE_CLASS = "STANDARD"
_STATUS_OK = 200
_STATUS_PARTIAL_CONTENT = 206
_STATUS_NOT_MODIFIED = 304


class ObjectSelection:
    """What one GET or HEAD wants of whatever object is found.

    Raises:
        InvalidRequest, InvalidArgument: the request contradicts itself.
    """

    def __init__(self, request: S3Request) -> None:
        self._preconditions = parse_preconditions(request.headers)
        self._range = request.headers.get("range")
        self._if_range = request.headers.get("if-range")
        self._part_number: int | None = None
        if "partNumber" in request.query:
            self._part_number = requested_part_number(request)
            if self._range is not None:
                raise InvalidRequest(
                    "Cannot specify both Range header and partNumber query parameter"
                )
        self._wants_checksum = request.headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"
        self._overrides = response_overrides(
            request.query, is_anonymous=request.requester.is_anonymous
        )

    def __call__(self, metadata: ObjectMetadata) -> ByteSpan | None:
        """The bytes that are wanted; None if the object wasn't modified.

        Raises:
            PreconditionFailed, InvalidRange, InvalidPartNumber: RFC 9110's reasons.
        """
        verdict = self._preconditions.evaluate(metadata.etag, modified_ms(metadata))
        if verdict is Verdict.FAILED:
            raise PreconditionFailed
        if verdict is Verdict.NOT_MODIFIED:
            return None
        if self._part_number is not None:
            return _part_span(metadata, self._part_number)
        byte_range = self._byte_range(metadata)
        if byte_range is None:
            return ByteSpan(0, metadata.size_bytes)
        return ByteSpan(byte_range.first, byte_range.size_bytes)

    def respond(self, metadata: ObjectMetadata, span: ByteSpan | None) -> S3Response:
        """The answer but for its body; without a span, that the object wasn't modified."""
        validators = [
            ("etag", f'"{metadata.etag}"'),
            ("last-modified", format_http_date(modified_ms(metadata))),
        ]
        if span is None:
            return S3Response(_STATUS_NOT_MODIFIED, validators)
        headers: Headers = [*validators, ("accept-ranges", "bytes")]
        headers.extend(self._content_headers(metadata))
        headers.extend(
            (f"{PREFIX}{name}", encode_metadata_value(value).decode("latin-1"))
            for name, value in metadata.user_metadata.items()
        )
        headers.extend(encryption_headers(is_encrypted=metadata.encryption is not None))
        if metadata.storage_class != _DEFAULT_STORAGE_CLASS:
            headers.append(("x-amz-storage-class", metadata.storage_class))
        if self._part_number is not None and metadata.parts:
            headers.append(("x-amz-mp-parts-count", str(len(metadata.parts))))
        if self._wants_checksum:
            headers.extend(checksum_headers(self._covering_checksum(metadata)))
        is_partial = self._part_number is not None or self._byte_range(metadata) is not None
        if not (is_partial and span.size_bytes):
            return S3Response(_STATUS_OK, headers)
        sent = ByteRange(span.offset, span.end - 1)
        headers.append(("content-range", sent.content_range(metadata.size_bytes)))
        return S3Response(_STATUS_PARTIAL_CONTENT, headers)

    def _byte_range(self, metadata: ObjectMetadata) -> ByteRange | None:
        if self._range is None or not self._if_range_holds(metadata):
            return None
        return resolve_range(self._range, metadata.size_bytes)

    def _if_range_holds(self, metadata: ObjectMetadata) -> bool:
        """Whether the object is the one that the client has a part of; RFC 9110 §13.1.5."""
        if self._if_range is None:
            return True
        validator = self._if_range.strip()
        if validator.strip('"') == metadata.etag:
            return True
        date_ms = parse_http_date(validator)
        return date_ms is not None and date_ms // 1000 == modified_ms(metadata) // 1000

    def _content_headers(self, metadata: ObjectMetadata) -> Headers:
        kept = metadata.content_headers
        if not self._overrides:
            return list(kept.items())
        replaced = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self._overrides.items()
        }
        return list({**kept, **replaced}.items())

    def _covering_checksum(self, metadata: ObjectMetadata) -> Checksum | None:
        """The checksum of exactly the bytes that are sent: clients compare it with these."""
        if self._part_number is None or not metadata.parts:
            return metadata.checksum if self._byte_range(metadata) is None else None
        for part in metadata.parts:
            if part.part_number == self._part_number and part.checksum and metadata.checksum:
                return msgspec.structs.replace(part.checksum, type=metadata.checksum.type)
        return None


def select_object(request: S3Request, gateway: Gateway, action: str) -> ObjectSelection:
    """What the request wants. Who may not ask gets to know that, and nothing else.

    Raises:
        S3Error: as `object_bucket`, then as `ObjectSelection`.
    """
    try:
        return ObjectSelection(request)
    except S3Error:
        find_object_bucket(gateway, request, action)
        raise


def checksum_headers(checksum: Checksum | None) -> Headers:
    """A checksum as headers; none for none."""
    if checksum is None:
        return []
    return [
        (f"{HEADER_PREFIX}{checksum.algorithm.lower()}", checksum.value),
        ("x-amz-checksum-type", checksum.type),
    ]


def written_headers(stored: StoredObject) -> Headers:
    """The headers that answer a write."""
    return [
        ("etag", f'"{stored.etag}"'),
        *checksum_headers(stored.checksum),
        *encryption_headers(is_encrypted=stored.is_encrypted),
    ]


def _part_span(metadata: ObjectMetadata, part_number: int) -> ByteSpan:
    if not metadata.parts and part_number == 1:
        return ByteSpan(0, metadata.size_bytes)
    offset = 0
    for part in metadata.parts:
        if part.part_number == part_number:
            return ByteSpan(offset, part.size_bytes)
        offset += part.size_bytes
    raise InvalidPartNumber(
        PartNumberRequested=str(part_number),
        ActualPartCount=str(len(metadata.parts) or 1),
    )
