"""The document of ListObjectVersions, where every object is its own null version.

Source: S3 API Reference, "ListObjectVersions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rucket.model.hlc import physical_ms_of
from rucket.wire.percent_encoding import uri_encode
from rucket.wire.timestamps import format_iso8601
from rucket.wire.xml.escaping import escape
from rucket.wire.xml.writer import DECLARATION, NAMESPACE, checksum_elements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rucket.wire.xml.documents import ObjectEntry, Owner

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
    owners: Mapping[str, Owner]
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
    parts += [
        _version(entry, result.owners.get(entry[1].owner_id), encode) for entry in result.entries
    ]
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
    if result.entries and result.entries[-1][0] == result.next_key_marker:
        markers += f"<NextVersionIdMarker>{NULL_VERSION_ID}</NextVersionIdMarker>"
    return markers


def _version(entry: ObjectEntry, owner: Owner | None, encode: Callable[[str], str]) -> str:
    key, summary = entry
    shown_owner = ""
    if owner is not None:
        shown_owner = (
            f"<Owner><ID>{escape(owner.canonical_id)}</ID>"
            f"<DisplayName>{escape(owner.display_name)}</DisplayName></Owner>"
        )
    return (
        f"<Version><Key>{encode(key)}</Key><VersionId>{NULL_VERSION_ID}</VersionId>"
        f"<IsLatest>true</IsLatest>"
        f"<LastModified>{format_iso8601(physical_ms_of(summary.hlc))}</LastModified>"
        f"<ETag>&quot;{escape(summary.etag)}&quot;</ETag>{checksum_elements(summary.checksum)}"
        f"<Size>{summary.size_bytes}</Size>{shown_owner}"
        f"<StorageClass>{summary.storage_class}</StorageClass></Version>"
    )
