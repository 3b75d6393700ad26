"""Response documents. Source: S3 API Reference, the page of each operation.

botocore reads the documents back: what a client sees is what counts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from rucket.model.hlc import HlcTimestamp
from rucket.model.records import Checksum, ObjectSummary
from rucket.wire.timestamps import format_iso8601
from rucket.wire.xml import writer
from rucket.wire.xml.documents import (
    BucketEntry,
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
    Owner,
    PartEntry,
    UploadEntry,
)
from rucket.wire.xml.escaping import escape

if TYPE_CHECKING:
    from rucket.wire.xml.documents import ObjectEntry

NOW_MS = 1_369_353_600_000
ALICE = Owner("a" * 64, "Alice & Co")
BOB = Owner("b" * 64, "Bob")
OWNERS = {owner.canonical_id: owner for owner in (ALICE, BOB)}
CRC32 = Checksum("CRC32", "AAAAAA==", "COMPOSITE")
XML_CHARACTERS = st.characters(
    codec="utf-8",
    exclude_categories=("Cc", "Cs"),
    exclude_characters="\ufffe\uffff",
    include_characters="\t\n\r",
)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


def entry(
    key: str, owner_id: str = "", *, size_bytes: int = 0, checksum: Checksum | None = None
) -> ObjectEntry:
    """An object in a listing."""
    hlc = HlcTimestamp.of(NOW_MS).value
    return key, ObjectSummary(Raw(), hlc, size_bytes, "e", owner_id, checksum=checksum)


@lru_cache
def service_model() -> ServiceModel:
    """S3 as botocore describes it."""
    return ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")


def seen_by_client(operation: str, document: bytes) -> dict[str, Any]:
    """What botocore makes of a document; times as datetimes."""
    response = {"status_code": 200, "headers": {}, "body": document}
    shape = service_model().operation_model(operation).output_shape
    assert shape is not None
    parsed: dict[str, Any] = create_parser("rest-xml").parse(response, shape)
    del parsed["ResponseMetadata"]
    return parsed


def iso(value: Any) -> str:
    """A datetime as S3 wrote it."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")  # type: ignore[no-any-return]


def test_list_buckets() -> None:
    """Owner, buckets, and where the next page begins."""
    result = ListAllMyBucketsResult(ALICE, [BucketEntry("one", NOW_MS)], "o", "token")

    parsed = seen_by_client("ListBuckets", writer.write_list_all_my_buckets(result))

    assert parsed["Owner"] == {"ID": "a" * 64, "DisplayName": "Alice & Co"}
    assert [bucket["Name"] for bucket in parsed["Buckets"]] == ["one"]
    assert iso(parsed["Buckets"][0]["CreationDate"]) == "2013-05-24T00:00:00.000Z"
    assert (parsed["Prefix"], parsed["ContinuationToken"]) == ("o", "token")


def test_optional_elements_are_left_out() -> None:
    """What there isn't, isn't there."""
    document = writer.write_list_all_my_buckets(ListAllMyBucketsResult(ALICE, []))

    assert seen_by_client("ListBuckets", document).keys() == {"Owner", "Buckets"}


@pytest.mark.parametrize("location", ["", "eu-west-3"])
def test_location(location: str) -> None:
    """us-east-1 is an empty element."""
    root = ET.fromstring(writer.write_location_constraint(location))

    assert root.tag == f"{{{writer.NAMESPACE}}}LocationConstraint"
    assert (root.text or "") == location


def test_list_objects() -> None:
    """Version 1, with everything in it."""
    result = ListBucketResult(
        bucket="b",
        prefix="p",
        marker="m",
        delimiter="/",
        max_keys=2,
        is_truncated=True,
        entries=[entry("p<1>", ALICE.canonical_id, size_bytes=5)],
        owners=OWNERS,
        common_prefixes=["p/&/"],
        next_marker="p/&/",
    )

    parsed = seen_by_client("ListObjects", writer.write_list_bucket(result))

    assert iso(parsed["Contents"][0].pop("LastModified")) == "2013-05-24T00:00:00.000Z"
    assert parsed == {
        "Name": "b",
        "Prefix": "p",
        "Marker": "m",
        "NextMarker": "p/&/",
        "Delimiter": "/",
        "MaxKeys": 2,
        "IsTruncated": True,
        "Contents": [
            {
                "Key": "p<1>",
                "ETag": '"e"',
                "Size": 5,
                "StorageClass": "STANDARD",
                "Owner": {"ID": "a" * 64, "DisplayName": "Alice & Co"},
            }
        ],
        "CommonPrefixes": [{"Prefix": "p/&/"}],
    }


def test_empty_prefix_and_marker_are_echoed_but_no_empty_delimiter() -> None:
    """As S3 does it."""
    document = writer.write_list_bucket(
        ListBucketResult("b", "", "", "", 1000, is_truncated=False, entries=[])
    )

    assert b"<Prefix></Prefix><Marker></Marker>" in document
    assert b"Delimiter" not in document
    assert b"EncodingType" not in document


def test_list_objects_v2() -> None:
    """Tokens as they are, keys and prefixes counted together, owners as each entry has them."""
    entries = [
        entry("1", ALICE.canonical_id),
        entry("2", BOB.canonical_id),
        entry("3", checksum=CRC32),
    ]
    result = ListBucketResultV2(
        bucket="b",
        prefix="",
        delimiter="",
        max_keys=1000,
        is_truncated=True,
        entries=entries,
        common_prefixes=["x/"],
        continuation_token="t<1",
        next_continuation_token="t2",
        start_after="s",
        owners=OWNERS,
    )

    parsed = seen_by_client("ListObjectsV2", writer.write_list_bucket_v2(result))

    assert parsed["KeyCount"] == 4
    assert (parsed["ContinuationToken"], parsed["NextContinuationToken"]) == ("t<1", "t2")
    assert parsed["StartAfter"] == "s"
    owners = [entry.get("Owner", {}).get("DisplayName") for entry in parsed["Contents"]]
    assert owners == ["Alice & Co", "Bob", None]
    assert parsed["Contents"][2]["ChecksumAlgorithm"] == ["CRC32"]
    assert parsed["Contents"][2]["ChecksumType"] == "COMPOSITE"


@given(keys=st.lists(st.text(XML_CHARACTERS, min_size=1, max_size=8), min_size=1, max_size=4))
def test_every_key_of_a_page_is_escaped_where_one_needs_it(keys: list[str]) -> None:
    """Plain keys and others, in any mixture, come back as they were."""
    entries = [entry(key) for key in keys]
    listing = ListBucketResultV2("b", "", "", 9, is_truncated=False, entries=entries)

    parsed = seen_by_client("ListObjectsV2", writer.write_list_bucket_v2(listing))

    assert [shown["Key"] for shown in parsed["Contents"]] == keys


@given(key=KEYS)
def test_url_encoded_listing_gives_any_key_back(key: str) -> None:
    """Even characters that XML can't carry."""
    entries = [entry(key)]
    listing = ListBucketResult(
        "b", key, key, key, 1, is_truncated=True, entries=entries, common_prefixes=[key],
        next_marker=key, url_encoded=True,
    )  # fmt: skip

    parsed = seen_by_client("ListObjects", writer.write_list_bucket(listing))

    assert parsed["EncodingType"] == "url"
    for name in ("Marker", "NextMarker", "Delimiter"):
        assert unquote(parsed[name]) == key
    assert key in (parsed["Prefix"], unquote(parsed["Prefix"]))
    assert unquote(parsed["Contents"][0]["Key"]) == key
    assert unquote(parsed["CommonPrefixes"][0]["Prefix"]) == key


def test_url_encoding_keeps_slashes_and_writes_no_plus() -> None:
    """A space is %20, a plus %2B."""
    result = ListBucketResultV2(
        "b", "a b/c+d", "", 1, is_truncated=False, entries=[], start_after="é", url_encoded=True
    )

    document = writer.write_list_bucket_v2(result)

    assert b"<Prefix>a%20b/c%2Bd</Prefix>" in document
    assert b"<StartAfter>%C3%A9</StartAfter>" in document


def test_delete_result() -> None:
    """What was deleted, what became a delete marker, and what failed."""
    result = DeleteResult(
        [DeletedObject("a&b"), DeletedObject("c", "v", True, "m")],  # noqa: FBT003
        [DeleteFailure("d", "AccessDenied", "No <way>", "v2")],
    )

    assert seen_by_client("DeleteObjects", writer.write_delete(result)) == {
        "Deleted": [
            {"Key": "a&b"},
            {"Key": "c", "VersionId": "v", "DeleteMarker": True, "DeleteMarkerVersionId": "m"},
        ],
        "Errors": [{"Key": "d", "VersionId": "v2", "Code": "AccessDenied", "Message": "No <way>"}],
    }


def test_copy_results() -> None:
    """Both kinds of copy answer with the same elements."""
    result = CopyResult("e", NOW_MS, CRC32)

    parsed = seen_by_client("CopyObject", writer.write_copy_object(result))["CopyObjectResult"]

    assert iso(parsed.pop("LastModified")) == "2013-05-24T00:00:00.000Z"
    assert parsed == {"ETag": '"e"', "ChecksumCRC32": "AAAAAA==", "ChecksumType": "COMPOSITE"}
    part = seen_by_client("UploadPartCopy", writer.write_copy_part(CopyResult("e", NOW_MS)))
    assert part["CopyPartResult"]["ETag"] == '"e"'


def test_multipart_results() -> None:
    """An upload begins and ends."""
    begun = InitiateMultipartUploadResult("b", "k&", "u")
    ended = CompleteMultipartUploadResult("http://h/b/k?&", "b", "k&", "e-2", CRC32)

    assert seen_by_client(
        "CreateMultipartUpload", writer.write_initiate_multipart_upload(begun)
    ) == {"Bucket": "b", "Key": "k&", "UploadId": "u"}
    assert seen_by_client(
        "CompleteMultipartUpload", writer.write_complete_multipart_upload(ended)
    ) == {
        "Location": "http://h/b/k?&",
        "Bucket": "b",
        "Key": "k&",
        "ETag": '"e-2"',
        "ChecksumCRC32": "AAAAAA==",
        "ChecksumType": "COMPOSITE",
    }


def test_list_parts() -> None:
    """Parts with their checksums."""
    result = ListPartsResult(
        bucket="b",
        key="k",
        upload_id="u",
        initiator=BOB,
        owner=ALICE,
        part_number_marker=0,
        next_part_number_marker=1,
        max_parts=1,
        is_truncated=True,
        parts=[PartEntry(1, NOW_MS, "e", 7, CRC32)],
        checksum_algorithm="CRC32",
        checksum_type="COMPOSITE",
    )

    parsed = seen_by_client("ListParts", writer.write_list_parts(result))

    assert iso(parsed["Parts"][0].pop("LastModified")) == "2013-05-24T00:00:00.000Z"
    assert parsed == {
        "Bucket": "b",
        "Key": "k",
        "UploadId": "u",
        "Initiator": {"ID": "b" * 64, "DisplayName": "Bob"},
        "Owner": {"ID": "a" * 64, "DisplayName": "Alice & Co"},
        "StorageClass": "STANDARD",
        "PartNumberMarker": 0,
        "NextPartNumberMarker": 1,
        "MaxParts": 1,
        "IsTruncated": True,
        "ChecksumAlgorithm": "CRC32",
        "ChecksumType": "COMPOSITE",
        "Parts": [{"PartNumber": 1, "ETag": '"e"', "Size": 7, "ChecksumCRC32": "AAAAAA=="}],
    }


def test_list_multipart_uploads() -> None:
    """Uploads with who began them."""
    result = ListMultipartUploadsResult(
        bucket="b",
        prefix="p ",
        delimiter="/",
        key_marker="k ",
        upload_id_marker="u",
        max_uploads=1,
        is_truncated=False,
        uploads=[UploadEntry("p +", "u2", BOB, ALICE, NOW_MS, checksum_algorithm="SHA1")],
        common_prefixes=["p /"],
        next_key_marker="p +",
        next_upload_id_marker="u2",
        url_encoded=True,
    )

    parsed = seen_by_client("ListMultipartUploads", writer.write_list_multipart_uploads(result))

    assert parsed["KeyMarker"] == "k%20"
    assert parsed["NextKeyMarker"] == "p%20%2B"
    assert parsed["Prefix"] == "p%20"
    assert parsed["CommonPrefixes"] == [{"Prefix": "p%20/"}]
    assert parsed["NextUploadIdMarker"] == "u2"
    upload = parsed["Uploads"][0]
    assert iso(upload["Initiated"]) == format_iso8601(NOW_MS)
    assert (upload["Key"], upload["ChecksumAlgorithm"]) == ("p%20%2B", "SHA1")
    assert (upload["Initiator"]["DisplayName"], upload["Owner"]["DisplayName"]) == (
        "Bob",
        "Alice & Co",
    )


@given(st.text(XML_CHARACTERS))
def test_escaped_text_is_read_back(text: str) -> None:
    """Everything that XML can carry survives a strict parser, CR included."""
    assert (ET.fromstring(f"<k>{escape(text)}</k>".encode()).text or "") == text


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_escaped_text_is_always_utf_8(text: str) -> None:
    """Characters that XML can't carry become references, lone surrogates included."""
    escaped = escape(text).encode("utf-8")

    assert not set(escaped) & (set(range(32)) - {9, 10})


def test_control_characters_become_references() -> None:
    """As S3 writes them, though no XML 1.0 parser takes them."""
    assert escape("a\x01\x00\ufffe\ud800") == "a&#x1;&#x0;&#xFFFE;&#xD800;"
