"""CopyObject. Source: S3 API Reference, CopyObject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import InvalidArgument, InvalidRequest
from rucket.model.storage_classes import DEFAULT_STORAGE_CLASS
from rucket.service import copying
from rucket.service.copying import CopyPlan, NewChecksum
from rucket.service.objects import ObjectDescription, new_metadata
from rucket.wire.checksums import parse_algorithm
from rucket.wire.copying_request import CopySourceRequest
from rucket.wire.kept_checksum import ComputedChecksum
from rucket.wire.object_request import (
    describe_object,
    find_object_bucket,
    key_of,
    requested_storage_class,
    write_condition,
)
from rucket.wire.operation import S3Response
from rucket.wire.server_side_encryption import HEADER as ENCRYPTION_HEADER
from rucket.wire.server_side_encryption import encrypting_as_asked, encryption_headers
from rucket.wire.xml.documents import CopyResult
from rucket.wire.xml.writer import write_copy_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.model.checksums import ChecksumAlgorithm
    from rucket.model.records import ObjectMetadata
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request

_METADATA_DIRECTIVE = "x-amz-metadata-directive"
_TAGGING_DIRECTIVE = "x-amz-tagging-directive"
_ALGORITHM = "x-amz-checksum-algorithm"
_COPY = "COPY"
_REPLACE = "REPLACE"


async def copy_object(request: S3Request, gateway: Gateway) -> S3Response:
    """Makes an object of another one's bytes, with its description or a new one."""
    bucket = find_object_bucket(gateway, request, "s3:PutObject")
    source_request = CopySourceRequest(request)
    plan = _Plan(request, source_request)
    stored = await copying.copy_object(
        encrypting_as_asked(request.headers, gateway),
        source_request.find,
        bucket,
        key_of(request),
        plan,
        write_condition(request.headers),
    )
    result = CopyResult(stored.etag, stored.modified_ms, stored.checksum)
    headers = [
        ("content-type", "application/xml"),
        *encryption_headers(is_encrypted=stored.is_encrypted),
    ]
    return S3Response(headers=headers, body=write_copy_object(result))


class _Plan:
    """What the request makes of whatever source is found."""

    def __init__(self, request: S3Request, source_request: CopySourceRequest) -> None:
        headers = request.headers
        self._source_request = source_request
        self._owner_id = request.requester.canonical_id
        self._description: ObjectDescription | None = None
        if _directive(headers, _METADATA_DIRECTIVE) == _REPLACE:
            self._description = describe_object(headers)
        self._storage_class = requested_storage_class(headers)
        _directive(
            headers, _TAGGING_DIRECTIVE
        )  # there are no tags that it could change anything of
        self._algorithm: ChecksumAlgorithm | None = None
        if _ALGORITHM in headers:
            self._algorithm = parse_algorithm(headers[_ALGORITHM], _ALGORITHM)
        self._is_encryption_chosen = ENCRYPTION_HEADER in headers
        source = source_request.source
        self._is_onto_itself = (source.bucket, source.key) == (request.bucket, request.key)

    def __call__(self, source: ObjectMetadata) -> CopyPlan:
        self._source_request.check(source)
        new_checksum = self._new_checksum(source)
        changes = (self._description, new_checksum, self._storage_class)
        is_changed = changes != (None, None, None) or self._is_encryption_chosen
        if self._is_onto_itself and not is_changed:
            raise InvalidRequest(
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata, storage class, website redirect location "
                "or encryption attributes."
            )
        # A copy has the class that is asked for, not that of its source.
        description = self._description or ObjectDescription(
            source.content_headers,
            source.user_metadata,
            self._storage_class or DEFAULT_STORAGE_CLASS,
        )
        return CopyPlan(new_metadata(description, self._owner_id), new_checksum)

    def _new_checksum(self, source: ObjectMetadata) -> NewChecksum | None:
        algorithm = self._algorithm
        if algorithm is None or (source.checksum and source.checksum.algorithm == algorithm.value):
            return None
        return lambda: ComputedChecksum(algorithm)


def _directive(headers: Mapping[str, str], name: str) -> str:
    directive = headers.get(name, _COPY)
    if directive not in (_COPY, _REPLACE):
        raise InvalidArgument(
            "Unknown metadata directive." if name == _METADATA_DIRECTIVE else "",
            ArgumentName=name,
            ArgumentValue=directive,
        )
    return directive
