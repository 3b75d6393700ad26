"""Renders the response documents of ``rucket.wire.xml.documents``.

Text is put together by f-strings: a listing of 1,000 keys is the hot one. Source: S3 API Reference,
the page of each operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rucket.model.hlc import physical_ms_of
from rucket.wire.percent_encoding import is_unreserved, uri_encode
from rucket.wire.timestamps import format_iso8601
from rucket.wire.xml.escaping import escape, is_representable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rucket.model.records import Checksum
    from rucket.wire.xml.documents import (
        CompleteMultipartUploadResult,
        CopyResult,
        DeletedObject,
        DeleteFailure,
        DeleteResult,
        InitiateMultipartUploadResult,
        ListAllMyBucketsResult,
        ListBucketResult,
        ListBucketResultV2,
        ListMultipartUploadsResult,
        ListPartsResult,
        ObjectEntry,
        Owner,
        PartEntry,
        UploadEntry,
    )

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def write_list_all_my_buckets(result: ListAllMyBucketsResult) -> bytes:
    """ListBuckets."""
    buckets = "".join(
        f"<Bucket><Name>{escape(bucket.name)}</Name>"
        f"<CreationDate>{format_iso8601(bucket.created_ms)}</CreationDate>"
        f"{_if_any('BucketRegion', bucket.region)}</Bucket>"
        for bucket in result.buckets
    )
    return _document(
        "ListAllMyBucketsResult",
        f"{_owner('Owner', result.owner)}<Buckets>{buckets}</Buckets>"
        f"{_optional('ContinuationToken', result.continuation_token)}"
        f"{_optional('Prefix', result.prefix)}",
    )


def write_location_constraint(location: str) -> bytes:
    """GetBucketLocation; an empty ``location`` is us-east-1's."""
    return _document("LocationConstraint", escape(location))


def write_list_bucket(result: ListBucketResult) -> bytes:
    """ListObjects, version 1."""
    encode = _key_encoder(url_encoded=result.url_encoded)
    # Clients of version 1 (botocore among them) don't decode the prefix, so it stays as it is
    # wherever it can.
    prefix = escape(result.prefix) if is_representable(result.prefix) else encode(result.prefix)
    return _document(
        "ListBucketResult",
        f"<Name>{escape(result.bucket)}</Name><Prefix>{prefix}</Prefix>"
        f"<Marker>{encode(result.marker)}</Marker>"
        f"{_optional('NextMarker', result.next_marker, encode)}"
        f"<MaxKeys>{result.max_keys}</MaxKeys>{_if_any('Delimiter', result.delimiter, encode)}"
        f"{_encoding_type(url_encoded=result.url_encoded)}{_truncated(flag=result.is_truncated)}",
        *_contents(result.entries, result.owners, encode),
        *_common_prefixes(result.common_prefixes, encode),
    )


def write_list_bucket_v2(result: ListBucketResultV2) -> bytes:
    """ListObjectsV2."""
    encode = _key_encoder(url_encoded=result.url_encoded)
    key_count = len(result.entries) + len(result.common_prefixes)
    return _document(
        "ListBucketResult",
        f"<Name>{escape(result.bucket)}</Name><Prefix>{encode(result.prefix)}</Prefix>"
        f"{_optional('ContinuationToken', result.continuation_token)}"
        f"{_optional('NextContinuationToken', result.next_continuation_token)}"
        f"{_optional('StartAfter', result.start_after, encode)}"
        f"<KeyCount>{key_count}</KeyCount><MaxKeys>{result.max_keys}</MaxKeys>"
        f"{_if_any('Delimiter', result.delimiter, encode)}"
        f"{_encoding_type(url_encoded=result.url_encoded)}{_truncated(flag=result.is_truncated)}",
        *_contents(result.entries, result.owners, encode),
        *_common_prefixes(result.common_prefixes, encode),
    )


def write_delete(result: DeleteResult) -> bytes:
    """DeleteObjects."""
    deleted = "".join([_deleted(item) for item in result.deleted])
    failures = "".join([_delete_failure(item) for item in result.failures])
    return _document("DeleteResult", deleted + failures)


def write_copy_object(result: CopyResult) -> bytes:
    """CopyObject."""
    return _document("CopyObjectResult", _copy(result))


def write_copy_part(result: CopyResult) -> bytes:
    """UploadPartCopy."""
    return _document("CopyPartResult", _copy(result))


def write_initiate_multipart_upload(result: InitiateMultipartUploadResult) -> bytes:
    """CreateMultipartUpload."""
    return _document(
        "InitiateMultipartUploadResult",
        f"<Bucket>{escape(result.bucket)}</Bucket><Key>{escape(result.key)}</Key>"
        f"<UploadId>{escape(result.upload_id)}</UploadId>",
    )


def write_complete_multipart_upload(result: CompleteMultipartUploadResult) -> bytes:
    """CompleteMultipartUpload."""
    return _document(
        "CompleteMultipartUploadResult",
        f"<Location>{escape(result.location)}</Location><Bucket>{escape(result.bucket)}</Bucket>"
        f"<Key>{escape(result.key)}</Key><ETag>&quot;{escape(result.etag)}&quot;</ETag>"
        f"{_checksum(result.checksum, with_type=True)}",
    )


def write_list_parts(result: ListPartsResult) -> bytes:
    """ListParts."""
    parts = "".join([_part(part) for part in result.parts])
    return _document(
        "ListPartsResult",
        f"<Bucket>{escape(result.bucket)}</Bucket><Key>{escape(result.key)}</Key>"
        f"<UploadId>{escape(result.upload_id)}</UploadId>"
        f"{_owner('Initiator', result.initiator)}{_owner('Owner', result.owner)}"
        f"<StorageClass>{result.storage_class}</StorageClass>"
        f"<PartNumberMarker>{result.part_number_marker}</PartNumberMarker>"
        f"<NextPartNumberMarker>{result.next_part_number_marker}</NextPartNumberMarker>"
        f"<MaxParts>{result.max_parts}</MaxParts>{_truncated(flag=result.is_truncated)}"
        f"{_if_any('ChecksumAlgorithm', result.checksum_algorithm)}"
        f"{_if_any('ChecksumType', result.checksum_type)}{parts}",
    )


def write_list_multipart_uploads(result: ListMultipartUploadsResult) -> bytes:
    """ListMultipartUploads."""
    encode = _key_encoder(url_encoded=result.url_encoded)
    uploads = "".join([_upload(upload, encode) for upload in result.uploads])
    return _document(
        "ListMultipartUploadsResult",
        f"<Bucket>{escape(result.bucket)}</Bucket><KeyMarker>{encode(result.key_marker)}</KeyMarker>"
        f"<UploadIdMarker>{escape(result.upload_id_marker)}</UploadIdMarker>"
        f"<NextKeyMarker>{encode(result.next_key_marker)}</NextKeyMarker>"
        f"<NextUploadIdMarker>{escape(result.next_upload_id_marker)}</NextUploadIdMarker>"
        f"<Prefix>{encode(result.prefix)}</Prefix>{_if_any('Delimiter', result.delimiter, encode)}"
        f"{_encoding_type(url_encoded=result.url_encoded)}"
        f"<MaxUploads>{result.max_uploads}</MaxUploads>{_truncated(flag=result.is_truncated)}",
        uploads,
        *_common_prefixes(result.common_prefixes, encode),
    )


def _document(root: str, *contents: str) -> bytes:
    """Put together once: a page of a listing is some 300 KiB."""
    start = f'{DECLARATION}<{root} xmlns="{NAMESPACE}">'
    return "".join([start, *contents, f"</{root}>"]).encode()


def _key_encoder(*, url_encoded: bool) -> Callable[[str], str]:
    return _url_encode if url_encoded else escape


def _url_encode(text: str) -> str:
    """``/`` stays and a space is ``%20``; nothing of the result needs escaping."""
    return uri_encode(text.encode("utf-8", "surrogatepass"), keep_slash=True)


def _optional(name: str, value: str | None, encode: Callable[[str], str] = escape) -> str:
    return "" if value is None else f"<{name}>{encode(value)}</{name}>"


def _if_any(name: str, value: str, encode: Callable[[str], str] = escape) -> str:
    return f"<{name}>{encode(value)}</{name}>" if value else ""


def _encoding_type(*, url_encoded: bool) -> str:
    return "<EncodingType>url</EncodingType>" if url_encoded else ""


def _truncated(*, flag: bool) -> str:
    return f"<IsTruncated>{'true' if flag else 'false'}</IsTruncated>"


def _owner(element: str, owner: Owner) -> str:
    return (
        f"<{element}><ID>{escape(owner.canonical_id)}</ID>"
        f"<DisplayName>{escape(owner.display_name)}</DisplayName></{element}>"
    )


def _contents(
    entries: Sequence[ObjectEntry], owners: Mapping[str, Owner], encode: Callable[[str], str]
) -> list[str]:
    """The entries, in one pass: with a thousand of them, what is done for each is what counts."""
    owner_elements = {name: _owner("Owner", owner) for name, owner in owners.items()}
    return [
        f"<Contents><Key>{key}</Key>"
        f"<LastModified>{format_iso8601(physical_ms_of(entry.hlc))}</LastModified>"
        f"<ETag>&quot;{entry.etag}&quot;</ETag>{checksum_elements(entry.checksum)}"
        f"<Size>{entry.size_bytes}</Size>{owner_elements.get(entry.owner_id, '')}"
        f"<StorageClass>{entry.storage_class}</StorageClass></Contents>"
        for key, (_, entry) in zip(_encoded_keys(entries, encode), entries, strict=True)
    ]


def _encoded_keys(entries: Sequence[ObjectEntry], encode: Callable[[str], str]) -> list[str]:
    """The keys, encoded. Most need no encoding; one look at all of them together tells."""
    keys = [key for key, _ in entries]
    return keys if is_unreserved("".join(keys)) else [encode(key) for key in keys]


def checksum_elements(checksum: Checksum | None) -> str:
    """What listings say of an entry's checksum, which isn't its value."""
    if checksum is None:
        return ""
    return (
        f"<ChecksumAlgorithm>{checksum.algorithm}</ChecksumAlgorithm>"
        f"<ChecksumType>{checksum.type}</ChecksumType>"
    )


def _common_prefixes(prefixes: Sequence[str], encode: Callable[[str], str]) -> list[str]:
    if not prefixes:
        return []
    between = "</Prefix></CommonPrefixes><CommonPrefixes><Prefix>"
    encoded = prefixes if is_unreserved("".join(prefixes)) else [encode(each) for each in prefixes]
    return [f"<CommonPrefixes><Prefix>{between.join(encoded)}</Prefix></CommonPrefixes>"]


def _deleted(item: DeletedObject) -> str:
    marker = "<DeleteMarker>true</DeleteMarker>" if item.is_delete_marker else ""
    return (
        f"<Deleted><Key>{escape(item.key)}</Key>{_optional('VersionId', item.version_id)}{marker}"
        f"{_optional('DeleteMarkerVersionId', item.delete_marker_version_id)}</Deleted>"
    )


def _delete_failure(item: DeleteFailure) -> str:
    return (
        f"<Error><Key>{escape(item.key)}</Key>{_optional('VersionId', item.version_id)}"
        f"<Code>{escape(item.code)}</Code><Message>{escape(item.message)}</Message></Error>"
    )


def _copy(result: CopyResult) -> str:
    return (
        f"<LastModified>{format_iso8601(result.last_modified_ms)}</LastModified>"
        f"<ETag>&quot;{escape(result.etag)}&quot;</ETag>"
        f"{_checksum(result.checksum, with_type=True)}"
    )


def _checksum(checksum: Checksum | None, *, with_type: bool) -> str:
    if checksum is None:
        return ""
    name = f"Checksum{checksum.algorithm}"
    kind = f"<ChecksumType>{checksum.type}</ChecksumType>" if with_type else ""
    return f"<{name}>{escape(checksum.value)}</{name}>{kind}"


def _part(part: PartEntry) -> str:
    return (
        f"<Part><PartNumber>{part.part_number}</PartNumber>"
        f"<LastModified>{format_iso8601(part.last_modified_ms)}</LastModified>"
        f"<ETag>&quot;{part.etag}&quot;</ETag>{_checksum(part.checksum, with_type=False)}"
        f"<Size>{part.size_bytes}</Size></Part>"
    )


def _upload(upload: UploadEntry, encode: Callable[[str], str]) -> str:
    return (
        f"<Upload><Key>{encode(upload.key)}</Key><UploadId>{escape(upload.upload_id)}</UploadId>"
        f"{_owner('Initiator', upload.initiator)}{_owner('Owner', upload.owner)}"
        f"<StorageClass>{upload.storage_class}</StorageClass>"
        f"<Initiated>{format_iso8601(upload.initiated_ms)}</Initiated>"
        f"{_if_any('ChecksumAlgorithm', upload.checksum_algorithm)}"
        f"{_if_any('ChecksumType', upload.checksum_type)}</Upload>"
    )
