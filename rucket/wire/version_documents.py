"""The document of ListObjectVersions, where every object is its own null version.

Source: S3 API Reference, "ListObjectVersions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.wire.percent_encoding import uri_encode
from rucket.wire.timestamps import format_iso8601
from rucket.wire.xml.escaping import escape
from rucket.wire.xml.writer import DECLARATION, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rucket.wire.xml.documents import ObjectEntry

NULL_VERSION_ID = "null"


@dataclass(frozen=True, slots=True)
class ListVersionsResult:
    """The answer; `next_key_marker` is None on the last page."""

    bucket: str
    prefix: str
    key_marker: str
    version_id_marker: str
    next_key_marker: str | None
    delimiter: str
    max_keys: int
    entries: Sequence[ObjectEntry]
    common_prefixes: Sequence[str]
    url_encoded: bool


def write_list_versions(result: ListVersionsResult) -> bytes:
    """The document."""
    encode = _url_encode if result.url_encoded else escape
    parts = [
        f'{DECLARATION}<ListVersionsResult xmlns="{NAMESPACE}">',
        f"<Name>{escape(result.bucket)}</Name><Prefix>{encode(result.prefix)}</Prefix>",
        f"<KeyMarker>{encode(result.key_marker)}</KeyMarker>",
        f"<VersionIdMarker>{escape(result.version_id_marker)}</VersionIdMarker>",
        _next_markers(result, encode),
        f"<MaxKeys>{result.max_keys}</MaxKeys>",
        f"<Delimiter>{encode(result.delimiter)}</Delimiter>" if result.delimiter else "",
        "<EncodingType>url</EncodingType>" if result.url_encoded else "",
        f"<IsTruncated>{'false' if result.next_key_marker is None else 'true'}</IsTruncated>",
    ]
    parts += [_version(entry, encode) for entry in result.entries]
    parts += [
        f"<CommonPrefixes><Prefix>{encode(prefix)}</Prefix></CommonPrefixes>"
        for prefix in result.common_prefixes
    ]
    parts.append("</ListVersionsResult>")
    return "".join(parts).encode()


def _url_encode(text: str) -> str:
    return uri_encode(text.encode(), keep_slash=True)


def _next_markers(result: ListVersionsResult, encode: Callable[[str], str]) -> str:
    """A common prefix has no version to go on after."""
    if result.next_key_marker is None:
        return ""
    markers = f"<NextKeyMarker>{encode(result.next_key_marker)}</NextKeyMarker>"
    if result.entries and result.entries[-1].key == result.next_key_marker:
        markers += f"<NextVersionIdMarker>{NULL_VERSION_ID}</NextVersionIdMarker>"
    return markers


def _version(entry: ObjectEntry, encode: Callable[[str], str]) -> str:
    owner = checksum = ""
    if entry.owner is not None:
        owner = (
            f"<Owner><ID>{escape(entry.owner.canonical_id)}</ID>"
            f"<DisplayName>{escape(entry.owner.display_name)}</DisplayName></Owner>"
        )
    if entry.checksum_algorithm:
        checksum = (
            f"<ChecksumAlgorithm>{entry.checksum_algorithm}</ChecksumAlgorithm>"
            f"<ChecksumType>{entry.checksum_type}</ChecksumType>"
        )
    return (
        f"<Version><Key>{encode(entry.key)}</Key><VersionId>{NULL_VERSION_ID}</VersionId>"
        f"<IsLatest>true</IsLatest><LastModified>{format_iso8601(entry.last_modified_ms)}"
        f"</LastModified><ETag>&quot;{escape(entry.etag)}&quot;</ETag>{checksum}"
        f"<Size>{entry.size_bytes}</Size>{owner}<StorageClass>{entry.storage_class}</StorageClass>"
        "</Version>"
    )
