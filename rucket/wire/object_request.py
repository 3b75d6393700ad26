"""What a request says about an object, read from its headers and query for the service layer.

Shared by the operations on objects. Headers that ask for what isn't there yet have been refused
before (`rucket.wire.unsupported_headers`). Source: S3 API Reference, PutObject, CopyObject,
CreateMultipartUpload.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.errors import (
    InvalidArgument,
    InvalidStorageClass,
    NoSuchVersion,
)
from rucket.model.storage_classes import DEFAULT_STORAGE_CLASS, STORAGE_CLASSES
from rucket.service.buckets import authorized_bucket
from rucket.service.multipart import PART_NUMBER_MAX, UploadName, parse_upload_id
from rucket.service.objects import ObjectDescription
from rucket.state.commands import WriteCondition
from rucket.wire.headers import collect_content_headers
from rucket.wire.preconditions import parse_entity_tags
from rucket.wire.user_metadata import collect_user_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rucket.model.records import BucketInfo
    from rucket.ports.index import Snapshot
    from rucket.service.gateway import Gateway
    from rucket.wire.operation import S3Request

NULL_VERSION_ID = "null"
_COUNT_DIGITS_MAX = 9
_VERSION_ID_LENGTH = 32
_HEX_DIGITS = frozenset("0123456789abcdef")
_ANY_ETAG = "*"


def object_bucket(snapshot: Snapshot, request: S3Request, action: str) -> BucketInfo:
    """The bucket of the request, in which its sender may do `action`.

    Raises:
        NoSuchBucket: there is none.
        AccessDenied: they may not.
    """
    assert request.bucket is not None, "routing sends no request without a bucket here"
    return authorized_bucket(snapshot, request.requester, action, request.bucket)


def find_object_bucket(gateway: Gateway, request: S3Request, action: str) -> BucketInfo:
    """The same, from a snapshot of its own."""
    with gateway.index.snapshot() as snapshot:
        return object_bucket(snapshot, request, action)


def key_of(request: S3Request) -> str:
    """The key of a request that has one."""
    assert request.key is not None, "routing sends no request without a key here"
    return request.key


def describe_object(headers: Mapping[str, str]) -> ObjectDescription:
    """Content headers, user metadata and storage class of an object to be.

    Raises:
        MetadataTooLarge: there is more than 2 KiB of metadata.
        InvalidStorageClass: there is no such class here.
    """
    return ObjectDescription(
        content_headers=collect_content_headers(headers),
        user_metadata=collect_user_metadata(headers),
        storage_class=requested_storage_class(headers) or DEFAULT_STORAGE_CLASS,
    )


def requested_storage_class(headers: Mapping[str, str]) -> str | None:
    """The storage class that a request asks for, if it does.

    Raises:
        InvalidStorageClass: there is no such class here.
    """
    name = headers.get("x-amz-storage-class")
    if not name:
        return None
    if name not in STORAGE_CLASSES:
        raise InvalidStorageClass(StorageClassRequested=name)
    return name


def write_condition(headers: Mapping[str, str]) -> WriteCondition:
    """If-Match and If-None-Match of a write."""
    return WriteCondition(
        if_match=_entity_tags(headers.get("if-match")),
        if_none_match=_entity_tags(headers.get("if-none-match")),
    )


def _entity_tags(header: str | None) -> tuple[str, ...]:
    """Sorted, so that the command's bytes follow from the request; a list of none matches none."""
    if header is None:
        return ()
    tags = parse_entity_tags(header)
    if tags.is_any:
        return (_ANY_ETAG,)
    return tuple(sorted(tags.strong | tags.weak)) or ("",)


def check_version_id(version_id: str | None) -> None:
    """Returns if a version id stands for the current version: buckets have no others yet.

    Routing has looked at the one in the query.

    Raises:
        InvalidArgument: it can't be a version id.
        NoSuchVersion: it could be one.
    """
    if version_id is None or version_id == NULL_VERSION_ID:
        return
    if len(version_id) == _VERSION_ID_LENGTH and _HEX_DIGITS.issuperset(version_id):
        raise NoSuchVersion(VersionId=version_id)
    what = "Invalid version id specified" if version_id else "Version id cannot be the empty string"
    raise InvalidArgument(what, ArgumentName="versionId", ArgumentValue=version_id)


def requested_upload(request: S3Request, bucket: BucketInfo) -> UploadName:
    """The upload that a request is about.

    Raises:
        NoSuchUpload: its id isn't one of ours.
    """
    upload_id = parse_upload_id(request.query.single("uploadId") or "")
    return UploadName(bucket, key_of(request), upload_id)


def requested_part_number(request: S3Request) -> int:
    """The part that a request is about.

    Raises:
        InvalidArgument: it isn't a number from 1 to 10,000.
    """
    text = request.query.single("partNumber") or ""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len("10000") else 0
    if not 1 <= number <= PART_NUMBER_MAX:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=text,
        )
    return number


def requested_count(request: S3Request, name: str, default: int) -> int:
    """A parameter that is a number, as ``max-parts``.

    Raises:
        InvalidArgument: it isn't one.
    """
    text = request.query.single(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > _COUNT_DIGITS_MAX:
        raise InvalidArgument(
            f"Provided {name} not an integer or within integer range",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return int(text)
